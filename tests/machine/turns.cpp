// SPDX-License-Identifier: MIT
// Several CPUs' turns: fair, the same however a run is cut into pieces, given away by PAUSE, HLT and MWAIT.
#include "base/hash.h"
#include "machine/pc.h"
#include <gtest/gtest.h>

namespace {

constexpr u16 first_code = 0x1000, other_code = 0x2000;       // start-up vector 2 leads to the second

struct Board {
    Pc pc;

    // Real-mode code of the boot processor, and of all others.
    Board(unsigned cpus, std::vector<u8> first, std::vector<u8> other) : pc(parts(cpus)) {
        std::ranges::copy(first, pc.ram.bytes(first_code, first.size()).begin());
        std::ranges::copy(other, pc.ram.bytes(other_code, other.size()).begin());
        pc.cpu.set_real_segment(Seg::cs, 0);
        pc.cpu.rip() = first_code;
        pc.cpu.mode_changed();
        for (unsigned n = 1; n < cpus; n++) pc.cpus[n]->request_startup(other_code >> 12);
    }
    static Parts parts(unsigned cpus) {
        Parts p;
        p.model = *find_model("max-intel");
        p.cpus = p.model.processors = cpus;
        p.memory = u64{4} << 20;
        p.vga_memory = 1 << 18;
        return p;
    }
    double share(unsigned n) const { return double(pc.cpus[n]->retired) / double(pc.retired()); }
};

const std::vector<u8> spin{0xeb, 0xfe}, spin_politely{0xf3, 0x90, 0xeb, 0xfc}, halt{0xf4, 0xeb, 0xfd},
    count{0x66, 0x2e, 0xff, 0x06, 0x00, 0x03, 0xeb, 0xf8};     // INC DWORD CS:[300h] for ever

TEST(Turns, AreFair) {
    for (unsigned cpus : {2u, 3u, 5u}) {
        Board b(cpus, spin, spin);
        b.pc.turns.run(cpus * 10 * Turns::length);
        for (unsigned n = 0; n < cpus; n++) EXPECT_NEAR(b.share(n), 1.0 / cpus, 0.01) << n << " of " << cpus;
    }
}

TEST(Turns, OthersWaitForAStartUpIpi) {
    Board b(2, spin, spin);
    b.pc.cpus[1]->pending = 0;
    b.pc.turns.run(200'000);
    EXPECT_EQ(b.pc.cpus[1]->retired, 0u);
    EXPECT_EQ(b.pc.cpus[1]->activity, Activity::wait_for_sipi);
    EXPECT_NEAR(double(b.pc.cpu.retired), 200'000, 10);
}

TEST(Turns, PauseGivesTheTurnAway) {
    Board b(2, spin_politely, spin);
    b.pc.turns.run(100 * Turns::length);
    EXPECT_LT(b.share(0), 0.01);
    EXPECT_GT(b.pc.cpu.retired, 50u);
}

TEST(Turns, AHaltedCpuTakesNoTime) {
    Board b(2, halt, spin);
    b.pc.turns.run(100'000);
    EXPECT_LE(b.pc.cpu.retired, 1u);
    EXPECT_NEAR(double(b.pc.cpus[1]->retired), 100'000, 10);
}

TEST(Turns, TheClockJumpsWhenAllWait) {
    Board b(3, halt, halt);
    b.pc.turns.run(5'000'000'000);
    EXPECT_EQ(b.pc.clock.ticks, 5'000'000'000u);
    EXPECT_LT(b.pc.retired(), 10u);
    EXPECT_TRUE(b.pc.waiting());
}

// Each CPU stores, by its own code segment, so that memory too says who ran when.
TEST(Turns, AreTheSameHoweverTheRunIsCut) {
    u64 end = 30 * Turns::length + 123;
    Board whole(3, count, count);
    whole.pc.turns.run(end);
    for (u64 piece : {u64{777}, Turns::length, Turns::length + 1}) {
        Board cut(3, count, count);
        for (u64 at = piece; at < end; at += piece) cut.pc.turns.run(at);
        cut.pc.turns.run(end);
        EXPECT_EQ(hash_of(cut.pc), hash_of(whole.pc)) << piece;
    }
    Board other(3, count, count);
    other.pc.turns.run(end + 1);
    EXPECT_NE(hash_of(other.pc), hash_of(whole.pc));
}

// A page that one CPU has decoded is not written behind its back by another.
TEST(Turns, AStoreReachesTheOthersCode) {
    // MOV AL, 1; MOV [300h], AL by CS: the other runs it for ever; the first changes the 1 into 7F.
    std::vector<u8> other{0xb0, 0x01, 0x2e, 0xa2, 0x00, 0x03, 0xeb, 0xf8}, first{0xc6, 0x06, 0x01, 0x20, 0x7f, 0xeb, 0xfe};
    Board b(2, spin, other);
    auto stored = [&] { return b.pc.ram.bytes(other_code + 0x300, 1)[0]; };
    b.pc.turns.run(50'000);
    EXPECT_EQ(stored(), 1);
    std::ranges::copy(first, b.pc.ram.bytes(first_code + 0x100, first.size()).begin());
    b.pc.cpu.rip() = first_code + 0x100;
    b.pc.turns.run(150'000);
    EXPECT_EQ(stored(), 0x7f);
}

}
