// SPDX-License-Identifier: MIT
// PCI configuration space: masked writes, BARs that follow them, and the configuration ports.
#include "iodev/pci.h"

static constexpr unsigned command = 4, status = 6, bar0 = 0x10, rom_address = 0x30,
                          capabilities = 0x34;
static constexpr u8 io_space = 1, memory_space = 2, interrupt_status = 0x08,
                    has_capabilities = 0x10, rom_enabled = 1;
static constexpr unsigned register_of(unsigned bar) {
    return bar == 6 ? rom_address : bar0 + bar * 4;
}

PciFunction::PciFunction(Id id) {
    fix(0x00, 2, id.vendor), fix(0x02, 2, id.device);
    fix(0x08, 4, id.class_code << 8 | id.revision);
    fix(0x0e, 1, id.multifunction ? 0x80 : 0), fix(0x3d, 1, id.pin);
    // INTx disable, SERR, parity, bus master, memory; I/O with an I/O BAR
    allow(command, 2, 0x0546);
    allow_clear(status, 2, 0xf900);
    allow(0x0c, 2, 0xffff);                 // cache line size, latency timer
    if (id.pin) allow(0x3c, 1, 0xff);
    config = initial;
}

void PciFunction::fix(unsigned offset, unsigned width, u32 value) {
    for (unsigned i = 0; i < width; i++)
        config[(offset + i) & 0xff] = initial[(offset + i) & 0xff] = u8(value >> i * 8);
}
void PciFunction::allow(unsigned offset, unsigned width, u32 mask) {
    for (unsigned i = 0; i < width; i++) writable[(offset + i) & 0xff] |= u8(mask >> i * 8);
}
void PciFunction::allow_clear(unsigned offset, unsigned width, u32 mask) {
    for (unsigned i = 0; i < width; i++) clearable[(offset + i) & 0xff] |= u8(mask >> i * 8);
}

void PciFunction::add_bar(unsigned n, Bar kind, u32 size, Remap remap) {
    unsigned at = register_of(n);
    constexpr u8 kinds[] = {1, 0, 4, 0};
    bars[n].kind = kind, bars[n].size = size, bars[n].remap = std::move(remap);
    fix(at, 4, kinds[unsigned(kind)]);
    allow(at, 4, ~(size - 1));
    if (kind == Bar::memory64) allow(at + 4, 4, ~u32{0});
    if (kind == Bar::io) allow(command, 2, io_space);
}

void PciFunction::add_rom(u32 size, Remap remap) {
    add_bar(rom_bar, Bar::rom, size, std::move(remap));
    allow(rom_address, 1, rom_enabled);
}

u8 PciFunction::add_capability(u8 id, u8 size) {
    unsigned at = next_capability, end = at + ((size + 3) & ~3u);
    if (end > 0x100) return 0;
    fix(last_capability ? last_capability + 1 : capabilities, 1, at);
    fix(at, 2, id);
    fix(status, 1, initial[status] | has_capabilities);
    last_capability = u8(at);
    next_capability = u16(end);
    return u8(at);
}

u32 PciFunction::config_dword(unsigned offset) const {
    u32 value = 0;
    for (unsigned i = 0; i < 4; i++) value |= u32(config[(offset + i) & 0xff]) << i * 8;
    return value;
}

u32 PciFunction::config_read(unsigned offset, unsigned width) {
    return u32(config_dword(offset) & ones(width));
}

void PciFunction::config_write(unsigned offset, unsigned width, u32 value) {
    for (unsigned i = 0; i < width; i++) {
        unsigned at = (offset + i) & 0xff;
        u8 byte = u8(value >> i * 8);
        config[at] = (config[at] & ~writable[at] & ~(byte & clearable[at])) | (byte & writable[at]);
    }
    update();
    written(offset, width);
}

// Where BAR n is to be decoded. One that ends at the top of its space is being sized, and is not
// decoded.
u64 PciFunction::wanted(unsigned n) const {
    auto& bar = bars[n];
    unsigned at = register_of(n);
    bool io = bar.kind == Bar::io;
    if (bar.size == 0 || !(config[command] & (io ? io_space : memory_space))) return unmapped;
    if (bar.kind == Bar::rom && !(config[at] & rom_enabled)) return unmapped;
    u64 base = config_dword(at) & ~u64{io ? 3u : 15u};
    if (bar.kind == Bar::memory64) base |= u64(config_dword(at + 4)) << 32;
    u64 top = io ? 0x10000 : bar.kind == Bar::memory64 ? bit(52) : bit(32);
    bool sizing = bar.kind == Bar::memory64 && (base & mask(31, 0)) == u32(~(bar.size - 1)) &&
                  base >> 32 == 0;
    if (base == 0 || base >= top - bar.size || sizing) return unmapped;
    return base;
}

std::vector<PciFunction::Window> PciFunction::windows() const {
    std::vector<Window> all;
    for (unsigned n = 0; n < bars.size(); n++) {
        auto& bar = bars[n];
        if (!bar.size) continue;
        bool io = bar.kind == Bar::io, wide = bar.kind == Bar::memory64, rom = bar.kind == Bar::rom;
        u64 high = wide ? u64(config_dword(register_of(n) + 4)) << 32 : 0;
        all.push_back({n, io, wide, rom, high | (config_dword(register_of(n)) & ~(bar.size - 1)), bar.size, wanted(n) != unmapped});
    }
    return all;
}

void PciFunction::update() {
    for (unsigned n = 0; n < bars.size(); n++) {
        auto& bar = bars[n];
        u64 base = wanted(n), old = bar.mapped;
        if (base == old) continue;
        bar.mapped = base;
        if (old != unmapped) bar.remap(old, false);
        if (base != unmapped) bar.remap(base, true);
    }
    bool out = interrupt && !(config[command + 1] & 4) && !uses_messages();
    config[status] = u8((config[status] & ~interrupt_status) | (interrupt ? interrupt_status : 0));
    intx.set(out);
}

void PciFunction::set_interrupt(bool level) {
    interrupt = level;
    update();
}

void PciFunction::reset(Reset) {
    config = initial;
    interrupt = false;
    update();
    changed();
}

void PciFunction::visit(Archive& a) {
    a("config", config), a("interrupt", interrupt), a("intx", intx);
    for (unsigned i = 0; i < 256; i++) {
        u8 free = writable[i] | clearable[i];
        if (i == status) free |= interrupt_status;
        config[i] = (config[i] & free) | (initial[i] & ~free);
    }
    update();
    changed();
}

void PciBus::attach(unsigned slot, unsigned function, PciFunction& target) {
    unsigned index = (slot * 8 + function) & 0xff;
    functions[index] = &target;
    target.connect(Line([this, index](bool level) { set_intx(index, level); }));
}

// A PIRQ is high while any function holds it.
void PciBus::set_intx(unsigned index, bool level) {
    auto* target = functions[index];
    if (!target || target->pin() == 0) return;
    u8 line = u8(pirq_of(index / 8, target->pin()) + 1);
    asserted[index] = level ? line : 0;
    bool any = false;
    for (u8 held : asserted) any |= held == line;
    pirq(line - 1, any);
}

PciFunction* PciBus::target() const {
    bool bus0 = bits(address, 23, 16) == 0;
    return bits(address, 31, 31) && bus0 ? functions[bits(address, 15, 8)] : nullptr;
}

// CF8h is the address register for dwords only; CFCh-CFFh are a window on the dword it selects.
u32 PciBus::in(u16 offset, unsigned width) {
    if (offset < 4) return offset == 0 && width == 4 ? address : u32(ones(width));
    auto* function = target();
    return function ? function->config_read((address & 0xfc) + (offset & 3), width)
                    : u32(ones(width));
}

void PciBus::out(u16 offset, unsigned width, u32 value) {
    if (offset == 0 && width == 4) address = value & 0x80fffffc;
    if (offset < 4) return;
    if (auto* function = target())
        function->config_write((address & 0xfc) + (offset & 3), width, value);
}

void PciBus::visit(Archive& a) {
    a("address", address), a("asserted", asserted);
    address &= 0x80fffffc;
    for (auto& held : asserted)
        if (held > 4) held = 0;
}
