// SPDX-License-Identifier: MIT
// The packets of GDB's remote protocol (GDB manual, appendix E).
#include "debugger/gdb/server.h"
#include "base/error.h"
#include "debugger/commands.h"
#include "debugger/gdb/target.h"
#include "debugger/look.h"
#include <algorithm>
#include <utility>

namespace debugger::gdb {

// A packet by how it begins; the first row that fits is it.
struct Server::Row {
    std::string_view name;
    std::string (Server::*run)(std::string_view rest);
    std::string_view says = {};                // where there is nothing to do: the whole answer
};

std::span<const Server::Row> Server::table() {
    static constexpr Row rows[] = {
        {"qSupported", &Server::supported},
        {"QStartNoAckMode", &Server::no_acknowledgements},
        {"qXfer:features:read:target.xml:", &Server::features},
        {"qXfer:memory-map:read::", &Server::map},
        {"qXfer:threads:read::", &Server::threads},
        {"qqemu.PhyMemMode", &Server::get_physical},
        {"Qqemu.PhyMemMode:", &Server::set_physical},
        {"qRcmd,", &Server::monitor},
        {"qAttached", nullptr, "1"},
        {"qfThreadInfo", &Server::thread_ids},
        {"qsThreadInfo", nullptr, "l"},
        {"qCRC", nullptr, ""},
        {"qC", &Server::current_thread},
        {"vCont?", nullptr, "vCont;c;C;s;S;t;r"},
        {"vCont;", &Server::resume_as_told},
        {"vKill", &Server::kill_process},
        {"?", &Server::reason},
        {"g", &Server::read_all},
        {"G", &Server::write_all},
        {"p", &Server::read_one},
        {"P", &Server::write_one},
        {"m", &Server::read_bytes},
        {"M", &Server::write_hex},
        {"X", &Server::write_binary},
        {"Z", &Server::insert},
        {"z", &Server::remove},
        {"c", &Server::resume},
        {"s", &Server::step},
        {"D", &Server::detach},
        {"k", &Server::kill},
        {"!", nullptr, "OK"},
        {"H", &Server::select_thread},
        {"T", nullptr, "OK"},
    };
    return rows;
}

namespace {
constexpr const char* bad_packet = "E01";      // the numbers mean nothing to gdb; the tests tell them apart
constexpr const char* no_memory = "E14";
constexpr const char* refused_value = "E22";

bool take(std::string_view& text, char c) {
    if (!text.starts_with(c)) return false;
    return text.remove_prefix(1), true;
}

// "ADDR,LENGTH" and what ends it.
bool take_range(std::string_view& text, u64& address, u64& length) {
    auto first = take_number(text);
    if (!first || !take(text, ',')) return false;
    auto second = take_number(text);
    return second && (address = *first, length = *second, true);
}
}

void Server::receive(std::span<const u8> bytes) {
    for (u8 byte : bytes)
        if (auto event = reader.take(byte)) act(*event);
}

void Server::act(const Event& event) {
    switch (event.kind) {
    case Event::interrupt: wants_stop = true; break;
    case Event::acknowledged: break;
    case Event::refused: if (acknowledges && !last_reply.empty()) send(last_reply); break;
    case Event::damaged:
        if (acknowledges) send("-");
        else answer(bad_packet);
        break;
    case Event::packet:
        if (acknowledges) send("+");
        if (!busy) dispatch(event.content);
    }
}

void Server::answer(std::string_view content) { send(last_reply = framed(content)); }

void Server::dispatch(std::string_view packet) try {
    for (auto& row : table()) {
        if (!packet.starts_with(row.name)) continue;
        std::string reply = row.run ? (this->*row.run)(packet.substr(row.name.size())) : std::string(row.says);
        bool later = row.run == &Server::monitor && reply.empty();
        bool silent = later || state == State::running || (state == State::killed && reply.empty());
        if (!silent) answer(reply);
        return;
    }
    answer("");                                // not known here
} catch (const Error&) {                       // a level that can't be looked at
    answer(refused_value);
}

// ---- what gdb is told first

std::string Server::supported(std::string_view rest) {
    says_swbreak = rest.find("swbreak+") != rest.npos, says_hwbreak = rest.find("hwbreak+") != rest.npos;
    return "PacketSize=" + hex(most_bytes).substr(2) + ";qXfer:features:read+;qXfer:memory-map:read+;qXfer:threads:read+;QStartNoAckMode+;swbreak+;hwbreak+;vContSupported+";
}

std::string Server::no_acknowledgements(std::string_view) {
    acknowledges = reader.checks = false;
    return "OK";
}

std::string Server::part_of(const std::string& document, std::string_view range) {
    u64 offset, length;
    if (!take_range(range, offset, length) || offset > document.size()) return bad_packet;
    length = std::min<u64>(length, most_bytes / 2);              // escapes may double it
    return (offset + length >= document.size() ? "l" : "m") + document.substr(offset, length);
}
std::string Server::features(std::string_view rest) { return part_of(target_description(), rest); }
std::string Server::map(std::string_view rest) { return part_of(memory_map(), rest); }

// ---- threads: one for the CPU, or one for each of its guest levels

std::string Server::threads(std::string_view rest) {
    std::string out = "<?xml version=\"1.0\"?><threads>";
    for (unsigned n = 1; n <= 2; n++)
        if (n == 1 || (levels && has_level(session.cpu, n)))
            out += format("<thread id=\"%u\" core=\"0\" name=\"CPU 0%s\"/>", n, !levels ? "" : n == 1 ? ", level 1" : ", level 2");
    return part_of(out + "</threads>\n", rest);
}

std::string Server::thread_ids(std::string_view) { return levels && has_level(session.cpu, 2) ? "m1,2" : "m1"; }
std::string Server::current_thread(std::string_view) { return levels && running_level(session.cpu) == 2 ? "QC2" : "QC1"; }

// "g2": what follows is asked of thread 2. Which thread runs on isn't gdb's to choose.
std::string Server::select_thread(std::string_view rest) {
    if (!take(rest, 'g')) return "OK";
    selected = 0;
    auto n = take_number(rest);
    if (levels && n && (*n == 1 || *n == 2)) selected = has_level(session.cpu, unsigned(*n)) ? unsigned(*n) : 0;
    return "OK";
}

std::string Server::say_threads(std::string_view line) {
    if (line != "threads levels" && line != "threads cpus") return "threads levels, or threads cpus\n";
    levels = line == "threads levels", selected = levels ? 1 : 0;      // gdb has thread 1 before it
    return levels ? "a thread for each guest level: info threads\n" : "a thread for each CPU\n";
}

Viewpoint Server::view() const {
    unsigned level = selected && has_level(session.cpu, selected) ? selected : 0;
    return Viewpoint(session.cpu, level);
}

std::string Server::get_physical(std::string_view) { return physical ? "1" : "0"; }
std::string Server::set_physical(std::string_view rest) {
    if (rest != "0" && rest != "1") return bad_packet;
    return physical = rest == "1", "OK";
}

// ---- registers

// Of a level that doesn't run: what the CPU has put away; x where it is saved nowhere.
std::string Server::register_bytes_of(unsigned number) {
    auto here = view();
    if (here.live) return to_hex(read_register(session.cpu, number));
    auto bytes = read_register_at(here, session.cpu, number);
    return bytes ? to_hex(*bytes) : std::string(2 * register_bytes(number), 'x');
}

std::string Server::read_all(std::string_view) {
    std::string out;
    for (unsigned n = 0; n < register_count(); n++) out += register_bytes_of(n);
    return out;
}

// Registers that can't be changed from here keep what they have.
std::string Server::write_all(std::string_view rest) {
    auto bytes = from_hex(rest);
    if (!bytes) return bad_packet;
    if (!view().live) return refused_value;
    std::string_view left = *bytes;
    for (unsigned n = 0; n < register_count() && left.size() >= register_bytes(n); n++) {
        write_register(session.cpu, n, left.substr(0, register_bytes(n)));
        left.remove_prefix(register_bytes(n));
    }
    return "OK";
}

std::string Server::read_one(std::string_view rest) {
    auto n = take_number(rest);
    return n && rest.empty() && *n < register_count() ? register_bytes_of(unsigned(*n)) : bad_packet;
}

std::string Server::write_one(std::string_view rest) {
    auto n = take_number(rest);
    if (!n || !take(rest, '=') || *n >= register_count()) return bad_packet;
    auto bytes = from_hex(rest);
    if (!bytes) return bad_packet;
    if (!view().live) return refused_value;
    return write_register(session.cpu, unsigned(*n), *bytes) ? "OK" : refused_value;
}

// ---- memory

std::string Server::read_bytes(std::string_view rest) {
    u64 address, length;
    if (!take_range(rest, address, length) || !rest.empty() || length > most_bytes / 2) return bad_packet;
    std::string bytes(length, 0);
    u64 have = read_memory(view(), {physical ? Space::physical : Space::linear, address}, {reinterpret_cast<u8*>(bytes.data()), length});
    return have || !length ? to_hex(std::string_view(bytes).substr(0, have)) : no_memory;
}

bool Server::write_to(u64 address, std::string_view bytes) {
    if (!physical && !view().live) return false;
    return write_memory(session.cpu, {physical ? Space::physical : Space::linear, address}, {reinterpret_cast<const u8*>(bytes.data()), bytes.size()});
}

std::string Server::write_hex(std::string_view rest) {
    u64 address, length;
    if (!take_range(rest, address, length) || !take(rest, ':')) return bad_packet;
    auto bytes = from_hex(rest);
    if (!bytes || bytes->size() != length) return bad_packet;
    return write_to(address, *bytes) ? "OK" : no_memory;
}

std::string Server::write_binary(std::string_view rest) {
    u64 address, length;
    if (!take_range(rest, address, length) || !take(rest, ':') || rest.size() != length) return bad_packet;
    return write_to(address, rest) ? "OK" : no_memory;
}

// ---- breakpoints: Z0 and Z1 are one thing here; Z2 writes, Z3 reads, Z4 both

std::string Server::point(std::string_view rest, bool on) {
    static constexpr On kinds[] = {On::execute, On::execute, On::write, On::read, On::access};
    auto type = take_number(rest);
    u64 address, length;
    if (!type || !take(rest, ',') || !take_range(rest, address, length)) return bad_packet;
    if (*type >= std::size(kinds)) return "";
    On kind = kinds[*type];
    if (kind == On::execute) length = 1;
    if (!length || length > 1 << 20) return bad_packet;
    address = linear_in_mode(session.cpu, address);
    if (!on) return session.stops.remove(kind, address, length), "OK";
    unsigned id = session.stops.add(kind, address, length);
    if (id) own.push_back(id);
    if (id && *type == 1) hardware.push_back(id);
    for (auto* numbers : {&own, &hardware})
        if (numbers->size() > 4 * StopPoints::most) numbers->erase(numbers->begin());
    return id ? "OK" : refused_value;
}
std::string Server::insert(std::string_view rest) { return point(rest, true); }
std::string Server::remove(std::string_view rest) { return point(rest, false); }

bool Server::hardware_of(unsigned id) const { return std::find(hardware.begin(), hardware.end(), id) != hardware.end(); }

// ---- running

std::string Server::go(std::string_view address, u64 steps) {
    if (!address.empty()) {
        auto to = take_number(address);
        if (!to) return bad_packet;
        session.cpu.rip() = *to;
    }
    if (state != State::standing) return "";
    goal = {.steps = steps};
    state = State::running, wants_stop = false;
    return "";
}
std::string Server::resume(std::string_view rest) { return go(rest, 0); }
std::string Server::step(std::string_view rest) { return go(rest, 1); }

// While RIP is in START,END: the lines of a source are left so without a packet for each instruction.
std::string Server::step_range(std::string_view rest) {
    auto start = take_number(rest);
    if (!start || !take(rest, ',')) return bad_packet;
    auto end = take_number(rest);
    if (!end) return bad_packet;
    std::string reply = go("", 0);
    if (*end > *start) goal.reached = [&cpu = session.cpu, from = *start, size = *end - *start] { return cpu.rip() - from >= size; };
    else goal.steps = 1;
    return reply;
}

// There is one thread: the first action is its own.
std::string Server::resume_as_told(std::string_view rest) {
    char action = rest.empty() ? 0 : rest[0];
    if (action == 'r') return step_range(rest.substr(1));
    if (action == 't') return wants_stop = state == State::running, "OK";
    if (action == 'c' || action == 'C') return go("", 0);
    return action == 's' || action == 'S' ? go("", 1) : bad_packet;
}

std::string Server::reason(std::string_view) { return last_stop; }

void Server::stopped(const Stop& stop, int status) {
    bool signalled = stop.why == Why::interrupted;
    last_stop = signalled ? "T02" : "T05";
    if (stop.why == Why::watchpoint) last_stop += std::string(stop.on == On::read ? "r" : stop.on == On::access ? "a" : "") + "watch:" + hex(stop.address).substr(2) + ";";
    bool hard = stop.why == Why::breakpoint && hardware_of(stop.id);
    if (hard && says_hwbreak) last_stop += "hwbreak:;";
    if (stop.why == Why::breakpoint && !hard && says_swbreak) last_stop += "swbreak:;";
    selected = levels ? running_level(session.cpu) : 0;
    last_stop += selected == 2 ? "thread:2;" : "thread:1;";
    if (stop.why == Why::ended) last_stop = "W" + hex(unsigned(status) & 0xff, 2);
    state = State::standing, wants_stop = false;
    answer(last_stop);
}

void Server::remove_own() {
    for (unsigned id : std::exchange(own, {})) session.stops.remove(id);
}

std::string Server::detach(std::string_view) { return remove_own(), state = State::detached, "OK"; }
std::string Server::kill(std::string_view) { return state = State::killed, ""; }
std::string Server::kill_process(std::string_view) { return state = State::killed, "OK"; }

std::string Server::monitor(std::string_view rest) {
    auto line = from_hex(rest);
    if (!line) return bad_packet;
    if (state != State::standing) return refused_value;
    if (line->starts_with("threads")) return send(framed("O" + to_hex(say_threads(*line)))), "OK";
    busy = true, runs_before = session.runs;
    if (run) run(*line);
    else finished(execute(session, *line));
    return "";
}

// Long answers go out as console output, piece by piece.
void Server::finished(const Result& result) {
    std::string text = result.text();
    if (session.runs != runs_before) text += "(gdb keeps the registers that it has: maintenance flush register-cache)\n";
    for (std::size_t at = 0; at < text.size(); at += most_bytes / 4) send(framed("O" + to_hex(std::string_view(text).substr(at, most_bytes / 4))));
    busy = false, wants_stop = false;
    answer("OK");
    if (session.quits) state = State::killed;
}

}
