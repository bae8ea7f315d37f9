// SPDX-License-Identifier: MIT
// The board's wiring as software sees it: shadow RAM, A20, the ways a run ends, interrupts, time, state.
#include "bios/rom/image.h"
#include "bios/text_mode.h"
#include "machine/pc.h"
#include "tests/archive_roundtrip.h"

namespace {
Parts parts(u64 memory = u64{4} << 20) {
    Parts p;
    p.model = *find_model("max-intel");
    p.memory = memory;
    return p;
}

void configure(Pc& pc, unsigned device, u8 index, u8 value) {
    pc.ports.out(0xcf8, 4, 0x80000000 | device << 11 | (index & 0xfc));
    pc.ports.out(u16(0xcfc + (index & 3)), 1, value);
}
u64 byte_at(Pc& pc, u64 at) { return pc.memory.read(Physical(at), 1); }
}  // namespace

// 82441FX data sheet, 3.2.19: register 59h, bits 5:4, of F0000h to FFFFFh; 1 reads, 2 writes go to RAM.
TEST(Pc, TheHostBridgeShadowsTheRom) {
    Pc pc(parts());
    std::vector<u8> image(0x10000, 0xa5);
    pc.set_rom(image);
    EXPECT_EQ(byte_at(pc, 0xf1234), 0xa5u);
    pc.memory.write(Physical(0xf1234), 1, 0x11);
    EXPECT_EQ(byte_at(pc, 0xf1234), 0xa5u);
    configure(pc, 0, 0x59, 0x20);
    pc.memory.write(Physical(0xf1234), 1, 0x22);
    EXPECT_EQ(byte_at(pc, 0xf1234), 0xa5u);
    configure(pc, 0, 0x59, 0x10);
    EXPECT_EQ(byte_at(pc, 0xf1234), 0x22u);
    pc.memory.write(Physical(0xf1234), 1, 0x33);
    EXPECT_EQ(byte_at(pc, 0xf1234), 0x22u);
    configure(pc, 0, 0x59, 0x30);
    pc.memory.write(Physical(0xf1234), 1, 0x44);
    EXPECT_EQ(byte_at(pc, 0xf1234), 0x44u);
    EXPECT_EQ(byte_at(pc, 0xffff1234), 0xa5u);           // below 4 GiB it is always the ROM
}

TEST(Pc, EitherSourceOpensTheA20Gate) {
    Pc pc(parts());
    pc.memory.write(Physical(0x500), 1, 0x77);
    pc.ports.out(0x92, 1, 2);
    EXPECT_NE(byte_at(pc, 0x100500), 0x77u);
    pc.ports.out(0x92, 1, 0);
    pc.ports.out(0x64, 1, 0xd1);                         // i8042: write the output port; bit 1 is A20
    pc.ports.out(0x60, 1, 0x01);
    EXPECT_EQ(byte_at(pc, 0x100500), 0x77u);
    pc.ports.out(0x92, 1, 2);
    EXPECT_NE(byte_at(pc, 0x100500), 0x77u);
}

TEST(Pc, MemoryBeyondTheHoleContinuesAt4GiB) {
    Pc pc(parts(u64{5} << 30));
    u64 high = pc.layout.high_top - 8;
    pc.memory.write(Physical(high), 8, 0x1122334455667788);
    EXPECT_EQ(pc.memory.read(Physical(high), 8), 0x1122334455667788u);
    EXPECT_EQ(pc.memory.read(Physical(pc.layout.high_top), 8), ~u64{0});
    EXPECT_EQ(pc.memory.backing(Physical(pc.layout.low_top)), Backing::none);
}

TEST(Pc, ARunEndsByPowerResetAndExitPorts) {
    struct { u16 port; unsigned width; u32 value; Ending why; u32 said; } ways[] = {
        {0xcf9, 1, 0x06, Ending::reset, 0},
        {0x64, 1, 0xfe, Ending::reset, 0},
        {0x92, 1, 0x03, Ending::reset, 0},
        {0xf4, 1, 0x21, Ending::debug_exit, 0x21},
    };
    for (auto& way : ways) {
        Pc pc(parts());
        pc.ports.out(way.port, way.width, way.value);
        ASSERT_TRUE(pc.ended) << std::hex << way.port;
        EXPECT_EQ(pc.ended->why, way.why) << std::hex << way.port;
        EXPECT_EQ(pc.ended->value, way.said) << std::hex << way.port;
    }
}

TEST(Pc, TheSameStateIsSavedLoadedAndSaved) {
    Pc first(parts()), second(parts());
    first.memory.write(Physical(0x1000), 8, 0x0123456789abcdef);
    first.ports.out(0x43, 1, 0x34), first.ports.out(0x40, 1, 0x10), first.ports.out(0x40, 1, 0x20);
    first.ports.out(0x21, 1, 0x5a);
    configure(first, 0, 0x59, 0x30);
    first.cpu.run(1000);
    expect_roundtrip(first, second);
    EXPECT_EQ(second.memory.read(Physical(0x1000), 8), 0x0123456789abcdefu);
}

// Two machines of the same parts do the same; time is the count of what ran.
TEST(Pc, TheSamePartsRunTheSame) {
    Pc first(parts()), second(parts());
    for (Pc* pc : {&first, &second}) pc->ports.out(0x43, 1, 0x34), pc->ports.out(0x40, 1, 50), pc->ports.out(0x40, 1, 0);
    first.cpu.run(100000);
    for (u64 at = 1000; at <= 100000; at += 1000) second.cpu.run(at);
    EXPECT_EQ(save(first), save(second));
}

// INT 10h of our ROM: AH=0Eh writes at the cursor, AX=1A00h names a VGA with a colour monitor (8).
TEST(Pc, TheRomWritesOnTheTextScreen) {
    Pc pc(parts());
    pc.set_rom(Rom(pc.layout).bytes);
    for (auto& p : firmware_data(pc.acpi())) pc.memory.write_bytes(Physical(p.address), p.bytes);
    enter_text_mode(pc.ports, pc.memory);
    const u8 code[] = {
        0xb9, 24, 0,                          // mov cx, 24
        0xb8, 0x0a, 0x0e, 0xcd, 0x10,         // again: mov ax, 0e0ah; int 10h
        0xe2, 0xf9,                           // loop again
        0xb8, 'O', 0x0e, 0xcd, 0x10, 0xb8, 'k', 0x0e, 0xcd, 0x10, 0xb8, 0x0a, 0x0e, 0xcd, 0x10,
        0xb8, 0x00, 0x1a, 0xcd, 0x10, 0xf4};  // mov ax, 1a00h; int 10h; hlt
    pc.memory.write_bytes(Physical(0x7c00), code);
    pc.cpu.seg[Seg::cs] = {0, 0, 0xffff, {0x9b}}, pc.cpu.seg[Seg::ss] = {0, 0, 0xffff, {0x93}};
    pc.cpu.gpr[rip_reg] = 0x7c00, pc.cpu.gpr[rsp] = 0x7000;
    pc.cpu.mode_changed();
    pc.cpu.run(1'000'000);
    auto text = read_text(pc.vga.scanout());
    EXPECT_EQ(text->row(23), "Ok");           // the last line feed scrolled
    EXPECT_EQ(text->row(24), "");
    EXPECT_EQ(pc.vga.registers.cursor_address(), 24 * 80 + 2);
    EXPECT_EQ(pc.cpu.gpr[rax] & 0xff, 0x1au);
    EXPECT_EQ(pc.cpu.gpr[rbx] & 0xffff, 0x0008u);
}
