// SPDX-License-Identifier: MIT
// The board's wiring as software sees it: shadow RAM, A20, the ways a run ends, interrupts, time, state.
#include "bios/rom/image.h"
#include "bios/text_mode.h"
#include "cpu/msr/access.h"
#include "cpu/svm/svm.h"
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

// IA-PC HPET 1.0a, 2.3.4 and 2.3.5: LEG_RT_CNF cuts the 8254 off IRQ 0, also where its output is high and stays so.
TEST(Pc, TheHpetTakesTheTimersPlaceWhileItsOutputIsHigh) {
    Pc pc(parts());
    constexpr u64 hpet = 0xfed00000;
    pc.ports.out(0x43, 1, 0x30), pc.ports.out(0x40, 1, 1), pc.ports.out(0x40, 1, 0);      // mode 0: high when it has counted
    pc.clock.ticks += 100'000, pc.clock.run_due();
    auto requests = [&] { return pc.ports.out(0x20, 1, 0x0a), pc.ports.in(0x20, 1) & 1; };       // OCW3: IRR, level IRQ 0
    pc.ports.out(0x20, 1, 0x11), pc.ports.out(0x21, 1, 8), pc.ports.out(0x21, 1, 4), pc.ports.out(0x21, 1, 1);   // forgets edges
    EXPECT_EQ(requests(), 0u);
    pc.memory.write(Physical(hpet + 0x10), 8, 3);
    auto timer = pc.irq(0, Pc::hpet_irq);
    timer.set(true);
    EXPECT_EQ(requests(), 1u) << "an edge of the HPET's, since the 8254's level is no longer on the wire";
    timer.set(false), pc.ports.out(0x20, 1, 0x11), pc.ports.out(0x21, 1, 8), pc.ports.out(0x21, 1, 4), pc.ports.out(0x21, 1, 1);
    pc.memory.write(Physical(hpet + 0x10), 8, 1);
    EXPECT_EQ(requests(), 1u) << "and now it is again";
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

// The display's BARs answer in the PCI window; one put over RAM or the board's chips hides nothing.
TEST(Pc, TheDisplaysBarsAreMappedInThePciWindow) {
    Parts with_rom = parts();
    with_rom.vga_rom = {0x55, 0xaa, 0x40};
    Pc pc(std::move(with_rom));
    auto put = [&](u8 at, u32 value) { pc.ports.out(0xcf8, 4, 0x80001000 | at), pc.ports.out(0xcfc, 4, value); };
    put(0x10, 0xfd000000), put(0x18, 0xfebf0000), put(0x30, 0xfebe0001), put(0x04, 2);
    EXPECT_EQ(pc.memory.backing(Physical(0xfd000000)), Backing::ram);
    pc.memory.write(Physical(0xfd123456), 4, 0x11223344);
    EXPECT_EQ(pc.vga.memory()[0x123456], 0x44);
    EXPECT_EQ(pc.memory.read(Physical(0xfebf0500), 2), 0xb0c5u);
    EXPECT_EQ(pc.memory.read(Physical(0xfebe0000), 4), 0xff40aa55u);
    put(0x10, 0x01000000);                               // beyond this board's 4 MiB of RAM: in the window
    EXPECT_EQ(pc.memory.backing(Physical(0xfd000000)), Backing::none);
    EXPECT_EQ(pc.memory.read(Physical(0x01123456), 4), 0x11223344u);
    put(0x18, 0x00100000), put(0x18, 0xfec00000), put(0x18, 0xfebf0000);
    EXPECT_EQ(pc.memory.backing(Physical(0x00100000)), Backing::ram);
    EXPECT_EQ(pc.memory.backing(Physical(0xfec00000)), Backing::mmio);
    EXPECT_NE(pc.memory.read(Physical(0xfec00000), 4), ~u32{0});
}

// A firmware image ends at 4 GiB; its last 128 KiB are at 1 MiB too, each 16 KiB behind its PAM bits.
TEST(Pc, AFirmwareImageEndsAtFourGiBAndAtOneMiB) {
    Parts p = parts();
    p.firmware.resize(0x40000);
    for (u64 n = 0; n < p.firmware.size(); n += 0x1000) p.firmware[n] = u8(n >> 12);
    Pc pc(p);
    EXPECT_EQ(byte_at(pc, 0xfffc0000), 0x00u);
    EXPECT_EQ(byte_at(pc, 0xfffff000), 0x3fu);
    EXPECT_EQ(byte_at(pc, 0xe0000), 0x20u);
    EXPECT_EQ(byte_at(pc, 0xff000), 0x3fu);
    EXPECT_EQ(byte_at(pc, 0xdf000), 0xffu);
    configure(pc, 0, 0x5e, 0x33);                      // E0000h to E7FFFh: RAM
    pc.memory.write(Physical(0xe0000), 1, 0x77);
    EXPECT_EQ(byte_at(pc, 0xe0000), 0x77u);
    configure(pc, 0, 0x5e, 0x30);
    EXPECT_EQ(byte_at(pc, 0xe0000), 0x20u);
    EXPECT_EQ(pc.cpu.seg[Seg::cs].base + pc.cpu.rip(), 0xfffffff0u);
}

// The flash with UEFI's variables lies right below the rest of the image, keeps them over a reset, and runs code like any ROM.
TEST(Pc, VariablesAreInFlashBelowTheFirmware) {
    Parts p = parts();
    p.firmware.resize(0x40000, 0x11), p.variables.resize(0x20000, 0x22);
    Pc pc(p);
    constexpr u64 flash = 0xfffa0000;
    EXPECT_EQ(byte_at(pc, flash - 1), 0xffu);
    EXPECT_EQ(byte_at(pc, flash), 0x22u);
    EXPECT_EQ(byte_at(pc, flash + 0x20000), 0x11u);
    pc.memory.write(Physical(flash), 1, 0x10), pc.memory.write(Physical(flash), 1, 0x02);       // program
    EXPECT_EQ(byte_at(pc, flash), 0x80u);
    pc.reset();
    EXPECT_EQ(byte_at(pc, flash), 0x02u);
    pc.memory.write(Physical(flash + 0x20000), 1, 0x70);                                         // the code is a ROM
    EXPECT_EQ(byte_at(pc, flash + 0x20000), 0x11u);
}

// OVMF powers off by PIIX4's PM1a control register at B004h.
TEST(Pc, ThePmBlockIsWhereTheFirmwareLooksForIt) {
    Parts uefi = parts();
    uefi.variables.resize(0x1000);
    for (auto& [p, base] : {std::pair{parts(), 0x600}, {uefi, 0xb000}}) {
        Pc pc(p);
        EXPECT_EQ(pc.acpi().pm_base, base);
        pc.ports.out(u16(base + 4), 2, 0x2000);
        EXPECT_TRUE(pc.ended && pc.ended->why == Ending::power_off);
    }
}

// SDM vol. 3, 11.11: a device's dword at FEE0x000h interrupts the CPU whose APIC id is x.
TEST(Pc, AMessageReachesTheApicThatItNames) {
    Parts p = parts();
    p.cpus = 2, p.model.processors = 2;
    Pc pc(std::move(p));
    for (auto* apic : pc.apics) apic->write(0xf0, 4, 0x1ff);
    pc.bus_master.write_dword(0xfee01000, 0x4041);
    auto requested = [&](unsigned cpu) { return pc.apics[cpu]->read(0x220, 4) >> 1 & 1; };
    EXPECT_FALSE(requested(0));
    EXPECT_TRUE(requested(1));
}

// AVIC's doorbell (APM vol. 2, 15.29): the guest that runs on the CPU with that APIC id looks at its APIC, nobody else.
TEST(Pc, ADoorbellReachesTheCpuThatItNames) {
    Parts p = parts();
    p.model = *find_model("max-amd");
    p.cpus = 2, p.model.processors = 2;
    Pc pc(std::move(p));
    constexpr u64 page = 0x200000;
    pc.memory.write(Physical(page + 0x220), 4, 1 << 5);
    for (Cpu* c : pc.cpus) {
        auto& vmcb = svm::of(*c).vmcb;
        vmcb[svm::Field::interrupt_control] = u64{1} << 31, vmcb[svm::Field::avic_backing_page] = page;
        c->guest = c->virt.get();
    }
    EXPECT_TRUE(write_msr(*pc.cpus[0], 0xc001011b, 1));
    EXPECT_FALSE(pc.cpus[0]->pending & pending::window);
    EXPECT_TRUE(pc.cpus[1]->pending & pending::window);
    EXPECT_TRUE(write_msr(*pc.cpus[0], 0xc001011b, 7));
    for (Cpu* c : pc.cpus) c->guest = nullptr;
}

// APM vol. 2, 15.27: no device reaches the secure loader's block until a reset.
TEST(Pc, ASecureLoadersBlockIsClosedToDevices) {
    Pc pc(parts());
    u8 byte[1] = {0x55};
    pc.cpu.wires.protect(0x100000);
    EXPECT_FALSE(pc.bus_master.write(Physical(0x10ffff), byte));
    EXPECT_TRUE(pc.bus_master.write(Physical(0x110000), byte));
    pc.reset(Reset::warm);
    EXPECT_TRUE(pc.bus_master.write(Physical(0x10ffff), byte));
}

// What wasn't asked for isn't there; what was is in the saved state.
TEST(Pc, DevicesByOption) {
    Pc without(parts());
    EXPECT_EQ(without.ports.in(0xe0, 4), 0xffffffffu);
    Parts p = parts();
    p.devices = Pc::optional_devices();
    Pc pc(std::move(p));
    pc.ports.out(0xe0, 4, 0x12345678), pc.memory.write(Physical(0xff000010), 4, 0x9abcdef0);
    EXPECT_EQ(pc.ports.in(0xe0, 4), 0x12345678u); EXPECT_EQ(byte_at(pc, 0xff000013), 0x9au);
    EXPECT_EQ(pc.ports.in(0xe9, 1), 0xe9u);
    pc.ports.out(0x2017, 1, 1);
    EXPECT_EQ(pc.pci.function(4, 0), pc.edu.get());
    Parts again = parts();
    again.devices = Pc::optional_devices();
    Pc other(std::move(again));
    expect_roundtrip(pc, other);
    EXPECT_EQ(other.ports.in(0xe0, 4), 0x12345678u);
}

TEST(Pc, AResetByTheGuestKeepsMemoryAndTheClocksDate) {
    Pc pc(parts());
    auto hour = [&] { return pc.ports.out(0x70, 1, 4), pc.ports.in(0x71, 1); };
    pc.memory.write(Physical(0x2000), 4, 0x12345678);
    pc.clock.ticks += pc.clock.rate * 3600 * 5;
    pc.clock.run_due();
    pc.reset(Reset::warm);
    EXPECT_EQ(pc.memory.read(Physical(0x2000), 4), 0x12345678u); EXPECT_EQ(hour(), 5u);
    pc.reset();
    EXPECT_EQ(pc.memory.read(Physical(0x2000), 4), 0u); EXPECT_EQ(hour(), 0u);
}
