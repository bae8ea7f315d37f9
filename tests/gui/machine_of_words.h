// SPDX-License-Identifier: MIT
// A machine of words for the tests of the debugger's window: what commands say, as much as fits on a page; and a window that asks it.
#pragma once
#include "gui/stage.h"
#include <algorithm>

using namespace gui;
using debugger::format, debugger::hex;

namespace {

// ---- a machine of words: what commands say, as much as fits on a page

Result registers() {
    Result r;
    for (auto* name : {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip"})
        r.add(name).with("name", name).with("group", "general").address("value", 0xffffffff81076a59);
    r.add("rflags").with("name", "rflags").address("value", 0xfff).with("bits", "OF DF IF");
    r.add("cpl").with("name", "cpl").address("value", 3);
    return r;
}

Result control() {
    Result r;
    for (auto* name : {"cr0", "cr2", "cr3", "cr4", "efer"}) r.add(name).with("name", name).address("value", ~0ull).with("bits", "PKS CET PKE SMAP SMEP OSXSAVE PCIDE FSGSBASE SMXE VMXE LA57 UMIP");
    return r;
}

Result code() {
    Result r;
    for (u64 n = 0; n < 60; n++)
        r.add("").with("address", hex(0xffffffff81076a30 + n * 15)).with("bytes", "c4e2f9916c2508aabbccddeeff0011")
            .with("instruction", n % 3 ? "vpgatherqq ymm5{k1}, qword ptr fs:[ymm12*8+0x12345678]" : "jne 0xffffffff81076a6c").with("symbol", "a_symbol_with_a_very_long_name_indeed+0x1234");
    return r;
}

Result memory() {
    Result r;
    for (u64 n = 0; n < 80; n++) r.add("").with("address", hex(0xffff888000000000 + n * 16)).with("bytes", "000102030405060708417f80909192ff");
    return r;
}

// 24 references: four levels of EPT for each of four guest entries and for the page; the last one refuses.
Result walk(bool granted) {
    Result r;
    static constexpr const char *guest[] = {"PML4E", "PDPTE", "PDE", "PTE"}, *ept[] = {"EPT PML4E", "EPT PDPTE", "EPT PDE", "EPT PTE"};
    for (int row = 0; row < 5; row++)
        for (int column = 0; column < 5 - (row == 4); column++) {
            bool first = column == 4;
            u64 at = 0x10a3f2000 + u64(row) * 0x10000 + u64(column) * 0x1000;
            r.add("").count("stage", first ? 1 : 2).count("level", u64(first ? 4 - row : 4 - column)).with("format", first ? "long mode" : "EPT")
                .with("entry_name", first ? guest[row] : ept[column]).count("index", 0x1fe).address("input", first ? 0x7f3a1c2d4e58 : 0x44f87f0).address("table", at & ~0xfffull)
                .address("physical", at).address("entry", 0x800000003b2a4867).with("bits", first ? "P RW US PWT PCD A D G XD" : "R W X PS A D XU type 6")
                .with("rights", first ? "user writable executable" : "R W X").with("would_set", "A D").with("purpose", "data").flag("in_register", false).count("page_size", column == 3 ? 4096 : 0);
        }
    Line& v = r.add("the verdict");
    if (granted) v.flag("granted", true).address("physical", 0x12c7a4e58).address("guest_physical", 0x3b2a4e58).count("page_size", 4096).flag("global", true);
    else v.flag("granted", false).with("event", "ept_violation").with("reason", "the page is not writable").count("stage", 2).count("level", 1).address("entry_physical", 0x10a435000)
             .address("entry", 0x12c7a4135).address("information", 0xfaa).address("guest_physical", 0x3b2a4e58);
    return r;
}

Result vmcs() {
    Result r;
    r.add("in VMX operation").flag("vmx_operation", true).with("current", "0x10a1c4000").flag("launched", true);
    for (auto* area : {"guest", "host", "control", "exit"})
        for (u64 n = 0; n < 30; n++)
            r.add("").with("area", area).with("name", format("%s_field_%u", area, unsigned(n))).with("text", "guest-physical address of something long").address("encoding", 0x2000 + 2 * n)
                .address("value", ~0ull).with("controls", "interrupt-window exiting, use TSC offsetting, HLT exiting").flag("changed", n % 4 == 0);
    return r;
}

Result checks() {
    Result r;
    for (int n = 0; n < 6; n++) {
        r.add("BROKEN").with("kind", "rule").with("verdict", "broken").with("check", "guest.cr4").with("group", "guest control registers").with("section", "SDM vol. 3, 27.3.1.1")
            .with("rule", "with IA-32e mode guest CR0.PG and CR4.PAE must both be 1, and more words to wrap, and more").with("subject", n ? "CS" : "")
            .with("outcome", "VM-entry failure, reason 33, qualification 0").count("reads", 1);
        r.add("").with("kind", "read").with("check", "guest.cr4").with("text", "guest CR4, a field whose name is longer than the panel is wide at all").address("value", 0x3726d0);
    }
    r.add("").count("broken", 6).count("hold", 200).count("not_applicable", 60);
    return r;
}

Result exits() {
    Result r;
    static constexpr const char* reasons[] = {"EPT violation", "I/O instruction", "external interrupt", "WRMSR", "HLT", "VM-entry failure due to invalid guest state"};
    for (u64 n = 0; n < 100; n++)
        r.add("").count("tick", 4182663019 + n * 5000).address("reason", n % 6).with("reason_text", reasons[n % 6]).address("rip", 0xffffffff81076a59 + n % 7)
            .address("information", 0xfaa).address("address", 0x3b2a4e58).count("inside", 3000);
    r.add("").count("entries", 18231).count("failed_entries", 12).count("exits", 18231).count("inside", 4182663019);
    for (u64 n = 0; n < 6; n++) r.add("").address("reason", n).with("reason_text", reasons[n]).count("count", 9214 >> n);
    return r;
}

Result tlb() {
    Result r;
    for (u64 n = 0; n < 90; n++)
        r.add("").with("kind", "data").with("dimension", n % 3 == 0 ? "linear" : n % 3 == 1 ? "combined" : "guest-physical").address("page", 0xffffffff81076000 + (n << 12)).address("physical", 0x12c7a4000)
            .count("page_bits", n % 5 ? 12 : 21).count("vpid", n % 2).count("pcid", 6).with("ept", n % 3 ? "0x10a3f205e" : "").flag("global", n % 4 == 0)
            .with("rights", "supervisor writable executable; R W X").flag("dirty", true).with("stale", n % 9 ? "no" : "yes");
    return r;
}

Result caches() {
    Result r;
    r.add("").with("kind", "summary").count("linear", 131).count("combined", 1214).count("guest_physical", 388).count("dropped", 6810204);
    for (u64 n = 0; n < 4; n++)
        r.add("").with("kind", "context").count("vpid", n).with("ept", n ? "0x10a3f205e" : "").flag("nested", n).count("misses", 18231402).count("first_stage_references", 48231402)
            .count("second_stage_references", 148231402).count("spared", 9).count("page_faults", 5).count("second_stage_faults", 7);
    for (auto* cause : {"INVVPID single-context, retaining globals", "MOV to CR3", "INVEPT all-context"}) r.add("").with("kind", "cause").with("cause", cause).count("dropped", 1048576);
    return r;
}

Result failed_entry() {
    Result r;
    r.add("the last entry that failed").with("kind", "state").count("tick", 4182663019).address("current", 0x10a1c4000);
    r.add("BROKEN").with("kind", "rule").with("verdict", "broken").with("check", "guest.seg.g-clear").with("group", "guest state").with("section", "SDM vol. 3, 27.3.1.2")
        .with("rule", "a limit that does not end in FFF is counted in bytes, and more words than fit in a line of the panel").with("subject", "GS")
        .with("outcome", "VM-entry failure, reason 33, qualification 0").count("reads", 2);
    for (auto* text : {"guest GS limit", "guest GS access rights"}) r.add("").with("kind", "read").with("check", "guest.seg.g-clear").with("name", text).with("text", text).address("value", 0x209b);
    r.add("").count("broken", 1).count("hold", 200).count("not_applicable", 60);
    return r;
}

Result map(bool guest_physical) {
    Result r;
    u64 first = guest_physical ? 0 : 0xffff888000000000;
    for (u64 n = 0; n < 90; n++)
        r.add("").with("kind", "range").address("from", first + (n << 24)).address("bytes", u64{0x1000} << n % 20).address("guest_physical", (97 * n % 90) << 24)
            .address("physical", (31 * n % 90) << 26).with("rights_first", "supervisor writable executable").with("rights_second", "R W X").count("smallest_page", 4096)
            .count("largest_page", 2 << 20).flag("global", true).with("type", "PAT WB, EPT WB");
    r.add("").with("kind", "summary").address("bytes", 1 << 30).count("ranges", 90);
    return r;
}

Result apic() {
    Result r;
    r.add("").with("kind", "apic").with("state", "x2APIC").address("base", 0xfee00000).address("id", 0x3f).flag("enabled", true).count("spurious", 0xff);
    r.add("").with("kind", "priority").address("tpr", 0x20).address("ppr", 0x30).flag("deliverable", true);
    for (auto* name : {"IRR", "ISR", "TMR"}) r.add("").with("kind", "vectors").with("name", name).with("vectors", "20 21 30 ec fb ff");
    for (auto* name : {"timer", "thermal", "performance", "LINT0", "LINT1", "error"})
        r.add("").with("kind", "entry").with("name", name).count("vector", 0xec).with("mode", "TSC deadline").flag("level", true).flag("masked", true);
    r.add("").with("kind", "timer").count("current", 123456789).count("initial", 4294967295).address("divide", 11).address("deadline", ~0ull);
    return r;
}

Result devices() {
    Result r;
    for (int n = 0; n < 60; n++) r.add("  input 12  vector 30  fixed  to physical 00  level, active low   asserted remote IRR masked, and on it goes");
    return r;
}

Result cpus() {
    Result r;
    for (u64 n = 0; n < 64; n++)
        r.add("").count("cpu", n).address("linear", 0xffffffff81076a5d).with("activity", n ? "waits for a start-up IPI" : "active").flag("guest", n % 2).flag("selected", !n);
    return r;
}

Result drops() {
    Result r;
    for (u64 n = 0; n < 80; n++)
        r.add("").with("kind", "drop").count("tick", 4182663019 + n * 999).with("dimension", "combined").address("page", 0xffffffff81076000 + (n << 12)).count("page_bits", 12)
            .count("vpid", 1).count("pcid", 6).with("ept", "0x10a3f205e").with("cause", "INVVPID single-context, retaining globals");
    r.add("").with("kind", "summary").flag("was_on", true);
    return r;
}

Result stale_uses() {
    Result r;
    for (u64 n = 0; n < 20; n++) {
        r.add("stale use on CPU 0 at RIP ffffffff81076a5d (VPID or ASID 1): read of ffffffff81076000, and more words").with("kind", "use").count("number", n);
        r.add("cached: physical 1006000, WB; walked now: physical 1007000, WB").with("kind", "fact").count("number", n);
    }
    r.add("").with("kind", "summary").count("reported", 20);
    return r;
}

Result stack() {
    Result r;
    for (u64 n = 0; n < 40; n++)
        r.add("").with("kind", "frame").count("number", n).address("address", 0xffffffff81076a5d + n).address("frame", 0xffffc90000003e80 + n * 64).with("symbol", "a_symbol_with_a_long_name+0x12");
    return r;
}

Result bits(std::string_view of) {
    Result r;
    r.add("").with("name", std::string(of));
    for (u64 n = 0; n < 12; n++) r.add("").with("kind", "bit").with("of", std::string(of)).count("bit", n).with("name", "OSXMMEXCPT").with("meaning", "what it does, in words that go on and on and on");
    return r;
}

Result answer(const std::string& line, bool granted) {
    Result r;
    auto starts = [&](const char* what) { return line.starts_with(what); };
    if (starts("registers cr") || starts("registers efer")) return bits(std::string_view(line).substr(10));
    if (starts("registers control")) return control();
    if (starts("registers")) return registers();
    if (starts("disassemble")) return code();
    if (starts("memory")) return memory();
    if (starts("search") && line.find("00 00") != line.npos) return r.add("not found").with("kind", "summary").count("found", 0), r;
    if (starts("search")) {
        u64 at = line.find("0x7000+1") == line.npos ? 0x7000 : 0x9000;
        r.add("").with("kind", "match").address("address", at).with("bytes", "0f05");
        r.add("1 found").with("kind", "summary").count("found", 1).count("length", 2);
        return r;
    }
    if (starts("walk")) return walk(granted);
    if (starts("vmcs check")) return checks();
    if (starts("vmcs failed")) return failed_entry();
    if (starts("vmcs")) return vmcs();
    if (starts("exits")) return exits();
    if (starts("tlb drops")) return drops();
    if (starts("tlb stale")) {
        for (auto& l : tlb().lines)
            if (word(l, "stale") == "yes") r.lines.push_back(l);
        return r;
    }
    if (starts("tlb")) return tlb();
    if (starts("stale")) return stale_uses();
    if (starts("map")) return map(line.starts_with("map g:"));
    if (starts("apic")) return apic();
    if (starts("devices ")) return devices();
    if (starts("devices"))
        for (auto* help : {"the two 8259s: each IRQ", "the I/O APIC: inputs", "ACPI power management, with a long name: PM1 events"}) r.add(help).with("kind", "report").with("name", "pic").with("help", help);
    if (starts("cpu")) return cpus();
    if (starts("stack")) return stack();
    if (starts("caches")) return caches();
    if (starts("list")) r.add("").count("id", 12).with("on", "break").address("address", 0xffffffff81076a30).count("bytes", 1).count("hits", 1234567);
    if (starts("help"))
        for (auto* name : {"break", "breathe", "brew", "brick", "bring", "brown", "walk", "devices"}) r.add(name).with("name", name).with("arguments", "ADDR").with("help", "a long help that goes on and on beyond what fits in any list of this size");
    if (starts("state"))
        r.add("").with("mode", "compatibility 32").count("cpl", 3).address("linear", 0xffffffff81076a30 + 45).flag("guest", true).flag("halted", true).count("cpu", 0).count("cpus", 64)
            .count("instructions", 4182663019).count("ticks", 4183163019).count("nanoseconds", 1274318000000).flag("interrupts", true).address("cr3", 0x44f8006).with("virtualization", "vmx")
            .flag("operation", true).count("entries", 5).count("vpid", 1).count("pcid", 6).address("second_stage", 0x10a3f205e);
    return r;
}

struct Window {
    bool granted = false;
    std::vector<std::string> asked;
    App app{[this](std::string line, Feed::Done done) { asked.push_back(line), done(answer(line, granted)); }};
    Stage stage;

    void settle(int w = 1280, int h = 800) { stage.settle(app, w, h); }
    void press(int code, bool ctrl = false, bool shift = false, bool alt = false) { app.key({code, ctrl, shift, alt}), settle(); }
    void type(std::string_view text) {
        for (char c : text) app.key({c}), app.input(std::string_view(&c, 1)), settle();
    }
    bool was_asked(const std::string& line) const { return std::find(asked.begin(), asked.end(), line) != asked.end(); }
    // All text of one frame.
    std::vector<ui::Drawn> drawn(double at = 1000, int w = 1280, int h = 800) {
        std::vector<ui::Drawn> all;
        ui::drawn = &all;
        stage.draw(app, w, h, at);
        ui::drawn = nullptr;
        return all;
    }
    bool shows(std::string_view text) {
        auto all = drawn();
        return std::any_of(all.begin(), all.end(), [&](auto& d) { return d.what.find(text) != std::string::npos; });
    }
};

}
