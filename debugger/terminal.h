// SPDX-License-Identifier: MIT
// The terminal as a face: commands from a file first, then as they are typed.
#pragma once
#include "debugger/desk.h"
#include "debugger/line_input.h"

namespace debugger {

class Terminal final : public Face {
public:
    // `commands` names a file; empty: none. Throws Error where it can't be read.
    Terminal(Session& session, const std::string& commands);

    bool poll(Desk&, bool standing) override;
    void wait_for(std::vector<int>&) const override;
    void stopped(const Stop&, const Result&) override;

private:
    bool next(std::string& line);
    void show(const Result&);

    std::deque<std::string> from_file;
    std::unique_ptr<LineInput> input;
    std::shared_ptr<bool> waits = std::make_shared<bool>(false);         // for what it has posted
    std::string last;
};

}
