// SPDX-License-Identifier: MIT
// Boards side by side.
#include "tests/lockstep/board.h"
#include "tests/lockstep/clock.h"
#include "tests/lockstep/engines.h"
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <sys/mman.h>

namespace lockstep {

static Parts connected(const Options& options, std::string& output) {
    Parts parts = parts_of(options);
    for (auto& line : parts.serial) line = [&output](u8 byte) { output += char(byte); };
    parts.debugcon = parts.serial[0];
    return parts;
}

Board::Board(const Options& options, u64 engine)
    : pc(connected(options, side.output)),
      side{pc.cpu, pc.memory, pc.clock, pc.ram.all(), [this](Archive& a) { pc.visit(a); }, [this](Random& r) { disturb(r); },
           [this] { return pc.ended.has_value(); }, ""} {
    choose_engine(pc.cpu, engine);
    ::madvise(side.ram.data(), side.ram.size(), MADV_HUGEPAGE);          // copies of the process are quicker to make
    load(pc, options);
}

void Board::disturb(Random& random) {
    u64 value = random.next();
    Line line = pc.irq(unsigned(value % 16));
    switch (random.below(6)) {
    case 0: pc.com1.receive(u8(value)); break;
    case 1: pc.com1.receive_break(); break;
    case 2: pc.keyboard.key(u8(value), value & 256); break;
    case 3: pc.com1.set_modem(u8(value)); break;
    default: line.set(true), line.set(false);
    }
}

void call_rom(Board& board, u64 seed) {
    constexpr u16 at = 0x7c00, calls = 300;
    static constexpr u8 interrupts[] = {0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x15, 0x16, 0x17, 0x18, 0x1a, 0x1b, 0x1c, 0x08, 0x09, 0x70};
    static constexpr u16 functions[] = {0x0000, 0x0200, 0x2400, 0x2401, 0x2402, 0x2403, 0x8600, 0x8700, 0x8800, 0x8a00, 0xc000, 0xc100, 0xc200, 0xe801,
                                        0xe820, 0xe881, 0x0e41, 0x1130, 0x0300, 0x0100, 0x0800, 0x4100, 0xb101, 0xb102, 0xb108, 0xb10b};
    Random random{seed};
    Cpu& cpu = board.pc.cpu;
    cpu.reset(false);
    std::vector<u8> program;
    auto load = [&](u8 opcode, u64 value) { program.insert(program.end(), {0x66, opcode, u8(value), u8(value >> 8), u8(value >> 16), u8(value >> 24)}); };
    for (unsigned n = 0; n < calls; n++) {
        load(0xb8, random.flip() ? random.pick(functions) : random.below(256) << 8 | random.below(256));
        load(0xbb, random.below(16)), load(0xb9, random.magnitude(10)), load(0xba, random.flip() ? 0x534d4150 : random.magnitude(10));
        load(0xbe, 0x2000), load(0xbf, 0x3000);
        program.insert(program.end(), {0xfb, 0xcd, random.pick(interrupts)});
    }
    u64 back = 0 - (program.size() + 3);
    program.insert(program.end(), {0xe9, u8(back), u8(back >> 8)});
    board.pc.memory.write_bytes(Physical(at), program);
    if (random.chance(25)) return;                         // at the reset vector
    for (auto s : {Seg::cs, Seg::ss, Seg::ds, Seg::es}) cpu.set_real_segment(s, 0);
    cpu.gpr[rsp] = at, cpu.rip() = at;
    cpu.mode_changed();
}

static bool play_course(Twins& twins, const Course& course, Tally& tally, Random& random) {
    double until = host_seconds() + course.seconds;
    while (!twins.a.ended() && host_seconds() < until) {
        twins.watch_stores(random.chance(40));
        Play line{.seed = random.next(), .steps = unsigned(256 + random.magnitude(14)), .biggest = 18};
        line.ram = tally.plays++ % 4 == 0;
        if (!play_on(twins, {&line, 1})) return false;
        for (unsigned n = 0; n < course.disturbances && !twins.a.ended() && host_seconds() < until; n++) {
            Play disturbed{.seed = random.next(), .steps = unsigned(64 + random.magnitude(9)), .disturb = true};
            disturbed.ram = twins.a.ram.size() < (20 << 20) || tally.disturbed % 16 == 0;
            tally.disturbed++;
            if (!play_apart(twins, disturbed)) return false;
            // A little further, so that the next one finds other registers.
            twins.take({false, 1 + random.magnitude(10)});
        }
    }
    return twins.compare_state() && twins.compare_ram() ? true : (std::fprintf(stderr, "lockstep: at the end: %s\n", twins.complaint().c_str()), false);
}

static std::string last_line(std::string text) {
    while (!text.empty() && text.back() < ' ') text.pop_back();
    std::replace(text.begin(), text.end(), '\r', ' ');
    return text.substr(text.rfind('\n') + 1).substr(0, 200);
}

bool run_course(const Course& course, Tally& tally) {
    Random random{course.seed};
    Board a(course.options, course.ahead ? 0 : course.seed), b(course.options, slow_engine);
    course.prepare(a), course.prepare(b);
    if (course.ahead) {
        a.pc.cpu.run(course.ahead);
        std::string complaint;
        if (!copy_state(a.side, b.side, complaint)) {
            std::memcpy(b.side.ram.data(), a.side.ram.data(), a.side.ram.size());
            if (complaint = differences(a.side, b.side); !complaint.empty())
                return std::fprintf(stderr, "lockstep: a copied machine differs: %s\n", complaint.c_str()), false;
        }
    }
    if (course.ahead) choose_engine(a.pc.cpu, course.seed);
    u64 before = a.pc.cpu.retired;
    Twins twins(a.side, b.side);
    bool good = play_course(twins, course, tally, random);
    tally.instructions += a.pc.cpu.retired - before, tally.runs++;
    tally.words = last_line(a.side.output);
    if (!good) std::fprintf(stderr, "  course seed %llu, tick %llu; the guest's last words: %s\n", static_cast<unsigned long long>(course.seed),
                            static_cast<unsigned long long>(a.pc.clock.ticks), tally.words.c_str());
    return good;
}

}
