// SPDX-License-Identifier: MIT
// Tests of string instructions and REP.
#include "tests/cpu/isa/example.h"

constexpr u64 at = TestMachine::data, code = TestMachine::code;

static void put_text(TestMachine& m, u64 where, std::string_view text) {
    for (char c : text) m.ram[where++] = u8(c);
}
static std::string text(TestMachine& m, u64 where, u64 length) {
    return {m.ram.begin() + s64(where), m.ram.begin() + s64(where + length)};
}
// Calls until the instruction is done; returns the number of calls.
static unsigned run_all(TestMachine& m, const char* bytes) {
    unsigned calls = 1;
    for (auto o = m.run_one(bytes); o == Outcome::again; o = m.step()) {
        EXPECT_EQ(m.cpu.rip(), code);
        calls++;
    }
    return calls;
}

TEST(string, single_elements_move_both_registers_by_the_direction) {
    TestMachine m;
    put_text(m, at, "abcdefgh");
    put_regs(m, {.rsi = at, .rdi = at + 100, .memory = m.get<u64>(at)});
    m.run_one("a4");
    m.run_one("a5");
    EXPECT_EQ(text(m, at + 100, 5), "abcde");
    EXPECT_EQ(m.cpu.gpr[rsi], at + 5);
    m.cpu.rflags |= rflags::df;
    m.run_one("48 a5");
    EXPECT_EQ(m.cpu.gpr[rdi], at + 105 - 8);
}

TEST(string, rep_movs_copies_across_pages_and_counts_its_ticks) {
    TestMachine m;
    for (u64 i = 0; i < 10000; i++) m.ram[0x100123 + i] = u8(i * 7);
    put_regs(m, {.rcx = 10000, .rsi = 0x100123, .rdi = 0x200456});
    u64 ticks = m.cpu.clock.ticks;
    EXPECT_EQ(run_all(m, "f3 a4"), 1u);
    EXPECT_EQ(m.cpu.clock.ticks - ticks, 10000u);
    EXPECT_EQ(m.cpu.gpr[rcx], 0u);
    EXPECT_EQ(m.cpu.gpr[rsi], 0x100123u + 10000);
    EXPECT_EQ(m.cpu.gpr[rdi], 0x200456u + 10000);
    for (u64 i = 0; i < 10000; i++) ASSERT_EQ(m.ram[0x200456 + i], u8(i * 7)) << i;
    EXPECT_EQ(m.ram[0x200456 + 10000], 0);
}

TEST(string, overlapping_copies_are_made_element_by_element) {
    TestMachine m;
    put_text(m, at, "abc");
    put_regs(m, {.rcx = 9, .rsi = at, .rdi = at + 3, .memory = m.get<u64>(at)});
    run_all(m, "f3 a4");
    EXPECT_EQ(text(m, at, 12), "abcabcabcabc");

    put_text(m, at, "abcdef");                             // dwords, two bytes apart: each sees the one before
    m.cpu.gpr[rcx] = 2, m.cpu.gpr[rsi] = at, m.cpu.gpr[rdi] = at + 2;
    run_all(m, "f3 a5");
    EXPECT_EQ(text(m, at, 10), "ababcdcdab");

    put_text(m, at, "0123456789");
    m.cpu.gpr[rcx] = 7, m.cpu.gpr[rsi] = at + 3, m.cpu.gpr[rdi] = at;
    run_all(m, "f3 a4");
    EXPECT_EQ(text(m, at, 10), "3456789789");

    put_text(m, at, "0123456789");
    m.cpu.rflags |= rflags::df;
    m.cpu.gpr[rcx] = 7, m.cpu.gpr[rsi] = at + 6, m.cpu.gpr[rdi] = at + 9;
    run_all(m, "f3 a4");
    EXPECT_EQ(text(m, at, 10), "0120123456");
}

TEST(string, rep_stos_fills_and_stops_at_the_faulting_element_with_the_rest_before_it) {
    TestMachine m;
    m.put(0x3000 + 8, u64{0});                             // nothing from 2 MiB to 4 MiB
    put_regs(m, {.rax = 0x1111111122222222, .rcx = 5, .rdi = 0x200000 - 20});
    EXPECT_EQ(m.run_one("f3 48 ab"), Outcome::fault);
    EXPECT_EQ(m.cpu.fault_.vector, pf_vector);
    EXPECT_EQ(m.cpu.fault_.address, 0x200000u);
    EXPECT_EQ(m.cpu.gpr[rcx], 3u);
    EXPECT_EQ(m.cpu.gpr[rdi], 0x200000u - 4);
    EXPECT_EQ(m.get<u64>(0x200000 - 12), 0x1111111122222222u);
    EXPECT_EQ(m.get<u32>(0x200000 - 4), 0u);
    EXPECT_EQ(m.cpu.rip(), code);
}

TEST(string, a_repetition_stops_for_the_clock_and_for_what_is_pending) {
    TestMachine m;
    Timer timer(m.cpu.clock, [] {});
    timer.at(m.cpu.clock.ticks + 10);
    put_regs(m, {.rax = 'x', .rcx = 100, .rdi = at});
    EXPECT_EQ(m.run_one("f3 aa"), Outcome::again);
    EXPECT_EQ(m.cpu.clock.ticks, timer.tick());
    EXPECT_EQ(m.cpu.gpr[rcx], 90u);
    EXPECT_EQ(m.cpu.gpr[rdi], at + 10);
    EXPECT_EQ(m.cpu.rip(), code);
    timer.off();
    m.cpu.pending = pending::stop;
    m.cpu.sti_shadow = true;
    EXPECT_EQ(m.step(), Outcome::again);
    EXPECT_EQ(m.cpu.gpr[rcx], 89u);
}

TEST(string, the_trap_flag_sees_each_iteration) {
    TestMachine m;
    put_regs(m, {.rcx = 3, .rsi = at, .rdi = at + 64});
    m.cpu.rflags |= rflags::tf;
    EXPECT_EQ(run_all(m, "f3 a4"), 3u);
    EXPECT_EQ(m.cpu.rip(), code + 2);
}

TEST(string, comparisons_end_with_the_flag_or_the_count) {
    TestMachine m;
    put_text(m, at, "hello world");
    put_text(m, at + 32, "hello_world");
    put_regs(m, {.rcx = 11, .rsi = at, .rdi = at + 32, .memory = m.get<u64>(at)});
    run_all(m, "f3 a6");
    EXPECT_EQ(m.cpu.gpr[rcx], 5u);                         // the sixth differs
    EXPECT_EQ(m.cpu.rflags & (rflags::zf | rflags::cf), rflags::cf);
    m.cpu.gpr[rax] = 'w', m.cpu.gpr[rcx] = 100, m.cpu.gpr[rdi] = at;
    run_all(m, "f2 ae");
    EXPECT_EQ(m.cpu.gpr[rdi], at + 7);
    EXPECT_EQ(m.cpu.gpr[rcx], 93u);
    EXPECT_TRUE(m.cpu.rflags & rflags::zf);
    m.cpu.gpr[rcx] = 0;
    m.cpu.rflags = 2;
    run_all(m, "f3 a6");
    EXPECT_EQ(m.cpu.rflags, 2u);                           // a count of 0 changes nothing
}

TEST(string, lods_takes_the_segment_override_and_stos_does_not) {
    TestMachine m;
    m.cpu.seg[Seg::fs].base = 0x1000;
    m.put(at + 0x1000, u8{0x5a});
    put_regs(m, {.rsi = at, .rdi = at + 8});
    m.run_one("64 ac");
    EXPECT_EQ(m.cpu.gpr[rax], 0x5au);
    m.run_one("64 aa");
    EXPECT_EQ(m.ram[at + 8], 0x5a);
}

TEST(string, a_32_bit_address_size_counts_in_ecx_and_leaves_it_where_it_is_0) {
    TestMachine m;
    put_regs(m, {.rcx = 0xff00000002, .rdi = 0xff00000000 + at});
    run_all(m, "67 f3 aa");
    EXPECT_EQ(m.cpu.gpr[rcx], 0u);
    EXPECT_EQ(m.cpu.gpr[rdi], at + 2);
    m.cpu.gpr[rcx] = 0xff00000000;
    run_all(m, "67 f3 aa");
    EXPECT_EQ(m.cpu.gpr[rcx], 0xff00000000u);
}

TEST(string, sixteen_bit_strings_wrap_within_their_segment) {
    TestMachine m(TestMode::real16);
    m.cpu.seg[Seg::es].base = at;
    put_regs(m, {.rax = 0x77, .rcx = 4});
    m.cpu.gpr[rdi] = 0xfffe;
    for (auto o = m.run_one("f3 aa"); o == Outcome::again;) o = m.step();
    EXPECT_EQ(m.cpu.gpr[rdi], 2u);
    EXPECT_EQ(m.get<u16>(at + 0xfffe), 0x7777);
    EXPECT_EQ(m.get<u16>(at), 0x7777);
    EXPECT_EQ(m.ram[at + 0x10000], 0);
}

TEST(string, downward_copies_and_fills_cross_pages) {
    TestMachine m;
    for (u64 i = 0; i < 10000; i++) m.ram[0x100123 + i] = u8(i * 7);
    put_regs(m, {.rcx = 10000, .rsi = 0x100123 + 9999, .rdi = 0x200456 + 9999});
    m.cpu.rflags |= rflags::df;
    u64 ticks = m.cpu.clock.ticks;
    EXPECT_EQ(run_all(m, "f3 a4"), 1u);
    EXPECT_EQ(m.cpu.clock.ticks - ticks, 10000u);
    EXPECT_EQ(m.cpu.gpr[rsi], 0x100123u - 1);
    EXPECT_EQ(m.cpu.gpr[rdi], 0x200456u - 1);
    for (u64 i = 0; i < 10000; i++) ASSERT_EQ(m.ram[0x200456 + i], u8(i * 7)) << i;
    EXPECT_EQ(m.ram[0x200455], 0);

    m.cpu.gpr[rax] = 0x1122334455667788, m.cpu.gpr[rcx] = 1000, m.cpu.gpr[rdi] = 0x300004 + 999 * 8;
    run_all(m, "f3 48 ab");
    EXPECT_EQ(m.cpu.gpr[rdi], 0x300004u - 8);
    for (u64 i = 0; i < 1000; i++) ASSERT_EQ(m.get<u64>(0x300004 + i * 8), 0x1122334455667788u) << i;
    EXPECT_EQ(m.get<u32>(0x300000), 0u);
    EXPECT_EQ(m.get<u64>(0x300004 + 8000), 0u);
}

TEST(string, a_downward_repetition_stops_at_the_page_that_is_not_there) {
    TestMachine m;
    m.put(0x3000 + 8, u64{0});                             // nothing from 2 MiB to 4 MiB
    put_regs(m, {.rax = 0x77, .rcx = 100, .rdi = 0x400000 + 9});
    m.cpu.rflags |= rflags::df;
    EXPECT_EQ(m.run_one("f3 aa"), Outcome::fault);
    EXPECT_EQ(m.cpu.fault_.address, 0x3fffffu);
    EXPECT_EQ(m.cpu.gpr[rcx], 90u);
    EXPECT_EQ(m.cpu.gpr[rdi], 0x3fffffu);
    EXPECT_EQ(m.ram[0x400000], 0x77);
}

TEST(string, a_scan_finds_the_element_across_pages_and_counts_its_ticks) {
    TestMachine m;
    m.ram[0x105000] = 'x';
    put_regs(m, {.rax = 'x', .rcx = 0x100000, .rdi = 0x100007});
    u64 ticks = m.cpu.clock.ticks;
    EXPECT_EQ(run_all(m, "f2 ae"), 1u);
    EXPECT_EQ(m.cpu.clock.ticks - ticks, 0x5000u - 7 + 1);
    EXPECT_EQ(m.cpu.gpr[rdi], 0x105001u);
    EXPECT_EQ(m.cpu.gpr[rcx], 0x100000u - (0x5000 - 7 + 1));
    EXPECT_TRUE(m.cpu.rflags & rflags::zf);
    m.cpu.gpr[rcx] = 3, m.cpu.gpr[rax] = 0;                // all equal: the count ends it
    run_all(m, "f3 ae");
    EXPECT_EQ(m.cpu.gpr[rcx], 0u);
    EXPECT_TRUE(m.cpu.rflags & rflags::zf);
}

TEST(string, a_comparison_has_the_flags_of_its_last_elements) {
    TestMachine m;
    for (u64 i = 0; i < 0x3000; i++) m.ram[0x100000 + i] = m.ram[0x200004 + i] = u8(i);
    m.put(0x200004 + 0x2004, u32{0xffffffff});             // the other has 07060504h there
    put_regs(m, {.rcx = 0xc00, .rsi = 0x100000, .rdi = 0x200004});
    run_all(m, "f3 a7");
    EXPECT_EQ(m.cpu.gpr[rsi], 0x102008u);
    EXPECT_EQ(m.cpu.gpr[rdi], 0x20200cu);
    EXPECT_EQ(m.cpu.gpr[rcx], 0xc00u - 0x802);
    EXPECT_EQ(m.cpu.rflags & rflags::status, rflags::cf | rflags::pf | rflags::af);        // 07060504h - FFFFFFFFh = 07060505h
}

TEST(string, lods_takes_the_last_element_of_a_repetition) {
    TestMachine m;
    m.put(0x102ffe, u16{0x1234});
    put_regs(m, {.rax = 0xaaaaaaaaaaaaaaaa, .rcx = 0x1800, .rsi = 0x100000});
    u64 ticks = m.cpu.clock.ticks;
    EXPECT_EQ(run_all(m, "f3 66 ad"), 1u);
    EXPECT_EQ(m.cpu.clock.ticks - ticks, 0x1800u);
    EXPECT_EQ(m.cpu.gpr[rax], 0xaaaaaaaaaaaa1234u);
    EXPECT_EQ(m.cpu.gpr[rsi], 0x103000u);
}

// With TF each iteration is one by itself: the two ways must not differ.
TEST(string, pages_and_single_elements_give_the_same) {
    static const char* const codes[] = {"f3 a4", "f3 a5", "f3 48 a5", "f3 66 a5", "f3 aa", "f3 ab", "f3 48 ab", "f3 ac", "f3 ad", "f3 a6", "f2 a6",
                                        "f3 a7", "f2 66 a7", "f3 48 a7", "f3 ae", "f2 ae", "f3 af", "f2 48 af", "67 f3 a4", "67 f2 ae"};
    u64 seed = 7;
    auto random = [&](u64 below) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        return (seed >> 33) % below;
    };
    TestMachine a, b;
    for (auto* m : {&a, &b}) m->put(0x3000 + 3 * 8, u64{0});                       // nothing from 6 MiB to 8 MiB
    for (unsigned n = 0; n < 3000; n++) {
        const char* code = codes[random(std::size(codes))];
        u64 base = random(4) ? 0x100000 : random(2) ? 0x600000 : 0x800000, spread = random(2) ? 0x40 : 0x2100;
        u64 source = base - spread / 2 + random(spread), target = base - spread / 2 + random(spread);
        u64 fill = random(3), odd = 0xfe000 + random(0x4000), count = random(random(2) ? 20 : 5000), value = random(2);
        bool down = random(2);
        u64 deadline = random(2) ? random(5000) : ~u64{0} - (u64{1} << 40);
        u64 ticks = a.cpu.clock.ticks;
        for (auto* m : {&a, &b}) {
            std::fill_n(m->ram.begin() + 0xfe000, 0x4000, u8(fill & 1));
            if (fill == 2)
                for (u64 i = 0; i < 0x4000; i++) m->ram[0xfe000 + i] = u8(i * 31 >> 3);
            m->ram[odd] ^= 1;
            m->cpu.rflags = 2 | (down ? rflags::df : 0);
            m->cpu.clock.ticks = ticks;
            m->cpu.run_limit = ticks + deadline;
            put_regs(*m, {.rax = value * 0x0101010101010101, .rcx = count, .rsi = source, .rdi = target});
        }
        b.cpu.rflags |= rflags::tf;
        auto by_pages = a.run_one(code), singly = b.run_one(code);
        while (singly == Outcome::again && b.cpu.clock.ticks < std::min(b.cpu.run_limit, a.cpu.clock.ticks)) singly = b.step();
        ASSERT_EQ(by_pages == Outcome::fault, singly == Outcome::fault) << code << " " << n;
        ASSERT_EQ(by_pages == Outcome::again, singly == Outcome::again) << code << " " << n;
        for (unsigned r : {rax, rcx, rsi, rdi, rip_reg}) ASSERT_EQ(a.cpu.gpr[r], b.cpu.gpr[r]) << code << " " << n << " register " << r;
        ASSERT_EQ(a.cpu.rflags | rflags::tf, b.cpu.rflags | rflags::tf) << code << " " << n;
        ASSERT_EQ(a.cpu.clock.ticks, b.cpu.clock.ticks) << code << " " << n;
        ASSERT_TRUE(std::equal(a.ram.begin() + 0xf0000, a.ram.begin() + 0x110000, b.ram.begin() + 0xf0000)) << code << " " << n;
    }
}
