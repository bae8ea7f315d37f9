// SPDX-License-Identifier: MIT
// The board's devices as commands: each by what it says of itself, and all of its state by name.
#include "base/error.h"
#include "debugger/commands.h"
#include "debugger/device_reports.h"
#include "debugger/state_tree.h"
#include "machine/pc.h"
#include <algorithm>
#include <map>

namespace debugger::look {

namespace {

constexpr struct Report {
    std::string_view name, help;
    Result (*run)(Pc&);
} reports[] = {
    {"pic",    "the two 8259s: each IRQ's vector, trigger, request, service and mask",    devices::pic},
    {"ioapic", "the I/O APIC: each input's redirection entry",                            devices::ioapic},
    {"pit",    "the 8254: each counter's mode, count and output",                         devices::pit},
    {"hpet",   "the HPET: its counter, each timer's comparator and route",                devices::hpet},
    {"rtc",    "the real-time clock: date, alarm, rates, interrupts",                     devices::rtc},
    {"power",  "ACPI power management: PM1 events, the PM timer, GPE0",                   devices::power},
    {"pci",    "PCI functions: what they are, where their BARs lie, interrupts",          devices::pci},
    {"serial", "COM1 and COM2: speed, FIFOs, interrupts, modem lines",                    devices::serial},
    {"ide",    "IDE channels: bus masters, and each drive's registers",                   devices::ide},
};

// Every device of the board by a name of its own: a second one of a name has its number behind it.
std::map<std::string, Device*> all_devices(Pc& pc) {
    std::map<std::string, Device*> all;
    auto add = [&](Device& d) {
        std::string name(d.name());
        for (unsigned n = 1; all.contains(name); n++) name = std::string(d.name()) + "." + std::to_string(n);
        all.emplace(name, &d);
    };
    add(pc.pic.master), add(pc.pic.slave);
    for (auto* d : pc.devices()) add(*d);
    return all;
}

Result names(Pc& pc) {
    Result result;
    for (auto& r : reports)
        result.add(format("%-10s %s", std::string(r.name).c_str(), std::string(r.help).c_str())).with("kind", "report").with("name", r.name)
            .with("help", r.help);
    std::string list;
    for (auto& [name, device] : all_devices(pc)) list += (list.empty() ? "" : " ") + name;
    result.add("devices state NAME shows all of the state of one of: " + list).with("kind", "devices").with("names", list);
    return result;
}

void add_item(Result& result, const StateItem& item) {
    if (item.bits) {
        result.add(format("%-32s %llx", item.name.c_str(), 0ull + item.value)).with("kind", "state").with("name", item.name).address("value", item.value)
            .count("bits", item.bits);
        return;
    }
    constexpr std::size_t most = 256;
    std::string shown;
    for (std::size_t n = 0; n < std::min(most, item.bytes.size()); n++) shown += format("%02x", item.bytes[n]);
    result.add(format("%-32s %zu bytes: %s%s", item.name.c_str(), item.bytes.size(), shown.c_str(), item.bytes.size() > most ? "..." : ""))
        .with("kind", "state").with("name", item.name).with("bytes", shown).count("size", item.bytes.size());
}

Result state_by_name(Pc& pc, Words words) {
    auto all = all_devices(pc);
    auto found = all.find(words[0]);
    if (found == all.end()) throw Error("no device '" + Error::one_line(words[0]) + "'; devices lists them");
    Result result;
    auto tree = state_of(*found->second);
    for (auto& item : tree.items())
        if (words.size() < 2 || item.name.find(words[1]) != item.name.npos) add_item(result, item);
    return result.lines.empty() ? refused("'" + Error::one_line(words[0]) + "' has no state" + (words.size() < 2 ? "" : " of that name")) : result;
}

}

// devices [NAME | state NAME [PART]]
Result devices(Session& session, Words words) {
    if (!session.board) throw Error("there is no board here, only a CPU");
    Pc& pc = *session.board;
    if (words.empty()) return names(pc);
    if (words[0] == "state" && words.size() > 1) return state_by_name(pc, words.subspan(1));
    for (auto& r : reports)
        if (words[0] == r.name && words.size() == 1) return r.run(pc);
    throw Error("'" + Error::one_line(words[0]) + "' is none of the names that devices lists");
}

}
