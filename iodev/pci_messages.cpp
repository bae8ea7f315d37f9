// SPDX-License-Identifier: MIT
// MSI and MSI-X: capabilities, masks and pending bits, messages.
#include "iodev/pci_messages.h"
#include <algorithm>
#include <bit>

static constexpr u8 msi_id = 0x05, msix_id = 0x11;
static constexpr u16 has_64_bits = bit(7), has_masks = bit(8);
static constexpr unsigned msi_control = 2, msi_address = 4, msi_data = 12, msi_mask = 16, msi_pending_bits = 20, msi_size = 24;

// The redirection hint asks for one CPU out of those that the destination names.
ApicMessage interrupt_message(u64 address, u32 data) {
    ApicMessage m;
    bool one = address & bit(3);
    m.destination = u32(bits(address, 19, 12)), m.logical = address & bit(2);
    m.mode = DeliveryMode(bits(data, 10, 8)), m.vector = u8(data);
    m.level = data & bit(15), m.asserted = !m.level || data & bit(14);
    if (one && m.logical && m.mode == DeliveryMode::fixed) m.mode = DeliveryMode::lowest;
    return m;
}

void MessagingFunction::add_msi(unsigned messages) {
    msi_messages = std::bit_floor(std::clamp(messages, 1u, most_msi));
    msi = add_capability(msi_id, msi_size);
    fix(msi + msi_control, 2, has_64_bits | has_masks | unsigned(std::countr_zero(msi_messages)) << 1);
    allow(msi + msi_control, 2, 0x71);                  // enable, how many are
    allow(msi + msi_address, 4, ~u32{3}), allow(msi + msi_address + 4, 4, ~u32{0});
    allow(msi + msi_data, 2, 0xffff);
    allow(msi + msi_mask, 4, u32(mask(msi_messages - 1, 0)));
}

void MessagingFunction::add_msix(unsigned messages, unsigned bar, Remap remap) {
    entries.resize(std::clamp(messages, 1u, most_msix));
    add_bar(bar, Bar::memory, Table::size, std::move(remap));
    msix = add_capability(msix_id, 12);
    fix(msix + 2u, 2, u32(entries.size() - 1));
    allow(msix + 2u, 2, 0xc000);                        // enable, all masked
    fix(msix + 4u, 4, bar), fix(msix + 8u, 4, Table::pending_at | bar);
}

void MessagingFunction::reset(Reset kind) {
    msi_pending = 0, msix_pending.fill(0);
    std::ranges::fill(entries, Entry{});
    PciFunction::reset(kind);
}

void MessagingFunction::visit(Archive& a) {
    a("msi_pending", msi_pending), a("msix_pending", msix_pending);
    for (std::size_t n = 0; n < entries.size(); n++) a("entry" + std::to_string(n), entries[n]);
    msi_pending &= msi ? u32(mask(msi_messages - 1, 0)) : 0;
    for (auto& e : entries) e.address &= ~u64{3}, e.control &= 1;
    for (unsigned n = 0; n < most_msix; n++)
        if (n >= entries.size()) msix_pending[n / 64] &= ~bit(n % 64);
    PciFunction::visit(a);
}

u32 MessagingFunction::field(unsigned offset) const {
    u32 value = 0;
    for (unsigned i = 0; i < 4; i++) value |= u32(config[(offset + i) & 0xff]) << i * 8;
    return value;
}

// 6.8.1.3: encodings above what the function can do, and the reserved ones, give what it can.
unsigned MessagingFunction::enabled_msi() const {
    return std::min(1u << (config[msi + msi_control] >> 4 & 7), msi_messages);
}

// A function that may not master the bus can write no message.
void MessagingFunction::post(u64 address, u32 data) {
    if (bus_master()) send(address, data);
}

// 6.8.1.6: the low bits of the data say which of the messages it is.
void MessagingFunction::send_msi(unsigned n) {
    u64 address = field(msi + msi_address) | u64(field(msi + msi_address + 4)) << 32;
    u32 data = field(msi + msi_data) & 0xffff;
    post(address, (data & ~(enabled_msi() - 1)) | n);
}

void MessagingFunction::send_msix(unsigned n) { post(entries[n].address, entries[n].data); }

bool MessagingFunction::signal(unsigned n) {
    if (msix_on()) {
        n %= unsigned(entries.size());
        msix_masked(n) ? void(msix_pending[n / 64] |= bit(n % 64)) : send_msix(n);
    } else if (msi_on()) {
        n &= enabled_msi() - 1;
        field(msi + msi_mask) >> n & 1 ? void(msi_pending |= u32(bit(n))) : send_msi(n);
        show_pending();
    } else return false;
    return true;
}

// 6.8.3.4: what was pending goes out once its mask is taken away.
void MessagingFunction::send_unmasked() {
    for (unsigned n = 0; msix_on() && n < entries.size(); n++)
        if (msix_pending[n / 64] & bit(n % 64) && !msix_masked(n)) msix_pending[n / 64] &= ~bit(n % 64), send_msix(n);
    if (!msi_on() || msix_on()) return;
    u32 ready = msi_pending & ~field(msi + msi_mask);
    msi_pending &= ~ready;
    for (unsigned n = 0; n < msi_messages; n++)
        if (ready >> n & 1) send_msi(n & (enabled_msi() - 1));
}

void MessagingFunction::show_pending() {
    for (unsigned i = 0; msi && i < 4; i++) config[(msi + msi_pending_bits + i) & 0xff] = u8(msi_pending >> i * 8);
}

void MessagingFunction::written(unsigned, unsigned) {
    send_unmasked();
    show_pending();
}

u32 MessagingFunction::Table::read_dword(unsigned n) const {
    auto& f = function;
    if (n >= pending_at / 4) {
        unsigned word = n - pending_at / 4;
        return word / 2 < f.msix_pending.size() ? u32(f.msix_pending[word / 2] >> (word & 1) * 32) : 0;
    }
    if (n / 4 >= f.entries.size()) return 0;
    auto& e = f.entries[n / 4];
    const u32 dwords[] = {u32(e.address), u32(e.address >> 32), e.data, e.control};
    return dwords[n & 3];
}

void MessagingFunction::Table::write_dword(unsigned n, u32 value) {
    if (n / 4 >= function.entries.size()) return;
    auto& e = function.entries[n / 4];
    switch (n & 3) {
    case 0: e.address = (e.address & ~mask(31, 0)) | (value & ~u32{3}); break;
    case 1: e.address = (e.address & mask(31, 0)) | u64(value) << 32; break;
    case 2: e.data = value; break;
    default: e.control = value & 1;
    }
    function.send_unmasked();
}

// 6.8.2: software uses aligned dwords and qwords; what it reads narrower is a part of them, what it writes so is dropped.
u64 MessagingFunction::Table::read(u64 offset, unsigned width) {
    unsigned n = unsigned(offset / 4);
    u64 value = read_dword(n) | (width == 8 ? u64(read_dword(n + 1)) << 32 : 0);
    return value >> (offset & 3) * 8 & ones(width);
}

void MessagingFunction::Table::write(u64 offset, unsigned width, u64 value) {
    if (width < 4 || offset % 4 || offset >= size) return;
    write_dword(unsigned(offset / 4), u32(value));
    if (width == 8) write_dword(unsigned(offset / 4 + 1), u32(value >> 32));
}
