// SPDX-License-Identifier: MIT
// Devices as commands: each chip is programmed by its ports or registers, as a guest would, and what is said of it is what was
// written, by the data sheets. Looking changes nothing that the guest could see.
#include "base/hash.h"
#include "debugger/commands.h"
#include "debugger/state_tree.h"
#include "machine/pc.h"
#include "tests/debugger/board.h"
#include <algorithm>
#include <gtest/gtest.h>

using namespace debugger;

namespace {

Parts small() {
    Parts p;
    p.model = *find_model("max-intel");
    p.memory = u64{4} << 20;
    p.rtc = 951782399;                       // 2000-02-28 23:59:59
    return p;
}

struct Board : ::testing::Test {
    Pc pc{small()};
    Session session{pc.cpu, [](const Session::Drive&) { return false; }};
    Result last;

    Board() { session.board = &pc; }
    void out(u16 port, u64 value, unsigned width = 1) { pc.ports.out(port, width, u32(value)); }
    void pass(u64 ticks) { pc.clock.ticks += ticks, pc.clock.run_due(); }
    void configure(unsigned slot, unsigned function, u8 index, u32 value, unsigned width) {
        out(0xcf8, 0x80000000 | slot << 11 | function << 8 | (index & 0xfc), 4);
        out(u16(0xcfc + (index & 3)), value, width);
    }
    void ask(const std::string& what) {
        last = execute(session, "devices " + what);
        EXPECT_FALSE(last.failed) << last.text();
    }
    // The first line with these facts.
    const debugger::Line& line(const std::string& name, const std::string& value, const std::string& name2 = "", const std::string& value2 = "") {
        for (auto& l : last.lines)
            if (field(l, name) == value && (name2.empty() || field(l, name2) == value2)) return l;
        ADD_FAILURE() << "no line with " << name << " = " << value << " " << value2 << " in\n" << last.text();
        static const debugger::Line none;
        return none;
    }
};

const char* const reports[] = {"pic", "ioapic", "pit", "hpet", "rtc", "power", "pci", "serial", "ide"};

}

// 8259A data sheet: ICW1 to ICW4, OCW1; the 82371SB's ELCR.
TEST_F(Board, ThePicsSayVectorsMasksAndRequests) {
    out(0x20, 0x11), out(0x21, 0x40), out(0x21, 0x04), out(0x21, 0x03);          // automatic EOI
    out(0xa0, 0x11), out(0xa1, 0x70), out(0xa1, 0x02);                           // ICW4 is missing
    out(0x21, 0xfb), out(0x4d1, 0x08);                                           // all but the cascade masked; IRQ 11 by level
    pc.pic.set(3, true), pc.pic.set(11, true);
    ask("pic");
    auto& master = line("name", "master");
    EXPECT_EQ(field(master, "vector"), "0x40");
    EXPECT_EQ(field(master, "auto_eoi"), "true");
    EXPECT_EQ(field(master, "state"), "ready");
    EXPECT_EQ(field(line("name", "slave"), "state"), "waits for ICW4");
    auto& three = line("irq", "3");
    EXPECT_EQ(field(three, "vector"), "0x43");
    EXPECT_EQ(field(three, "requested") + field(three, "masked") + field(three, "level"), "truetruefalse");
    auto& eleven = line("irq", "11");
    EXPECT_EQ(field(eleven, "vector"), "0x73");
    EXPECT_EQ(field(eleven, "requested") + field(eleven, "masked") + field(eleven, "level"), "truefalsetrue");
    EXPECT_EQ(field(line("irq", "2"), "requested"), "true") << "the slave's output";
}

TEST_F(Board, AnInterruptInServiceIsSaid) {
    out(0x20, 0x11), out(0x21, 0x20), out(0x21, 0x04), out(0x21, 0x01), out(0x21, 0);
    pc.pic.set(4, true);
    EXPECT_EQ(pc.pic.acknowledge(), 0x24);
    ask("pic");
    EXPECT_EQ(field(line("irq", "4"), "in_service"), "true");
    EXPECT_EQ(field(line("name", "master"), "isr"), "0x10");
    out(0x20, 0x20);                                                             // EOI
    ask("pic");
    EXPECT_EQ(field(line("irq", "4"), "in_service"), "false");
}

// 82093AA data sheet, 3.2.4.
TEST_F(Board, TheIoApicSaysEachInputsEntry) {
    auto reg = [&](u8 index, u32 value) { pc.memory.write(Physical(0xfec00000), 4, index), pc.memory.write(Physical(0xfec00010), 4, value); };
    reg(0x10 + 2 * 20, 0xa951), reg(0x11 + 2 * 20, 0x03000000);                  // input 20: 51h, lowest, logical 03h, low, level
    pc.ioapic.set(20, true);
    ask("ioapic");
    auto& l = line("input", "20");
    EXPECT_EQ(field(l, "vector"), "0x51");
    EXPECT_EQ(field(l, "mode"), "lowest");
    EXPECT_EQ(field(l, "destination"), "0x3");
    EXPECT_EQ(field(l, "logical") + field(l, "level") + field(l, "active_low") + field(l, "masked"), "truetruetruefalse");
    EXPECT_EQ(field(l, "remote_irr") + field(l, "asserted"), "truetrue");
    EXPECT_EQ(field(line("input", "19"), "masked"), "true");
    EXPECT_EQ(field(line("kind", "ioapic"), "selected"), "0x39");
}

// 8254 data sheet: control words; a count that isn't latched is read as it goes.
TEST_F(Board, The8254SaysModesAndCounts) {
    out(0x43, 0x34), out(0x40, 0x10), out(0x40, 0x27);                           // counter 0: mode 2, 10000
    out(0x43, 0x70), out(0x41, 0x00), out(0x41, 0x80);                           // counter 1: mode 0, 8000h
    out(0x43, 0xb1), out(0x42, 0x34), out(0x42, 0x12);                           // counter 2: mode 0 in BCD, 1234; its gate is low
    pass(pc.clock.rate / 1000);                                                  // 1193 counts
    ask("pit");
    auto& zero = line("counter", "0");
    EXPECT_EQ(field(zero, "mode"), "2");
    EXPECT_EQ(field(zero, "initial"), "10000");
    EXPECT_NEAR(std::stoi(field(zero, "count")), 10000 - 1193, 2);
    EXPECT_EQ(field(zero, "hertz"), "119.318");
    auto& one = line("counter", "1");
    EXPECT_EQ(field(one, "mode") + field(one, "output"), "0false");
    EXPECT_NEAR(std::stoi(field(one, "count")), 0x8000 - 1193, 2);
    auto& two = line("counter", "2");
    EXPECT_EQ(field(two, "bcd") + field(two, "gate"), "truefalse");
    EXPECT_EQ(field(two, "initial"), "1234");
    out(0x43, 0x00);                                                             // counter latch
    ask("pit");
    EXPECT_EQ(field(line("counter", "0"), "latched_bytes"), "2");
}

// IA-PC HPET 1.0a, 2.3.
TEST_F(Board, TheHpetSaysCounterAndComparators) {
    auto write = [&](u64 at, u64 value) { pc.memory.write(Physical(0xfed00000 + at), 8, value); };
    write(0xf0, 0x1000), write(0x120, bit(2) | u64{20} << 9), write(0x128, 0x200000), write(0x10, 1);
    pass(pc.clock.rate / 1000);                                                  // 100,000 counts
    ask("hpet");
    auto& chip = line("kind", "hpet");
    EXPECT_EQ(field(chip, "enabled") + field(chip, "legacy"), "truefalse");
    EXPECT_EQ(field(chip, "counter"), hex(0x1000 + 100'000));
    auto& t = line("timer", "1");
    EXPECT_EQ(field(t, "enabled") + field(t, "periodic") + field(t, "level"), "truefalsefalse");
    EXPECT_EQ(field(t, "to"), "I/O APIC input 20");
    EXPECT_EQ(field(t, "comparator"), "0x200000");
    EXPECT_EQ(field(line("timer", "0"), "enabled"), "false");
}

// MC146818: the date after midnight of a leap year's February 28, an alarm, flags that a guest has not read.
TEST_F(Board, TheClockSaysItsDateAlarmAndFlags) {
    auto set = [&](u8 index, u8 value) { out(0x70, index), out(0x71, value); };
    set(1, 0x30), set(3, 0xff), set(5, 0x06), set(0x0b, 0x32), set(0x0a, 0x2a);  // alarm and update on; rate 10: 64 Hz
    pass(2 * pc.clock.rate);
    for (unsigned n = 0; n < 2; n++) {                                           // the look acknowledges nothing
        ask("rtc");
        auto& l = line("kind", "rtc");
        EXPECT_EQ(field(l, "date") + " " + field(l, "time"), "2000-02-29 00:00:01");
        EXPECT_EQ(field(l, "hours24") + field(l, "binary") + field(l, "counts"), "truefalsetrue");
        auto& i = line("kind", "rtc_interrupts");
        EXPECT_EQ(field(i, "alarm"), "06:*:30");
        EXPECT_EQ(field(i, "enabled"), "alarm update");
        EXPECT_EQ(field(i, "flags"), "periodic update");
        EXPECT_EQ(field(i, "hertz"), "64.000");
        EXPECT_EQ(field(i, "irq"), "true");
    }
    out(0x70, 0x0c);
    EXPECT_EQ(pc.ports.in(0x71, 1) & 0xf0, 0xd0u) << "the guest still finds IRQF, PF and UF";
}

// 82371AB: PM1 at PMBA, the timer of 3.579545 MHz.
TEST_F(Board, PowerManagementSaysEventsAndTheTimer) {
    u16 base = u16(pc.acpi().pm_base);
    out(u16(base + 2), 0x0101, 2);                                               // timer and power button
    pc.acpi_pm.press_power_button();
    pass(pc.clock.rate / 1000);
    ask("power");
    auto& l = line("kind", "power");
    EXPECT_EQ(field(l, "base"), hex(base));
    EXPECT_EQ(field(l, "events"), "power button");
    EXPECT_EQ(field(l, "enabled"), "timer power button");
    EXPECT_EQ(field(line("kind", "pm_timer"), "count"), hex(u64{3579545} / 1000));
}

// PCI 3.0, 6.1 and 6.2: the IDE function's bus-master BAR, the ISA bridge's routing.
TEST_F(Board, FunctionsSayWhereTheirBarsLie) {
    configure(1, 1, 0x20, 0xc001, 4), configure(1, 1, 0x04, 5, 2), configure(1, 0, 0x63, 11, 1);
    ask("pci");
    auto& f = line("slot", "1", "function", "1");
    EXPECT_EQ(field(f, "vendor") + field(f, "device"), "0x80860x7010");
    EXPECT_EQ(field(f, "class"), "0x10180");
    EXPECT_EQ(field(f, "on"), "ports bus master");
    auto& b = line("bar", "4", "base", "0xc000");
    EXPECT_EQ(field(b, "space") + field(b, "size") + field(b, "decoded"), "ports0x10true");
    EXPECT_EQ(field(line("slot", "0"), "device"), "0x1237");
    auto& pm = line("slot", "1", "function", "3");
    EXPECT_EQ(field(pm, "pirq") + field(pm, "irq"), "0no IRQ");
    configure(1, 1, 0x04, 0, 2);
    ask("pci");
    EXPECT_EQ(field(line("bar", "4", "base", "0xc000"), "decoded"), "false");
}

// PC16550D: LCR, the divisor, IER, FCR, MCR.
TEST_F(Board, SerialPortsSaySpeedAndState) {
    out(0x2fb, 0x80), out(0x2f8, 12), out(0x2f9, 0), out(0x2fb, 0x1a);           // 9600 baud, 7 bits, even parity
    out(0x2fa, 0x01), out(0x2f9, 0x05), out(0x2fc, 0x0b);
    pc.com2.receive('x');
    for (unsigned n = 0; n < 2; n++) {
        ask("serial");
        auto& l = line("name", "COM2");
        EXPECT_EQ(field(l, "baud") + " " + field(l, "frame"), "9600 7E1");
        EXPECT_EQ(field(l, "fifos") + field(l, "received") + field(l, "interrupt"), "true1true");
        auto& i = line("name", "COM2", "kind", "serial_interrupts");
        EXPECT_EQ(field(i, "enabled"), "data line status");
        EXPECT_EQ(field(i, "pending"), "data");
        auto& lines = line("name", "COM2", "kind", "serial_lines");
        EXPECT_EQ(field(lines, "outputs"), "DTR RTS OUT2");
        EXPECT_EQ(field(lines, "line"), "data ready holding register empty idle");
    }
    EXPECT_EQ(pc.ports.in(0x2f8, 1), u32('x'));
}

// ATA/ATAPI-6, 9: registers, and bus mastering by the 82371SB's.
TEST_F(Board, IdeSaysDrivesAndBusMasters) {
    struct Zeroes final : Image {
        u64 size() const override { return 1 << 20; }
        void read(u64, std::span<u8> to) override { std::ranges::fill(to, u8(0)); }
        void write(u64, std::span<const u8>) override {}
        void flush() override {}
    };
    pc.ide.channel(1).attach(1, ide::Channel::Kind::disk, Medium(std::make_unique<Zeroes>()), "slave");
    configure(1, 1, 0x20, 0xc001, 4), configure(1, 1, 0x40, 0x80008000, 4), configure(1, 1, 0x04, 5, 2);
    out(0xc00c, 0x2000, 4), out(0x176, 0xf0), out(0x172, 3), out(0x173, 0x12), out(0x174, 0), out(0x175, 0);
    ask("ide");
    auto& c = line("kind", "channel", "channel", "1");
    EXPECT_EQ(field(c, "table") + field(c, "started"), "0x2000false");
    auto& d = line("kind", "drive");
    EXPECT_EQ(field(d, "channel") + field(d, "drive") + field(d, "type") + field(d, "selected"), "11disktrue");
    EXPECT_EQ(field(d, "lba") + " " + field(d, "count"), "0x12 3");
    EXPECT_EQ(field(d, "size"), "1048576");
    EXPECT_EQ(field(d, "status"), "DRDY DSC");
    out(0x177, 0x20);                                                            // READ SECTORS
    ask("ide");
    EXPECT_EQ(field(line("kind", "drive"), "status").find("BSY") != std::string::npos, true);
    for (unsigned n = 0; n < 200 && pc.ide.channel(1).attached(1)->registers.status & 0x80; n++) pass(pc.clock.rate / 1000);
    ask("ide");
    EXPECT_EQ(field(line("kind", "drive"), "status").find("DRQ") != std::string::npos, true);
    EXPECT_EQ(field(line("kind", "drive"), "interrupt"), "true");
}

TEST_F(Board, LookingAtDevicesChangesNothing) {
    out(0x43, 0x34), out(0x40, 0x10), out(0x40, 0x27), out(0x70, 0x0b), out(0x71, 0x72), out(0x3f9, 0x07), out(0x3fc, 0x0b);
    pass(pc.clock.rate * 3 / 2);
    pc.com1.receive('a'), pc.com1.receive_break();
    u64 before = hash_of(pc), deadline = pc.clock.deadline();
    execute(session, "devices");
    for (auto* name : reports) ask(name), execute(session, std::string("json devices ") + name);
    for (auto* name : {"pic-master", "pit", "cmos", "uart", "uart.1", "ide", "vga", "fw_cfg", "keyboard"})
        execute(session, std::string("devices state ") + name);
    EXPECT_EQ(hash_of(pc), before);
    EXPECT_EQ(pc.clock.deadline(), deadline);
}

TEST_F(Board, AllStateIsThereByName) {
    out(0x3ff, 0x5a);                                                            // the scratch register of COM1
    ask("state uart scratch");
    EXPECT_EQ(last.lines.size(), 1u);
    EXPECT_EQ(field(line("name", "scratch"), "value"), "0x5a");
    EXPECT_EQ(field(last.lines.at(0), "bits"), "8");
    for (auto* bad : {"devices nonsense", "devices state", "devices state nonsense", "devices state uart nonsense", "devices pic 1", "devices state uart a b"})
        EXPECT_TRUE(execute(session, bad).failed) << bad;
    session.board = nullptr;
    EXPECT_TRUE(execute(session, "devices").failed);
}

// A copy has what the original has, and goes its own way.
TEST_F(Board, StateGoesToAChipOfOnesOwn) {
    out(0x20, 0x11), out(0x21, 0x58), out(0x21, 0x04), out(0x21, 0x01), out(0x21, 0xa5);
    Pic other(true, ::Line());
    copy_state(pc.pic.master, other);
    EXPECT_EQ(hash_of(other), hash_of(pc.pic.master));
    other.put(1, 0x5a);
    EXPECT_EQ(pc.pic.master.get(1), 0xa5);
    EXPECT_EQ(state_of(other)["masked"], 0x5au);
    EXPECT_THROW(state_of(other)["nothing"], std::exception);
}
