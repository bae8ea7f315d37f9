// SPDX-License-Identifier: MIT
// GDB's remote protocol over a session: bytes in, answers out. Sockets are somebody else's (debugger/gdb/face.h).
#pragma once
#include "debugger/gdb/packets.h"
#include "debugger/result.h"
#include "debugger/session.h"
#include "debugger/viewpoint.h"
#include <functional>

namespace debugger::gdb {

class Server {
public:
    using Send = std::function<void(std::string_view)>;
    Server(Session& session, Send send) : session(session), send(std::move(send)) {}

    // Where a command of monitor goes; what it goes to calls finished(). Null: it is run at once.
    std::function<void(const std::string& line)> run = {};
    void finished(const Result& result);

    // What gdb sends, while the guest stands or runs. Anything malformed is answered with an error.
    void receive(std::span<const u8> bytes);

    enum class State : u8 { standing, running, detached, killed };
    State state = State::standing;
    bool dead = false;                         // killed in extended mode, where gdb may start the machine anew
    Goal goal;                                 // running: what for
    bool wants_stop = false;                   // gdb has sent its interrupt
    // The guest stands again: tells gdb. `status` is the exit status where the run has ended.
    void stopped(const Stop& stop, int status);
    void remove_own();                         // the breakpoints that gdb has set

private:
    struct Row;
    static std::span<const Row> table();
    void act(const Event& event);
    void answer(std::string_view content);
    void dispatch(std::string_view packet);

    // The packets; each gets what follows its name.
    std::string supported(std::string_view), reason(std::string_view), features(std::string_view), map(std::string_view), threads(std::string_view);
    std::string read_all(std::string_view), write_all(std::string_view), read_one(std::string_view), write_one(std::string_view);
    std::string read_bytes(std::string_view), write_hex(std::string_view), write_binary(std::string_view);
    std::string insert(std::string_view), remove(std::string_view), point(std::string_view, bool on);
    std::string resume(std::string_view), resume_signalled(std::string_view), step(std::string_view), step_signalled(std::string_view),
        resume_as_told(std::string_view);
    std::string monitor(std::string_view), detach(std::string_view), kill(std::string_view), kill_process(std::string_view);
    std::string extend(std::string_view), restart(std::string_view), run_anew(std::string_view);
    std::string select_thread(std::string_view), thread_ids(std::string_view), current_thread(std::string_view), is_alive(std::string_view),
        say_threads(std::string_view);
    std::string no_acknowledgements(std::string_view);
    std::string get_physical(std::string_view), set_physical(std::string_view);
    std::string part_of(const std::string& document, std::string_view range);
    bool write_to(u64 address, std::string_view bytes);

    // A thread is a CPU, or one guest level of one; level 0 is the one that runs.
    struct Thread {
        Cpu* cpu;
        unsigned level;
    };
    std::optional<Thread> thread(u64 id) const;            // nothing: there is none now
    std::string id_of(const Cpu& cpu) const;               // of what runs there
    Thread asked() const;
    Viewpoint view() const { return Viewpoint(*asked().cpu, asked().level); }
    template <class See> void each_thread(See&& see) const;

    // What vCont has to say of a thread.
    struct Action {
        char what = 0;                         // c, s, r, t
        u64 from = 0, to = 0;                  // r
        u64 thread = 0;                        // 0: all that nothing was said of
    };
    static std::optional<Action> take_action(std::string_view& rest);
    Goal goal_of(const Action&, bool others_run) const;
    std::string go(Goal wanted, std::string_view address = {});

    Session& session;
    Send send;
    PacketReader reader;
    bool acknowledges = true, physical = false;
    bool busy = false;                         // a command of monitor runs, whose answer comes later: gdb sends nothing until then
    u64 runs_before = 0;                       // it: Session::runs
    bool levels = false;                       // a thread for each guest level (monitor threads levels)
    bool extended = false;
    u64 selected = 0, steps_on = 0;            // threads: whose registers and memory gdb asks for, whom `s` steps; 0: what is looked at
    std::string register_bytes_of(const Viewpoint&, Cpu&, unsigned number) const;
    bool says_swbreak = false, says_hwbreak = false;
    bool hardware_of(unsigned id) const;
    std::vector<unsigned> own, hardware;       // numbers of the breakpoints that gdb has set; of those as hardware ones
    std::string last_reply, last_stop;          // empty: the guest stands as it did when gdb came
};

}
