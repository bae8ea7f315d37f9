// SPDX-License-Identifier: MIT
// Interrupt controllers in words: the 8259s (Intel's data sheet) and the I/O APIC (82093AA).
#include "debugger/device_reports.h"
#include "debugger/state_tree.h"
#include "machine/pc.h"

namespace debugger::devices {

std::string words_of(std::span<const BitWord> table, u64 value) {
    std::string out;
    for (auto& w : table)
        if (value & w.bit) out += (out.empty() ? "" : " ") + std::string(w.word);
    return out.empty() ? "none" : out;
}

static void add_chip(Result& result, Pic& chip, const char* name, bool master) {
    static constexpr const char* expected[] = {"ready", "waits for ICW2", "waits for ICW3", "waits for ICW4"};
    auto s = state_of(chip);
    u8 requests = chip.requests(), served = u8(s["in_service"]), masked = u8(s["masked"]);
    unsigned lowest = unsigned(s["lowest"]), first = master ? 0 : 8, expects = unsigned(s["expects"]) & 3;
    bool out = s["output.level"];
    result.add(format("8259 %-7s vectors %02x to %02x, IRQ %u comes first, %s%s%s%s, output %s", name, chip.vector(0), chip.vector(7),
        first + ((lowest + 1) & 7),
                      expected[expects], s["auto_eoi"] ? ", automatic EOI" : "", s["special_fully_nested"] ? ", special fully nested" : "",
                      s["special_mask"] ? ", special mask mode" : "", out ? "high" : "low"))
        .with("kind", "pic").with("name", name).address("vector", chip.vector(0)).count("first", first + ((lowest + 1) & 7)).with("state", expected[expects])
        .flag("auto_eoi", s["auto_eoi"]).flag("special_fully_nested", s["special_fully_nested"]).flag("special_mask", s["special_mask"])
        .flag("output", out).address("irr", requests).address("isr", served).address("imr", masked);
    for (unsigned n = 0; n < 8; n++) {
        u8 b = u8(1 << n), irq = u8(first + n);
        bool level = chip.levels() & b, asserted = s["inputs"] & b;
        result.add(format("  IRQ %-2u  vector %02x  %-5s  %-8s %-9s %-10s %s", irq, chip.vector(u8(n)), level ? "level" : "edge", asserted ? "asserted" : "",
                          requests & b ? "requested" : "", served & b ? "in service" : "", masked & b ? "masked" : ""))
            .with("kind", "irq").count("irq", irq).address("vector", chip.vector(u8(n))).flag("level", level).flag("asserted", asserted)
            .flag("requested", requests & b).flag("in_service", served & b).flag("masked", masked & b);
    }
}

Result pic(Pc& pc) {
    Result result;
    add_chip(result, pc.pic.master, "master", true);
    add_chip(result, pc.pic.slave, "slave", false);
    return result;
}

Result ioapic(Pc& pc) {
    static constexpr const char* modes[] = {"fixed", "lowest", "SMI", "?", "NMI", "INIT", "?", "ExtINT"};
    Result result;
    auto s = state_of(pc.ioapic);
    u64 id = s["id"], inputs = s["inputs"], selected = s["selected"];
    result.add(format("I/O APIC     ID %llx, %u inputs, register %02llx is selected", 0ull + id, IoApic::pins, 0ull + selected))
        .with("kind", "ioapic").address("id", id).count("inputs", IoApic::pins).address("selected", selected);
    for (unsigned n = 0; n < IoApic::pins; n++) {
        u64 e = pc.ioapic.entry(n);
        bool logical = e & bit(11), level = e & bit(15), masked = e & bit(16), remote = e & bit(14), asserted = inputs >> n & 1;
        const char* mode = modes[bits(e, 10, 8)];
        result.add(format("  input %-2u  vector %02x  %-6s to %s %02x  %s, active %-4s  %-8s %-10s %s", n, u8(e), mode, logical ? "logical " : "physical",
            u8(e >> 56),
                          level ? "level" : "edge ", e & bit(13) ? "low" : "high", asserted ? "asserted" : "", remote ? "remote IRR" : "",
                              masked ? "masked" : ""))
            .with("kind", "input").count("input", n).address("vector", u8(e)).with("mode", mode).flag("logical", logical).address("destination", u8(e >> 56))
            .flag("level", level).flag("active_low", e & bit(13)).flag("asserted", asserted).flag("remote_irr", remote).flag("masked", masked)
            .address("entry", e);
    }
    return result;
}

}
