// SPDX-License-Identifier: MIT
// The command line and the configuration file: one struct of what was asked for.
#pragma once
#include "base/bits.h"
#include "cpu/check/settings.h"
#include "cpu/exec/engine.h"
#include <optional>
#include <string>
#include <vector>

struct Options {
    // What to boot.
    std::string kernel, initrd, append;
    std::vector<std::string> modules;         // FILE[,arguments]
    std::string firmware;                     // an image; empty: SeaBIOS, when there is no kernel
    std::string firmware_variables;           // a file that keeps UEFI's; empty: they are gone at the end

    // Media.
    struct Disk { std::string path, format; };
    std::vector<Disk> disks;
    std::vector<std::string> media;           // disks or CDs, by their contents
    std::vector<std::string> cdroms;
    struct Floppy { std::string path; bool write_protected = false; };
    Floppy floppies[2];                       // in A and B; no path: none
    // A drive in a place of its own: channel * 2 + drive. A CD drive without a path is empty.
    struct Drive { bool cd; std::string path, format; unsigned place; bool discard_writes; };
    std::vector<Drive> drives;
    bool boots_any_floppy = false;            // without the signature too
    std::string boot = "cad";                  // a: floppy, c: disk, d: CD, in the order in which they are tried
    bool discard_writes = false;

    // The machine.
    u64 memory = u64{1} << 30;                // bytes
    std::string memory_file;                  // that RAM is in; empty: none, or with control one of memory
    unsigned cpus = 1;
    std::string cpu = "max-intel";            // MODEL[,+feature,-feature]
    std::vector<std::string> devices;         // of those in Pc::optional_devices()

    // Lines to the outside: stdio, stdout, null, file:F, pty, unix:SOCKET, tcp:PORT.
    std::vector<std::string> serial;
    std::string debugcon, parallel;           // files, "stdio" or "null"

    // The display.
    std::string vga_rom;                      // its option ROM; empty: none
    struct Screenshot {
        std::string file;
        double at = -1;                       // virtual seconds; less than 0: at the end
    };
    std::vector<Screenshot> screenshots;

    std::string layout;                       // of the debugger's window: what the screenshot is of; empty: the guest's display

    // Time and ends.
    u64 ips = 1'000'000'000;
    bool realtime = false;                    // time follows the host's clock; else it is the count of instructions
    s64 rtc = 1'767'225'600;                  // seconds since 1970: 2026-01-01 00:00:00 UTC
    u64 seed = 0;
    u64 max_instructions = ~u64{0};
    double timeout = 0;                       // host seconds; 0: none
    bool no_reboot = false, headless = false;

    // How instructions run.
    Engine engine = Engine::fast;
    Tuning tuning;

    // What to say.
    std::string list;                         // checks, fields, exits, capabilities, missing, cpus, devices
    bool stats = false, stats_json = false;
    u64 hash_every = 0;                       // instructions; 0: no hashes
    bool explain = false;                     // say why VM entries fail
    std::optional<check::StaleSettings> check_tlb;        // look for uses of stale translations

    // The debugger.
    bool debug = false;                       // at the terminal
    std::string commands;                     // a file of its commands
    std::string gdb;                          // where gdb may connect; empty: nowhere

    std::string control;                      // the same for QMP

    bool gui = false;                         // the debugger's window

    bool debugs() const { return debug || gui || !gdb.empty() || !control.empty(); }
    bool runs() const { return list.empty(); }
};

// Parses argv. Throws Error (status 2) with one line; std::nullopt when --help or --version has been answered.
std::optional<Options> parse_options(int argc, const char* const* argv);

// "512M", "1G", "65536K", plain bytes. Throws Error.
u64 parse_size(const std::string& text);
