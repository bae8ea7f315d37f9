// SPDX-License-Identifier: MIT
// 82093AA: redirection entries, and the messages that inputs make of them.
#include "iodev/ioapic.h"

static constexpr u64 remote_irr = bit(14), level_triggered = bit(15), masked = bit(16);
static constexpr u64 writable = mask(63, 56) | mask(16, 15) | bit(13) | mask(11, 0);
static constexpr u32 version = 0x20 | (IoApic::pins - 1) << 16;

void IoApic::reset(Reset) {
    redirection.fill(masked);
    selected = id = 0;
}

void IoApic::visit(Archive& a) {
    a("redirection", redirection), a("inputs", inputs), a("selected", selected), a("id", id);
    for (auto& entry : redirection) entry &= writable | remote_irr;
    inputs &= u32(mask(pins - 1, 0));
    id &= 0x0f;
}

// Edges on a masked input are lost (data sheet, "Interrupt mask").
void IoApic::set(unsigned pin, bool level) {
    if (pin >= pins) return;
    bool rose = level && !(inputs >> pin & 1);
    inputs = u32(level ? inputs | bit(pin) : inputs & ~bit(pin));
    u64 entry = redirection[pin];
    if (entry & level_triggered) evaluate(pin);
    else if (rose && !(entry & masked)) deliver(pin);
}

void IoApic::evaluate(unsigned pin) {
    u64& entry = redirection[pin];
    if (!(inputs >> pin & 1) || entry & (masked | remote_irr)) return;
    auto mode = DeliveryMode(bits(entry, 10, 8));
    if (mode == DeliveryMode::fixed || mode == DeliveryMode::lowest) entry |= remote_irr;
    deliver(pin);
}

void IoApic::deliver(unsigned pin) {
    u64 entry = redirection[pin];
    ApicMessage message;
    message.destination = u32(entry >> 56);
    message.logical = entry & bit(11);
    message.mode = DeliveryMode(bits(entry, 10, 8));
    message.vector = u8(entry);
    message.level = entry & level_triggered;
    send(message);
}

void IoApic::eoi(u8 vector) {
    for (unsigned pin = 0; pin < pins; pin++) {
        u64& entry = redirection[pin];
        if (u8(entry) != vector || !(entry & remote_irr)) continue;
        entry &= ~remote_irr;
        evaluate(pin);
    }
}

u32 IoApic::read_register(u8 index) const {
    if (index == 0 || index == 2) return u32(id) << 24;     // the arbitration ID follows the ID
    if (index == 1) return version;
    unsigned pin = (index - 0x10u) / 2;
    if (index < 0x10 || pin >= pins) return 0xffffffff;
    return u32(redirection[pin] >> (index & 1 ? 32 : 0));
}

// An input made edge-triggered forgets its remote IRR, which is how software ends an interrupt by
// hand.
void IoApic::write_register(u8 index, u32 value) {
    unsigned pin = (index - 0x10u) / 2;
    if (index == 0) id = value >> 24 & 0x0f;
    if (index < 0x10 || pin >= pins) return;
    u64& entry = redirection[pin];
    u64 wanted =
        index & 1 ? (entry & mask(31, 0)) | u64(value) << 32 : (entry & mask(63, 32)) | value;
    entry = (wanted & writable) | (entry & remote_irr);
    if (!(entry & level_triggered)) entry &= ~remote_irr;
    else evaluate(pin);
}

// Registers are dwords at 00h (index), 10h (data) and 40h (EOI); narrower reads see their low part.
u64 IoApic::read(u64 offset, unsigned width) {
    u64 value = 0;
    if ((offset & ~u64{3}) == 0x00) value = selected;
    if ((offset & ~u64{3}) == 0x10) value = read_register(selected);
    return value >> (offset & 3) * 8 & ones(width);
}

void IoApic::write(u64 offset, unsigned width, u64 value) {
    if (offset == 0x00) selected = u8(value);
    if (offset == 0x10 && width >= 4) write_register(selected, u32(value));
    if (offset == 0x40) eoi(u8(value));
}
