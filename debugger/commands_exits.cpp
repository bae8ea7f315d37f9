// SPDX-License-Identifier: MIT
// Exits as a command: the last ones, and how many of each reason with the time spent inside the guest and outside.
#include "base/error.h"
#include "cpu/virt/layer.h"
#include "debugger/commands.h"
#include "debugger/expression.h"
#include "debugger/virt_bits.h"
#include <algorithm>
#include <map>

namespace debugger::look {

namespace {

// The manual's name, or the number where it has none.
std::string reason_text(const Cpu& cpu, u64 reason) {
    std::string name = cpu.virt->exit_text(reason);
    return name.empty() ? hex(reason) : name;
}

std::string lower(std::string text) {
    for (char& c : text) c = char(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

std::span<const BitText> information_bits(const Cpu& cpu, u64 reason) {
    return cpu.intel() ? bits_of(vmx::Field::exit_qualification, reason) : bits_of(svm::Field::exit_info1, reason);
}

struct Times {
    u64 count = 0, inside = 0, outside = 0, outside_known = 0;
};

}

// exits [N] [REASON]: a number of the reason, or a part of its name.
Result exits(Session& session, Words words) {
    Result result;
    auto& cpu = session.cpu;
    if (!cpu.virt) throw Error("this CPU has neither VMX nor SVM");
    u64 wanted = 20, number_wanted = 0;
    if (!words.empty() && parse_number(words[0], number_wanted)) wanted = number(session, words[0], 0, virt::ExitLog::kept), words = words.subspan(1);
    std::string name;
    u64 reason_wanted = ~u64{0};
    for (auto& word : words) {
        u64 n;
        if (parse_number(word, n)) reason_wanted = n;
        else name += (name.empty() ? "" : " ") + lower(word);
    }
    auto fits = [&](u64 reason) { return reason_wanted != ~u64{0} ? reason == reason_wanted : name.empty() ||
        lower(reason_text(cpu, reason)).find(name) != name.npos; };
    auto& log = cpu.virt->log;
    std::vector<virt::LoggedExit> kept;
    log.each([&](const virt::LoggedExit& e) { kept.push_back(e); });
    std::map<u64, Times> times;
    std::vector<std::size_t> shown;
    for (std::size_t n = 0; n < kept.size(); n++) {
        auto& t = times[kept[n].reason];
        t.count++, t.inside += kept[n].tick - kept[n].entered;
        if (n + 1 < kept.size() && kept[n + 1].entered >= kept[n].tick) t.outside += kept[n + 1].entered - kept[n].tick, t.outside_known++;
        if (fits(kept[n].reason)) shown.push_back(n);
    }
    for (std::size_t i = shown.size() - std::min<std::size_t>(shown.size(), wanted); i < shown.size(); i++) {
        auto& e = kept[shown[i]];
        bool back = shown[i] + 1 < kept.size() && kept[shown[i] + 1].entered >= e.tick;
        u64 outside = back ? kept[shown[i] + 1].entered - e.tick : 0;
        std::string text = reason_text(cpu, e.reason), words_of = bits_text(information_bits(cpu, e.reason), e.information);
        result.add(format("tick %-14llu %-32s RIP %016llx  information %llx%s  address %llx  %llu ticks inside%s", 0ull + e.tick, text.c_str(), 0ull + e.rip,
            0ull + e.information,
                          words_of.empty() ? "" : (" (" + words_of + ")").c_str(), 0ull + e.address, 0ull + e.tick - e.entered, back
                              ? format(", %llu outside behind it", 0ull + outside).c_str() : ""))
            .with("kind", "exit").count("tick", e.tick).count("entered", e.entered).address("reason", e.reason).with("reason_text", text).address("rip", e.rip)
            .address("information", e.information)
            .with("information_text", words_of).address("address", e.address).count("inside", e.tick - e.entered).count("outside", outside)
            .flag("returned", back);
    }
    result.add(format("%llu entries, %llu of them failed; %llu exits; %llu ticks inside", 0ull + log.entries, 0ull + log.failed_entries, 0ull + log.exits,
        0ull + log.inside()))
        .with("kind", "summary").count("entries", log.entries).count("failed_entries", log.failed_entries).count("exits", log.exits)
        .count("inside", log.inside());
    for (u64 reason = 0; reason < log.kinds; reason++) {
        u64 n = log.count(reason);
        if (!n || !fits(reason)) continue;
        auto& t = times[reason];
        std::string text = reason_text(cpu, reason);
        u64 average = t.outside_known ? t.outside / t.outside_known : 0;
        result.add(format("%12llu  %-36s of the last %llu: %llu ticks outside each", 0ull + n, text.c_str(), 0ull + t.count, 0ull + average))
            .with("kind", "reason").address("reason", reason).with("reason_text", text).count("count", n).count("recent", t.count)
            .count("recent_inside", t.inside).count("recent_outside", t.outside)
            .count("outside_each", average);
    }
    return result;
}

}
