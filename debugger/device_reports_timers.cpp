// SPDX-License-Identifier: MIT
// Timers in words: the 8254 and the MC146818 (data sheets), the HPET (IA-PC HPET 1.0a), ACPI's PM timer and the events beside it.
#include "debugger/device_reports.h"
#include "debugger/state_tree.h"
#include "machine/pc.h"
#include <algorithm>

namespace debugger::devices {

namespace {

unsigned from_bcd(u64 value) { return unsigned((value >> 12 & 15) * 1000 + (value >> 8 & 15) * 100 + (value >> 4 & 15) * 10 + (value & 15)); }

double milliseconds(u64 ticks, const Clock& clock) { return double(ticks) * 1e3 / double(clock.rate); }

// What a timer of a chip waits for, where it does.
void add_alarm(Line& line, u64 when, const Clock& clock) {
    if (when == Clock::never) return;
    line.text += format(", fires in %.3f ms", milliseconds(when - std::min(when, clock.ticks), clock));
    line.count("fires_at", when);
}

}

Result pit(Pc& pc) {
    static constexpr const char* modes[] = {"interrupt on terminal count", "one-shot by gate", "rate generator", "square wave", "strobe", "strobe by gate",
                                            "rate generator", "square wave"};
    static constexpr const char* uses[] = {"IRQ 0", "refresh", "speaker"};
    Result result;
    auto s = state_of(pc.pit);
    s64 now = s64(pc.clock.count(Pit::hertz));
    for (unsigned n = 0; n < 3; n++) {
        std::string name = "counters." + std::to_string(n);
        PitCounter counter;
        StateLoader loader(s, name);
        counter.visit(loader);
        unsigned mode = counter.word >> 1 & 7;
        bool bcd = counter.word & 1, out = counter.out(now);
        u64 initial = s[name + ".initial"], raw = counter.count(now), count = bcd ? from_bcd(raw) : raw;
        double hertz = counter.period() ? double(Pit::hertz) / double(counter.period()) : 0;
        std::string rate = hertz ? format(", %.3f Hz", hertz) : "";
        auto& line = result.add(format("8254 counter %u  %-8s mode %u (%s)%s, count %llu of %llu%s, gate %s, output %s", n, uses[n], mode, modes[mode],
                                       bcd ? " in BCD" : "", 0ull + count, 0ull + initial, rate.c_str(), counter.gate ? "high" : "low", out ? "high" : "low"));
        line.with("kind", "counter").count("counter", n).with("use", uses[n]).count("mode", mode).with("mode_text", modes[mode]).flag("bcd", bcd)
            .count("count", count).count("initial", initial).flag("gate", counter.gate).flag("output", out);
        line.with("hertz", format("%.3f", hertz)).count("latched_bytes", s[name + ".latched_bytes"]);
        if (n == 0) add_alarm(line, s["timer.when"], pc.clock);
    }
    return result;
}

Result hpet(Pc& pc) {
    Result result;
    auto s = state_of(pc.hpet);
    auto reg = [&](u64 offset) { return pc.hpet.read(offset, 8); };
    bool on = reg(0x10) & 1, legacy = reg(0x10) & 2;
    u64 counter = reg(0xf0), status = reg(0x20);
    result.add(format("HPET         %s, counter %llu of %llu Hz%s, status %llx", on ? "counts" : "stands", 0ull + counter, 0ull + Hpet::hertz,
                      legacy ? ", in the place of the 8254 and the RTC" : "", 0ull + status))
        .with("kind", "hpet").flag("enabled", on).flag("legacy", legacy).address("counter", counter).count("hertz", Hpet::hertz).address("status", status);
    for (unsigned n = 0; n < Hpet::timers; n++) {
        u64 config = reg(0x100 + n * 0x20), comparator = reg(0x108 + n * 0x20), period = s["comparators." + std::to_string(n) + ".period"];
        bool enabled = config & bit(2), periodic = config & bit(3), level = config & bit(1), narrow = config & bit(8);
        std::string to = legacy && n < 2 ? n ? "IRQ 8" : "IRQ 0" : "I/O APIC input " + std::to_string(bits(config, 13, 9));
        auto& line = result.add(format("  timer %u    %-8s %s, %u bits, %s, to %s, comparator %llu", n, enabled ? "enabled" : "disabled",
                                       periodic ? format("every %llu counts", 0ull + period).c_str() : "one-shot", narrow ? 32 : 64, level ? "level" : "edge",
                                       to.c_str(), 0ull + comparator));
        line.with("kind", "timer").count("timer", n).flag("enabled", enabled).flag("periodic", periodic).flag("level", level).count("bits", narrow ? 32 : 64)
            .with("to", to).address("comparator", comparator).count("period", period).address("config", config).flag("status", status >> n & 1);
        add_alarm(line, s["alarms." + std::to_string(n) + ".when"], pc.clock);
    }
    return result;
}

Result rtc(Pc& pc) {
    static constexpr BitWord interrupts[] = {{0x40, "periodic"}, {0x20, "alarm"}, {0x10, "update"}};
    Result result;
    TimeApart clock(pc.clock);
    Cmos chip(clock, ::Line(), ::Line(), 0);
    auto s = state_of(pc.cmos);
    StateLoader loader(s);
    chip.visit(loader);
    auto reg = [&](u8 index) { return chip.put(0, index), chip.get(1); };
    u8 a = reg(0x0a), b = reg(0x0b), c = reg(0x0c), century = reg(0x32);
    bool binary = b & 4, all_hours = b & 2, held = (a & 0x60) == 0x60, set = b & 0x80;
    auto number = [&](u8 index) { return binary ? unsigned(reg(index)) : from_bcd(reg(index)); };
    auto hour_of = [&](u8 index) {
        u8 value = reg(index);
        unsigned hour = binary ? value & 0x7f : from_bcd(value & 0x7f);
        return all_hours ? binary ? value : from_bcd(value) : hour % 12 + (value & 0x80 ? 12 : 0);
    };
    unsigned rate = a & 15;
    double hertz = !rate || held ? 0 : 32768.0 / double(u64{1} << (rate <= 2 ? rate + 6 : rate - 1));
    std::string date = format("%02u%02u-%02u-%02u", from_bcd(century), number(9), number(8), number(7));
    std::string time = format("%02u:%02u:%02u", hour_of(4), number(2), number(0));
    auto& line = result.add(format("RTC          %s %s, %s, %s, %s hours", date.c_str(), time.c_str(),
        set ? "held by SET" : held ? "divider in reset" : "counts",
                                   binary ? "binary" : "BCD", all_hours ? "24" : "12"));
    line.with("kind", "rtc").with("date", date).with("time", time).flag("counts", !set && !held).flag("binary", binary).flag("hours24", all_hours)
        .address("a", a).address("b", b).address("c", c).address("index", s["selected"]).flag("nmi_disabled", s["nmi_disabled.level"]);
    auto part = [&](u8 index, unsigned value) { return reg(index) >= 0xc0 ? std::string("*") : format("%02u", value); };      // C0h and more: any
    std::string alarm = part(5, hour_of(5)) + ":" + part(3, number(3)) + ":" + part(1, number(1));
    std::string on = words_of(interrupts, b), flags = words_of(interrupts, c);
    auto& more = result.add(format("  interrupts enabled: %s; flags: %s; alarm %s; %.3f Hz; IRQ 8 %s", on.c_str(), flags.c_str(), alarm.c_str(), hertz,
                                   pc.cmos.irq() ? "high" : "low"));
    more.with("kind", "rtc_interrupts").with("enabled", on).with("flags", flags).with("alarm", alarm).with("hertz", format("%.3f", hertz))
        .flag("irq", pc.cmos.irq());
    add_alarm(more, s["timer.when"], pc.clock);
    return result;
}

Result power(Pc& pc) {
    static constexpr BitWord events[] = {{bit(0), "timer"}, {bit(4), "bus master"}, {bit(5), "global"}, {bit(8), "power button"}, {bit(10), "RTC"},
        {bit(15), "wake"}};
    Result result;
    TimeApart clock(pc.clock);
    AcpiPm chip(clock, {.sci = {}, .mapped = [](u16, bool) {}, .power_off = [] {}});
    auto s = state_of(pc.acpi_pm);
    StateLoader loader(s);
    chip.visit(loader);
    u16 base = u16(chip.config_read(0x40, 2) & 0xffc0);
    u32 status = chip.in(0, 2), enable = chip.in(2, 2), control = chip.in(4, 2), timer = chip.in(8, 4);
    std::string on = words_of(events, enable), happened = words_of(events, status);
    result.add(format("ACPI PM      ports at %04x, %s; events: %s; enabled: %s; SCI %s", base, control & 1 ? "ACPI" : "legacy", happened.c_str(), on.c_str(),
                      s["sci.level"] ? "high" : "low"))
        .with("kind", "power").address("base", base).flag("acpi", control & 1).with("events", happened).with("enabled", on).address("status", status)
        .address("enable", enable).address("control", control).flag("sci", s["sci.level"]);
    result.add(format("  PM timer   %06x at %llu Hz", timer, 0ull + AcpiPm::hertz)).with("kind", "pm_timer").address("count", timer)
        .count("hertz", AcpiPm::hertz);
    result.add(format("  GPE0       status %04llx, enabled %04llx", 0ull + s["gpe_status"], 0ull + s["gpe_enable"])).with("kind", "gpe")
        .address("status", s["gpe_status"]).address("enable", s["gpe_enable"]);
    result.add(format("  SMI        global control %llx, command port %02x", 0ull + s["global_control"], s.item("smi").bytes.at(0)))
        .with("kind", "smi").address("control", s["global_control"]);
    return result;
}

}
