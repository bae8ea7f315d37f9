// SPDX-License-Identifier: MIT
// Building, booting and driving the board.
#include "machine/machine.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "bios/firmware.h"
#include "bios/text_mode.h"
#include "cpu/msr/access.h"
#include "machine/media.h"
#include "machine/stats.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

static double host_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static std::unique_ptr<Console> debug_console(const std::string& to) {
    if (to.empty() || to == "null") return open_console("null");
    return open_console(to == "stdio" ? "stdout" : "file:" + to);       // it has no input: the terminal stays as it is
}

static void add_firmware(Parts& parts, const Options& options) {
    auto image = firmware::read_image(options.firmware);
    if (!options.firmware_variables.empty()) firmware::prepare_variables(options.firmware_variables, image);
    parts.firmware = std::move(image.code), parts.variables = std::move(image.variables);
    parts.vga_rom = firmware::read_vga_rom(options.vga_rom);
}

Parts parts_of(const Options& options) {
    Parts parts;
    parts.model = parse_cpu(options.cpu).model;
    parts.cpus = options.cpus, parts.model.processors = options.cpus;
    if (!options.memory_file.empty() || !options.control.empty()) parts.memory_file = options.memory_file;
    parts.memory = options.memory, parts.ips = options.ips, parts.rtc = options.rtc, parts.seed = options.seed;
    if (options.kernel.empty()) add_firmware(parts, options);
    else if (!options.vga_rom.empty()) parts.vga_rom = firmware::read_vga_rom(options.vga_rom);
    parts.devices = options.devices;
    parts.engine = options.engine, parts.tuning = options.tuning, parts.explain = options.explain, parts.check_tlb = options.check_tlb;
    return parts;
}

Machine::Machine(const Options& given, Front* front) : options(given), front(front) {
    Parts parts = parts_of(options);
    serial[0] = open_console(options.serial[0]);
    serial[1] = open_console(options.serial.size() > 1 ? options.serial[1] : "null");
    debugcon = debug_console(options.debugcon);
    for (int n : {0, 1}) parts.serial[n] = [this, n](u8 byte) { serial[n]->send(byte); };
    parallel = debug_console(options.parallel);
    parts.debugcon = [this](u8 byte) { debugcon->send(byte); };
    parts.parallel = [this](u8 byte) { parallel->send(byte); };
    pc = std::make_unique<Pc>(std::move(parts));
    insert_media(*pc, options);
    load(*pc, options);
    for (auto& shot : options.screenshots) screenshots.emplace_back(shot.file, shot.at, options.ips);
    std::ranges::stable_sort(screenshots, {}, &Screenshot::tick);
}

static Segment hidden_part(const EntrySegment& s) { return {s.selector, s.base, s.limit, {s.rights}}; }

static void enter(Cpu& cpu, const EntryState& e) {
    auto& r = cpu.gpr;
    r[rax] = e.rax, r[rbx] = e.rbx, r[rcx] = e.rcx, r[rdx] = e.rdx, r[rsi] = e.rsi, r[rdi] = e.rdi, r[rbp] = e.rbp, r[rsp] = e.rsp;
    r[rip_reg] = e.rip;
    cpu.control.cr0 = e.cr0, cpu.control.cr3 = e.cr3, cpu.control.cr4 = e.cr4, cpu.control.efer = e.efer;
    cpu.seg.gdtr = {e.gdtr.base, e.gdtr.limit}, cpu.seg.idtr = {e.idtr.base, e.idtr.limit};
    const EntrySegment* segments[] = {&e.es, &e.cs, &e.ss, &e.ds, &e.fs, &e.gs, &e.ldtr, &e.tr};
    for (unsigned n = 0; n < 8; n++) cpu.seg[Seg(n)] = hidden_part(*segments[n]);
    cpu.set_rflags(e.rflags);
    cpu.translation_mode_changed();
    cpu.mode_changed();
}

static BootRequest request_of(Pc& pc, const Options& options) {
    BootRequest request;
    request.kernel = options.kernel, request.initrd = options.initrd, request.append = options.append, request.modules = options.modules;
    request.memory = options.memory;
    request.long_mode = pc.parts.model.features.has(Feature::lm);
    request.physical_bits = pc.parts.model.physical_bits;
    request.acpi = pc.acpi();
    return request;
}

// What firmware does to chips and CPUs.
static void program(Pc& pc, const BootPlan& plan) {
    pc.set_rom(plan.rom);
    for (auto& w : plan.port_writes) pc.ports.out(w.port, w.width, w.value);
    for (auto& w : plan.msr_writes)
        for (Cpu* cpu : pc.cpus)
            if (!msr_name(*cpu, w.index).empty()) write_msr(*cpu, w.index, w.value);
    for (auto& w : plan.apic_writes) pc.cpu.apic.write(w.offset, 4, w.value);
}

void load(Pc& pc, const Options& options) {
    if (options.kernel.empty()) return firmware::describe(pc.fw_cfg, {pc.layout, pc.acpi(), pc.parts.model.features.has(Feature::vmx)});
    BootPlan plan = plan_boot(request_of(pc, options));
    enter_text_mode(pc.ports, pc.memory);
    write_plan(plan, pc.memory);
    program(pc, plan);
    enter(pc.cpu, plan.entry);
}

// ACPI 5.2.10 and 16.3.2: real mode, at the FACS's waking vector.
void resume(Pc& pc, const Options& options) {
    BootRequest request = request_of(pc, options);
    u64 facs = memory_map(request.memory).nvs();
    u32 vector = u32(pc.memory.read(Physical(facs + 12), 4));
    pc.reset(Reset::warm);
    program(pc, build_firmware(request).plan);
    u16 segment = u16(vector >> 4);
    pc.cpu.seg[Seg::cs] = {segment, u64{segment} << 4, 0xffff, {0x9b}};
    pc.cpu.rip() = vector & 15;
    pc.cpu.mode_changed();
}

// Host input is looked at once per millisecond of virtual time. Of a guest that waits at the host's pace less often: a serial
// line's ends the wait, a window's within a hundredth of a second. Of a host that is too slow for --ips more often, since its
// clock goes from timer to timer.
u64 Machine::next_exchange() const {
    u64 millisecond = std::max<u64>(options.ips / 1000, 20);
    if (!pace) return millisecond;
    if (pc->waiting()) return (front ? 10 : 100) * millisecond;
    bool behind = pace->until(pc->clock.ticks) < -std::chrono::milliseconds(1);
    return behind ? millisecond / 20 : millisecond;
}

// Hashes and limits fall on exact instructions.
u64 Machine::next_stop() const {
    u64 left = next_exchange(), retired = pc->retired();
    if (options.hash_every) left = std::min(left, next_hash - retired);
    if (options.max_instructions != ~u64{0}) left = std::min(left, options.max_instructions - retired);
    if (!screenshots.empty() && screenshots.front().tick > pc->clock.ticks) left = std::min(left, screenshots.front().tick - pc->clock.ticks);
    return pc->clock.ticks + left;
}

void Machine::take_screenshots() {
    while (!screenshots.empty() && screenshots.front().tick <= pc->clock.ticks) {
        screenshots.front().take(pc->vga.scanout());
        screenshots.erase(screenshots.begin());
    }
}

void Machine::exchange() {
    Uart* uart[] = {&pc->com1, &pc->com2};
    for (int n : {0, 1}) {
        serial[n]->flush();
        while (uart[n]->can_receive()) {
            int byte = serial[n]->receive();
            if (byte < 0) break;
            uart[n]->receive(u8(byte));
        }
    }
    if (front && !front->turn(*pc)) pc->end(Ending::power_off);
}

// Somebody sits at the terminal or the window and the guest waits: so do we, about as long as the guest's time passes.
void Machine::idle() {
    using namespace std::chrono_literals;
    if (front) return front->wait(1ms);
    for (auto& line : serial)
        if (line->interactive()) return void(line->wait(1ms));
}

void Machine::rest(std::chrono::nanoseconds most) {
    auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(most);
    if (front && whole.count() > 0) return front->wait(whole);
    for (auto& line : serial)
        if (line->wait(most)) return;
    std::this_thread::sleep_for(most);
}

// A guest that waits does so until its next timer, not further than the present; one that computes rests when it is well ahead.
u64 Machine::at_the_hosts_pace() {
    constexpr std::chrono::milliseconds worth_a_rest{2};
    bool waits = pc->waiting();
    if (waits) pace->leave_out_stalls();
    else pace->keep_up();
    u64 next = pc->clock.ticks + 1, stop = next_stop();
    if (waits) stop = std::clamp(pc->clock.deadline(), next, stop);
    auto ahead = pace->until(waits ? stop : pc->clock.ticks);
    if (ahead > (waits ? Pace::Time{} : worth_a_rest)) rest(ahead);
    return waits ? std::clamp(pace->present(), next, stop) : stop;
}

bool Machine::go_on() {
    switch (pc->ended->why) {
    case Ending::power_off:
    case Ending::debug_exit: return false;
    case Ending::sleep: return pc->sleep(), true;
    case Ending::wake: return resume(*pc, options), true;
    case Ending::reset:
    case Ending::triple_fault:
        if (options.no_reboot) return false;
        pc->reset(Reset::warm);
        return load(*pc, options), true;
    }
    return false;
}

bool Machine::slice(const Drive& drive) {
    bool was_waiting = pc->waiting();
    u64 retired = pc->retired();
    drive(pace ? at_the_hosts_pace() : next_stop());
    exchange();
    take_screenshots();
    if (options.hash_every && pc->retired() >= next_hash) print_hash(), next_hash += options.hash_every;
    if (pc->ended && !go_on()) return false;
    bool over = pc->retired() >= options.max_instructions || (options.timeout > 0 && host_seconds() - started >= options.timeout);
    if (over) return limit_reached = true, false;
    if (!pace && was_waiting && pc->retired() == retired) idle();
    return true;
}

void Machine::start() {
    started = host_seconds();
    next_hash = options.hash_every;
    if (options.realtime) pace.emplace(pc->clock);
}

int Machine::run() {
    start();
    while (slice([this](u64 until) { pc->turns.run(until); })) {}
    return finish();
}

int Machine::finish() {
    if (options.hash_every) print_hash();
    for (auto& line : serial) line->flush();
    debugcon->flush(), parallel->flush();
    for (auto& shot : screenshots) shot.take(pc->vga.scanout());
    if (pc->stale_uses) print_stale_uses(*pc);
    if (options.stats) print_stats(*pc, host_seconds() - started, options.stats_json);
    return status();
}

int Machine::status() const {
    if (limit_reached) return 8;
    if (!pc->ended) return 0;                        // the debugger's quit
    switch (pc->ended->why) {
    case Ending::debug_exit: return int((pc->ended->value << 1 | 1) & 255);
    case Ending::triple_fault: return 6;
    default: return 0;
    }
}

void Machine::print_hash() {
    std::fprintf(stderr, "hash %llu %016llx\n", static_cast<unsigned long long>(pc->retired()), static_cast<unsigned long long>(hash_of(*pc)));
}
