// SPDX-License-Identifier: MIT
// The 8259A: requests, priorities, initialization and operation command words.
#include "iodev/pic.h"

void Pic::reset(Reset) {
    latched = in_service = masked = 0;
    vector_base = 0, lowest = 7;
    expects = Expects::nothing;
    single = wants_icw4 = auto_eoi = rotate_on_auto_eoi = false;
    special_fully_nested = special_mask = read_in_service = poll = false;
    elcr = 0;
    update();
}

void Pic::visit(Archive& a) {
    a("output", output);
    a("inputs", inputs), a("latched", latched), a("in_service", in_service), a("masked", masked);
    a("elcr", elcr), a("vector_base", vector_base), a("lowest", lowest);
    a("expects", expects), a("single", single), a("wants_icw4", wants_icw4);
    a("auto_eoi", auto_eoi), a("rotate_on_auto_eoi", rotate_on_auto_eoi);
    a("special_fully_nested", special_fully_nested), a("special_mask", special_mask);
    a("read_in_service", read_in_service), a("poll", poll);
    lowest &= 7, vector_base &= 0xf8;
    if (expects > Expects::icw4) expects = Expects::nothing;
}

// An edge is remembered only while its input stays high: a request that goes away before INTA is
// spurious.
void Pic::set(unsigned input, bool level) {
    u8 line = u8(1 << (input & 7));
    if (level && !(inputs & line)) latched |= line;
    if (!level) latched &= ~line;
    inputs = level ? inputs | line : inputs & ~line;
    update();
}

void Pic::set_levels(u8 mask) {
    elcr = mask;
    update();
}

// 0 is the highest priority; 8 when the set is empty.
u8 Pic::best_rank(u8 set) const {
    for (u8 rank = 0; rank < 8; rank++)
        if (set >> rank_to_input(rank) & 1) return rank;
    return nobody;
}

// The input that interrupts: unmasked, and above everything in service. In special mask mode what
// is masked no longer blocks; in special fully nested mode the slave's input does not block itself.
u8 Pic::winner() const {
    u8 blocking = special_mask ? in_service & ~masked : in_service;
    if (special_fully_nested && master) blocking &= ~4;
    u8 rank = best_rank(requests() & ~masked);
    return rank < best_rank(blocking) ? rank_to_input(rank) : nobody;
}

Pic::Won Pic::acknowledge() {
    u8 input = winner();
    output.set(false);             // INT falls with INTA, so the cascade sees an edge per interrupt
    if (input == nobody) return update(), Won{7, false};
    u8 line = u8(1 << input);
    latched &= ~line;
    if (!auto_eoi) in_service |= line;
    else if (rotate_on_auto_eoi) lowest = input;
    update();
    return {input, true};
}

u8 Pic::poll_read() {
    poll = false;
    auto won = acknowledge();
    return won.real ? 0x80 | won.input : 0;
}

u8 Pic::get(u16 offset) {
    if (poll) return poll_read();
    if (offset == 1) return masked;
    return read_in_service ? in_service : requests();
}

void Pic::put(u16 offset, u8 value) {
    if (offset == 0) {
        if (value & 0x10) icw1(value);
        else if (value & 0x08) ocw3(value);
        else ocw2(value);
    } else if (expects != Expects::nothing) {
        icw(value);
    } else {
        masked = value;
    }
    update();
}

// Clears the edge latches and the mask; input 7 is lowest; reads give the request register (data
// sheet, ICW1).
void Pic::icw1(u8 value) {
    latched = in_service = masked = 0;
    lowest = 7;
    special_mask = read_in_service = poll = false;
    single = value & 0x02;
    wants_icw4 = value & 0x01;
    auto_eoi = rotate_on_auto_eoi = special_fully_nested = false;
    expects = Expects::icw2;
}

void Pic::icw(u8 value) {
    switch (expects) {
    case Expects::icw2:
        vector_base = value & 0xf8;
        expects = !single ? Expects::icw3 : wants_icw4 ? Expects::icw4 : Expects::nothing;
        break;
    case Expects::icw3:                     // the cascade is wired: input 2 of the master
        expects = wants_icw4 ? Expects::icw4 : Expects::nothing;
        break;
    case Expects::icw4:
        auto_eoi = value & 0x02;
        special_fully_nested = value & 0x10;
        expects = Expects::nothing;
        break;
    case Expects::nothing: break;
    }
}

// What a non-specific EOI ends: the highest in service, but not what special mask mode has masked.
u8 Pic::to_end() const {
    u8 rank = best_rank(special_mask ? in_service & ~masked : in_service);
    return rank == nobody ? nobody : rank_to_input(rank);
}

void Pic::end(u8 input, bool rotate) {
    if (input == nobody) return;
    in_service &= ~(1 << input);
    if (rotate) lowest = input;
}

void Pic::ocw2(u8 value) {
    u8 input = value & 7;
    switch (value >> 5) {                   // R, SL, EOI
    case 0: rotate_on_auto_eoi = false; break;
    case 1: end(to_end(), false); break;
    case 2: break;
    case 3: end(input, false); break;
    case 4: rotate_on_auto_eoi = true; break;
    case 5: end(to_end(), true); break;
    case 6: lowest = input; break;
    case 7: end(input, true); break;
    }
}

void Pic::ocw3(u8 value) {
    if (value & 0x02) read_in_service = value & 0x01;
    if (value & 0x04) poll = true;
    if (value & 0x40) special_mask = value & 0x20;
}

void DualPic::set(unsigned irq, bool level) {
    if (irq >= 16 || irq == 2) return;
    if (irq < 8) master.set(irq, level);
    else slave.set(irq - 8, level);
}

u8 DualPic::acknowledge() {
    auto won = master.acknowledge();
    if (!won.real || won.input != 2) return master.vector(won.input);
    return slave.vector(slave.acknowledge().input);
}

void DualPic::reset(Reset kind) {
    slave.reset(kind);
    master.reset(kind);
}

void DualPic::visit(Archive& a) {
    a("master", master);
    a("slave", slave);
}

// IRQs 0, 1, 2, 8 and 13 are edge-triggered for good (PIIX3 data sheet, ELCR1 and ELCR2).
void DualPic::Elcr::put(u16 offset, u8 value) {
    if (offset == 0) pics.master.set_levels(value & 0xf8);
    if (offset == 1) pics.slave.set_levels(value & 0xde);
}
u8 DualPic::Elcr::get(u16 offset) {
    return offset == 0 ? pics.master.levels() : offset == 1 ? pics.slave.levels() : 0xff;
}
void DualPic::Elcr::reset(Reset) { put(0, 0), put(1, 0); }
