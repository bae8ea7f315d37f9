// SPDX-License-Identifier: MIT
// Every device under random accesses with random steps of time, from its reset state and from
// hostile saved state: no crash, no hang, no undefined behaviour (run under ASan and UBSan by
// `./check`).
#include "base/log.h"
#include "iodev/acpi_pm.h"
#include "iodev/cmos.h"
#include "iodev/debug_ports.h"
#include "iodev/dma.h"
#include "iodev/edu.h"
#include "iodev/floppy/controller.h"
#include "iodev/fw_cfg.h"
#include "iodev/hpet.h"
#include "iodev/ide/controller.h"
#include "iodev/ioapic.h"
#include "iodev/keyboard.h"
#include "iodev/media/raw.h"
#include "iodev/parallel.h"
#include "iodev/pc_testdev.h"
#include "iodev/pci_bridges.h"
#include "iodev/pci_test.h"
#include "iodev/pic.h"
#include "iodev/pit.h"
#include "iodev/ports.h"
#include "iodev/system_control.h"
#include "iodev/test_device.h"
#include "iodev/uart.h"
#include "iodev/vga/vga.h"
#include "tests/archive_roundtrip.h"
#include "tests/iodev/media/memory_file.h"

namespace {
// A board without a CPU: the devices at the places where the PC has them.
struct Board {
    Clock clock;
    Ports ports;
    std::vector<u8> ram = std::vector<u8>(1 << 20);
    PhysicalMap memory;
    BusMaster bus{memory};
    u64 events = 0;
    std::function<void()> note = [this] { events++; };
    Line wire() {
        return Line([this](bool) { events++; });
    }

    DualPic pics{wire()};
    IoApic ioapic{[this](const ApicMessage&) { events++; }};
    Pit pit{clock, pics.irq(0)};
    SystemControlB control_b{clock, [this](bool on) { pit.set_gate2(on); },
                             [this] { return pit.out2(); }};
    SystemControlA control_a{wire(), note};
    ResetControl reset_control{[this](bool) { events++; }};
    Cmos cmos{clock, pics.irq(8), wire(), 1700000000};
    Dma dma{bus};
    Hpet hpet{clock, [this](unsigned pin, bool level) { ioapic.set(pin, level); }, wire(), wire(),
              wire()};
    IsaBridge isa{[this](unsigned irq, bool level) { pics.set(irq, level); }};
    HostBridge host{[this](const HostBridge::Pam&) { events++; },
                    [this](HostBridge::Smram) { events++; }};
    PciBus pci{[this](unsigned n, bool level) { isa.set_pirq(n, level); }};
    AcpiPm pm{clock,
              {wire(),
               [this](u16 base, bool on) {
                   on ? ports.attach(base, 64, pm) : ports.detach(base, 64, pm);
               },
               note}};
    FwCfg fw{bus};
    Uart uart{clock, pics.irq(4), [this](u8) { events++; }};
    Keyboard keyboard{clock, {pics.irq(1), pics.irq(12), wire(), note}};
    TestDevice test{clock, pics.irq(5)};
    PciFunction::Remap mapped = [this](u64, bool) { events++; };
    PcTestdev testdev{[this](unsigned pin) { return ioapic.pin(pin); }};
    ParallelPort parallel{pics.irq(7), [this](u8) { events++; }};
    Edu edu{clock, bus, mapped};
    PciTest pci_test{clock, bus, mapped, mapped};
    Vga vga{clock, {mapped, mapped, mapped}, {}, 1 << 18};
    std::array<Disk, 3> disks{Disk(std::vector<u8>(64 << 10)), Disk(std::vector<u8>(64 << 10)),
                              Disk(std::vector<u8>(368'640))};
    ide::Controller ide{clock, bus, {pics.irq(14), pics.irq(15), [](u16, bool) {}, [](unsigned, bool) {}}};
    floppy::Controller floppy{clock,
                              {pics.irq(6), [this](std::span<const u8> data) { return dma.to_memory(2, data); },
                               [this](std::span<u8> data) { return dma.from_memory(2, data); }}};
    DebugPort debug{[this](u8) { events++; }};
    DebugExit debug_exit{[this](u32) { events++; }};
    ShutdownPort shutdown{note};
    PostPort post;

    struct Place { u16 base; unsigned size; Device* device; };
    const std::vector<Place> places = {
        {0x00, 16, &dma.low},   {0x20, 2, &pics.master},    {0x40, 4, &pit},
        {0x60, 5, &keyboard},   {0x61, 1, &control_b},      {0x70, 2, &cmos},
        {0x80, 16, &dma.pages}, {0x80, 1, &post},           {0x92, 1, &control_a},
        {0xa0, 2, &pics.slave}, {0xb2, 2, &pm.smi_command}, {0xc0, 32, &dma.high},
        {0xe9, 1, &debug},      {0xf4, 4, &debug_exit},     {0x3f8, 8, &uart},
        {0x4d0, 2, &pics.elcr}, {0x510, 12, &fw},           {0x600, 64, &pm},
        {0x700, 8, &test},      {0xcf8, 8, &pci},           {0xcf9, 1, &reset_control},
        {0x8900, 1, &shutdown}, {0xafe0, 4, &pm.gpe},       {0x3b0, 48, &vga.registers},
        {0x1ce, 4, &vga.dispi}, {0xc040, 16, &ide},
        {0x1f0, 8, &ide.channel(0)}, {0x3f6, 1, &ide.channel(0).control_block},
        {0x170, 8, &ide.channel(1)}, {0x376, 1, &ide.channel(1).control_block},
        {0x3f0, 6, &floppy}, {0x3f7, 1, &floppy.input_register},
        {0x378, 3, &parallel}, {0xe000, 12, &testdev}, {0x2000, 24, &testdev.input_lines},
    };
    const std::vector<Place> mmio = {{0, 0x100, &ioapic}, {0, 0x400, &hpet}, {0, 0x1000, &test}, {0, 0x1000, &vga}, {0, 0x10000, &testdev},
                                     {0, 0x100, &edu}, {0, 0x100, &pci_test}};

    Board() {
        set_logging(false);
        memory.map_ram(Physical(0), ram);
        memory.map_mmio(Physical(0xfec00000), 0x1000, ioapic);
        memory.map_mmio(Physical(0xfed00000), 0x1000, hpet);
        for (auto& place : places) ports.attach(place.base, place.size, *place.device);
        pci.attach(0, 0, host), pci.attach(1, 0, isa), pci.attach(1, 1, ide), pci.attach(1, 3, pm);
        pci.attach(2, 0, vga), pci.attach(4, 0, edu), pci.attach(5, 0, pci_test);
        edu.config_write(4, 2, 6), pci_test.config_write(4, 2, 6);
        bus.message = [this](u64, u32) { events++; };
        ide.channel(0).attach(0, ide::Channel::Kind::disk, medium(0), "1");
        ide.channel(1).attach(0, ide::Channel::Kind::cd, medium(1), "2");
        floppy.insert(0, medium(2));
        ide.config_write(4, 2, 5);
        fw.add("etc/file", FwCfg::Bytes(1000)), fw.add_writable("etc/writable", FwCfg::Bytes(100));
    }
    ~Board() { set_logging(true); }
    Medium medium(unsigned n) {
        return Medium(std::make_unique<RawImage>(std::make_unique<MemoryFile>(disks[n]), RawImage::Because::named));
    }

    void visit(Archive& a) {
        a("clock", clock);
        for (auto& place : places) a(place.device->name(), *place.device);
        a("ioapic", ioapic), a("hpet", hpet), a("isa", isa), a("host", host), a("vga", vga), a("edu", edu), a("pci_test", pci_test);
    }

    // As the CPU does, within bounds: the guest may ask for an interrupt every microsecond, but
    // time moves on.
    void step(u64 ticks) {
        u64 end = clock.ticks + ticks;
        for (int i = 0; i < 20 && clock.deadline() <= end; i++) {
            clock.ticks = std::max(clock.ticks, clock.deadline());
            clock.run_due();
        }
        clock.ticks = std::max(clock.ticks, end);
        clock.run_due();
    }

    void access(TestRandom& random) {
        static constexpr unsigned widths[] = {1, 2, 4, 8};
        static constexpr u64 values[] = {0,          1,          0x80,    0xff,  0xffff,
                                         0x80000000, 0xffffffff, ~u64{0}, 0x1000};
        u64 value = random.below(2) ? random.next() : values[random.below(std::size(values))];
        if (random.below(4) == 0) {
            auto& place = mmio[random.below(mmio.size())];
            unsigned width = widths[random.below(4)];
            u64 offset = random.below(place.size) & ~u64{width - 1};
            if (random.below(2)) place.device->write(offset, width, value);
            else events += place.device->read(offset, width);
            return;
        }
        auto& place = places[random.below(places.size())];
        u16 port = u16(place.base + random.below(place.size));
        unsigned width = widths[random.below(3)];
        if (random.below(2)) ports.out(port, width, u32(value));
        else events += ports.in(port, width);
    }

    void outside(TestRandom& random) {
        switch (random.below(13)) {
        case 0: if (uart.can_receive()) uart.receive(u8(random.next())); break;
        case 1: keyboard.key(u8(random.next()), random.below(2)); break;
        case 2:
            keyboard.move_mouse(int(random.next()), int(random.next()), int(random.next()),
                                u8(random.next()));
            break;
        case 3: pics.acknowledge(); break;
        case 4: ioapic.eoi(u8(random.next())); break;
        case 5: pm.press_power_button(), pm.raise_gpe(unsigned(random.next())); break;
        case 6: {
            std::array<u8, 100> bytes{};
            dma.to_memory(unsigned(random.below(9)), bytes),
                dma.from_memory(unsigned(random.below(9)), bytes);
            break;
        }
        case 7: ioapic.set(unsigned(random.below(30)), random.below(2)); break;
        case 8: uart.receive_break(), uart.set_modem(u8(random.next())); break;
        case 9: isa.set_pirq(unsigned(random.next()), random.below(2)); break;
        case 10: vga.window.write(random.below(VgaWindow::size), 4, random.next()); break;
        case 11: events += render(vga.scanout()).width; break;
        case 12: pci_test.table.write(random.below(0x1000) & ~u64{3}, 4u << random.below(2), random.next()); break;
        }
    }

    void hammer(u64 seed, int accesses) {
        TestRandom random{seed};
        for (int i = 0; i < accesses; i++) {
            access(random);
            if (random.below(4) == 0) outside(random);
            if (random.below(8) == 0) step(random.next() >> (24 + random.below(40)));
        }
    }
};
}

TEST(Devices, stand_a_hundred_thousand_random_accesses) {
    Board board;
    board.hammer(1, 100'000);
    EXPECT_GT(board.events, 0u);
}

TEST(Devices, each_one_stands_random_accesses_alone) {
    for (unsigned n = 0; n < Board().places.size(); n++) {
        Board board;
        auto place = board.places[n];
        TestRandom random{n};
        for (int i = 0; i < 20'000; i++) {
            static constexpr unsigned widths[] = {1, 2, 4};
            u16 port = u16(place.base + random.below(place.size));
            unsigned width = widths[random.below(3)];
            if (random.below(2)) board.ports.out(port, width, u32(random.next()));
            else board.ports.in(port, width);
            if (random.below(8) == 0) board.step(random.next() >> (24 + random.below(40)));
        }
    }
}

TEST(Devices, the_same_accesses_give_the_same_state) {
    Board one, two;
    one.hammer(7, 20'000), two.hammer(7, 20'000);
    EXPECT_EQ(save(one), save(two));
}

TEST(Devices, saved_and_loaded_they_go_on_as_before) {
    Board one, two;
    one.hammer(3, 20'000);
    std::copy(one.ram.begin(), one.ram.end(), two.ram.begin());
    for (unsigned n = 0; n < 3; n++) two.disks[n].contents = one.disks[n].contents;
    expect_roundtrip(one, two);
    one.hammer(4, 5'000), two.hammer(4, 5'000);
    EXPECT_EQ(save(one), save(two));
}

TEST(Devices, hostile_saved_state_is_made_harmless) {
    for (u64 seed = 0; seed < 50; seed++) {
        Board board;
        HostileArchive archive(seed);
        for (auto& place : board.places) archive(place.device->name(), *place.device);
        archive("ioapic", board.ioapic), archive("hpet", board.hpet), archive("isa", board.isa);
        archive("host", board.host), archive("vga", board.vga);
        board.hammer(seed, 1'000);
        Board other;
        expect_roundtrip(board, other);
    }
}
