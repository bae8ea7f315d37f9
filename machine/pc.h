// SPDX-License-Identifier: MIT
// The board: every device, where it answers, and which wire goes where. Read it like a schematic.
#pragma once
#include "bios/acpi/parameters.h"
#include "bios/memory_map.h"
#include "bios/rom/layout.h"
#include "cpu/check/stale.h"
#include "cpu/cpu.h"
#include "cpu/cpuid/model.h"
#include "iodev/acpi_pm.h"
#include "iodev/bus_master.h"
#include "iodev/cmos.h"
#include "iodev/debug_ports.h"
#include "iodev/dma.h"
#include "iodev/edu.h"
#include "iodev/fw_cfg.h"
#include "iodev/flash.h"
#include "iodev/floppy/controller.h"
#include "iodev/hpet.h"
#include "iodev/ide/controller.h"
#include "iodev/ioapic.h"
#include "iodev/keyboard.h"
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
#include "machine/ram.h"
#include "machine/random.h"
#include "machine/turns.h"
#include <optional>

// How a run ends, from inside.
// (sleep and wake: S3, from which Pc::sleep() and a boot go on.)
enum class Ending : u8 { power_off, reset, triple_fault, debug_exit, sleep, wake };

// What a board is built from.
struct Parts {
    CpuModel model;
    unsigned cpus = 1;
    u64 memory = u64{1} << 30;
    RamFile memory_file = {};             // where others may see it
    u64 ips = 1'000'000'000;
    s64 rtc = 0;                          // seconds since 1970
    u64 seed = 0;
    Engine engine = Engine::fast;
    Tuning tuning;
    bool explain = false;                 // say why VM entries fail
    std::optional<check::StaleSettings> check_tlb;
    u32 vga_memory = Vga::default_memory; // a power of two
    std::vector<u8> firmware;             // ends at 4 GiB, its last 128 KiB at 1 MiB too; empty: the loader's ROM of 64 KiB
    std::vector<u8> variables;            // in flash below it; empty: no flash
    std::vector<u8> vga_rom;              // the display's option ROM; empty: none
    std::vector<std::string> devices;     // of those in Pc::optional_devices()
    std::function<void(u8)> serial[2] = {[](u8) {}, [](u8) {}};
    std::function<void(u8)> debugcon = [](u8) {}, parallel = [](u8) {};
};

class Pc {
public:
    explicit Pc(Parts parts);

    // Every chip and the CPUs. Power-on clears RAM; what follows a reset by the guest keeps RAM, the clock's date and the CMOS.
    void reset(Reset = Reset::power);
    void sleep();                         // S3: no CPU runs until a reset, which Ending::wake asks for
    void visit(Archive&);                 // all state, RAM included
    void set_rom(std::span<const u8> image);          // 64 KiB at F0000h and below 4 GiB
    AcpiParameters acpi() const;
    std::vector<Device*> devices();

    // Set by a device; the CPU has been asked to stop.
    struct End { Ending why; u32 value; };
    std::optional<End> ended;
    void end(Ending why, u32 value = 0);

    Parts parts;
    MemoryMap layout;
    Clock clock;
    PhysicalMap memory;
    Ram ram, rom, open_bus;                           // pages of the host's; open_bus: all ones, read behind a segment that has no ROM
    Random random;
    Ports ports;
    BusMaster bus_master{memory};

    SmmMemory smm_memory;                             // of the CPU whose turn it is: follows from its state
    bool smram_shown = false;

    // ---- interrupts: an ISA interrupt goes to the 8259s and to the I/O APIC (IRQ 0 to its input 2)
    DualPic pic{Line([this](bool on) { cpu.set_intr(on); })};
    IoApic ioapic{[this](const ApicMessage& m) { route(apics, m); }};
    enum Source : unsigned { isa, pci_irq, hpet_irq, testdev_irq };
    std::array<std::unique_ptr<WiredOr>, 16> irq_lines;
    Line irq(unsigned n, Source source = isa) { return irq_lines[n]->input(source); }

    // ---- the CPUs: the boot processor, and the others by number, from 1
    std::unique_ptr<check::StaleUses> stale_uses;     // null: nobody looks for them
    Cpu cpu;
    std::vector<std::unique_ptr<Cpu>> others;
    std::vector<Cpu*> cpus;               // all of them, by number, which is the APIC id
    std::vector<LocalApic*> apics;
    Turns turns;
    u64 retired() const;                  // instructions, of all
    bool waiting() const;                 // all do, and nothing has come that wakes one

    // ---- chips
    bool hpet_legacy = false;             // the HPET has taken the place of the 8254 and the RTC
    Hpet hpet;
    // As CPUs reach it: a read takes its time.
    struct TimedHpet final : Mmio {
        explicit TimedHpet(Pc& pc) : pc(pc) {}
        u64 read(u64 offset, unsigned width) override {
            pc.pass_port_time(4);
            return pc.hpet.read(offset, width);
        }
        void write(u64 offset, unsigned width, u64 value) override { pc.hpet.write(offset, width, value); }
        Pc& pc;
    } timed_hpet{*this};
    Pit pit;
    SystemControlB control_b;
    WiredOr a20{Line([this](bool open) { memory.set_a20(open); })};
    SystemControlA control_a;
    ResetControl reset_control;
    Cmos cmos;
    Dma dma{bus_master};
    Keyboard keyboard;
    floppy::Controller floppy;
    Flash flash;
    Uart com1, com2;
    ParallelPort lpt1;
    PciBus pci;
    HostBridge host_bridge;
    IsaBridge isa_bridge;
    ide::Controller ide;
    AcpiPm acpi_pm;
    Vga vga;
    FwCfg fw_cfg{bus_master};
    DebugPort debug_e9, debug_402;
    DebugExit debug_exit;
    ShutdownPort shutdown_port;
    PostPort post_port;
    TestDevice test_device;
    // External x87 errors: FERR# is latched as IRQ 13. Writing port F0h takes that back and asserts IGNNE#, until FERR# goes.
    class ExternalError final : public ByteDevice {
    public:
        explicit ExternalError(Line irq13) : irq13(std::move(irq13)) {}
        std::string_view name() const override { return "ferr"; }
        void reset(Reset) override { irq13.set(false), ferr = ignne = false; }
        u8 get(u16) override { return 0xff; }
        void put(u16 offset, u8) override { if (offset == 0) irq13.set(false), ignne = ferr; }
        // FERR#; the answer is IGNNE#.
        bool signal(bool on) {
            ferr = on, ignne = ignne && on;
            if (on && !ignne) irq13.set(true);
            return ignne;
        }
        void visit(Archive& a) override { a("irq13", irq13), a("ferr", ferr), a("ignne", ignne); }
        Line irq13;
        bool ferr = false, ignne = false;
    } ferr;

    // ---- devices by option; null where they weren't asked for
    static std::vector<std::string> optional_devices();
    std::unique_ptr<PcTestdev> pc_testdev;
    std::unique_ptr<Edu> edu;
    std::unique_ptr<PciTest> pci_test;

    static constexpr u64 test_page = 0xfeb00000;      // of the test device
    static constexpr u64 pci_window_end = 0xfec00000;

private:
    void lay_out_memory();
    void attach_ports();
    void show_smram();
    void show_segment(const SmmMemory& next);
    void show(const HostBridge::Pam&);
    void show_flash(bool array);
    PciFunction::Remap window(std::function<void(Physical base)> map, u64 size);
    void map_ide(unsigned channel, bool on);
    void map(u16 base, unsigned size, Device&, bool on);
    struct OptionalDevice { const char* name; void (Pc::*add)(); };
    static const OptionalDevice optional[];
    void add_pc_testdev();
    void add_edu();
    void add_pci_test();
    void make_cpus();
    void check_tlb(const check::StaleSettings&);
    Wires cpu_wires(unsigned number);
    void pass_port_time(unsigned width);
    void replace_timers(bool by_hpet);
    void irq_changed(unsigned n, bool level);
};
