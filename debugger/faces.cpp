// SPDX-License-Identifier: MIT
// The desk of a machine, with the faces that the options ask for.
#include "debugger/faces.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "debugger/gdb/face.h"
#include "debugger/qmp/face.h"
#include "debugger/terminal.h"

namespace debugger {

Session session_of(Machine& machine) {
    auto& board = machine.board();
    return {board.cpus, board.turns, [&machine](const Session::Drive& drive) { return machine.slice(drive); }};
}

void equip(Session& session, Machine& machine) {
    session.hash = [&machine] { return hash_of(machine.board()); };
    session.board = &machine.board();
    auto& uses = machine.board().stale_uses;
    if (!uses) return;
    session.looking.checks_tlb = true;
    uses->report = [&kept = session.looking.stale_uses, told = uses->report](const std::string& text) {
        told(text);
        kept.push_back(text);
        if (kept.size() > Looking::most_stale_uses) kept.pop_front();
    };
}

// RAM of the file that is where it lies in the board's map: not the holes of the display and of ROMs.
static qmp::MemoryFile memory_file_of(Pc& pc) {
    qmp::MemoryFile file{pc.ram.path(), {{0, 0, 0xa0000}, {0x100000, 0x100000, pc.layout.low_top - 0x100000}}};
    u64 high = pc.layout.high_top > MemoryMap::four_gib ? pc.layout.high_top - MemoryMap::four_gib : 0;
    if (high) file.ranges.push_back({MemoryMap::four_gib, pc.layout.low_top, high});
    return file;
}

static void add_faces(Desk& desk, Machine& machine, const Options& options) {
    if (options.debug) desk.add(std::make_shared<Terminal>(desk.session, options.commands));
    if (!options.control.empty()) {
        desk.add(std::make_shared<qmp::ControlFace>(options.control, memory_file_of(machine.board())));
        log_line("listening for QMP at " + options.control);
    }
    if (options.gdb.empty()) return;
    desk.add(std::make_shared<gdb::RemoteFace>(options.gdb, [&machine] { return machine.status(); }));
    log_line("waiting for gdb at " + options.gdb);
}

int debug(Machine& machine, const Options& options, std::shared_ptr<Face> window) {
    machine.start();
    Session session = session_of(machine);
    session.start_anew = [&] {
        machine.board().reset(Reset::warm);
        load(machine.board(), options);
    };
    equip(session, machine);
    Desk desk(session);
    if (window) desk.add(std::move(window));
    add_faces(desk, machine, options);
    desk.attend = [&] { session.quits |= !machine.attend(); };
    if (!options.headless) desk.longest_wait = 10;
    desk.run();
    return machine.finish();
}

}
