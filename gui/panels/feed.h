// SPDX-License-Identifier: MIT
// What the window knows of the machine: the results of command lines, asked for again whenever the machine has gone on.
// Nothing here touches the machine; lines go out by a function, and answers come back from whichever thread.
#pragma once
#include "debugger/result.h"
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

namespace gui {

using debugger::Line, debugger::Result;

// A line's fields, by their types. What isn't there is empty, 0 or false.
std::string_view word(const Line& line, std::string_view field);
u64 value(const Line& line, std::string_view field);            // decimal, or with 0x; an address' space before it is left off
bool flag(const Line& line, std::string_view field);
bool has(const Line& line, std::string_view field);
// The first line whose field says that; null: none.
const Line* find(const Result& result, std::string_view field, std::string_view says);
const Line* first_with(const Result& result, std::string_view field);

class Feed {
public:
    using Done = std::function<void(const Result&)>;
    using Post = std::function<void(std::string line, Done done)>;

    explicit Feed(Post post) : post(std::move(post)) {}

    // The newest answer to a line that leaves no trace; it is asked for again where it is older than the machine's state.
    const Result& look(const std::string& line);
    const Result& kept(const std::string& line);                // the newest one, however old; asked for where there is none
    bool knows(const std::string& line) const;                  // an answer has come
    // The same as it was when the guest stood the last time; null: not known.
    const Result* before(const std::string& line) const;
    void act(const std::string& line, Done done = {});          // once; done on the thread that calls take()

    void moved() { age++; }                                     // the machine isn't what it was
    void stood();                                               // it stands again: what is known now is what was before
    void forget_before();                                       // what was before is another CPU's
    bool take();                                                // what has come in; true where something has
    bool waits() const { return on_their_way; }
    std::function<void()> bell = [] {};                         // rung on the answering thread

private:
    struct Known {
        std::optional<Result> now, before;
        u64 asked = 0;                     // for which age
        u64 used = 0;
        bool coming = false;
    };
    struct Answer {
        std::string line;
        Result result;
        Done done;
    };
    struct Inbox {
        std::mutex mutex;
        std::vector<Answer> answers;
        std::function<void()> bell;
    };
    void send(const std::string& line, Done done);

    Post post;
    std::shared_ptr<Inbox> inbox = std::make_shared<Inbox>();   // outlives us where an answer is late
    std::map<std::string, Known> known;
    u64 age = 1, clock = 0;
    unsigned on_their_way = 0;
};

}
