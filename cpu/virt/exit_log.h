// SPDX-License-Identifier: MIT
// The last VM exits and how many there were of each kind, by the guest's context: for people, no state of the machine's.
#pragma once
#include "memory/by_context.h"
#include <array>
#include <numeric>

namespace virt {

struct LoggedExit {
    u64 reason = 0;               // Intel: basic exit reason; AMD: EXITCODE
    u64 information = 0;          // exit qualification; EXITINFO1
    u64 address = 0;              // guest-physical address of EPT violations; EXITINFO2
    u64 rip = 0;                  // the guest's
    u64 tick = 0;                 // of the exit ...
    u64 entered = 0;              // ... and of the entry before it
};

struct ContextExits : paging::CountedContext {
    static constexpr unsigned kinds = 1100;
    u64 inside = 0;               // ticks spent in the guest
    std::array<u64, kinds> count{};               // by reason; what is beyond counts as the last
    u64 exits() const { return std::accumulate(count.begin(), count.end(), u64{0}); }
};

class ExitLog {
public:
    static constexpr unsigned kept = 1024, kinds = ContextExits::kinds;

    void entry(u64 tick) { entered = tick, entries++; }
    void exit(u64 reason, u64 information, u64 address, u64 rip, u64 tick, ContextExits& of) {
        last[exits++ % kept] = {reason, information, address, rip, tick, entered};
        of.inside += tick - entered;
        of.count[reason < kinds ? reason : kinds - 1]++;
    }
    u64 count(u64 reason) const { return sum([=](const ContextExits& c) { return c.count[reason]; }); }
    u64 inside() const { return sum([](const ContextExits& c) { return c.inside; }); }
    // Calls see(LoggedExit) for the last ones, the oldest first.
    template <class See> void each(See&& see) const {
        for (u64 n = exits > kept ? exits - kept : 0; n < exits; n++) see(last[n % kept]);
    }

    u64 entries = 0, exits = 0, failed_entries = 0;
    paging::ByContext<ContextExits> contexts;

private:
    u64 sum(auto&& part) const {
        u64 sum = 0;
        for (auto& c : contexts.all()) sum += part(c);
        return sum;
    }
    std::array<LoggedExit, kept> last{};
    u64 entered = 0;
};

}
