// SPDX-License-Identifier: MIT
// lockstep: runs the same machine in both engines side by side.
//
//   lockstep board --kernel F [--kernel F ...] [--initrd F] [--append S] [--memory SIZE] [--cpu MODEL ...] [--ahead TICKS]
//   lockstep rom --kernel F       F is loaded, but what runs is the ROM
//   lockstep streams
//   each: [--seconds N] [--seed N]
//
// Exit status: 0: no difference, 1: a difference (on stderr), 2: wrong use.
#include "base/error.h"
#include "base/log.h"
#include "tests/lockstep/board.h"
#include "tests/lockstep/clock.h"
#include "tests/lockstep/stream.h"
#include <cstdio>
#include <cstring>

using namespace lockstep;

namespace {

struct Words {
    std::string mode;
    std::vector<std::string> kernels, cpus;
    Options options;
    u64 ahead = 0, seed = 1;
    double seconds = 10;
};

Words parse(int argc, char** argv) {
    Words w;
    if (argc < 2) throw Error("board, rom or streams?", 2);
    w.mode = argv[1];
    w.options.memory = u64{64} << 20;
    for (int i = 2; i < argc; i += 2) {
        std::string name = argv[i];
        if (i + 1 == argc) throw Error(name + " needs a value", 2);
        std::string value = argv[i + 1];
        if (name == "--kernel") w.kernels.push_back(value);
        else if (name == "--cpu") w.cpus.push_back(value);
        else if (name == "--initrd") w.options.initrd = value;
        else if (name == "--append") w.options.append = value;
        else if (name == "--memory") w.options.memory = parse_size(value);
        else if (name == "--ahead") w.ahead = std::stoull(value);
        else if (name == "--seconds") w.seconds = std::stod(value);
        else if (name == "--seed") w.seed = std::stoull(value);
        else throw Error("unknown option " + name, 2);
    }
    if (w.cpus.empty()) w.cpus = {"max-intel"};
    return w;
}

// Every kernel on every model in turn, as often as the time allows; each gets its share.
bool boards(const Words& w) {
    if (w.kernels.empty()) throw Error("--kernel is missing", 2);
    double end = host_seconds() + w.seconds;
    Tally tally;
    u64 seed = w.seed, left = w.kernels.size() * w.cpus.size();
    bool good = true;
    while (good && host_seconds() < end) {
        for (auto& cpu : w.cpus)
            for (auto& kernel : w.kernels) {
                double now = host_seconds();
                if (!good || now >= end) break;
                Course course{w.options, w.ahead, seed++, (end - now) / double(left > 1 ? left-- : 1)};
                course.options.kernel = kernel, course.options.cpu = cpu;
                if (w.mode == "rom") course.prepare = [seed](Board& board) { call_rom(board, seed); }, course.seconds = 0.25;
                if (good = run_course(course, tally); !good) std::fprintf(stderr, "  %s on %s\n", kernel.c_str(), cpu.c_str());
            }
        left = 1;
    }
    std::printf("%llu runs, %llu plays, %llu disturbed, %llu instructions; %s\n", static_cast<unsigned long long>(tally.runs),
                static_cast<unsigned long long>(tally.plays), static_cast<unsigned long long>(tally.disturbed), static_cast<unsigned long long>(tally.instructions), tally.words.c_str());
    return good;
}

bool streams(const Words& w) {
    u64 count = 0, instructions = 0;
    bool good = run_streams({w.seed, host_seconds() + w.seconds}, count, instructions);
    std::printf("%llu streams, %llu instructions\n", static_cast<unsigned long long>(count), static_cast<unsigned long long>(instructions));
    return good;
}

}

int main(int argc, char** argv) {
    try {
        Words w = parse(argc, argv);
        set_logging(false);
        if (w.mode == "board" || w.mode == "rom") return boards(w) ? 0 : 1;
        if (w.mode == "streams") return streams(w) ? 0 : 1;
        throw Error("board, rom or streams?", 2);
    } catch (const Error& e) {
        std::fprintf(stderr, "lockstep: %s\n", e.what());
        return e.status;
    }
}
