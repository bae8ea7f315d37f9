// SPDX-License-Identifier: MIT
// The board's wiring, port map and memory map: the only file that knows addresses and interrupt numbers.
#include "machine/pc.h"
#include "base/log.h"
#include "cpu/mmu.h"
#include "cpu/virt/layer.h"
#include <algorithm>

const Pc::OptionalDevice Pc::optional[] = {
    {"pc-testdev", &Pc::add_pc_testdev}, {"edu", &Pc::add_edu}, {"pci-test", &Pc::add_pci_test}};

std::vector<std::string> Pc::optional_devices() {
    std::vector<std::string> names;
    for (auto& row : optional) names.push_back(row.name);
    return names;
}

// The code memory is for all CPUs together, as long as each has enough to work with.
static Tuning tuning_of_each(Tuning tuning, unsigned cpus) {
    constexpr u64 least = u64{4} << 20;
    if (cpus > 1) tuning.code_memory = std::max(tuning.code_memory / cpus, std::min(tuning.code_memory, least));
    return tuning;
}

static constexpr unsigned floppy_channel = 2;

static std::array<std::unique_ptr<WiredOr>, 16> sixteen(std::function<void(unsigned, bool)> changed) {
    std::array<std::unique_ptr<WiredOr>, 16> lines;
    for (unsigned n = 0; n < 16; n++) lines[n] = std::make_unique<WiredOr>(Line([changed, n](bool level) { changed(n, level); }));
    return lines;
}

Pc::Pc(Parts given)
    : parts(std::move(given)), layout(memory_map(parts.memory)), clock(parts.ips), memory(parts.model.physical_bits), ram(parts.memory, parts.memory_file),
      rom(parts.firmware.empty() ? rom::size : parts.firmware.size()), open_bus(0x4000), random(parts.seed),
      irq_lines(sixteen([this](unsigned n, bool level) { irq_changed(n, level); })),
      cpu(0, parts.model, parts.model.features, memory, clock, cpu_wires(0)), turns(clock, cpus),
      hpet(clock, [this](unsigned pin, bool level) { ioapic.set(pin, level); }, irq(0, hpet_irq), irq(8, hpet_irq),
           Line([this](bool on) { replace_timers(on); })),
      pit(clock, Line([this](bool level) { irq_lines[0]->set(isa, level && !hpet_legacy); })),
      control_b(clock, [this](bool on) { pit.set_gate2(on); }, [this] { return pit.out2(); }),
      control_a(a20.input(0), [this] { end(Ending::reset); }),
      reset_control([this](bool) { end(Ending::reset); }),
      cmos(clock, Line([this](bool level) {
               irq_lines[8]->set(isa, level && !hpet_legacy);
               if (level) acpi_pm.rtc_interrupt();
           }), Line(), parts.rtc),
      keyboard(clock, {irq(1), irq(12), a20.input(1), [this] { end(Ending::reset); }}),
      floppy(clock, {irq(6), [this](std::span<const u8> data) { return dma.to_memory(floppy_channel, data); },
                     [this](std::span<u8> data) { return dma.from_memory(floppy_channel, data); }}),
      flash({[this](bool array) { show_flash(array); }, [this](std::span<const u8> bytes) { memory.changed(bytes); }}, parts.variables),
      com1(clock, irq(4), parts.serial[0]), com2(clock, irq(3), parts.serial[1]), lpt1(irq(7), parts.parallel),
      pci([this](unsigned pirq, bool level) { isa_bridge.set_pirq(pirq, level); }),
      host_bridge([this](const HostBridge::Pam& pam) { show(pam); }, [this](HostBridge::Smram) { show_smram(); }),
      isa_bridge([this](unsigned n, bool level) { irq_lines[n & 15]->set(pci_irq, level); }),
      ide(clock, bus_master, {irq(14), irq(15), [this](u16 base, bool on) { map(base, 16, ide, on); },
                              [this](unsigned channel, bool on) { map_ide(channel, on); }}),
      acpi_pm(clock, {irq(9), [this](u16 base, bool on) { map(base, 64, acpi_pm, on); },
                      [this] { end(Ending::power_off); }, parts.firmware.empty() ? [this] { end(Ending::sleep); } : std::function<void()>(),
                      [this] { end(Ending::wake); }, [this] { cpu.request_smi(); }}),
      vga(clock,
          {window([this](Physical at) { memory.map_ram(at, vga.memory()); }, parts.vga_memory),
           window([this](Physical at) { memory.map_mmio(at, Vga::page_size, vga); }, Vga::page_size),
           window([this](Physical at) { memory.map_rom(at, vga.rom); }, vga.rom_size(parts.vga_rom))},
          parts.vga_rom, parts.vga_memory),
      debug_e9(parts.debugcon), debug_402(parts.debugcon),
      debug_exit([this](u32 value) { end(Ending::debug_exit, value); }),
      shutdown_port([this] { end(Ending::power_off); }),
      test_device(clock, irq(10)),
      ferr(irq(13)) {
    std::ranges::fill(rom.all(), 0xff), std::ranges::fill(open_bus.all(), 0xff);
    std::ranges::copy(parts.firmware, rom.all().begin());
    make_cpus();
    pci.attach(0, 0, host_bridge);
    pci.attach(1, 0, isa_bridge);
    pci.attach(1, 1, ide);
    pci.attach(1, 3, acpi_pm);
    pci.attach(2, 0, vga);
    bus_master.message = [this](u64 address, u32 data) { route(apics, interrupt_message(address, data)); };
    lay_out_memory();
    attach_ports();
    for (auto& row : optional)
        if (std::ranges::count(parts.devices, row.name)) (this->*row.add)();
    reset();
}

void Pc::make_cpus() {
    cpus = {&cpu};
    for (unsigned n = 1; n < parts.cpus; n++) {
        others.push_back(std::make_unique<Cpu>(n, parts.model, parts.model.features, memory, clock, cpu_wires(n)));
        cpus.push_back(others.back().get());
    }
    turns = Turns(clock, cpus);
    for (Cpu* c : cpus) {
        apics.push_back(&c->apic);
        c->engine = parts.engine, c->tuning = tuning_of_each(parts.tuning, parts.cpus);
        if (c->virt) c->virt->explain = parts.explain;
    }
    if (parts.check_tlb) check_tlb(*parts.check_tlb);
    memory.map_changed = [this] { for (Cpu* c : cpus) c->memory_map_changed(); };
}

void Pc::check_tlb(const check::StaleSettings& settings) {
    stale_uses = std::make_unique<check::StaleUses>(settings);
    stale_uses->report = [](const std::string& text) { log_line(text); };
    for (Cpu* c : cpus) c->mmu->stale = std::make_unique<check::Stale>(*c, *stale_uses);
}

u64 Pc::retired() const {
    u64 sum = 0;
    for (Cpu* c : cpus) sum += c->retired;
    return sum;
}
bool Pc::waiting() const {
    return std::ranges::all_of(cpus, [](Cpu* c) { return c->activity != Activity::active && !(c->due() & ~(pending::stop | pending::yield)); });
}

// A port's answer takes as long as on a real board, or software that waits by asking again and again asks a hundred times as
// often: about half a microsecond, less for a word of a disk's (PIO mode 4). The HPET lies as far away.
void Pc::pass_port_time(unsigned width) {
    constexpr u64 others = 2'000'000, words = 8'000'000;      // a second
    clock.ticks += clock.rate / (width == 2 ? words : others);
}

// The 8259s' INTR and INTA are the boot processor's: firmware and kernels leave the others' LINT0 masked.
Wires Pc::cpu_wires(unsigned number) {
    Wires w;
    w.port_in = [this](u16 port, unsigned width) {
        u32 value = ports.in(port, width);
        pass_port_time(width);
        return value;
    };
    w.port_out = [this](u16 port, unsigned width, u32 value) {
        ports.out(port, width, value);
        pass_port_time(width);
    };
    if (number == 0) w.acknowledge = [this] { return pic.acknowledge(); };
    w.send = [this](const ApicMessage& m) { route(apics, m); };
    w.doorbell = [this](u32 apic) {
        for (Cpu* c : cpus)
            if (c->apic.initial_id() == apic && c->virt) c->virt->doorbell();
    };
    w.eoi = [this](u8 vector) { ioapic.eoi(vector); };
    w.shutdown = [this] { end(Ending::triple_fault); };
    w.ferr = [this](bool on) { return ferr.signal(on); };
    w.smm = [this](const SmmMemory& of_cpu) {
        if (of_cpu == smm_memory) return;
        show_segment(of_cpu);
        smm_memory = of_cpu;
        show_smram();
    };
    w.protect = [this](u64 base) { bus_master.protect(base); };
    w.random = [this] { return random.next(); };
    return w;
}

// IA-PC HPET 2.3.4: with legacy replacement the 8254 and the RTC are cut off their interrupts, at whatever level they are.
void Pc::replace_timers(bool by_hpet) {
    hpet_legacy = by_hpet;
    irq_lines[0]->set(isa, pit.irq() && !by_hpet);
    irq_lines[8]->set(isa, cmos.irq() && !by_hpet);
}

void Pc::irq_changed(unsigned n, bool level) {
    pic.set(n, level);
    ioapic.set(n == 0 ? 2 : n, level);
}

// RAM as bios/memory_map.h lays it out; what lies at C0000h to FFFFFh is the host bridge's to say.
void Pc::lay_out_memory() {
    memory.map_ram(Physical(0), ram.bytes(0, 0xa0000));
    memory.map_ram(Physical(0x100000), ram.bytes(0x100000, layout.low_top - 0x100000));
    if (layout.high_top > MemoryMap::four_gib)
        memory.map_ram(Physical(MemoryMap::four_gib), ram.bytes(layout.low_top, layout.high_top - MemoryMap::four_gib));
    memory.map_rom(Physical(MemoryMap::four_gib - rom.all().size()), rom.all());
    show_flash(true);
    memory.map_mmio(Physical(VgaWindow::base), VgaWindow::size, vga.window);
    memory.map_mmio(Physical(0xfec00000), 0x1000, ioapic);
    memory.map_mmio(Physical(0xfed00000), 0x1000, timed_hpet);
    memory.map_mmio(Physical(test_page), TestDevice::page_size, test_device);
    for (unsigned segment = 0; segment < HostBridge::segments; segment++) show(host_bridge.pam(segment));
}

// 82441FX, PAM registers: reads and writes of a segment each go to RAM, or to the bus, where the ROM is.
void Pc::show(const HostBridge::Pam& pam) {
    Physical base(pam.base);
    auto shadow = ram.bytes(pam.base, pam.size);
    constexpr u64 one_mib = 0x100000, most_below = 0x20000;
    u64 size = rom.all().size(), to_end = one_mib - pam.base;
    bool has_rom = to_end <= std::min(size, most_below);
    auto behind = has_rom ? rom.bytes(size - to_end, pam.size) : open_bus.bytes(0, pam.size);
    if (pam.read_ram && pam.write_ram) memory.map_ram(base, shadow);
    else if (pam.read_ram) memory.map_rom(base, shadow);
    else if (pam.write_ram) memory.map_split(base, behind, shadow);
    else if (has_rom) memory.map_rom(base, behind);
    else memory.unmap(base, pam.size);
}

// 82441FX, SMRAM register: the RAM behind the VGA's window is seen while it is open, and in SMM. Left out: D_CLS, and that
// devices' accesses meanwhile are none of SMM's.
void Pc::show_smram() {
    auto smram = host_bridge.smram();
    bool shown = (smram.enabled && (smram.open || smm_memory.active)) || (smm_memory.legacy && smm_memory.active);
    if (shown == smram_shown) return;
    smram_shown = shown;
    Physical base(VgaWindow::base);
    shown ? memory.map_ram(base, ram.bytes(VgaWindow::base, VgaWindow::size)) : memory.map_mmio(base, VgaWindow::size, vga.window);
}

// AMD's TSeg (APM vol. 2, 10.2.5): what of the RAM is in it answers in SMM alone.
void Pc::show_segment(const SmmMemory& next) {
    auto each_part = [this](const SmmMemory& m, auto act) {
        struct Part { u64 base, end, in_ram; };
        constexpr u64 one_mib = 0x100000, four_gib = MemoryMap::four_gib;
        for (auto& part : {Part{one_mib, layout.low_top, one_mib}, Part{four_gib, layout.high_top, layout.low_top}}) {
            u64 from = std::max(m.base, part.base), to = std::min(m.base + m.size, part.end);
            if (from < to) act(Physical(from), ram.bytes(part.in_ram + from - part.base, to - from));
        }
    };
    auto hidden = [](const SmmMemory& m) { return m.size && !m.active; };
    if (hidden(smm_memory)) each_part(smm_memory, [this](Physical at, auto bytes) { memory.map_ram(at, bytes); });
    if (hidden(next)) each_part(next, [this](Physical at, auto bytes) { memory.unmap(at, bytes.size()); });
}

void Pc::show_flash(bool array) {
    Physical base(MemoryMap::four_gib - rom.all().size() - flash.array().size());
    array ? memory.map_rom(base, flash.array(), flash) : memory.map_mmio(base, flash.array().size(), flash);
}

// A BAR of a PCI function: it is decoded in the PCI window only, where it can hide neither RAM nor the board's own chips.
PciFunction::Remap Pc::window(std::function<void(Physical)> map, u64 size) {
    return [this, map = std::move(map), size](u64 base, bool on) {
        if (base < layout.low_top || base + size > pci_window_end) return;
        on ? map(Physical(base)) : memory.unmap(Physical(base), size);
    };
}

void Pc::attach_ports() {
    struct { u16 base; unsigned size; Device& device; } map[] = {
        {0x000, 0x10, dma.low}, {0x020, 2, pic.master}, {0x040, 4, pit}, {0x060, 5, keyboard}, {0x061, 1, control_b},
        {0x070, 2, cmos}, {0x080, 0x10, dma.pages}, {0x080, 1, post_port}, {0x092, 1, control_a}, {0x0a0, 2, pic.slave}, {0x0b2, 2, acpi_pm.smi_command},
        {0x0c0, 0x20, dma.high}, {0x0e9, 1, debug_e9}, {0x0f0, 2, ferr}, {0x0f4, 4, debug_exit}, {0x1ce, 4, vga.dispi}, {0x2f8, 8, com2}, {0x378, 3, lpt1},
        {VgaRegisters::first_port, VgaRegisters::ports, vga.registers}, {0x3f0, 6, floppy}, {0x3f7, 1, floppy.input_register}, {0x3f8, 8, com1}, {0x402, 1, debug_402},
        {0x190, 1, post_port}, {0x4d0, 2, pic.elcr}, {0x510, 12, fw_cfg}, {0xafe0, 4, acpi_pm.gpe}, {0xcf8, 8, pci}, {0xcf9, 1, reset_control}, {0x8900, 1, shutdown_port},
        {0xe800, TestDevice::ports, test_device},
    };
    for (auto& row : map) ports.attach(row.base, row.size, row.device);
}

// Its input lines are those of both interrupt controllers below 16, of the I/O APIC alone from there on.
void Pc::add_pc_testdev() {
    pc_testdev = std::make_unique<PcTestdev>([this](unsigned pin) {
        return pin < 16 ? irq(pin, testdev_irq) : ioapic.pin(pin);
    });
    ports.attach(PcTestdev::scratch_port, PcTestdev::scratch_ports, *pc_testdev);
    ports.attach(0xe9, 1, debug_e9);
    ports.attach(PcTestdev::lines_port, PcTestdev::pins, pc_testdev->input_lines);
    memory.map_mmio(Physical(PcTestdev::base), PcTestdev::size, *pc_testdev);
}

void Pc::add_edu() {
    edu = std::make_unique<Edu>(clock, bus_master, window([this](Physical at) { memory.map_mmio(at, Edu::bar_size, *edu); }, Edu::bar_size));
    pci.attach(4, 0, *edu);
}

void Pc::add_pci_test() {
    constexpr u64 page = TestDevice::page_size;
    static_assert(page == MessagingFunction::Table::size);
    pci_test = std::make_unique<PciTest>(clock, bus_master, window([this](Physical at) { memory.map_mmio(at, page, *pci_test); }, page),
                                         window([this](Physical at) { memory.map_mmio(at, page, pci_test->table); }, page));
    pci.attach(5, 0, *pci_test);
}

void Pc::map(u16 base, unsigned size, Device& device, bool on) {
    on ? ports.attach(base, size, device) : ports.detach(base, size, device);
}

void Pc::map_ide(unsigned channel, bool on) {
    static constexpr struct { u16 command, control; } legacy[] = {{0x1f0, 0x3f6}, {0x170, 0x376}};
    map(legacy[channel].command, 8, ide.channel(channel), on);
    map(legacy[channel].control, 1, ide.channel(channel).control_block, on);
}

std::vector<Device*> Pc::devices() {
    std::vector<Device*> all{&ioapic, &hpet, &pit, &control_b, &control_a, &reset_control, &cmos, &keyboard, &floppy, &flash, &com1, &com2, &lpt1, &pci, &host_bridge,
                             &isa_bridge, &ide, &acpi_pm, &vga, &fw_cfg, &debug_exit, &shutdown_port, &post_port, &test_device, &ferr};
    for (Device* device : std::initializer_list<Device*>{pc_testdev.get(), edu.get(), pci_test.get()})
        if (device) all.push_back(device);
    return all;
}

void Pc::reset(Reset kind) {
    ended.reset();
    for (auto* device : devices()) device->reset(kind);
    pic.reset(kind);
    dma.reset(kind);
    bus_master.reset();
    a20.set(0, true);
    if (kind == Reset::power) ram.clear();
    for (Cpu* c : cpus) c->memory_replaced();
    turns.reset();
    cmos.set_memory(layout.low_top, layout.high_top - MemoryMap::four_gib);
    cmos.set_floppies(floppy.cmos_types());
    acpi_pm.set_base(acpi().pm_base);
    fw_cfg.add64(FwCfg::ram_size, parts.memory);
    fw_cfg.add16(FwCfg::cpu_count, u16(parts.cpus));
    fw_cfg.add16(FwCfg::max_cpus, u16(parts.cpus));
    for (Cpu* c : cpus) c->reset(false);
}

void Pc::sleep() {
    ended.reset();
    for (Cpu* c : cpus) c->reset(false), c->activity = Activity::wait_for_sipi;
    acpi_pm.fall_asleep();
}

void Pc::set_rom(std::span<const u8> image) {
    std::ranges::copy(image.first(std::min(image.size(), rom.all().size())), rom.all().begin());
    for (Cpu* c : cpus) c->memory_replaced();
}

AcpiParameters Pc::acpi() const {
    AcpiParameters p;
    p.cpus = parts.cpus;
    p.vga = true, p.ide = true;
    constexpr u16 pm_base_of_ovmf = 0xb000;                           // powers off there without asking where it is
    if (!parts.variables.empty()) p.pm_base = pm_base_of_ovmf;
    if (edu) p.bars.push_back({4, 0, 0xfea00000});
    if (pci_test) p.bars.push_back({5, 0, 0xfe9fe000}), p.bars.push_back({5, 1, 0xfe9ff000});
    return p;
}

void Pc::end(Ending why, u32 value) {
    if (!ended) ended = End{why, value};
    turns.stop();
}

void Pc::visit(Archive& a) {
    a("clock", clock);
    for (Cpu* c : cpus) a("cpu" + std::to_string(c->number), *c);
    a("turns", turns);
    a("random", random);
    a("pic", pic);
    a("dma", dma);
    a("bus_master", bus_master);
    a("a20", a20);
    for (unsigned n = 0; n < 16; n++) a("irq" + std::to_string(n), *irq_lines[n]);
    a("hpet_legacy", hpet_legacy);
    unsigned n = 0;
    for (auto* device : devices()) a(std::string(device->name()) + "." + std::to_string(n++), *device);
    a.memory("rom", rom.all());
    a.memory("ram", ram.all());
}
