// SPDX-License-Identifier: MIT
// The command line, by CLI11: one row per option, the same names in the configuration file.
#include "machine/options.h"
#include "base/error.h"
#include "base/log.h"
#include "machine/bochsrc.h"
#include "machine/pc.h"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <ctime>
#include <filesystem>
#include <span>

u64 parse_size(const std::string& text) {
    u64 number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    std::string unit(end, text.data() + text.size());
    unsigned shift = unit.empty() ? 0 : unit == "K" || unit == "k" ? 10 : unit == "M" || unit == "m" ? 20 : unit == "G" || unit == "g" ? 30 : 64;
    if (error != std::errc{} || shift == 64 || number > (~u64{0} >> shift))
        throw Error("'" + text + "' is no size; write a number with K, M or G, such as 512M");
    return number << shift;
}

// "host", seconds since 1970, or YYYY-MM-DD[THH:MM:SS] (UTC).
static s64 parse_rtc(const std::string& text) {
    if (text == "host") return std::time(nullptr);
    s64 seconds = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error == std::errc{} && end == text.data() + text.size() && seconds >= 0 && seconds < 253402300800) return seconds;
    std::tm tm{};
    for (const char* format : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"})
        if (const char* rest = strptime(text.c_str(), format, &tm); rest && !*rest && timegm(&tm) >= 0) return timegm(&tm);
    throw Error("--rtc: '" + text + "' is no time; write host, seconds since 1970, or YYYY-MM-DDTHH:MM:SS");
}

static u64 memory_size(const std::string& text) try {
    u64 size = parse_size(text);
    if (size < u64{2} << 20 || size > u64{64} << 30 || size % 4096)
        throw Error(text + " is out of range; 2M to 64G in whole pages");
    return size;
} catch (const Error& e) {
    throw Error(std::string("--memory: ") + e.what());
}

// FILE, then what is known of format= and bus=; a comma may also be part of the name.
static Options::Disk parse_disk(std::string text) {
    Options::Disk disk;
    for (;;) {
        auto comma = text.rfind(',');
        if (comma == text.npos) break;
        std::string word = text.substr(comma + 1);
        bool format = word.starts_with("format="), bus = word.starts_with("bus=");
        if (!format && !bus) break;
        if (format && word != "format=raw" && word != "format=qcow2") throw Error("--disk: '" + word + "' is no format; raw and qcow2 are supported");
        if (bus && word != "bus=ide") throw Error("--disk: '" + word + "' is no bus; only ide is built so far");
        if (format) disk.format = word.substr(7);
        text.erase(comma);
    }
    disk.path = text;
    return disk;
}

namespace {
struct Texts {
    std::vector<std::string> without, screenshots, disks;
    std::string check, memory, rtc, bochsrc, engine = "fast", code_memory = "256M", stats = "off", clock = "icount", debug = "terminal";
};
}

// FILE[,at=SECONDS]
static Options::Screenshot parse_screenshot(const std::string& text) {
    auto comma = text.rfind(",at=");
    Options::Screenshot shot{text.substr(0, comma), -1};
    if (comma != std::string::npos) {
        const char *from = text.data() + comma + 4, *to = text.data() + text.size();
        auto [end, error] = std::from_chars(from, to, shot.at);
        if (error != std::errc{} || end != to || !(shot.at >= 0 && shot.at <= 1e9))
            throw Error("--screenshot: '" + std::string(from) + "' is no time; write seconds of the machine's time, such as at=2.5");
    }
    if (shot.file.empty()) throw Error("--screenshot: '" + text + "' names no file");
    return shot;
}

// tlb[,every=N][,grace=N]
static check::StaleSettings parse_check(const std::string& text) {
    check::StaleSettings settings;
    std::string rest = text + ",";
    for (bool first = true; !rest.empty(); first = false) {
        std::string word = rest.substr(0, rest.find(','));
        rest.erase(0, word.size() + 1);
        if (first && word == "tlb") continue;
        if (first) throw Error("--check: '" + word + "' can't be checked; tlb can");
        bool every = word.starts_with("every="), grace = word.starts_with("grace=");
        u64& number = every ? settings.every : settings.grace;
        const char *from = word.data() + 6, *to = word.data() + word.size();
        if (!every && !grace) throw Error("--check=tlb: '" + word + "' is not known; every=N and grace=N are");
        auto [end, error] = std::from_chars(from, to, number);
        if (error != std::errc{} || end != to || (every && !number)) throw Error("--check=tlb: '" + word + "' has no whole number" + (every ? " above 0" : ""));
    }
    settings.grace = std::min(settings.grace, u64{1} << 62);
    return settings;
}

// CLI11 takes -1 and numbers of more than 64 bits for an unsigned option.
static std::string whole_number(const std::string& text) {
    u64 number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() ? "" : "'" + text + "' is no whole number below 2^64";
}

// Why a configuration file is not read at all: devices and pipes may never end, and CLI11 reads to the end.
static std::string config_refusal(const std::string& name) {
    std::error_code error;
    auto status = std::filesystem::status(name, error);
    if (!std::filesystem::exists(status)) return "'" + name + "': no such file; check the name";
    if (!std::filesystem::is_regular_file(status)) return "'" + name + "' is not a regular file; name one";
    bool small = std::filesystem::file_size(name, error) <= 1 << 20;
    return small && !error ? "" : "'" + name + "' is larger than 1 MiB; that is no configuration file";
}

// Names for --without.
static constexpr struct { const char* name; bool Tuning::*on; } tunings[] = {
    {"linking", &Tuning::linking}, {"fusion", &Tuning::fusion}, {"dead-flags", &Tuning::dead_flags},
    {"indirect-cache", &Tuning::indirect_cache}, {"return-stack", &Tuning::return_stack}, {"fast-handlers", &Tuning::fast_handlers},
    {"copying", &Tuning::copying}};
static std::vector<std::string> names(std::span<const std::remove_extent_t<decltype(tunings)>> rows) {
    std::vector<std::string> names;
    for (auto& row : rows) names.push_back(row.name);
    return names;
}
static bool Tuning::* tuning_of(const std::string& name) {
    for (auto& row : tunings)
        if (name == row.name) return row.on;
    throw Error("--without: '" + name + "' is no optimization");
}

static void describe(CLI::App& app, Options& o, Texts& t) {
    app.add_option("--kernel", o.kernel, "boot this kernel: bzImage, multiboot 1 or 2, PVH or plain ELF, gzip'ed or not")->type_name("FILE");
    app.add_option("--initrd", o.initrd, "its initial RAM disk (multiboot: the first module)")->type_name("FILE");
    app.add_option("--append", o.append, "its command line")->type_name("TEXT");
    app.add_option("--module", o.modules, "a multiboot or PVH module; repeatable")->type_name("FILE[,TEXT]")->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);

    app.add_option("--firmware", o.firmware, "start with this firmware [SeaBIOS, where there is no kernel]")->type_name("FILE|SeaBIOS|OVMF");
    app.add_option("--firmware-variables", o.firmware_variables, "where UEFI's variables are kept; made when missing [nowhere]")->type_name("FILE");

    app.add_option("MEDIUM", o.media, "a disk or a CD, by its content")->type_name("FILE");
    app.add_option("--disk", t.disks, "a hard disk's image: raw or qcow2, by its content unless said; repeatable")->type_name("FILE[,format=F][,bus=ide]")->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_option("--cdrom", o.cdroms, "a CD's or DVD's image; repeatable")->type_name("FILE")->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_option("--floppy", o.floppies[0].path, "a floppy disk's image")->type_name("FILE");
    app.add_option("--boot", o.boot, "where firmware looks for a system: letters of a (floppy), c (disk), d (CD) [cad]")->type_name("ORDER")
        ->check([](const std::string& s) { return s.empty() || s.find_first_not_of("acd") != s.npos ? "'" + s + "' is no order of a, c and d" : ""; });
    app.add_flag("--discard-writes", o.discard_writes, "images stay as they are; what the guest writes is gone at the end");

    app.add_option("--memory", t.memory, "RAM: 2M to 64G [1G]")->type_name("SIZE");
    app.add_option("--memory-file", o.memory_file, "RAM is in this file, for other programs to look at; made when missing [with --control: a file of memory]")->type_name("FILE");
    app.add_option("--smp", o.cpus, "number of CPUs: 1 to 64 [1]")->type_name("N")->check(CLI::Range(1u, 64u));
    app.add_option("--cpu", o.cpu, "CPU model and features (see --list cpus) [max-intel]")->type_name("MODEL[,+F,-F]");
    app.add_option("--device", o.devices, "a device for test programs: QEMU's pc-testdev or edu, or pci-test (slate(1)); repeatable")->type_name("pc-testdev|edu|pci-test")
        ->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->check(CLI::IsMember(Pc::optional_devices()));

    app.add_option("--serial", o.serial, "where COM1, then COM2, lead; stdio is the default; repeatable")->type_name("stdio|stdout|null|file:F|pty|unix:S|tcp:PORT")->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_option("--debugcon", o.debugcon, "where bytes written to ports E9h and 402h go")->type_name("FILE|stdio|null");
    app.add_option("--parallel", o.parallel, "where the printer's bytes of LPT1 (378h) go")->type_name("FILE|stdio|null");
    app.add_flag("--headless", o.headless, "no window");
    app.add_option("--screenshot", t.screenshots, "write the display as PNG, at that time of the machine's or at the end; repeatable")->type_name("FILE[,at=SECONDS]")->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_option("--layout", o.layout, "the screenshot is of the debugger's window: run, walk, virtualization or caches, behind --commands")->type_name("NAME[@WIDTHxHEIGHT][,SETTING=VALUE]");
    app.add_option("--vga-rom", o.vga_rom, "the display's option ROM, in its PCI function")->type_name("FILE");

    app.add_option("--ips", o.ips, "virtual time: instructions per second [1000000000]")->type_name("N")->check(CLI::Range(u64{1'000'000}, u64{100'000'000'000}));
    app.add_option("--clock", t.clock, "time is the count of instructions, or follows the host's [icount]")->type_name("icount|realtime")->check(CLI::IsMember({"icount", "realtime"}));
    app.add_option("--rtc", t.rtc, "the time at which the clock starts [2026-01-01]")->type_name("TIME|host");
    app.add_option("--seed", o.seed, "seeds RDRAND, RDSEED and all other chance [0]")->type_name("N")->check(whole_number);
    app.add_option("--max-instructions", o.max_instructions, "end after so many instructions, with status 8")->type_name("N")->check(whole_number);
    app.add_option("--timeout", o.timeout, "end after so many seconds of the host, with status 8")->type_name("SECONDS")->check(CLI::Range(0.001, 1e9));
    app.add_flag("--no-reboot", o.no_reboot, "a reset ends the run (a triple fault with status 6)");

    app.add_option("--engine", t.engine, "how instructions run; the guest sees no difference [fast]")->type_name("fast|slow")->check(CLI::IsMember({"fast", "slow"}));
    app.add_option("--without", t.without, "the fast engine without one of its optimizations; repeatable")->type_name("NAME")->delimiter(',')->check(CLI::IsMember(names(tunings)));
    app.add_option("--code-memory", t.code_memory, "memory for decoded code [256M]")->type_name("SIZE");
    app.add_option("--drop-banks", o.tuning.drop_banks, "forget translations kept for speed about every N ticks (a test)")->type_name("N")->check(whole_number);
    app.add_option("--stats", t.stats, "print counters at the end")->type_name("text|json")->expected(0, 1)->check(CLI::IsMember({"text", "json", "off"}));
    app.add_option("--hash-every", o.hash_every, "print a hash over all state every N instructions and at the end")->type_name("N")->check(whole_number);
    app.add_flag("--explain", o.explain, "log each VM exit, and of each VM entry that fails which check it was and what it read");
    app.add_option("--check", t.check, "report uses of stale translations: of every N-th use of a changed one [1], unless an invalidation follows within N instructions [1000000]")->type_name("tlb[,every=N][,grace=N]");
    app.add_option("--debug", t.debug, "stop before the first instruction and ask what to do, at the terminal")->type_name("terminal")->expected(0, 1)->check(CLI::IsMember({"terminal"}));
    app.add_flag("--gui", o.gui, "stop before the first instruction, and show the debugger's window in place of the display's");
    app.add_option("--commands", o.commands, "commands for the debugger, before it asks (implies --debug)")->type_name("FILE");
    app.add_option("--gdb", o.gdb, "stop before the first instruction and wait for gdb; loopback only")->type_name("127.0.0.1:PORT|:PORT|unix:PATH");
    app.add_option("--control", o.control, "stop before the first instruction and take QMP's commands; loopback only")->type_name("127.0.0.1:PORT|:PORT|unix:PATH");
    app.add_option("--list", o.list, "print a table of what slate knows, and end")->type_name("checks|fields|exits|capabilities|missing|cpus|devices")
        ->check(CLI::IsMember({"checks", "fields", "exits", "capabilities", "missing", "cpus", "devices"}));
}

// Over what `o` holds already, which what is given replaces.
static std::optional<Options> parse(Options o, int argc, const char* const* argv, std::string& bochsrc) {
    Texts t;
    CLI::App app{"slate: an x86 PC emulator in which hypervisors run, and can be watched", "slate"};
    app.set_version_flag("--version", "slate " PACKAGE_VERSION);
    app.set_config("--config", "", "read options from an INI-like file: the same names without the dashes")
        ->type_name("FILE")->check(config_refusal);
    app.add_option("--bochsrc", bochsrc, "read Bochs' configuration file; what is not honoured is said, options here count before it")->type_name("FILE")->check(config_refusal);
    app.allow_config_extras(CLI::config_extras_mode::error);
    describe(app, o, t);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        if (e.get_exit_code() == 0) return app.exit(e), std::nullopt;
        throw Error(std::string(e.what()) + " (slate --help lists the options)");
    } catch (const std::exception& e) {          // a configuration file that is a directory, ...
        throw Error(std::string("--config: ") + e.what());
    }
    if (app.count("--memory")) o.memory = memory_size(t.memory);
    if (!t.rtc.empty()) o.rtc = parse_rtc(t.rtc);
    if (app.count("--clock")) o.realtime = t.clock == "realtime";
    o.engine = t.engine == "slow" ? Engine::slow : Engine::fast;
    o.tuning.code_memory = std::clamp<u64>(parse_size(t.code_memory), u64{512} << 10, u64{4} << 30);
    for (auto& text : t.screenshots) o.screenshots.push_back(parse_screenshot(text));
    for (auto& text : t.disks) o.disks.push_back(parse_disk(text));
    for (auto& name : t.without) o.tuning.*tuning_of(name) = false;
    if (app.count("--check")) o.check_tlb = parse_check(t.check);
    if (app.count("--stats")) o.stats = true, o.stats_json = t.stats == "json";
    o.debug = app.count("--debug") || !o.commands.empty();
    if (app.count("--kernel") && !app.count("--firmware")) o.firmware.clear();
    return o;
}

// What options together must be, and what follows from them.
static void complete(Options& o, bool has_bochsrc) {
    if (o.serial.empty()) o.serial.push_back(o.debug ? "stdout" : "stdio");
    bool takes_terminal = std::count(o.serial.begin(), o.serial.end(), "stdio");
    if (o.debug && takes_terminal) throw Error("--serial stdio: the debugger has the terminal; write stdout, pty, unix:SOCKET or tcp:PORT");
    if (o.serial.size() > 2) throw Error("--serial: this PC has two serial ports");
    bool medium = has_bochsrc || !(o.media.empty() && o.disks.empty() && o.cdroms.empty() && o.floppies[0].path.empty());
    if (o.runs() && o.kernel.empty() && o.firmware.empty() && !medium)
        throw Error("nothing to boot: give a disk or a CD, --kernel FILE, or --firmware FILE (slate --help lists the options)");
    if (!o.kernel.empty() && !o.firmware.empty()) throw Error("--kernel and --firmware exclude each other: a kernel is entered without firmware");
    if (!o.kernel.empty() && !o.firmware_variables.empty()) throw Error("--firmware-variables needs --firmware OVMF, and there is no firmware with --kernel");
    if (o.kernel.empty() && !(o.initrd.empty() && o.modules.empty())) throw Error("--initrd and --module need --kernel");
}

std::optional<Options> parse_options(int argc, const char* const* argv) {
    std::string bochsrc;
    auto o = parse({}, argc, argv, bochsrc);
    bool has_bochsrc = !bochsrc.empty();
    if (o && has_bochsrc) {
        Bochsrc file = read_bochsrc(bochsrc);
        for (auto& line : file.warnings) log_line(line);
        o = parse(std::move(file.options), argc, argv, bochsrc);
    }
    if (o) complete(*o, has_bochsrc);
    return o;
}
