// SPDX-License-Identifier: MIT
// Expressions, and symbol files that are as they should be or not.
#include "base/error.h"
#include "debugger/expression.h"
#include "debugger/symbols.h"
#include "tests/debugger/board.h"
#include <gtest/gtest.h>

using namespace debugger;

namespace {

std::span<const u8> bytes_of(const std::string& text) { return {reinterpret_cast<const u8*>(text.data()), text.size()}; }

template <class T> void put(std::string& file, u64 at, T value) {
    if (file.size() < at + sizeof value) file.resize(at + sizeof value);
    std::memcpy(file.data() + at, &value, sizeof value);
}

// Two symbols, "start" at 1000h of 10h bytes and "end" at 1010h, and one that is not defined (System V ABI, "Symbol Table").
std::string elf64() {
    std::string f("\x7f" "ELF\x02\x01\x01", 7);
    put<u64>(f, 0x28, 0x100), put<u16>(f, 0x3a, 64), put<u16>(f, 0x3c, 3);
    std::string names("\0start\0end\0else\0", 16);
    auto section = [&](unsigned n, u32 type, u64 at, u64 size, u32 link, u64 each) {
        u64 here = 0x100 + n * 64;
        put<u32>(f, here + 4, type), put<u64>(f, here + 24, at), put<u64>(f, here + 32, size), put<u32>(f, here + 40, link), put<u64>(f, here + 56, each);
    };
    section(0, 0, 0, 0, 0, 0), section(1, 2, 0x200, 72, 2, 24), section(2, 3, 0x280, names.size(), 0, 0);
    auto symbol = [&](unsigned n, u32 name, u16 where, u64 value, u64 size) {
        u64 here = 0x200 + n * 24;
        put<u32>(f, here, name), put<u8>(f, here + 4, 2), put<u16>(f, here + 6, where), put<u64>(f, here + 8, value), put<u64>(f, here + 16, size);
    };
    symbol(0, 1, 1, 0x1000, 0x10), symbol(1, 7, 1, 0x1010, 0), symbol(2, 11, 0, 0x5000, 0);
    put<u8>(f, 0x280 + 15, 0);
    return f.replace(0x280, names.size(), names);
}

}

TEST(Expressions, AreCs) {
    Debugged m;
    auto& c = m.cpu;
    c.gpr[rax] = 10, c.gpr[rbx] = 0xffffffffffffffff;
    m.put(0x20000, u64{0x8877665544332211});
    struct { const char* text; u64 value; } cases[] = {
        {"1+2*3", 7}, {"(1+2)*3", 9}, {"10-3-2", 5}, {"-1", ~u64{0}}, {"!0", 1}, {"!5", 0}, {"~0", ~u64{0}}, {"1<<4|1", 17}, {"0x10>>2", 4}, {"7%4", 3},
            {"7/2", 3},
        {"rax==10", 1}, {"rax!=10", 0}, {"rax<11&&rax>9", 1}, {"$rax<=10", 1}, {"rbx>0", 1}, {"1||[0x7fffffff0000]", 1}, {"0&&1/0", 0}, {"6&3", 2}, {"6^3", 5},
            {"1<<64", 0},
        {"byte[0x20000]", 0x11}, {"word[0x20000+1]", 0x3322}, {"dword[p:0x20000]", 0x44332211}, {"[g:0x20000]", 0x8877665544332211},
            {"qword[0x20000]>>56", 0x88},
        {"2 + 2 == 4", 1}, {"1|2==2", 1}, {"guest_rip", 0}};
    for (auto& e : cases) EXPECT_EQ(evaluate(c, e.text), e.value) << e.text;
    for (auto* bad : {"", "1+", "(1", "1)", "[1", "nonsense", "1/0", "1%0", "[0x7fffffff0000]", "rax rbx", "1 2", "@", "byte", "=", "1==", "!"})
        EXPECT_THROW(evaluate(c, bad), Error) << bad;
    EXPECT_THROW(evaluate(c, std::string(1000, '(')), Error);
    EXPECT_THROW(evaluate(c, std::string(1000, '!')), Error);
    EXPECT_NO_THROW(check_expression(c, "[0x7fffffff0000]/0"));
    EXPECT_THROW(check_expression(c, "[nonsense]"), Error);
}

TEST(Symbols, AreReadFromElf) {
    Symbols s;
    EXPECT_EQ(s.add(bytes_of(elf64()), 0x400000), 2u);
    u64 at;
    ASSERT_TRUE(s.find("start", at));
    EXPECT_EQ(at, 0x401000u);
    EXPECT_FALSE(s.find("else", at));
    EXPECT_EQ(s.name_of(0x401000), "start");
    EXPECT_EQ(s.name_of(0x40100f), "start+0xf");
    EXPECT_EQ(s.name_of(0x401011), "end+0x1");
    EXPECT_EQ(s.name_of(0x400fff), "");
    EXPECT_EQ(s.name_of(0x80000000), "");
    Debugged m;
    m.session.symbols = s;
    EXPECT_EQ(evaluate(m.cpu, "start+1", &m.session.symbols), 0x401001u);
}

TEST(Symbols, AreReadFromSystemMap) {
    Symbols s;
    EXPECT_EQ(s.add(bytes_of("ffffffff81000000 T _stext\nffffffff81000010 t inner\t[module]\n0000000000000042 A number\n"), 0x1000), 3u);
    EXPECT_EQ(s.name_of(0xffffffff81001000), "_stext");
    EXPECT_EQ(s.name_of(0xffffffff8100100f), "_stext+0xf");
    EXPECT_EQ(s.name_of(0xffffffff81001011), "inner+0x1");
    u64 at;
    ASSERT_TRUE(s.find("number", at));
    EXPECT_EQ(at, 0x42u);
}

TEST(Symbols, ALevelsOwnComeFirst) {
    Symbols s;
    s.add(bytes_of("0000000000010000 T shared\n0000000009000000 T of_any\n"));
    s.add(bytes_of("0000000000010000 T hosts\n0000000000020000 T same\n"), 0, 1);
    s.add(bytes_of("0000000000010000 T guests\n0000000000040000 T same\n"), 0, 2);
    EXPECT_EQ(s.size(), 6u);
    EXPECT_EQ(s.name_of(0x10000), "shared");
    EXPECT_EQ(s.name_of(0x10000, 1), "hosts");
    EXPECT_EQ(s.name_of(0x10004, 2), "guests+0x4");
    EXPECT_EQ(s.name_of(0x9000000, 2), "of_any");
    u64 at;
    EXPECT_TRUE(s.find("same", at, 1));
    EXPECT_EQ(at, 0x20000u);
    EXPECT_TRUE(s.find("same", at, 2));
    EXPECT_EQ(at, 0x40000u);
    EXPECT_TRUE(s.find("guests", at, 1));                // no other has it
    s.clear(2);
    EXPECT_FALSE(s.find("guests", at, 2));
    EXPECT_EQ(s.size(), 4u);
}

// Names beside the addresses of code, of what it jumps to and reads, of words on the stack, and of walks.
TEST(Symbols, StandWhereTheirAddressesDo) {
    Debugged m;
    // call 10022; mov eax, [rip+fff5]: 20000; mov rax, [20000]; fs:
    m.put_code("e8 1d 00 00 00 8b 05 f5 ff 00 00 48 8b 04 25 00 00 02 00 64 8b 04 25 00 00 02 00");
    m.session.symbols.add(bytes_of("0000000000010000 T begins\n0000000000010020 T called\n0000000000020000 D number\n"), 0, 1);
    auto lines = m.command("disassemble begins 4").lines;
    ASSERT_EQ(lines.size(), 4u);
    EXPECT_EQ(field(lines[0], "symbol"), "begins");
    EXPECT_EQ(field(lines[0], "target") + " " + field(lines[0], "target_symbol"), "0x10022 called+0x2");
    EXPECT_NE(lines[0].text.find("<called+0x2>"), std::string::npos) << lines[0].text;
    EXPECT_EQ(field(lines[1], "symbol"), "begins+0x5");
    EXPECT_EQ(field(lines[1], "target_symbol"), "number");
    EXPECT_EQ(field(lines[2], "target_symbol"), "number");
    EXPECT_EQ(field(lines[3], "target_symbol"), "");     // FS's base is in it
    EXPECT_EQ(field(m.command("walk called").lines.back(), "symbol"), "called");
    m.put(m.cpu.gpr[rsp], u64{0x10005});
    EXPECT_EQ(field(m.command("stack 1").lines.at(0), "symbol"), "begins+0x5");
    EXPECT_EQ(field(m.command("memory number 16").lines.at(0), "address"), "0x20000");
}

TEST(Symbols, DamagedFilesAreErrorsAndChangeNothing) {
    Symbols s;
    for (auto* bad : {"", "nonsense", "12345678", "12345678 T", "\x7f" "ELF", "\x7f" "ELF\x03\x01"}) EXPECT_THROW(s.add(bytes_of(bad)), Error) << bad;
    std::string good = elf64();
    for (std::size_t n = 0; n < good.size(); n++) {      // cut off, and with each byte other than it is
        Symbols t;
        try { t.add(bytes_of(good.substr(0, n))); } catch (const Error&) {}
        for (u8 value : {0x00, 0x7f, 0xff}) {
            std::string damaged = good;
            damaged[n] = char(value);
            try { t.add(bytes_of(damaged)); } catch (const Error&) {}
        }
    }
    EXPECT_EQ(s.size(), 0u);
}
