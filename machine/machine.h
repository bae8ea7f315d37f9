// SPDX-License-Identifier: MIT
// A run from the command line's point of view: the board, what is loaded, the lines to the outside, how it ends.
#pragma once
#include "bios/kernel.h"
#include "machine/console.h"
#include "machine/front.h"
#include "machine/options.h"
#include "machine/pace.h"
#include "machine/pc.h"
#include "machine/screenshot.h"
#include <functional>

// The board that the options ask for, its lines to the outside not connected; and what is in memory and registers at its start.
Parts parts_of(const Options& options);
void load(Pc& pc, const Options& options);
void resume(Pc& pc, const Options& options);     // from S3, a kernel that was loaded

class Machine {
public:
    explicit Machine(const Options& options, Front* front = nullptr);
    int run();                            // the exit status

    // The same in pieces, for a debugger: it runs the CPU itself, until clock.ticks is what it is given or less far.
    using Drive = std::function<void(u64 until)>;
    void start();
    bool slice(const Drive& drive);       // false: the run is over
    bool attend() { return !front || front->turn(*pc); }        // the window, while the guest stands; false: it is closed
    int finish();                         // the exit status, with all said that is to be said at the end
    int status() const;
    Pc& board() { return *pc; }

private:
    void exchange();                      // bytes between the UARTs and the host; the window's turn
    void idle();
    void rest(std::chrono::nanoseconds most);       // until then, or until there is input
    u64 at_the_hosts_pace();              // where to stop next, when it is time to go there
    void take_screenshots();              // those whose time has come
    u64 next_stop() const;                // ticks
    u64 next_exchange() const;
    void print_hash();
    bool go_on();                         // behind what ended the guest's run; false: nothing does

    Options options;
    Front* front;                         // null: none
    std::unique_ptr<Console> serial[2], debugcon, parallel;
    std::unique_ptr<Pc> pc;
    std::optional<Pace> pace;             // --clock realtime
    u64 next_hash = 0;
    std::vector<Screenshot> screenshots;  // still to be taken, by time
    bool limit_reached = false;
    double started = 0;
};
