// SPDX-License-Identifier: MIT
// What translation costs: walks of one stage and of two, world switches, invalidations; nanoseconds of the host.
//   build/tests/bench/translation
#include "tests/cpu/guest_memory.h"
#include <chrono>
#include <cstdio>

namespace {

using paging::Operation;

// Nanoseconds for each of `times` calls, the best of five rounds.
template <class Act> double cost(unsigned times, Act&& act) {
    double best = 1e9;
    for (unsigned round = 0; round < 5; round++) {
        auto began = std::chrono::steady_clock::now();
        for (unsigned n = 0; n < times; n++) act(n);
        std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
        best = std::min(best, took.count() / times);
    }
    return best;
}
void say(const char* what, double nanoseconds) { std::printf("%-66s %8.1f ns\n", what, nanoseconds); }

// A read that walks: its page is dropped first, which is in the figure. The host's tables are made as deep as the guest's.
double walk_cost(GuestMachine& m) {
    for (u64 n = 0; n < 128; n++) m.read(GuestMachine::window + n * 4096);
    return cost(100'000, [&](unsigned n) {
        u64 at = GuestMachine::window + n % 128 * 4096;
        m.cpu.invalidate_page(at);
        m.read(at);
    });
}

void walks() {
    GuestMachine native;
    native.put(0x3000 + 2 * 8, u64{GuestMachine::guest_table | 7});
    for (u64 n = 0; n < 512; n++) native.put(GuestMachine::guest_table + n * 8, (GuestMachine::frames + n * 4096) | 0x67);
    say("INVLPG and a walk, 4 levels", walk_cost(native));
    GuestMachine guest;
    guest.enter();
    say("INVLPG and a walk, 4 levels on EPT, guest-physical mappings known", walk_cost(guest));
    say("INVEPT and a walk, 4 levels on 4", cost(100'000, [&](unsigned) {
        guest.invalidate(Operation::invept_context);
        guest.read(GuestMachine::window);
    }));
    GuestMachine amd(paging::Nesting::npt, "max-amd");
    amd.enter();
    say("INVLPG and a walk, 4 levels on NPT, guest-physical mappings known", walk_cost(amd));
}

void switches() {
    GuestMachine m;
    m.enter(), m.read(GuestMachine::window), m.leave();
    say("a guest entered and left", cost(1'000'000, [&](unsigned) { m.enter(), m.leave(); }));
    say("the same with a read in each", cost(1'000'000, [&](unsigned) {
        m.enter(), m.read(GuestMachine::window);
        m.leave(), m.read(0);
    }));
}

void invalidations() {
    GuestMachine m;
    m.put(0x3000 + 2 * 8, u64{GuestMachine::guest_table | 7});
    for (u64 n = 0; n < 512; n++) m.put(GuestMachine::guest_table + n * 8, (GuestMachine::frames + n * 4096) | 0x167);
    m.cpu.control.cr4 |= cr4::pge, m.cpu.translation_mode_changed();
    for (u64 n = 0; n < 500; n++) m.read(GuestMachine::window + n * 4096);
    struct { const char* what; Operation operation; } rows[] = {
        {"MOV CR3 with 500 global entries that stay", Operation::mov_cr3},
        {"INVEPT all-context with 500 entries of the host", Operation::invept_all},
        {"INVVPID all-context with 500 entries of the host", Operation::invvpid_all},
    };
    for (auto& row : rows) say(row.what, cost(100'000, [&](unsigned) { m.invalidate(row.operation); }));
    GuestMachine g;
    g.enter();
    say("100 pages walked and dropped by INVVPID, each", cost(2'000, [&](unsigned) {
        for (u64 n = 0; n < 100; n++) g.read(GuestMachine::window + n * 4096);
        g.invalidate(Operation::invvpid_context);
    }) / 100);
}

}

int main() {
    walks();
    switches();
    invalidations();
}
