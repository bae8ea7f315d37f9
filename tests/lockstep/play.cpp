// SPDX-License-Identifier: MIT
// Playing steps, and narrowing down what fails.
#include "tests/lockstep/play.h"
#include "tests/lockstep/listing.h"
#include <cstdio>
#include <cstdlib>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace lockstep {
namespace {

constexpr int none = -1;          // no step failed

// Phases of blocks with the stores of each compared, and of strides in which blocks stay linked.
class Script {
public:
    explicit Script(const Play& p) : random{p.seed}, biggest(p.biggest), phase(p.phase) {}
    Step next() {
        if (!left) blocks = random.chance(60), left = blocks ? 1 + random.magnitude(phase) : 1 + random.magnitude(6);
        left--;
        if (blocks) return {true, random.chance(12) ? 1 + random.below(40) : 1'000'000};
        return {false, 1 + random.magnitude(biggest)};
    }
    Random random;

private:
    unsigned biggest, phase;
    bool blocks = false;
    u64 left = 0;
};

int wait_for(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {}
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

// Whether the machines are the same after so many ticks of a step; found out in a copy.
bool same_after(Twins& twins, const Step& step, u64 ticks) {
    pid_t child = fork();
    if (child == 0) _exit(twins.take({step.block, ticks}) && twins.compare_state() && twins.compare_ram() ? 0 : 1);
    return wait_for(child) == 0;
}

void say(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

void list_from(Side& side, u64 ticks) {
    say("  the slow engine comes to:");
    for (u64 n = 0; n < ticks && !side.ended(); n++) {
        say("    " + std::to_string(side.clock.ticks) + " " + next_instruction(side.cpu));
        side.cpu.run(side.clock.ticks + 1);
    }
    say("    then " + next_instruction(side.cpu));
}

// The fewest ticks of the step after which the machines differ, the instructions before, and the difference.
void narrow_down(Twins& twins, const Step& step) {
    u64 good = 0, bad = step.ticks, taken = twins.a.clock.ticks;
    if (!same_after(twins, step, bad)) {
        while (bad - good > 1) {
            u64 middle = good + (bad - good) / 2;
            (same_after(twins, step, middle) ? good : bad) = middle;
        }
    }
    say(std::string("  step: ") + (step.block ? "a block" : "a stride") + ", from tick " + std::to_string(taken) + "; differs after " +
        std::to_string(bad) + " of " + std::to_string(step.ticks) + " ticks");
    constexpr u64 shown = 40;
    pid_t child = fork();
    if (child == 0) {
        u64 before = bad > shown ? bad - shown : 0;
        if (before) twins.b.cpu.run(taken + before);
        list_from(twins.b, step.block && step.ticks > shown && bad == step.ticks ? shown : bad - before);
        _exit(0);
    }
    wait_for(child);
    twins.take({step.block, bad});
    say("  fast: " + next_instruction(twins.a.cpu));
    say("  slow: " + next_instruction(twins.b.cpu));
    say("  difference: " + twins.complaint());
}

bool whole(Twins& twins, const Step& step, u64 n) {
    bool due = step.block ? n % 1024 == 0 : step.ticks >= 20'000 || n % 16 == 0;
    return !due || twins.compare_state();
}

// Plays; the number of steps after which a difference was seen, or none. The step behind the last is left in `next`.
int play(Twins& twins, const Play& p, std::string& done, Step& next) {
    Script script(p);
    done = p.begin(script.random, twins);
    if (p.disturb) done += inject(script.random, twins.a, twins.b);
    auto between = [&](int n) {
        if (p.each && script.random.below(1000) < p.each) done += "; before step " + std::to_string(n + 1) + ": " + inject(script.random, twins.a, twins.b);
        return script.next();
    };
    int n = 0;
    for (; n < int(p.steps) && !twins.a.ended(); n++)
        if (Step step = between(n); !twins.take(step) || !whole(twins, step, u64(n))) return n + 1;
    if (twins.a.ended() == twins.b.ended() && (!p.state || twins.compare_state()) && (!p.ram || twins.compare_ram())) {
        next = between(n);
        return none;
    }
    return n;
}

bool same_after_steps(Twins& twins, Play p, int steps) {
    pid_t child = fork();
    if (child == 0) {
        std::string text;
        Step next;
        p.steps = unsigned(steps), p.state = p.ram = true;
        _exit(play(twins, p, text, next) == none ? 0 : 1);
    }
    return wait_for(child) == 0;
}

// In a copy that is as the machines were when the play began: which step, and what of it.
void explain(Twins& twins, Play p, int bad) {
    say("lockstep: the engines differ within " + std::to_string(bad) + " steps of the play with seed " + std::to_string(p.seed));
    int good = 0;
    if (!same_after_steps(twins, p, bad))
        while (bad - good > 1) {
            int middle = good + (bad - good) / 2;
            (same_after_steps(twins, p, middle) ? good : bad) = middle;
        }
    else
        say("  (not so when played again)");
    std::string text;
    Step step{true, 1};
    p.steps = unsigned(std::max(bad - 1, 0)), p.state = p.ram = false;
    play(twins, p, text, step);
    if (!text.empty()) say("  done to both: " + text);
    say("  after step " + std::to_string(p.steps) + ":");
    narrow_down(twins, step);
}

// What a copy waits for: which of the plays failed, and how far it was.
struct Failure {
    int play = none, step = none;
};

struct Pipe {
    int end[2];
    Pipe() { if (pipe(end) != 0) std::perror("pipe"), std::exit(4); }
    ~Pipe() { close(end[0]), finish(); }
    void send(Failure f) { if (write(end[1], &f, sizeof f) < 0) std::perror("pipe"); }
    void finish() {
        if (int fd = std::exchange(end[1], -1); fd >= 0) close(fd);
    }
    // What the other side has sent before it finished.
    Failure receive() {
        finish();
        Failure f;
        return read(end[0], &f, sizeof f) == sizeof f ? f : Failure{};
    }
};

Failure play_all(Twins& twins, std::span<const Play> plays) {
    std::string text;
    Step next;
    for (std::size_t i = 0; i < plays.size(); i++)
        if (int bad = play(twins, plays[i], text, next); bad != none) return {int(i), bad};
    return {};
}

}

bool play_on(Twins& twins, std::span<const Play> plays) {
    Pipe pipe;
    pid_t waiting = fork();
    if (waiting == 0) {
        Failure f = pipe.receive();
        if (f.play == none) _exit(0);
        play_all(twins, plays.first(std::size_t(f.play)));
        explain(twins, plays[std::size_t(f.play)], f.step);
        _exit(0);
    }
    Failure f = play_all(twins, plays);
    if (f.play != none) pipe.send(f);
    pipe.finish();
    wait_for(waiting);
    return f.play == none;
}

// This process keeps the state from which to explain.
bool play_apart(Twins& twins, const Play& p) {
    std::string text;
    Step next;
    pid_t child = fork();
    if (child == 0) _exit(play(twins, p, text, next) == none ? 0 : 1);
    if (wait_for(child) == 0) return true;
    if ((child = fork()) == 0) explain(twins, p, int(p.steps)), _exit(0);
    wait_for(child);
    return false;
}

}
