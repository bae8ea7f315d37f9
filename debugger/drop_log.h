// SPDX-License-Identifier: MIT
// Which cached translations went, and by which cause: the TLB's own word of it, kept from when someone first asks.
#pragma once
#include "cpu/cpu.h"
#include "memory/scopes.h"
#include <map>

namespace debugger {

struct Drop {
    u64 tick = 0;
    paging::Tag tag;
    std::string_view cause;                    // the operation's name (memory/scopes.cpp), or that another entry took its place
};

class DropLog {
public:
    static constexpr unsigned kept = 4096;
    explicit DropLog(Cpu& cpu);
    ~DropLog();                                // the TLB tells no more
    DropLog(const DropLog&) = delete;
    DropLog& operator=(const DropLog&) = delete;

    template <class See> void each(See&& see) const {
        for (u64 n = number > kept ? number - kept : 0; n < number; n++) see(last[n % kept]);
    }
    bool begun = false;                        // someone has been shown it
    Cpu& cpu;

private:
    void note(const paging::Tag& tag);
    std::string_view cause_of(const paging::Tag& tag);

    using Counts = std::array<u64, paging::ContextCounts::operations>;
    struct Credit {
        Counts seen{};                         // what the context's counters were
        unsigned operation = 0;
        u64 left = 0;                          // entries that the operation has announced and that haven't gone yet
    };
    std::map<std::pair<u16, u64>, Credit> credits;
    std::array<std::function<void(const paging::Tag&)>, 3> told_before;
    std::vector<Drop> last = std::vector<Drop>(kept);
    u64 number = 0;
};

}
