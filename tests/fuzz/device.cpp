// SPDX-License-Identifier: MIT
// Fuzz target: one chip of the board, named by SLATE_FUZZ_DEVICE, under programs of accesses to its ports, its registers in
// memory and its PCI function, with DMA of every master onto them, and some other traffic. No step takes long.
// With the name "list" it prints the names and ends.
#include "tests/fuzz/devices.h"
#include <cstdio>
#include <ctime>
#include <string>

namespace {

constexpr u64 longest_step = 250'000'000;              // nanoseconds of this thread, sanitized

struct Target {
    drives::DrivenPc driven;
    Pc& pc = driven.pc;
    const devices::Chip* chip = nullptr;
    std::vector<PciFunction*> functions;

    Target() {
        const char* name = std::getenv("SLATE_FUZZ_DEVICE");
        auto found = std::ranges::find(devices::chips(), name ? name : "pit", &devices::Chip::name);
        if (found == devices::chips().end()) std::fprintf(stderr, "SUMMARY: no chip of the name %s\n", name), std::abort();
        chip = &*found;
        auto odd = devices::left_out(pc);
        if (!odd.empty()) std::fprintf(stderr, "SUMMARY: no chip has the device %s\n", std::string(odd).c_str()), std::abort();
        for (unsigned n = 0; n < 256; n++)
            if (auto* f = pc.pci.function(n / 8, n % 8); f && devices::has(*chip, f->name())) functions.push_back(f);
        pc.fw_cfg.add("fuzz/small", std::vector<u8>(600)), pc.fw_cfg.add_writable("fuzz/writable", std::vector<u8>(5000));
    }
    void start(Input& in) {
        driven.start(in);
        devices::place_functions(pc);
    }
};

u16 port(Target& t, Input& in) {
    std::vector<const Ports::Range*> mine;
    for (auto& range : t.pc.ports.ranges())
        if (devices::has(*t.chip, range.device->name())) mine.push_back(&range);
    u8 which = in.byte();
    if (mine.empty()) return board::port(in);
    auto& range = *mine[which % mine.size()];
    return u16(range.base + in.byte() % (range.size + 1));
}

Physical place(Target& t, Input& in) {
    u8 which = in.byte();
    if (t.chip->pages.empty() || which >= 240) return board::address(in);
    auto& page = t.chip->pages[which % t.chip->pages.size()];
    u64 offset = in.take<u32>();
    return Physical(page.base + (offset & 0x80000000 ? offset % 0x1000 : offset % page.size));
}

// ---- every master, with the chip's registers as its target

void ide_dma(Target& t, Input& in) {
    std::vector<u8> table;
    for (unsigned n = in.byte() % 6; n-- > 0;) {
        u32 words[2] = {u32(place(t, in).value), (in.byte() & 1 ? in.byte() : in.take<u16>()) | u32(in.byte() & 1) << 31};
        table.insert(table.end(), reinterpret_cast<u8*>(words), reinterpret_cast<u8*>(words + 2));
    }
    t.pc.memory.write_bytes(Physical(0x1000), table);
    bool second = in.byte() & 1;
    if (in.byte() & 1) drives::packet(t.pc, in, 0x170);
    else drives::task_file(t.pc, in, second ? 0x170 : 0x1f0, second ? 0xc048 : 0xc040);
}

void fw_cfg_dma(Target& t, Input& in) {
    u32 fields[4] = {__builtin_bswap32((in.byte() & 0x1f) | (u32(in.byte() & 0x7f) % 0x24) << 16),
                     __builtin_bswap32(in.byte() & 1 ? in.take<u16>() : in.take<u32>()), 0, __builtin_bswap32(u32(place(t, in).value))};
    Physical at = in.byte() & 7 ? Physical(0x2000) : place(t, in);
    t.pc.memory.write_bytes(at, {reinterpret_cast<u8*>(fields), sizeof fields});
    t.pc.ports.out(0x514, 4, 0), t.pc.ports.out(0x518, 4, __builtin_bswap32(u32(at.value)));
}

void isa_dma(Target& t, Input& in) {
    drives::program_isa_dma(t.pc, in);
    if (in.byte() & 1) t.pc.ports.out(0x81, 1, 0x0a + (in.byte() & 1));              // the VGA's window
    if (in.byte() & 1) drives::floppy_command(t.pc, in);
    else board::isa_dma(t.pc, in);
}

void edu_dma(Target& t, Input& in) {
    constexpr u64 registers = devices::edu_page + 0x80;
    for (u64 at : {0x00, 0x08}) t.pc.cpu.write_physical(Physical(registers + at), 8, in.byte() & 1 ? place(t, in).value : Edu::buffer_at + in.take<u16>());
    t.pc.cpu.write_physical(Physical(registers + 0x10), 8, in.take<u16>());
    t.pc.cpu.write_physical(Physical(registers + 0x18), 8, 1 | in.byte());
}

void dma(Target& t, Input& in) {
    switch (in.byte() % 4) {
    case 0: return ide_dma(t, in);
    case 1: return fw_cfg_dma(t, in);
    case 2: return isa_dma(t, in);
    case 3: return edu_dma(t, in);
    }
}

// ----

void configure(Target& t, Input& in) {
    if (t.functions.empty()) return board::access(t.pc, in);
    auto& function = *t.functions[in.byte() % t.functions.size()];
    u8 offset = in.byte();
    unsigned width = 1u << in.byte() % 3;
    if (in.byte() & 1) function.config_write(offset, width, in.take<u32>());
    else function.config_read(offset, width);
}

void step(Target& t, Input& in) {
    static constexpr unsigned widths[] = {1, 2, 4, 8, 3, 5, 6, 7};
    u8 what = in.byte();
    unsigned width = widths[what >> 4 & 7], port_width = widths[(what >> 4) % 3];
    switch (what & 15) {
    case 0: case 1: case 2: case 3: {
        u16 to = port(t, in);
        t.pc.ports.out(to, port_width, in.take<u32>());
        break;
    }
    case 4: case 5: t.pc.ports.in(port(t, in), port_width); break;
    case 6: case 7: {
        Physical to = place(t, in);
        t.pc.cpu.write_physical(to, width, in.take<u64>());
        break;
    }
    case 8: t.pc.cpu.read_physical(place(t, in), width); break;
    case 9: configure(t, in); break;
    case 10: dma(t, in); break;
    case 11: drives::wait(t.pc, in); break;
    case 12: board::pass_time(t.pc, in); break;
    case 13: board::outside(t.pc, in); break;
    case 14: drives::data(t.pc, in, port(t, in)); break;
    case 15: board::access(t.pc, in); break;
    }
    if (t.pc.ended) t.pc.ended.reset();
}

u64 nanoseconds() {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return u64(now.tv_sec) * 1'000'000'000 + u64(now.tv_nsec);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    const char* name = std::getenv("SLATE_FUZZ_DEVICE");
    if (!name || std::string_view(name) != "list") return 0;
    for (auto& chip : devices::chips()) std::printf("%s\n", std::string(chip.name).c_str());
    std::exit(0);
}

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static Target target;
    Input in(data, size);
    target.start(in);
    for (unsigned n = 0; n < 200 && !in.empty(); n++) {
        u64 begin = nanoseconds();
        step(target, in);
        u64 took = nanoseconds() - begin;
        if (took > longest_step) std::fprintf(stderr, "SUMMARY: a step took %llu ns\n", static_cast<unsigned long long>(took)), std::abort();
    }
    return 0;
}
