// SPDX-License-Identifier: MIT
// QMP's commands and events (QEMU: docs/interop/qmp-spec, qapi/).
#include "debugger/qmp/server.h"
#include "base/error.h"
#include "debugger/at_level.h"
#include "debugger/commands.h"
#include "debugger/registers.h"
#include <algorithm>
#include <chrono>
#include <unistd.h>
#include <utility>

namespace debugger::qmp {

struct Server::Row {
    std::string_view name;
    std::optional<std::string> (Server::*run)(const Request&);
    std::string_view arguments = {};           // their names; any other is refused
};

std::span<const Server::Row> Server::table() {
    static constexpr Row rows[] = {
        {"qmp_capabilities", &Server::capabilities, "enable"},
        {"query-version", &Server::version},
        {"query-commands", &Server::command_names},
        {"query-status", &Server::status},
        {"stop", &Server::stop},
        {"cont", &Server::cont},
        {"quit", &Server::quit},
        {"system_reset", &Server::reset},
        {"query-cpus-fast", &Server::cpus},
        {"human-monitor-command", &Server::monitor, "command-line cpu-index"},
        {"slate-command", &Server::command, "command-line"},
        {"memory-read", &Server::memory_read, "address length space level cpu-index"},
        {"registers", &Server::registers, "group level cpu-index"},
        {"walk", &Server::walk, "address access level cpu-index"},
        {"query-memory-file", &Server::memory_file},
    };
    return rows;
}

struct Server::Request {
    std::string id;                            // as JSON; empty: none
    Json arguments;

    const Json* find(const char* name, Json::Kind kind) const {
        auto* v = arguments.member(name);
        if (v && v->kind != kind) throw Error(std::string("Invalid parameter type for '") + name + "'");
        return v;
    }
    std::string text(const char* name) const {
        auto* v = find(name, Json::string);
        if (!v) throw Error(std::string("Parameter '") + name + "' is missing");
        return v->text;
    }
    std::string text(const char* name, const char* otherwise) const {
        auto* v = find(name, Json::string);
        return v ? v->text : otherwise;
    }
    // A whole number, or a string that the debugger's expressions take: readers of JSON lose bits of large numbers.
    std::string expression(const char* name) const {
        auto* v = arguments.member(name);
        if (!v) throw Error(std::string("Parameter '") + name + "' is missing");
        if (v->kind == Json::string) return v->text;
        if (!v->whole()) throw Error(std::string("Invalid parameter type for '") + name + "', expected: a number or a string");
        return hex(*v->whole());
    }
    // 1, 2, or 0 for the level that runs.
    unsigned level() const {
        auto* v = find("level", Json::number);
        if (v && v->whole() != 1 && v->whole() != 2) throw Error("Parameter 'level' expects 1 or 2");
        return v ? unsigned(*v->whole()) : 0;
    }
    // The CPU that is named, or the one that is looked at.
    Cpu& cpu(Session& session) const {
        auto* v = find("cpu-index", Json::number);
        if (!v) return session.cpu;
        auto all = session.all_cpus();
        if (!v->whole() || *v->whole() >= all.size()) throw Error("Parameter 'cpu-index' expects a CPU number");
        return *all[*v->whole()];
    }
};

// ---- the protocol

void Server::greet() {
    send("{\"QMP\": {\"version\": {\"slate\": " + quoted(PACKAGE_VERSION) + ", \"package\": \"slate\"}, \"capabilities\": []}}\r\n");
}

void Server::receive(std::string_view bytes) {
    for (char c : bytes) {
        if (closed) return;
        if (auto piece = reader.take(c)) act(*piece);
        // What doesn't begin as an object is a page in a browser, not a client.
        else if (first && std::string_view(" \t\r\n{").find(c) == std::string_view::npos) closed = true;
        else if (c == '{') first = false;
    }
}

void Server::act(const ObjectReader::Piece& piece) {
    if (piece.kind == ObjectReader::Piece::too_long) closed = true;
    if (piece.kind != ObjectReader::Piece::object) return refuse({}, "JSON parse error, or more than " + std::to_string(most_bytes) + " bytes");
    dispatch(piece.text);
}

void Server::answer(const Request& request, const std::string& value) {
    send("{\"return\": " + value + (request.id.empty() ? "" : ", \"id\": " + request.id) + "}\r\n");
}

void Server::refuse(const Request& request, const std::string& why, const char* kind) {
    send(std::string("{\"error\": {\"class\": \"") + kind + "\", \"desc\": " + quoted(why) + "}" +
         (request.id.empty() ? "" : ", \"id\": " + request.id) + "}\r\n");
}

void Server::event(const char* name, const std::string& data) {
    using namespace std::chrono;
    if (!negotiated) return;
    auto now = duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
    send(format("{\"timestamp\": {\"seconds\": %lld, \"microseconds\": %lld}, \"event\": \"%s\"", now / 1000000ll, now % 1000000ll, name) +
         (data.empty() ? "" : ", \"data\": " + data) + "}\r\n");
}

static bool lists(std::string_view names, const std::string& name) { return (" " + std::string(names) + " ").find(" " + name + " ") != std::string::npos; }

// One after the other, in the order in which they come: each is done in its turn at the desk.
void Server::dispatch(const std::string& text) {
    auto json = parse_json(text);
    Request request;
    if (!json || json->kind != Json::object) return refuse(request, "JSON parse error");
    if (auto* id = json->member("id")) request.id = id->written();
    auto* name = json->member("execute");
    if (!name || name->kind != Json::string) return refuse(request, "QMP input lacks member 'execute'");
    for (auto& member : json->names)
        if (member != "execute" && member != "arguments" && member != "id") return refuse(request, "QMP input member '" + member + "' is unexpected");
    if (auto* given = json->member("arguments")) {
        if (given->kind != Json::object) return refuse(request, "QMP input member 'arguments' must be an object");
        request.arguments = *given;
    }
    auto row = std::find_if(table().begin(), table().end(), [&](auto& r) { return r.name == name->text; });
    if (row == table().end()) return refuse(request, "The command " + name->text + " has not been found", "CommandNotFound");
    for (auto& argument : request.arguments.names)
        if (!lists(row->arguments, argument)) return refuse(request, "Parameter '" + argument + "' is unexpected");
    if (!negotiated && row->run != &Server::capabilities)
        return refuse(request, "Expecting capabilities negotiation with 'qmp_capabilities'", "CommandNotFound");
    if (row->run == &Server::capabilities && negotiated)
        return refuse(request, "Capabilities negotiation is already complete, command ignored", "CommandNotFound");
    if (row->run == &Server::capabilities) negotiated = true;
    desk.call([weak = weak_from_this(), run = row->run, request] {
        auto self = weak.lock();
        if (!self) return;
        try {
            if (auto value = ((*self).*run)(request)) self->answer(request, *value);
        } catch (const Error& e) {
            self->refuse(request, e.what());
        }
    });
}

// ---- the run

void Server::running() { event("RESUME"); }

void Server::stopped(const Stop& stop, const Result& report) {
    event("STOP", report.json());
    for (auto& id : std::exchange(stopping, {})) answer({id, {}}, "{}");
    if (stop.why == Why::ended) shut_down("guest-shutdown");
}

void Server::shut_down(const char* reason) {
    if (std::exchange(said_shut_down, true)) return;
    event("SHUTDOWN", std::string("{\"guest\": ") + (desk.session.over ? "true" : "false") + ", \"reason\": \"" + reason + "\"}");
}

std::optional<std::string> Server::capabilities(const Request&) { return "{}"; }

std::optional<std::string> Server::stop(const Request& request) {
    if (desk.stands()) return desk.stay(), "{}";
    stopping.push_back(request.id);
    desk.request_stop();
    return {};
}

std::optional<std::string> Server::cont(const Request&) {
    if (desk.session.over) throw Error("the run is over");
    return desk.go({}), "{}";
}

std::optional<std::string> Server::quit(const Request&) { return desk.session.quits = true, "{}"; }

// Running or standing, as before.
std::optional<std::string> Server::reset(const Request&) {
    desk.session.reset();
    said_shut_down = false;
    event("RESET", "{\"guest\": false, \"reason\": \"host-qmp-system-reset\"}");
    return "{}";
}

// ---- questions

std::optional<std::string> Server::status(const Request&) {
    bool runs = !desk.stands();
    const char* state = desk.session.over ? "shutdown" : runs ? "running" : desk.session.runs ? "paused" : "prelaunch";
    return format("{\"running\": %s, \"singlestep\": false, \"status\": \"%s\"}", runs ? "true" : "false", state);
}

std::optional<std::string> Server::version(const Request&) { return "{\"slate\": " + quoted(PACKAGE_VERSION) + ", \"package\": \"slate\"}"; }

std::optional<std::string> Server::command_names(const Request&) {
    std::string out;
    for (auto& row : table()) out += (out.empty() ? "{\"name\": " : ", {\"name\": ") + quoted(row.name) + "}";
    return "[" + out + "]";
}

// One thread of the host runs them all. `level` and `activity` aren't QEMU's.
std::optional<std::string> Server::cpus(const Request&) {
    static constexpr const char* states[] = {"active", "halted", "shut down", "waits for a start-up IPI"};
    std::string out;
    for (auto* c : desk.session.all_cpus())
        out += format("%s{\"cpu-index\": %u, \"qom-path\": \"/machine/cpu[%u]\", \"thread-id\": %d, \"target\": \"x86_64\", "
                      "\"level\": %u, \"activity\": \"%s\"}", out.empty() ? "" : ", ",
                      c->number, c->number, int(::getpid()), running_level(*c), states[unsigned(c->activity)]);
    return "[" + out + "]";
}

std::optional<std::string> Server::memory_file(const Request&) {
    if (file.path.empty()) throw Error("guest RAM is in no file");
    std::string out;
    for (auto& r : file.ranges)
        out += format("%s{\"physical\": %llu, \"offset\": %llu, \"length\": %llu}", out.empty() ? "" : ", ", 0ull + r.physical, 0ull + r.offset,
                      0ull + r.length);
    return "{\"path\": " + quoted(file.path) + ", \"ranges\": [" + out + "]}";
}

// A command of the debugger; where it lets the guest run, the answer comes at the stop.
void Server::run_line(const Request& request, std::string line, bool as_text) {
    auto done = [weak = weak_from_this(), request, as_text](const Result& result) {
        if (auto self = weak.lock()) self->answer(request, as_text ? quoted(result.text()) : result.json());
    };
    desk.post(std::move(line), done, files);
}
// A CPU that is named is the one that is looked at from then on.
std::optional<std::string> Server::monitor(const Request& request) {
    if (auto& cpu = request.cpu(desk.session); &cpu != &desk.session.cpu) desk.session.select(cpu);
    return run_line(request, request.text("command-line"), true), std::nullopt;
}
std::optional<std::string> Server::command(const Request& request) { return run_line(request, request.text("command-line"), false), std::nullopt; }

std::optional<std::string> Server::memory_read(const Request& request) {
    constexpr u64 most = 1 << 20;
    std::string name = request.text("space", "linear");
    Viewpoint view(request.cpu(desk.session), request.level());
    u64 length = evaluate_at(view, request.expression("length"));
    if (!length || length > most) throw Error("Parameter 'length' expects 1 to " + std::to_string(most));
    Place place{name == "physical" ? Space::physical : name == "guest-physical" ? Space::guest_physical : Space::linear,
                evaluate_at(view, request.expression("address"))};
    if (place.space == Space::linear && name != "linear") throw Error("Parameter 'space' expects linear, guest-physical or physical");
    std::vector<u8> bytes(length);
    u64 have = read_memory(view, place, bytes);
    if (!have) throw Error("no plain memory at " + hex(place.address));
    return "{\"length\": " + std::to_string(have) + ", \"data\": \"" + base64({bytes.data(), have}) + "\"}";
}

// Of a level that doesn't run: those that the CPU has put away.
std::optional<std::string> Server::registers(const Request& request) {
    Viewpoint view(request.cpu(desk.session), request.level());
    std::string group = request.text("group", "all"), out;
    for (auto& r : debugger::registers()) {
        if (group != "all" && group != name_of(r.group)) continue;
        auto value = view.value(r);
        if (!value) continue;
        out += format("%s{\"name\": \"%s\", \"group\": \"%s\", \"bits\": %u, \"value\": \"%s\"}", out.empty() ? "" : ", ", std::string(r.name).c_str(),
                      std::string(name_of(r.group)).c_str(), unsigned(r.bits), hex(*value).c_str());
    }
    if (out.empty()) throw Error("no group '" + group + "'; groups: general, segments, control, debug, x87, all");
    return "[" + out + "]";
}

std::optional<std::string> Server::walk(const Request& request) {
    std::vector<std::string> words{request.expression("address")};
    for (char c : request.text("access", "")) words.emplace_back(1, c);
    if (words.size() > 4) throw Error("Parameter 'access' expects letters of r, w, x, u, s");
    Cpu& cpu = request.cpu(desk.session);
    struct Restore {
        Restore(Session& session, Cpu& cpu) : session(session), before(session.cpu) { look_at(cpu); }
        ~Restore() { session.looking.level = 0, look_at(before); }
        void look_at(Cpu& c) {
            if (&c != &session.cpu) session.select(c);
        }
        Session& session;
        Cpu& before;
    } restore{desk.session, cpu};
    desk.session.looking.level = request.level();
    Result result = look::walk(desk.session, words);
    if (result.failed) throw Error(result.text());
    return result.json();
}

}
