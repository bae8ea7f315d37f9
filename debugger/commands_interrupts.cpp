// SPDX-License-Identifier: MIT
// The local APIC in words, and why an interrupt is not delivered: each condition on its way with its verdict (SDM vol. 3, 7.8, 11.8, 26.2,
// 30.2; APM vol. 2, 15.17, 15.21, 15.29).
#include "base/error.h"
#include "cpu/svm/svm.h"
#include "cpu/virt/virtual_apic.h"
#include "cpu/vmx/vmx.h"
#include "debugger/commands.h"
#include "debugger/look.h"

namespace debugger::look {

namespace {

constexpr const char* entry_names[] = {"timer", "thermal", "performance", "LINT0", "LINT1", "error"};
constexpr unsigned first_entry = 0x320;
u32 apic_register(Cpu& cpu, unsigned offset) { return u32(cpu.apic.read(offset, 4)); }
bool in_set(Cpu& cpu, unsigned set_at, u8 vector) { return apic_register(cpu, set_at + vector / 32 * 16) >> vector % 32 & 1; }

std::string vectors_in(Cpu& cpu, unsigned set_at) {
    std::string out;
    for (unsigned v = 0; v < 256; v++)
        if (in_set(cpu, set_at, u8(v))) out += (out.empty() ? "" : " ") + hex(v, 2);
    return out;
}

// One condition: it lets the interrupt pass, holds it, or only tells.
struct Why {
    Result result;
    unsigned held = 0;
    void rule(bool passes, const std::string& rule, const std::string& because) {
        held += !passes;
        result.add(format("%-7s %s: %s", passes ? "passes" : "HOLDS", rule.c_str(), because.c_str())).with("kind", "rule")
            .with("verdict", passes ? "passes" : "holds").with("rule", rule).with("because", because);
    }
    void note(const std::string& text) { result.add("        " + text).with("kind", "note"); }
};

std::string on_off(const char* name, bool on) { return std::string(name) + (on ? " is set" : " is clear"); }

bool exits_for_interrupts(const Cpu& cpu) {
    if (!cpu.guest) return false;
    if (cpu.intel()) return static_cast<const vmx::Vmx&>(*cpu.virt).has(vmx::pin::external_interrupt_exiting);
    return svm::intercepts(static_cast<const svm::Svm&>(*cpu.virt).vmcb, svm::Exit::intr);
}

void why_between_instructions(Why& why, Cpu& cpu, bool maskable) {
    bool listens = cpu.activity == Activity::active || cpu.activity == Activity::halted;
    why.rule(listens, "the CPU listens", listens ? "it is active or halted" : "it has shut down, or waits for a start-up IPI");
    if (maskable) why.rule(!cpu.sti_shadow, "no shadow of STI", on_off("blocking by STI", cpu.sti_shadow));
    why.rule(!cpu.mov_ss_shadow, "no shadow of MOV SS", on_off("blocking by MOV SS", cpu.mov_ss_shadow));
    if (cpu.virt && !cpu.intel()) {
        auto& v = static_cast<const svm::Svm&>(*cpu.virt);
        why.rule(v.gif, "the global interrupt flag", on_off("GIF", v.gif));
    }
}

// A physical interrupt of the local APIC.
void why_physical(Why& why, Cpu& cpu, u8 vector) {
    using namespace virt;
    bool global = cpu.apic.enabled(), software = apic_register(cpu, 0xf0) & bit(8);
    why.rule(global, "the local APIC is enabled", on_off("IA32_APIC_BASE bit 11", global));
    why.rule(software, "and by software", on_off("the spurious-interrupt register's bit 8", software));
    bool requested = in_set(cpu, apic_page::requested, vector), serviced = in_set(cpu, apic_page::in_service, vector);
    why.rule(requested, "it is requested", requested ? "its bit in IRR is set" : "its bit in IRR is clear");
    if (serviced) why.note("it is in service: its bit in ISR is set, and waits for EOI");
    for (unsigned n = 0; n < 6; n++) {
        u32 e = apic_register(cpu, first_entry + n * 16);
        if (u8(e) == vector) why.note(std::string("the local vector table's entry ") + entry_names[n] + " has this vector" + (e & bit(16) ? ", and is masked"
            : ""));
    }
    u8 priority = u8(apic_register(cpu, apic_page::processor_priority));
    why.rule((vector & 0xf0) > (priority & 0xf0), "its class is above the processor's priority", "class " + std::to_string(vector >> 4) + ", PPR " +
        hex(priority) + " by TPR " + hex(u8(apic_register(cpu, apic_page::task_priority))) +
             " and ISR [" + vectors_in(cpu, apic_page::in_service) + "]");
    int highest = cpu.apic.highest();
    why.rule(highest <= int(vector), "none above it is requested", highest < 0 ? "none is deliverable" : "the highest deliverable is " + hex(u64(highest)));
    bool exits = exits_for_interrupts(cpu);
    bool masked = cpu.guest && !cpu.intel() && static_cast<const svm::Svm&>(*cpu.virt).masks_interrupts();
    if (exits && cpu.intel()) why.note("\"external-interrupt exiting\" is set: it exits to level 1 whatever IF says");
    else if (masked) why.rule(static_cast<const svm::Svm&>(*cpu.virt).host_if, "the host's IF at VMRUN",
        "V_INTR_MASKING is set: the guest's IF masks virtual interrupts alone");
    else why.rule(cpu.rflags & rflags::if_, "interrupts are enabled", on_off("RFLAGS.IF", cpu.rflags & rflags::if_));
    if (exits && !cpu.intel()) why.note("INTR is intercepted: it exits to level 1");
    why_between_instructions(why, cpu, true);
}

// A virtual one of the guest's, by the VMCS.
void why_virtual_vmx(Why& why, Cpu& cpu, const vmx::Vmx& v, u8 vector) {
    using vmx::Field;
    auto& m = v.vmcs;
    u64 injected = m[Field::entry_interruption];
    if (injected >> 31 & 1) why.note("the next VM entry injects vector " + hex(u8(injected)) + ", type " + std::to_string(bits(injected, 10, 8)));
    bool delivery = m[vmx::secondary::interrupt_delivery], window = m[vmx::primary::interrupt_window];
    why.note(std::string("\"interrupt-window exiting\" is ") + (window ? "set: level 1 waits for the guest to open" : "clear"));
    if (!delivery) return why.note("\"virtual-interrupt delivery\" is clear: level 1 injects by VM entry alone");
    u64 status = m[Field::guest_interrupt_status], page = m[Field::virtual_apic_address];
    u8 rvi = u8(status), svi = u8(status >> 8);
    QuietTables tables{cpu};
    auto word = [&](unsigned offset) { return u32(tables.load(Physical(page + offset), 4)); };
    bool requested = word(virt::apic_page::requested + vector / 32 * 16) >> vector % 32 & 1;
    why.rule(requested, "it is requested", std::string("its bit in VIRR is ") + (requested ? "set" : "clear"));
    u8 priority = u8(word(virt::apic_page::processor_priority));
    why.rule(rvi == vector, "RVI is this vector", "RVI " + hex(rvi) + ", SVI " + hex(svi));
    why.rule((rvi & 0xf0) > (priority & 0xf0), "RVI's class is above the virtual processor's priority", "VPPR " + hex(priority) + ", VTPR " +
        hex(u8(word(virt::apic_page::task_priority))));
    why.rule(!window, "no interrupt window exits first", on_off("\"interrupt-window exiting\"", window));
    bool posted = m[vmx::pin::posted_interrupts];
    if (!posted) return;
    u64 descriptor = m[Field::posted_descriptor];
    bool waits = tables.load(Physical(descriptor + vector / 64 * 8), 8) >> vector % 64 & 1, on = tables.load(Physical(descriptor + 32), 8) & 1;
    if (waits) why.note(std::string("it is posted in the descriptor at ") + hex(descriptor) + ", and " + on_off("ON", on));
}

void why_virtual_svm(Why& why, Cpu& cpu, const svm::Svm& v, u8 vector) {
    using svm::Field;
    namespace in = svm::interrupt;
    u64 c = v.vmcb[Field::interrupt_control], injected = v.vmcb[Field::event_injection];
    if (injected >> 31 & 1) why.note("EVENTINJ holds vector " + hex(u8(injected)) + " for the next VMRUN");
    if (v.avic_enabled()) {
        u64 page = v.vmcb[Field::avic_backing_page] & mask(51, 12);
        QuietTables tables{cpu};
        auto word = [&](unsigned offset) { return u32(tables.load(Physical(page + offset), 4)); };
        bool requested = word(virt::apic_page::requested + vector / 32 * 16) >> vector % 32 & 1;
        why.rule(requested, "it is requested", std::string("its bit in the backing page's IRR is ") + (requested ? "set" : "clear"));
        u8 priority = u8(word(virt::apic_page::processor_priority));
        why.rule((vector & 0xf0) > (priority & 0xf0), "its class is above the guest's priority", "PPR " + hex(priority));
    } else {
        why.rule(c & in::irq, "a virtual interrupt is pending", on_off("V_IRQ", c & in::irq));
        why.rule(in::vector(c) == vector, "V_INTR_VECTOR is this vector", "it is " + hex(in::vector(c)));
        bool above = (c & in::ignore_tpr) || in::priority(c) > (c & 15);
        why.rule(above, "its priority is above V_TPR", c & in::ignore_tpr ? "V_IGN_TPR is set" : "V_INTR_PRIO " + hex(in::priority(c)) + ", V_TPR " +
            hex(c & 15));
        if (svm::intercepts(v.vmcb, svm::Exit::vintr)) why.note("VINTR is intercepted: it exits to level 1 first");
    }
    why.rule(v.virtual_gif(), "the guest's GIF", v.virtual_gif() ? "it is set, or the guest has none of its own" : "V_GIF is clear");
}

void why_virtual(Why& why, Cpu& cpu, u8 vector) {
    why.result.add("a virtual interrupt of the guest's:").with("kind", "heading");
    if (cpu.intel()) why_virtual_vmx(why, cpu, static_cast<const vmx::Vmx&>(*cpu.virt), vector);
    else why_virtual_svm(why, cpu, static_cast<const svm::Svm&>(*cpu.virt), vector);
    why.rule(cpu.rflags & rflags::if_, "interrupts are enabled", on_off("the guest's RFLAGS.IF", cpu.rflags & rflags::if_));
    why_between_instructions(why, cpu, true);
}

void why_nmi(Why& why, Cpu& cpu) {
    why.rule(cpu.pending & pending::nmi, "an NMI is pending", cpu.pending & pending::nmi ? "one is" : "none is");
    bool by_host = cpu.guest && !cpu.intel(), virtual_nmis = cpu.guest && cpu.intel() && static_cast<const vmx::Vmx&>(*cpu.virt).has(vmx::pin::virtual_nmis);
    bool blocked = by_host ? static_cast<const svm::Svm&>(*cpu.virt).physical_nmi_blocked() : cpu.nmi_blocked && !virtual_nmis;
    why.rule(!blocked, "NMIs are not blocked", virtual_nmis ? "the guest's blocking is of virtual NMIs" : on_off("blocking by NMI", blocked) + (blocked
        ? ": until IRET" : ""));
    why_between_instructions(why, cpu, false);
}

void conclude(Result& to, Why& why, const char* what) {
    for (auto& line : why.result.lines) to.lines.push_back(line);
    to.add(why.held ? std::to_string(why.held) + " conditions hold the " + what + " back" : std::string("nothing holds the ") + what +
        " back: it comes before the next instruction")
        .with("kind", "verdict").with("what", what).count("held", why.held).flag("delivered", !why.held);
}

}

// why vector N, why nmi
Result why(Session& session, Words words) {
    Result result;
    auto& cpu = session.cpu;
    if (words[0] == "nmi" && words.size() == 1) {
        Why nmi;
        return why_nmi(nmi, cpu), conclude(result, nmi, "NMI"), result;
    }
    if (words[0] != "vector" || words.size() != 2) throw Error("usage: why vector N, or why nmi");
    u8 vector = u8(number(session, words[1], 16, 255));
    Why physical;
    why_physical(physical, cpu, vector);
    conclude(result, physical, "interrupt");
    if (!cpu.guest) return result;
    Why guests;
    why_virtual(guests, cpu, vector);
    return conclude(result, guests, "virtual interrupt"), result;
}

// The local APIC's registers in words.
Result apic(Session& session, Words) {
    Result result;
    auto& cpu = session.cpu;
    static constexpr const char* states[] = {"disabled", "invalid", "xAPIC", "x2APIC"};
    const char* state = states[unsigned(cpu.apic.state())];
    u32 spurious = apic_register(cpu, 0xf0), id = apic_register(cpu, 0x20);
    result.add(format("local APIC  %s, base %llx, id %x, %s by software, spurious vector %02x", state, 0ull + cpu.apic.base(), id, spurious & bit(8)
        ? "enabled" : "disabled", spurious & 0xff))
        .with("kind", "apic").with("state", state).address("base", cpu.apic.base()).address("id", id).flag("enabled", spurious & bit(8))
        .count("spurious", spurious & 0xff);
    u32 tpr = apic_register(cpu, 0x80), ppr = apic_register(cpu, 0xa0);
    result.add(format("priorities  TPR %02x, PPR %02x, highest deliverable %d", tpr, ppr, cpu.apic.highest())).with("kind", "priority").address("tpr", tpr)
        .address("ppr", ppr).flag("deliverable", cpu.apic.highest() >= 0);
    struct { const char* name; unsigned offset; } sets[] = {{"IRR", 0x200}, {"ISR", 0x100}, {"TMR", 0x180}};
    for (auto& s : sets) {
        std::string vectors = vectors_in(cpu, s.offset);
        result.add(format("%-11s %s", s.name, vectors.empty() ? "none" : vectors.c_str())).with("kind", "vectors").with("name", s.name)
            .with("vectors", vectors);
    }
    for (unsigned n = 0; n < 6; n++) {
        u32 e = apic_register(cpu, first_entry + n * 16);
        static constexpr const char* modes[] = {"fixed", "?", "SMI", "?", "NMI", "INIT", "?", "ExtINT"};
        static constexpr const char* timer_modes[] = {"one-shot", "periodic", "TSC deadline", "?"};
        const char* mode = n == 0 ? timer_modes[e >> 17 & 3] : modes[e >> 8 & 7];
        result.add(format("%-11s vector %02x, %s%s%s", entry_names[n], e & 0xff, mode, e & bit(15) ? ", level" : "", e & bit(16) ? ", masked" : ""))
            .with("kind", "entry").with("name", entry_names[n]).count("vector", e & 0xff).with("mode", mode).flag("level", e & bit(15))
            .flag("masked", e & bit(16)).address("value", e);
    }
    u32 initial = apic_register(cpu, 0x380), current = apic_register(cpu, 0x390), divide = apic_register(cpu, 0x3e0);
    result.add(format("timer count %u of %u, divide register %x, deadline %llx", current, initial, divide, 0ull + cpu.apic.tsc_deadline()))
        .with("kind", "timer").count("current", current).count("initial", initial).address("divide", divide).address("deadline", cpu.apic.tsc_deadline());
    return result;
}

}
