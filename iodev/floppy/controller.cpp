// SPDX-License-Identifier: MIT
// The registers of the 82077AA, and the phases of a command.
#include "iodev/floppy/controller.h"
#include "base/error.h"
#include <algorithm>

namespace floppy {

enum MainStatus : u8 { command_busy = 0x10, non_dma = 0x20, to_host = 0x40, rqm = 0x80 };
static constexpr u64 reset_time = 20'000;

Controller::Controller(Clock& clock, Wires wires)
    : clock(clock), wires(std::move(wires)), timer(clock, [this] { fire(); }) {}

void Controller::insert(unsigned n, Medium medium) {
    auto* geometry = std::ranges::find(geometries, medium.size(), &Geometry::bytes);
    if (geometry == std::end(geometries))
        throw Error(
            "a floppy disk of " + std::to_string(medium.size()) +
            " bytes is none that the drive reads: 360K, 720K, 1200K, 1440K, 1680K or 2880K");
    auto& drive = drives[n & 3];
    drive.medium = std::move(medium), drive.geometry = geometry, drive.changed = true;
}

u8 Controller::cmos_types() const {
    auto type = [](const Drive& drive) { return drive.ready() ? drive.geometry->cmos_type : 0; };
    return u8(type(drives[0]) << 4 | type(drives[1]));
}

void Controller::reset(Reset) {
    dor = tdr = ccr = dsr = 0;
    locked = false, configured = {}, specified = {}, perpendicular_mode = 0;
    for (auto& drive : drives) drive.cylinder = 0, drive.changed = true;
    selected = 0, c = h = r = n = head = last_sector = st2 = 0, multi_track = false, buffer = {},
    scan_code = filler = 0;
    start_reset();
    reset_senses = 0;
}

void Controller::start_reset() {
    timer.off();
    phase = Phase::command, work = Work::none;
    parameters.clear(), results.clear();
    passed = wanted = 0, seeking = 0, seek_done = false, seek_st0 = 0;
    if (!locked) configured = {};
    wires.irq.set(false);
}

void Controller::visit(Archive& a) {
    a("irq", wires.irq), a("timer", timer), a("drives", drives), a("phase", phase), a("work", work),
        a("data", data);
    a("parameters", parameters), a("results", results), a("buffer", buffer), a("passed", passed),
        a("wanted", wanted);
    a("dor", dor), a("tdr", tdr), a("dsr", dsr), a("ccr", ccr), a("selected", selected),
        a("head", head);
    a("c", c), a("h", h), a("r", r), a("n", n), a("last_sector", last_sector), a("st2", st2);
    a("specified", specified), a("configured", configured),
        a("perpendicular_mode", perpendicular_mode);
    a("reset_senses", reset_senses), a("seek_st0", seek_st0), a("locked", locked),
        a("seek_done", seek_done);
    a("multi_track", multi_track), a("seeking", seeking), a("scan_code", scan_code),
        a("filler", filler);
    if (phase > Phase::result) phase = Phase::command;
    if (work >= Work::last) work = Work::none;
    if (data > Data::scan) data = Data::read;
    selected &= 3, head &= 1, seeking &= 0x0f, reset_senses = std::min<u8>(reset_senses, 4);
    wanted = std::min<u16>(wanted, buffer.size()), passed = std::min(passed, wanted);
}

u8 Controller::get(u16 offset) {
    switch (offset) {
    case 2: return dor;
    case 3: return tdr;
    case 4: return main_status();
    case 5: return read_data();
    default: return 0xff;
    }
}

// Bit 7: the selected drive's disk change line, while its motor runs.
u8 Controller::digital_input() const {
    auto& d = drives[dor & 3];
    bool motor = dor >> (4 + (dor & 3)) & 1;
    return motor && (d.changed || !d.ready()) ? 0x80 : 0;
}

void Controller::put(u16 offset, u8 value) {
    switch (offset) {
    case 2: write_dor(value); break;
    case 3: tdr = value & 3; break;
    case 4:
        dsr = value & 0x7f;
        if (value & 0x80)
            start_reset(), later(Work::after_reset, reset_time); // resets and goes on by itself
        break;
    case 5: write_data(value); break;
    default: break;
    }
}

void Controller::write_dor(u8 value) {
    bool enters = !(value & not_reset) && (dor & not_reset),
         leaves = (value & not_reset) && !(dor & not_reset);
    dor = value;
    if (enters) start_reset();
    if (leaves) later(Work::after_reset, reset_time);
    if (!(dor & dma_gate)) wires.irq.set(false);
}

u8 Controller::main_status() const {
    if (!(dor & not_reset) || work == Work::after_reset) return 0;
    switch (phase) {
    case Phase::command: return u8(rqm | (parameters.empty() ? 0 : command_busy) | seeking);
    case Phase::result: return u8(rqm | to_host | command_busy | seeking);
    default: break;
    }
    u8 status = u8(command_busy | seeking);
    if (passed < wanted) status |= u8(rqm | non_dma | (data == Data::read ? to_host : 0));
    return status;
}

u8 Controller::read_data() {
    if (phase == Phase::execution && passed < wanted && data == Data::read) {
        u8 byte = buffer[passed++];
        if (passed == wanted) wires.irq.set(false), wanted = passed = 0, sector_done(false);
        return byte;
    }
    if (phase != Phase::result) return 0xff;
    wires.irq.set(false);
    u8 byte = results.pop();
    if (results.empty()) phase = Phase::command;
    return byte;
}

void Controller::write_data(u8 value) {
    if (!(dor & not_reset) || work == Work::after_reset) return;
    if (phase == Phase::execution && passed < wanted && data != Data::read) {
        buffer[passed++] = value;
        if (passed == wanted) wires.irq.set(false), store_sector(false);
        return;
    }
    if (phase != Phase::command || !parameters.push(value)) return;
    if (parameters.size() >= length_of(parameters.front())) begin_command();
}

void Controller::later(Work what, u64 nanoseconds) {
    work = what;
    timer.at(clock.ticks + clock.tick_of(nanoseconds, 1'000'000'000));
}

void Controller::fire() {
    switch (std::exchange(work, Work::none)) {
    case Work::after_reset: reset_senses = 4, interrupt(); break;
    case Work::seek: seeking = 0, seek_done = true, interrupt(); break;
    case Work::sector: sector(); break;
    case Work::read_id: end_transfer(0, 0, 0); break;
    default: break;
    }
}

void Controller::finish(std::initializer_list<u8> bytes) {
    parameters.clear(), results.clear();
    for (u8 byte : bytes) results.push(byte);
    phase = results.empty() ? Phase::command : Phase::result;
}

}  // namespace floppy
