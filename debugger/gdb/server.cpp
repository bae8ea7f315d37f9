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
        {"vRun;", &Server::run_anew},
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
        {"C", &Server::resume_signalled},
        {"s", &Server::step},
        {"S", &Server::step_signalled},
        {"D", &Server::detach},
        {"k", &Server::kill},
        {"!", &Server::extend},
        {"R", &Server::restart},
        {"H", &Server::select_thread},
        {"T", &Server::is_alive},
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

// "-1" and "0" are all and any: 0.
std::optional<u64> take_thread(std::string_view& text) {
    if (text.starts_with("-1")) return text.remove_prefix(2), 0;
    return take_number(text);
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
        bool silent = later || state == State::running || row.run == &Server::restart || row.run == &Server::kill;
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
    return "PacketSize=" + hex(most_bytes).substr(2) +
        ";qXfer:features:read+;qXfer:memory-map:read+;qXfer:threads:read+;QStartNoAckMode+;swbreak+;hwbreak+;vContSupported+";
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

// ---- threads: one for each CPU, or one for each guest level of each

std::optional<Server::Thread> Server::thread(u64 id) const {
    auto cpus = session.all_cpus();
    u64 n = levels ? (id - 1) / 2 : id - 1;
    unsigned level = levels ? unsigned(id - 1) % 2 + 1 : 0;
    if (!id || n >= cpus.size() || (level == 2 && !has_level(*cpus[n], 2))) return {};
    return Thread{cpus[n], level};
}

std::string Server::id_of(const Cpu& cpu) const {
    u64 n = cpu.number;
    return hex(levels ? 2 * n + running_level(cpu) : n + 1).substr(2);
}

Server::Thread Server::asked() const { return thread(selected).value_or(Thread{&session.cpu, 0}); }

template <class See> void Server::each_thread(See&& see) const {
    u64 most = session.all_cpus().size() * (levels ? 2 : 1);
    for (u64 id = 1; id <= most; id++)
        if (auto t = thread(id)) see(id, *t);
}

std::string Server::threads(std::string_view rest) {
    static constexpr const char* states[] = {"/>", ">halted</thread>", ">shut down</thread>", ">waits for a start-up IPI</thread>"};
    std::string out = "<?xml version=\"1.0\"?><threads>";
    each_thread([&](u64 id, Thread t) {
        bool runs = !t.level || t.level == running_level(*t.cpu);
        std::string level = t.level ? format(", level %u", t.level) : "";
        out += format("<thread id=\"%llx\" core=\"%u\" name=\"CPU %u%s\"%s", 0ull + id, t.cpu->number, t.cpu->number, level.c_str(),
                      states[runs ? unsigned(t.cpu->activity) : 0]);
    });
    return part_of(out + "</threads>\n", rest);
}

std::string Server::thread_ids(std::string_view) {
    std::string out;
    each_thread([&](u64 id, Thread) { out += (out.empty() ? "m" : ",") + hex(id).substr(2); });
    return out;
}

std::string Server::current_thread(std::string_view) { return "QC" + id_of(session.cpu); }

std::string Server::is_alive(std::string_view rest) {
    auto id = take_number(rest);
    if (!id || !rest.empty()) return bad_packet;
    return thread(*id) ? "OK" : refused_value;
}

// "g2": what follows is asked of thread 2; "c2": it is stepped by the packets that name none.
std::string Server::select_thread(std::string_view rest) {
    bool asks = rest.starts_with('g');
    if (!asks && !rest.starts_with('c')) return bad_packet;
    rest.remove_prefix(1);
    auto id = take_thread(rest);
    if (!id || !rest.empty()) return bad_packet;
    if (*id && !thread(*id)) return refused_value;
    return (asks ? selected : steps_on) = *id, "OK";
}

std::string Server::say_threads(std::string_view line) {
    if (line != "threads levels" && line != "threads cpus") return "threads levels, or threads cpus\n";
    u64 cpu = asked().cpu->number;
    levels = line == "threads levels", steps_on = 0;
    selected = levels ? 2 * cpu + 1 : cpu + 1;             // gdb still has the thread before it that it had
    return levels ? "a thread for each guest level: info threads\n" : "a thread for each CPU\n";
}

std::string Server::get_physical(std::string_view) { return physical ? "1" : "0"; }
std::string Server::set_physical(std::string_view rest) {
    if (rest != "0" && rest != "1") return bad_packet;
    return physical = rest == "1", "OK";
}

// ---- registers

// Of a level that doesn't run: what the CPU has put away; x where it is saved nowhere.
std::string Server::register_bytes_of(const Viewpoint& here, Cpu& cpu, unsigned number) const {
    if (here.live) return to_hex(read_register(cpu, number));
    auto bytes = read_register_at(here, cpu, number);
    return bytes ? to_hex(*bytes) : std::string(2 * register_bytes(number), 'x');
}

std::string Server::read_all(std::string_view) {
    std::string out;
    auto here = view();
    for (unsigned n = 0; n < register_count(); n++) out += register_bytes_of(here, *asked().cpu, n);
    return out;
}

// Registers that can't be changed from here keep what they have.
std::string Server::write_all(std::string_view rest) {
    auto bytes = from_hex(rest);
    if (!bytes) return bad_packet;
    if (!view().live) return refused_value;
    std::string_view left = *bytes;
    for (unsigned n = 0; n < register_count() && left.size() >= register_bytes(n); n++) {
        write_register(*asked().cpu, n, left.substr(0, register_bytes(n)));
        left.remove_prefix(register_bytes(n));
    }
    return "OK";
}

std::string Server::read_one(std::string_view rest) {
    auto n = take_number(rest);
    return n && rest.empty() && *n < register_count() ? register_bytes_of(view(), *asked().cpu, unsigned(*n)) : bad_packet;
}

std::string Server::write_one(std::string_view rest) {
    auto n = take_number(rest);
    if (!n || !take(rest, '=') || *n >= register_count()) return bad_packet;
    auto bytes = from_hex(rest);
    if (!bytes) return bad_packet;
    if (!view().live) return refused_value;
    return write_register(*asked().cpu, unsigned(*n), *bytes) ? "OK" : refused_value;
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
    return write_memory(*asked().cpu, {physical ? Space::physical : Space::linear, address}, {reinterpret_cast<const u8*>(bytes.data()), bytes.size()});
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
    address = view().linear(address);
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

// "ADDR": from there on.
std::string Server::go(Goal wanted, std::string_view address) {
    Cpu& cpu = wanted.of ? *wanted.of : session.cpu;
    if (!address.empty()) {
        auto to = take_number(address);
        if (!to || !address.empty()) return bad_packet;
        cpu.rip() = *to;
    }
    if (state != State::standing) return "";
    goal = std::move(wanted);
    state = State::running, wants_stop = false;
    return "";
}

// A step of a level, where each is a thread, lets the other level of its CPU go by if the others are to run.
Goal Server::goal_of(const Action& a, bool others_run) const {
    Thread t = thread(a.thread).value_or(asked());
    if (a.what == 's' && t.level && others_run) {
        Goal step = steps_in_level(1, t.level);
        step.of = t.cpu;
        return step;
    }
    if (a.what == 's' || (a.what == 'r' && a.to <= a.from)) return {.steps = 1, .of = t.cpu};
    if (a.what != 'r') return {};
    return {.reached = [cpu = t.cpu, from = a.from, size = a.to - a.from] { return cpu->rip() - from >= size; }, .of = t.cpu};
}

// "SIGNAL;ADDR": there are no signals here.
static std::string_view behind_signal(std::string_view rest) { return rest.find(';') == rest.npos ? std::string_view() : rest.substr(rest.find(';') + 1); }

std::string Server::resume(std::string_view rest) { return go({}, rest); }
std::string Server::resume_signalled(std::string_view rest) { return go({}, behind_signal(rest)); }
std::string Server::step(std::string_view rest) { return go(goal_of({'s', 0, 0, steps_on ? steps_on : selected}, true), rest); }
std::string Server::step_signalled(std::string_view rest) { return step(behind_signal(rest)); }

// "c", "C05", "s:2", "r401000,401020:1", "t".
std::optional<Server::Action> Server::take_action(std::string_view& rest) {
    if (rest.empty()) return {};
    Action a{rest[0]};
    rest.remove_prefix(1);
    if (a.what == 'C' || a.what == 'S') {
        if (!take_number(rest)) return {};
        a.what = a.what == 'C' ? 'c' : 's';
    }
    if (a.what == 'r') {
        auto from = take_number(rest);
        if (!from || !take(rest, ',')) return {};
        auto to = take_number(rest);
        if (!to) return {};
        a.from = *from, a.to = *to;
    }
    if (take(rest, ':')) {
        auto id = take_thread(rest);
        if (!id) return {};
        a.thread = *id;
    }
    bool known = std::string_view("csrt").find(a.what) != std::string_view::npos, ends = rest.empty() || (take(rest, ';') && !rest.empty());
    return known && ends ? std::optional(a) : std::nullopt;
}

// ACTION[:THREAD][;ACTION...]. A CPU that nothing is said of stands still; one at most is stepped, the first of those that are to be.
std::string Server::resume_as_told(std::string_view rest) {
    u64 run = 0;
    bool all = false;
    std::optional<Action> step;
    do {
        auto a = take_action(rest);
        if (!a || (a->thread && !thread(a->thread))) return bad_packet;
        if (a->what == 't') return wants_stop = state == State::running, "OK";
        if (a->thread) run |= bit(thread(a->thread)->cpu->number);
        else all = true;
        if (!step && (a->what == 's' || a->what == 'r')) step = a;
    } while (!rest.empty());
    if (step && !step->thread) step->thread = steps_on ? steps_on : selected;
    Goal wanted = step ? goal_of(*step, all) : Goal{};
    for (auto* c : session.all_cpus())
        if (!all && !(run >> c->number & 1)) wanted.still |= bit(c->number);
    return go(wanted);
}

std::string Server::reason(std::string_view) { return last_stop.empty() ? "T05thread:" + id_of(session.cpu) + ";" : last_stop; }

void Server::stopped(const Stop& stop, int status) {
    bool signalled = stop.why == Why::interrupted;
    last_stop = signalled ? "T02" : "T05";
    if (stop.why == Why::watchpoint)
        last_stop += std::string(stop.on == On::read ? "r" : stop.on == On::access ? "a" : "") + "watch:" + hex(stop.address).substr(2) + ";";
    // To gdb a place is a value of RIP: of code in a segment with a base it would take a stop so explained for a late one, and go on.
    bool broke = stop.why == Why::breakpoint && session.code() == session.cpu.rip(), hard = hardware_of(stop.id);
    if (broke && hard && says_hwbreak) last_stop += "hwbreak:;";
    if (broke && !hard && says_swbreak) last_stop += "swbreak:;";
    selected = 0;
    last_stop += "thread:" + id_of(session.cpu) + ";";
    if (stop.why == Why::ended) last_stop = "W" + hex(unsigned(status) & 0xff, 2);
    state = State::standing, wants_stop = false;
    answer(last_stop);
}

void Server::remove_own() {
    for (unsigned id : std::exchange(own, {})) session.stops.remove(id);
}

std::string Server::detach(std::string_view) { return remove_own(), state = State::detached, "OK"; }
std::string Server::kill(std::string_view) {
    if (!extended) return state = State::killed, "";
    return dead = true, "";
}
// In extended mode gdb stays, and may start the machine anew.
std::string Server::kill_process(std::string_view) {
    if (!extended) state = State::killed;
    return dead = extended, "OK";
}

// ---- extended mode

std::string Server::extend(std::string_view) { return extended = true, "OK"; }

// No answer: gdb asks what it wants to know.
std::string Server::restart(std::string_view) {
    session.reset();
    dead = false, selected = steps_on = 0, last_stop = "T05thread:" + id_of(session.cpu) + ";";
    return "";
}

// The name of a program means nothing here.
std::string Server::run_anew(std::string_view) { return restart({}), last_stop; }

std::string Server::monitor(std::string_view rest) {
    auto line = from_hex(rest);
    if (!line) return bad_packet;
    if (state != State::standing) return refused_value;
    if (line->starts_with("threads")) return send(framed("O" + to_hex(say_threads(*line)))), "OK";
    if (asked().cpu != &session.cpu) session.select(*asked().cpu);
    busy = true, runs_before = session.runs;
    if (run) run(*line);
    else finished(execute(session, *line));
    return "";
}

// Long answers go out as console output, piece by piece.
void Server::finished(const Result& result) {
    std::string text = result.text();
    if (session.runs != runs_before) text += "(gdb keeps the registers that it has: maintenance flush register-cache, or a hook of docs/debugger.md)\n";
    for (std::size_t at = 0; at < text.size(); at += most_bytes / 4) send(framed("O" + to_hex(std::string_view(text).substr(at, most_bytes / 4))));
    busy = false, wants_stop = false;
    answer("OK");
    if (session.quits) state = State::killed;
}

}
