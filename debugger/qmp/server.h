// SPDX-License-Identifier: MIT
// QEMU's machine protocol over a desk: text in, answers and events out. Sockets are somebody else's (debugger/qmp/face.h).
// The names and shapes are those of QEMU's QMP specification and schema where it has them.
#pragma once
#include "debugger/desk.h"
#include "debugger/qmp/json.h"

namespace debugger::qmp {

// Where guest RAM is found by other programs.
struct MemoryFile {
    struct Range {
        u64 physical, offset, length;
    };
    std::string path;                          // empty: nowhere
    std::vector<Range> ranges;
};

class Server : public std::enable_shared_from_this<Server> {
public:
    using Send = std::function<void(std::string_view)>;
    Server(Desk& desk, MemoryFile file, Send send) : desk(desk), file(std::move(file)), send(std::move(send)) {}

    void greet();
    void receive(std::string_view bytes);
    bool files = true;                         // commands may use the host's
    bool closed = false;                       // no more is to be received: it wasn't QMP that came

    void running();
    void stopped(const Stop&, const Result&);
    void shut_down(const char* reason);

private:
    struct Row;
    struct Request;
    static std::span<const Row> table();
    void act(const ObjectReader::Piece&);
    void dispatch(const std::string& text);
    void answer(const Request&, const std::string& value);
    void refuse(const Request&, const std::string& why, const char* kind = "GenericError");
    void event(const char* name, const std::string& data = {});
    void run_line(const Request&, std::string line, bool as_text);

    // The commands: the value that is returned, or nothing where the answer comes later. They throw Error.
    std::optional<std::string> capabilities(const Request&), stop(const Request&), cont(const Request&), quit(const Request&);
    std::optional<std::string> status(const Request&), version(const Request&), command_names(const Request&), memory_file(const Request&);
    std::optional<std::string> reset(const Request&), cpus(const Request&);
    std::optional<std::string> monitor(const Request&), command(const Request&), memory_read(const Request&), registers(const Request&), walk(const Request&);

    Desk& desk;
    MemoryFile file;
    Send send;
    ObjectReader reader;
    bool first = true, negotiated = false, said_shut_down = false;
    std::vector<std::string> stopping;         // ids of `stop` that wait for the guest to stand
};

}
