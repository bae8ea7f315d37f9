// SPDX-License-Identifier: MIT
// bochsrc: lines "name: parameter=value, ...", by a table of those that are known (bochsrc(5)).
#include "machine/bochsrc.h"
#include "base/error.h"
#include "base/file.h"
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <filesystem>

namespace {

constexpr unsigned deepest_include = 8, most_lines = 20'000;

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    return text;
}
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v'; }
std::string trimmed(const std::string& text) {
    auto from = std::ranges::find_if_not(text, is_blank);
    auto to = std::find_if_not(text.rbegin(), std::make_reverse_iterator(from), is_blank).base();
    return std::string(from, to);
}

struct Parameter { std::string name, value; bool bare, used; };      // bare: a value without a name

class Reader {
public:
    Bochsrc result;
    void file(const std::string& path, unsigned depth = 0);

private:
    struct Row { const char* name; void (Reader::*apply)(); const char* without_effect; };
    static const Row known[];

    // ---- a line, and what it has
    void line(const std::string& text, unsigned depth);
    void split(const std::string& text);
    std::string without_comment(const std::string& text) const;
    std::string expanded(const std::string& text) const;
    std::string variable(const std::string& name) const;
    [[noreturn]] void refuse(const std::string& reason) const { throw Error(where + ": " + reason); }
    void warn(const std::string& what) { result.warnings.push_back(Error::one_line(where + ": " + what)); }
    Parameter* find(const std::string& name);
    std::string take(const std::string& name);           // its value; empty: not there, or "none"
    std::string take_bare();
    bool flag(const std::string& name, bool without);
    u64 number(const std::string& name, const std::string& text, u64 most) const;
    void warn_of_rest(const char* without_effect);
    bool asks_for_nothing();

    // ---- the lines
    void megs(), memory(), cpu(), ips(), romimage(), vgaromimage(), vga(), display(), floppy(), ata(), drive(), boot(), signature_check(), com(),
        parport(), clock(), gdbstub(), e9(), keyboard(), mouse(), pci(), speaker();
    void set_memory(const std::string& text);
    void set_ips(const std::string& text);
    bool is_there(const std::string& path, const char* instead);

    Options& o = result.options;
    std::string where, name;                             // FILE:LINE; the line's first word, in small letters
    std::vector<Parameter> parameters;
    unsigned lines = 0;
};

const Reader::Row Reader::known[] = {
    // name                 what it does             parameters that change nothing here
    {"megs",                &Reader::megs,            ""},
    {"memory",              &Reader::memory,          "host"},
    {"cpu",                 &Reader::cpu,             "quantum"},
    {"ips",                 &Reader::ips,             ""},
    {"romimage",            &Reader::romimage,        "address options"},
    {"vgaromimage",         &Reader::vgaromimage,     ""},
    {"vga",                 &Reader::vga,             "update_freq realtime"},
    {"display_library",     &Reader::display,         ""},
    {"floppya",             &Reader::floppy,          "type"},
    {"floppyb",             &Reader::floppy,          "type"},
    {"ata0",                &Reader::ata,             ""},
    {"ata1",                &Reader::ata,             ""},
    {"ata0-master",         &Reader::drive,           "cylinders heads spt translation biosdetect"},
    {"ata0-slave",          &Reader::drive,           "cylinders heads spt translation biosdetect"},
    {"ata1-master",         &Reader::drive,           "cylinders heads spt translation biosdetect"},
    {"ata1-slave",          &Reader::drive,           "cylinders heads spt translation biosdetect"},
    {"boot",                &Reader::boot,            ""},
    {"floppy_bootsig_check", &Reader::signature_check, ""},
    {"com1",                &Reader::com,             ""},
    {"com2",                &Reader::com,             ""},
    {"parport1",            &Reader::parport,         ""},
    {"clock",               &Reader::clock,           ""},
    {"gdbstub",             &Reader::gdbstub,         "text_base data_base bss_base"},
    {"port_e9_hack",        &Reader::e9,              ""},
    {"keyboard",            &Reader::keyboard,        "serial_delay paste_delay"},
    {"mouse",               &Reader::mouse,           "toggle"},
    {"pci",                 &Reader::pci,             ""},
    {"i440fxsupport",       &Reader::pci,             ""},
    {"speaker",             &Reader::speaker,         "mode volume"},
};

// ---- text

// A # outside quotes starts a comment.
std::string Reader::without_comment(const std::string& text) const {
    bool quoted = false;
    for (std::size_t n = 0; n < text.size(); n++) {
        if (text[n] == '"') quoted = !quoted;
        if (text[n] == '#' && !quoted) return text.substr(0, n);
    }
    if (quoted) refuse("a quotation mark is not closed");
    return text;
}

std::string Reader::variable(const std::string& variable_name) const {
    if (const char* value = std::getenv(variable_name.c_str())) return value;
    if (variable_name == "BXSHARE") return "/usr/share/bochs";
    refuse("the environment has no $" + variable_name + "; set it or write its value");
}

// $NAME or ${NAME}; any other $ is itself.
std::string Reader::expanded(const std::string& text) const {
    auto part = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    std::string out;
    for (auto at = text.begin(); at != text.end();) {
        auto from = at + 1;
        bool braced = *at == '$' && from != text.end() && *from == '{';
        if (braced) ++from;
        auto to = *at == '$' ? std::find_if_not(from, text.end(), part) : from;
        if (*at != '$' || to == from || (braced && (to == text.end() || *to != '}'))) {
            out += *at++;
            continue;
        }
        out += variable(std::string(from, to));
        at = to + braced;
    }
    return out;
}

// The name ends at the first colon. Commas separate, but not within quotes, which are taken away.
void Reader::split(const std::string& text) {
    auto colon = text.find(':');
    name = lower(trimmed(text.substr(0, colon)));
    bool word = std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; });
    if (colon == text.npos || name.empty() || !word) refuse("this is no line of a bochsrc (NAME: PARAMETER=VALUE, ...)");
    parameters.clear();
    std::string item;
    auto end_item = [&] {
        auto equals = item.find('=');
        bool bare = equals == item.npos;
        std::string key = bare ? "" : lower(trimmed(item.substr(0, equals)));
        if (!trimmed(item).empty()) parameters.push_back({key, trimmed(bare ? item : item.substr(equals + 1)), bare, false});
        item.clear();
    };
    bool quoted = false;
    for (char c : expanded(text.substr(colon + 1))) {
        if (c == '"') quoted = !quoted;
        else if (c == ',' && !quoted) end_item();
        else item += c;
    }
    end_item();
}

// ---- parameters

Parameter* Reader::find(const std::string& wanted) {
    auto found = std::ranges::find(parameters, wanted, &Parameter::name);
    return found == parameters.end() || found->bare ? nullptr : &*found;
}
std::string Reader::take(const std::string& wanted) {
    auto* p = find(wanted);
    if (!p) return "";
    p->used = true;
    return p->value == "none" ? "" : p->value;
}
std::string Reader::take_bare() {
    for (auto& p : parameters)
        if (p.bare && !p.used) return p.used = true, p.value;
    return "";
}
bool Reader::flag(const std::string& wanted, bool without) {
    std::string text = lower(take(wanted));
    if (text.empty()) return without;
    if (text == "1" || text == "true" || text == "yes" || text == "on") return true;
    if (text == "0" || text == "false" || text == "no" || text == "off") return false;
    refuse(wanted + "='" + text + "' is neither 0 nor 1");
}
u64 Reader::number(const std::string& what, const std::string& text, u64 most) const {
    u64 value = 0;
    bool hex = text.starts_with("0x") || text.starts_with("0X");
    const char *from = text.data() + (hex ? 2 : 0), *to = text.data() + text.size();
    auto [end, error] = std::from_chars(from, to, value, hex ? 16 : 10);
    if (error != std::errc{} || end != to || value > most) refuse(what + ": '" + text + "' is no number up to " + std::to_string(most));
    return value;
}

// Whatever a line asks for that wasn't looked at: said once for the line.
void Reader::warn_of_rest(const char* without_effect) {
    std::string accepted = " " + std::string(without_effect) + " ", rest;
    for (auto& p : parameters) {
        bool nothing = p.used || p.value == "none" || p.value.empty() || accepted.find(" " + p.name + " ") != accepted.npos;
        if (!nothing || (p.bare && !p.used)) rest += (rest.empty() ? "" : ", ") + (p.bare ? p.value : p.name + "=" + p.value);
    }
    if (!rest.empty()) warn(name + ": not honoured: " + rest);
}

// "enabled=0", "file=none" and the like of a line that is not known.
bool Reader::asks_for_nothing() {
    if (find("enabled")) return !flag("enabled", true);
    return !parameters.empty() && std::ranges::all_of(parameters, [](auto& p) { return p.value == "none" || p.value.empty(); });
}

void Reader::line(const std::string& text, unsigned depth) {
    std::string rest = trimmed(text);
    if (rest.starts_with("#include")) {
        std::string path = trimmed(rest.substr(8));
        if (rest.size() > 8 && !is_blank(rest[8]) && rest[8] != '"') return;       // a remark
        std::erase(path, '"');
        if (path.empty()) refuse("#include names no file");
        return file(expanded(path), depth + 1);
    }
    rest = trimmed(without_comment(rest));
    if (rest.empty()) return;
    split(rest);
    auto row = std::ranges::find_if(known, [&](auto& r) { return name == r.name; });
    if (row == std::end(known)) {
        if (!asks_for_nothing()) warn("'" + name + "' is not honoured");
        return;
    }
    (this->*row->apply)();
    warn_of_rest(row->without_effect);
}

void Reader::file(const std::string& path, unsigned depth) {
    if (depth > deepest_include) refuse("#include goes deeper than " + std::to_string(deepest_include) + " files");
    std::string outside = where;
    std::vector<u8> bytes;
    try {
        bytes = read_file(path, 1 << 20, "that is no bochsrc");
    } catch (const Error& e) {
        throw Error((outside.empty() ? "--bochsrc " : outside + ": #include ") + e.what());
    }
    unsigned count = 0;
    for (auto at = bytes.begin(); at != bytes.end();) {
        auto end = std::find(at, bytes.end(), u8('\n'));
        where = path + ":" + std::to_string(++count);
        if (++lines > most_lines) refuse("there are more than " + std::to_string(most_lines) + " lines, with those of included files");
        line(std::string(at, end), depth);
        at = end == bytes.end() ? end : end + 1;
    }
    where = outside;
}

// ---- the machine

void Reader::set_memory(const std::string& text) {
    u64 mib = number(name, text, 64 << 10);
    if (mib < 2) refuse(name + ": the machine needs 2 MiB at least");
    o.memory = mib << 20;
}
void Reader::megs() { set_memory(take_bare()); }
void Reader::memory() {
    if (std::string guest = take("guest"); !guest.empty()) set_memory(guest);
}

void Reader::set_ips(const std::string& text) {
    constexpr u64 least = 1'000'000, most = 100'000'000'000;
    o.ips = std::max(number("ips", text, most), least);
}
void Reader::ips() { set_ips(take_bare()); }

// What comes nearest to Bochs' models; `same` where it is that processor.
struct CpuName { std::string_view bochs; const char* here; bool same; };
constexpr CpuName cpu_names[] = {
    {"bx_generic", "max-intel", true},
    {"corei7_haswell_4770", "haswell", true},
    {"core2_penryn_t9600", "nehalem-ep", false}, {"core_duo_t2400_yonah", "nehalem-ep", false}, {"atom_n270", "nehalem-ep", false},
    {"corei5_lynnfield_750", "nehalem-ep", false}, {"corei5_arrandale_m520", "nehalem-ep", false},
    {"corei7_sandy_bridge_2600k", "nehalem-ep", false}, {"corei7_ivy_bridge_3770k", "nehalem-ep", false},
    {"broadwell_ult", "haswell", false}, {"corei7_skylake_x", "haswell", false}, {"corei3_cnl", "haswell", false},
    {"corei7_icelake_u", "icelake", false}, {"tigerlake", "icelake", false},
    {"athlon64_clawhammer", "barcelona", false}, {"athlon64_venice", "barcelona", false}, {"turion64_tyler", "barcelona", false},
    {"phenom_8650_toliman", "barcelona", false}, {"zambezi", "barcelona", false}, {"trinity_apu", "barcelona", false},
    {"ryzen", "zen2", false},
};

void Reader::cpu() {
    if (std::string model = lower(take("model")); !model.empty()) {
        auto row = std::ranges::find(cpu_names, std::string_view(model), &CpuName::bochs);
        bool found = row != std::end(cpu_names);
        o.cpu = found ? row->here : "max-intel";
        if (!found || !row->same) warn("cpu: there is no " + model + " here; " + o.cpu + " is used");
    }
    if (std::string count = take("count"); !count.empty()) {             // packages:cores:threads
        u64 all = 1;
        for (std::size_t at = 0; at <= count.size();) {
            std::size_t colon = std::min(count.find(':', at), count.size());
            all *= number("count", count.substr(at, colon - at), 64);
            at = colon + 1;
            if (all < 1 || all > 64) refuse("cpu: count=" + count + ": the machine has 1 to 64 CPUs");
        }
        o.cpus = unsigned(all);
    }
    if (std::string rate = take("ips"); !rate.empty()) set_ips(rate);
    if (!flag("reset_on_triple_fault", true)) warn("cpu: a triple fault resets, whatever reset_on_triple_fault says");
    for (const char* off : {"cpuid_limit_winnt", "mwait_is_nop", "ignore_bad_msrs"})
        if (flag(off, false)) warn("cpu: " + std::string(off) + " is not honoured");
}

// Files of Bochs' own that aren't installed have a substitute.
bool Reader::is_there(const std::string& path, const char* instead) {
    std::error_code error;
    bool there = std::filesystem::exists(path, error);
    if (!there && !path.empty()) warn(name + ": '" + path + "': no such file; " + instead);
    return there;
}
// Bochs' BIOS finds the display's ROM at C0000h from the start, which only its own board has there.
static bool is_of_bochs(const std::string& path) {
    constexpr std::string_view by = "The Bochs Project";
    auto bytes = read_file(path, u64{8} << 20, "firmware is at most 8 MiB");
    return std::search(bytes.begin(), bytes.end(), by.begin(), by.end()) != bytes.end();
}
void Reader::romimage() {
    std::string path = take("file");
    if (path.empty()) path = take_bare();
    if (!is_there(path, "SeaBIOS is used")) return;
    if (is_of_bochs(path)) warn("romimage: '" + path + "' is for Bochs' own board; SeaBIOS is used");
    else o.firmware = path;
}
void Reader::vgaromimage() {
    std::string path = take("file");
    if (path.empty()) path = take_bare();
    if (is_there(path, "that of SeaBIOS is used")) o.vga_rom = path;
}

void Reader::vga() {
    std::string extension = lower(take("extension")), ddc = lower(take("ddc"));
    if (!extension.empty() && extension != "vbe") warn("vga: extension=" + extension + " is not honoured: the display has vbe");
    if (!ddc.empty() && ddc != "builtin" && ddc != "disabled") warn("vga: ddc=" + ddc + " is not honoured");
}
void Reader::display() {
    if (lower(take_bare()) == "nogui") o.headless = true;
}
void Reader::pci() {
    if (!flag("enabled", true)) warn(name + ": the machine has PCI all the same");
    std::string chipset = lower(take("chipset"));
    if (!chipset.empty() && chipset != "i440fx") warn("pci: chipset=" + chipset + " is not honoured: this is an i440fx");
}
void Reader::keyboard() {
    std::string type = lower(take("type"));
    if (!type.empty() && type != "mf") warn("keyboard: type=" + type + " is not honoured: it is an mf");
}
void Reader::mouse() {
    take("enabled");                                     // of its capture, which a click gets
    std::string type = lower(take("type"));
    if (!type.empty() && type != "ps2" && type != "imps2") warn("mouse: type=" + type + " is not honoured: it is a ps2");
}
void Reader::speaker() {
    if (!flag("enabled", true)) warn("speaker: it is there all the same");
}

// ---- media

void Reader::floppy() {
    unsigned n = name == "floppyb";
    std::string path;
    for (const char* size : {"image", "1_44", "2_88", "1_2", "720k", "360k", "320k", "180k", "160k"})
        if (std::string given = take(size); !given.empty()) path = given;
    bool inserted = lower(take("status")) != "ejected";
    o.floppies[n].write_protected = flag("write_protected", false);
    if (path.starts_with("vvfat:")) refuse(name + ": vvfat is no kind of image here; make one, with mtools for instance");
    if (inserted && is_there(path, "the drive is empty")) o.floppies[n].path = path;
}

// The channels lie where every PC has them.
void Reader::ata() {
    bool second = name == "ata1", enabled = flag("enabled", true);
    struct { const char* what; u64 here; } places[] = {
        {"ioaddr1", second ? 0x170u : 0x1f0u}, {"ioaddr2", second ? 0x370u : 0x3f0u}, {"irq", second ? 15u : 14u}};
    for (auto& place : places)
        if (std::string text = take(place.what); !text.empty() && number(place.what, text, 0xffff) != place.here && enabled)
            warn(name + ": " + place.what + "=" + text + " is not honoured");
    if (!enabled) warn(name + ": the channel is there all the same");
}

void Reader::drive() {
    std::string type = lower(take("type")), mode = lower(take("mode")), path = take("path"), status = lower(take("status"));
    unsigned place = (name[3] == '1' ? 2 : 0) + (name.ends_with("slave") ? 1 : 0);
    std::erase_if(o.drives, [&](auto& d) { return d.place == place; });
    if (type.empty()) return;
    if (type != "disk" && type != "cdrom") refuse(name + ": type='" + type + "' is neither disk nor cdrom");
    Options::Drive drive{type == "cdrom", path, "", place, mode == "volatile"};
    if (drive.cd) {
        if (status == "ejected" || !is_there(path, "the drive is empty")) drive.path.clear();
    } else {
        if (path.empty()) refuse(name + ": a disk needs path=");
        if (mode != "" && mode != "flat" && mode != "volatile") refuse(name + ": mode='" + mode + "' is no mode of images here; flat and volatile are (qemu-img converts others)");
        if (mode != "") drive.format = "raw";
    }
    o.drives.push_back(drive);
}

void Reader::boot() {
    static constexpr struct { std::string_view name; char letter; } devices[] = {
        {"floppy", 'a'}, {"a", 'a'}, {"disk", 'c'}, {"c", 'c'}, {"cdrom", 'd'}};
    std::string order;
    for (std::string word; !(word = lower(take_bare())).empty();) {
        auto found = std::ranges::find(devices, std::string_view(word), [](auto& d) { return d.name; });
        if (found != std::end(devices) && order.find(found->letter) == order.npos) order += found->letter;
        if (found == std::end(devices) && word != "none") warn("boot: not from " + word);
    }
    if (!order.empty()) o.boot = order;
}
void Reader::signature_check() { o.boots_any_floppy = flag("disabled", false); }

// ---- lines to the outside

void Reader::com() {
    unsigned n = name == "com2";
    bool enabled = flag("enabled", true);
    std::string mode = lower(take("mode")), dev = take("dev"), line;
    bool port = dev.rfind(':') != dev.npos;
    if (mode == "file" && !dev.empty()) line = "file:" + dev;
    else if (mode == "socket-server" && port) line = "tcp:" + dev.substr(dev.rfind(':') + 1);
    else if (mode == "term") line = "pty";
    else line = "null";
    if (enabled && mode == "term" && !dev.empty()) warn(name + ": a terminal of its own is made in place of " + dev);
    if (enabled && line == "null" && !mode.empty() && mode != "null") warn(name + ": mode=" + mode + " is not honoured; nothing is connected");
    while (o.serial.size() <= n) o.serial.push_back(o.serial.empty() && n ? "stdio" : "null");
    o.serial[n] = enabled ? line : "null";
}

void Reader::parport() {
    bool enabled = flag("enabled", true);
    std::string path = take("file");
    o.parallel = enabled ? path : "";
}

void Reader::gdbstub() {
    bool enabled = flag("enabled", true);
    std::string port = take("port");
    if (enabled) o.gdb = "127.0.0.1:" + (port.empty() ? "1234" : std::to_string(number("port", port, 0xffff)));
}
void Reader::e9() {
    if (flag("enabled", true)) o.debugcon = "stdio";
}

// time0: seconds, or local (1) or utc (2), or as ctime() writes it.
void Reader::clock() {
    std::string sync = lower(take("sync")), start = take("time0"), word = lower(start);
    if (!sync.empty() && sync != "slowdown" && sync != "realtime" && sync != "both") refuse("clock: sync=" + sync + " is none of none, slowdown, realtime, both");
    o.realtime = !sync.empty();
    flag("rtc_sync", false);                             // the clock of the date follows the same time
    if (start.empty()) return;
    std::time_t now = std::time(nullptr);
    std::tm tm{};
    const char* rest = strptime(start.c_str(), "%a %b %d %H:%M:%S %Y", &tm);
    if (word == "utc" || word == "2") o.rtc = now;
    else if (word == "local" || word == "1") o.rtc = timegm(std::localtime(&now));
    else if (rest && !*rest) o.rtc = timegm(&tm);
    else o.rtc = s64(number("time0", start, 253'402'300'799));
    if (o.rtc < 0) refuse("clock: time0='" + start + "' lies before 1970");
}

}  // namespace

Bochsrc read_bochsrc(const std::string& file) {
    Reader reader;
    reader.file(file);
    return std::move(reader.result);
}
