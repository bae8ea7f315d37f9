// SPDX-License-Identifier: MIT
// Commands from a file of the host's.
#include "base/error.h"
#include "base/file.h"
#include "debugger/commands.h"
#include <sstream>

namespace debugger::files {

// Whoever comes by a TCP port may be somebody else than the user.
void want_files(const Session& session) {
    if (!session.may_use_files) throw Error("the host's files are out of reach by a TCP port; come by a unix socket, or from the terminal");
}

// Until one fails, as a debugger's script should.
Result source(Session& session, Words words) {
    constexpr unsigned deepest = 8;
    static unsigned depth;
    struct Deeper {
        Deeper() { depth++; }
        ~Deeper() { depth--; }
    } deeper;
    want_files(session);
    if (depth > deepest) throw Error("files of commands are read to a depth of " + std::to_string(deepest));
    auto bytes = read_file(words[0], 1 << 20);
    std::istringstream in(std::string(bytes.begin(), bytes.end()));
    Result result;
    for (std::string line; !result.failed && !session.quits && std::getline(in, line);) {
        result.add("(slate) " + Error::one_line(line)).with("kind", "command").with("command", line);
        Result one = execute(session, line);
        result.failed = one.failed;
        for (auto& l : one.lines) result.lines.push_back(std::move(l));
    }
    return result;
}

}
