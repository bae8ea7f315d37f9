// SPDX-License-Identifier: MIT
// A whole PC with a disk, a CD and a floppy, and programs that drive their controllers: registers as
// drivers write them, with values, descriptors and times from the input.
#pragma once
#include "iodev/media/raw.h"
#include "tests/fuzz/board.h"
#include "tests/iodev/media/memory_file.h"

namespace drives {

inline Parts parts_with_all_devices() {
    Parts p = board::parts("max-intel");
    p.devices = Pc::optional_devices();
    return p;
}

struct DrivenPc {
    Disk disk{std::vector<u8>(256 << 10)}, cd{std::vector<u8>(128 << 10)}, floppy{std::vector<u8>(368'640)};
    Pc pc{parts_with_all_devices()};

    DrivenPc() {
        set_logging(false);
        pc.ide.channel(0).attach(0, ide::Channel::Kind::disk, medium(disk), "1");
        pc.ide.channel(1).attach(0, ide::Channel::Kind::cd, medium(cd, true), "2");
        pc.floppy.insert(0, medium(floppy));
    }
    static Medium medium(Disk& disk, bool write_protected = false) {
        return Medium(std::make_unique<RawImage>(std::make_unique<MemoryFile>(disk), RawImage::Because::named), write_protected);
    }
    // As firmware leaves it, and the host's file in some mood.
    void start(Input& in) {
        pc.reset();
        pc.ide.config_write(0x40, 4, 0x80008000), pc.ide.config_write(0x20, 4, bus_master), pc.ide.config_write(4, 2, 5);
        u8 mood = in.byte();
        for (auto* d : {&disk, &cd, &floppy}) d->dead = false, d->fail_in = mood < 64 ? mood : 0;
    }
    static constexpr u16 bus_master = 0xc040;
};

// Descriptors at 1000h: regions in RAM, in the devices, behind everything.
inline void descriptors(Pc& pc, Input& in) {
    std::vector<u8> table;
    for (unsigned n = in.byte() % 6; n-- > 0;) {
        u32 words[2] = {u32(board::address(in).value), in.take<u16>() | u32(in.byte() & 1) << 31};
        table.insert(table.end(), reinterpret_cast<u8*>(words), reinterpret_cast<u8*>(words + 2));
    }
    pc.memory.write_bytes(Physical(0x1000), table);
}

inline void task_file(Pc& pc, Input& in, u16 base, u16 master) {
    for (u16 n = 1; n < 7; n++) {
        u8 how = in.byte();
        if (how & 1) pc.ports.out(u16(base + n), 1, how & 2 ? in.byte() : how >> 5);
    }
    u8 how = in.byte();
    if (how & 1) pc.ports.out(u16(master + 4), 4, how & 2 ? 0x1000 : in.take<u32>());
    if (how & 4) pc.ports.out(master, 1, how >> 4 & 9);
    pc.ports.out(u16(base + 7), 1, in.byte());
    if (how & 8) pc.ports.out(master, 1, how >> 4 & 9);
}

inline void data(Pc& pc, Input& in, u16 port) {
    unsigned count = in.byte(), how = in.byte();
    for (unsigned n = 0; n < count; n++) {
        if (how & 1) pc.ports.out(port, how & 2 ? 2 : 4, how & 4 ? in.take<u32>() : n);
        else pc.ports.in(port, how & 2 ? 2 : 4);
    }
}

// A packet, to the drive at `base`.
inline void packet(Pc& pc, Input& in, u16 base) {
    static constexpr u8 codes[] = {0x00, 0x03, 0x12, 0x1b, 0x1e, 0x25, 0x28, 0x2b, 0x43, 0x46, 0x4a, 0x51, 0x5a, 0xa8, 0xbd, 0xbe};
    u8 how = in.byte();
    pc.ports.out(u16(base + 6), 1, 0xa0), pc.ports.out(u16(base + 1), 1, how & 1);
    pc.ports.out(u16(base + 4), 1, in.byte()), pc.ports.out(u16(base + 5), 1, how & 2 ? in.byte() : 8), pc.ports.out(u16(base + 7), 1, 0xa0);
    u8 bytes[12] = {how & 0x80 ? in.byte() : codes[how >> 3 & 15]};
    for (unsigned n = 1; n < 12; n++) bytes[n] = n == 1 || n == 5 || n > 6 ? in.byte() : 0;
    for (unsigned n = 0; n < 12; n += 2) pc.ports.out(base, 2, u32(bytes[n] | bytes[n + 1] << 8));
}

inline void floppy_command(Pc& pc, Input& in) {
    u8 code = in.byte();
    pc.ports.out(0x3f5, 1, code);
    for (unsigned n = in.byte() % 12; n-- > 0;) {
        u8 value = in.byte();
        pc.ports.out(0x3f5, 1, value & 0x80 ? value : value & 7);
    }
}

inline void program_isa_dma(Pc& pc, Input& in) {
    static constexpr u8 modes[] = {0x46, 0x4a, 0x42, 0x56};
    pc.ports.out(0x0b, 1, modes[in.byte() & 3]), pc.ports.out(0x81, 1, in.byte() & 31);
    for (u16 port : {0x04, 0x04, 0x05, 0x05}) pc.ports.out(port, 1, in.byte());
    pc.ports.out(0x0a, 1, 2);
}

// Until what is under way has ended, or not.
inline void wait(Pc& pc, Input& in) {
    for (unsigned n = in.byte() & 31; n-- > 0 && pc.clock.deadline() != Clock::never;) {
        pc.clock.ticks = std::max(pc.clock.ticks, pc.clock.deadline());
        pc.clock.run_due();
    }
}

// What the targets of the three drives have in common: an input as a program of steps, two of them waiting and other traffic,
// the rest a drive's own.
template <class Step> int play(const u8* data, std::size_t size, Step own_step) {
    static DrivenPc d;
    Input in(data, size);
    d.start(in);
    for (unsigned n = 0; n < 200 && !in.empty(); n++) {
        u8 what = in.byte() & 7;
        if (what == 6) wait(d.pc, in);
        else if (what == 7) board::access(d.pc, in);
        else own_step(d.pc, in, what);
    }
    return 0;
}

}  // namespace drives
