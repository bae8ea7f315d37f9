// SPDX-License-Identifier: MIT
// Lines from whoever sits at the terminal, taken as they come; with libedit, history, editing and completion.
#pragma once
#include <memory>
#include <optional>
#include <string>

namespace debugger {

class LineInput {
public:
    virtual ~LineInput() = default;
    // A line that is whole. Never waits; asks for one, by the prompt, where that isn't done yet.
    virtual std::optional<std::string> poll() = 0;
    virtual bool ended() const = 0;            // there are no more
    virtual void again() {}                    // something was printed in between: asks anew
    virtual int descriptor() const { return 0; }
};

// A script's input is answered without prompts.
std::unique_ptr<LineInput> open_line_input(const std::string& prompt);
// The same without editing; no prompt where it is empty.
std::unique_ptr<LineInput> plain_line_input(const std::string& prompt);

bool input_waits();                            // standard input has something, or has ended

}
