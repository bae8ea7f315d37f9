// SPDX-License-Identifier: MIT
// Fuzz target: bytes as gdb's connection, packets with a right checksum, QMP's requests, and lines as commands. The machine comes
// back each time.
#include "debugger/commands.h"
#include "debugger/gdb/server.h"
#include "debugger/qmp/server.h"
#include "tests/cpu/machine.h"
#include "tests/fuzz/input.h"

using namespace debugger;

namespace {

struct Guest {
    Guest() : machine(TestMode::long64) {}

    void begin(TestMode mode) {
        std::fill(machine.ram.begin(), machine.ram.begin() + 0x40000, 0);
        machine.cpu.reset(false);
        machine.cpu.memory_replaced();
        machine.enter(mode);
        machine.put_code("ff c1 f3 aa 51 8f 04 24 e8 f3 ff ff ff eb f1");
        slices = 4;
    }
    // A goal of many steps or a monitor that goes on must not hold the target up.
    bool slice(const Session::Drive& drive) {
        drive(machine.clock.ticks + 300);
        return --slices > 0;
    }

    TestMachine machine;
    int slices = 0;
};

void talk(Session& session, Input& in, bool framed) {
    std::size_t said = 0;
    gdb::Server server(session, [&](std::string_view bytes) { said += bytes.size(); });
    while (!in.empty()) {
        auto some = in.bytes(framed ? 1 + in.byte() % 64 : 4096);
        std::string packet(reinterpret_cast<const char*>(some.data()), some.size());
        if (framed) packet = gdb::framed(packet);
        server.receive({reinterpret_cast<const u8*>(packet.data()), packet.size()});
        if (server.state == gdb::Server::State::running) server.stopped(session.resume(server.goal), 0);
    }
    require(said < 64 << 20);
}

// A client's bytes, in pieces; the guest runs and stands between them.
void control(Session& session, Input& in, bool negotiated) {
    std::size_t said = 0;
    Desk desk(session);
    auto server = std::make_shared<qmp::Server>(desk, qmp::MemoryFile{}, [&](std::string_view text) { said += text.size(); });
    server->files = false;
    if (negotiated) server->receive("{\"execute\": \"qmp_capabilities\"}");
    while (!in.empty() && !server->closed) {
        auto some = in.bytes(1 + in.byte());
        server->receive({reinterpret_cast<const char*>(some.data()), some.size()});
        for (int turns = 0; turns < 24 && desk.turn(); turns++) {}
    }
    require(said < 64 << 20);
}

void command(Session& session, Input& in) {
    auto rest = in.rest();
    std::string text(rest.begin(), rest.end());
    for (std::size_t at = 0, lines = 0; at < text.size() && lines < 24; lines++) {
        auto end = std::min(text.find('\n', at), text.size());
        Result result = execute(session, std::string_view(text).substr(at, end - at));
        require(result.json().front() == '{' && (!result.failed || !result.lines.empty()));
        at = end + 1;
    }
}

}

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static Guest guest;
    Input in(data, size);
    u8 how = in.byte();
    guest.begin(TestMode(how % 5));
    Session session(guest.machine.cpu, [](const Session::Drive& drive) { return guest.slice(drive); });
    session.may_use_files = false;
    if (how & 0x80) command(session, in);
    else if (how & 0x20) control(session, in, how & 0x40);
    else talk(session, in, how & 0x40);
    return 0;
}
