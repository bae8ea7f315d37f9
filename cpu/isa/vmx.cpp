// SPDX-License-Identifier: MIT
// The VMX instructions (SDM vol. 3, ch. 31): #UD, VM exit, CPL, operand, then the conditions of each in the manual's order.
#include "cpu/vmx/vmx.h"
#include "cpu/exec/slow.h"
#include "cpu/isa/families.h"
#include "cpu/isa/vmx.h"
#include "cpu/mmu.h"
#include "cpu/vmx/information.h"

namespace isa {
namespace {

using vmx::Reason;
using vmx::Vmx;

// VM-instruction errors (SDM vol. 3, table 31-1).
enum Error : u8 {
    vmcall_in_root = 1, vmclear_address = 2, vmclear_vmxon_pointer = 3, vmlaunch_not_clear = 4, vmresume_not_launched = 5,
    vmptrld_address = 9, vmptrld_vmxon_pointer = 10, vmptrld_revision = 11, unsupported_component = 12, read_only_component = 13,
    vmxon_in_root = 15, entry_blocked_by_mov_ss = 26, invalid_invalidation_operand = 28,
};

Vmx& extension(Slow& x) { return static_cast<Vmx&>(*x.cpu.virt); }

// ---- how they end (SDM vol. 3, 31.2)

Outcome succeed(Slow& x) {
    x.set_flags(Flags(0));
    return Outcome::next;
}
Outcome fail_invalid(Slow& x) {
    x.set_flags(Flags(u32(rflags::cf)));
    return Outcome::next;
}
Outcome fail(Slow& x, u8 error) {
    auto& v = extension(x);
    if (v.current == Vmx::none) return fail_invalid(x);
    v.vmcs.set(vmx::Field::instruction_error, error);
    x.set_flags(Flags(u32(rflags::zf)));
    return Outcome::next;
}

// ---- what comes first

// Protected mode, and 64-bit mode where IA-32e mode is on.
inline bool mode_allows(const Cpu& cpu) { return cpu.bits64() || (cpu.protected_mode() && !cpu.v86() && !cpu.long_mode()); }

// Outcome::next: in root operation, in ring 0.
Outcome ready(Slow& x, Reason reason, u64 qualification = 0, u32 information = 0) {
    auto& cpu = x.cpu;
    if (!extension(x).on || !mode_allows(cpu)) return x.raise(ud());
    if (cpu.guest) return extension(x).exit(reason, x.insn, qualification, information);
    return cpu.cpl > 0 ? x.raise(gp(0)) : Outcome::next;
}
[[gnu::always_inline]] inline Outcome ready_with_operands(Slow& x, Reason reason) {
    auto& cpu = x.cpu;
    if (extension(x).on && !cpu.guest && !cpu.cpl && mode_allows(cpu)) [[likely]] return Outcome::next;
    return ready(x, reason, vmx::displacement(x.cpu, x.insn), u32(vmx::memory_information(x.cpu, x.insn)));
}

// ---- VMXON, VMXOFF

bool vmxon_allowed(const Cpu& cpu, const Vmx& v) {
    constexpr u64 locked = bit(0), outside_smx = bit(2);
    u64 control = cpu.msr.feature_control;
    return v.limits.cr0.permit(cpu.control.cr0) && v.limits.cr4.permit(cpu.control.cr4) && (control & locked) && (control & outside_smx);
}

Outcome vmxon(Slow& x) {
    auto& cpu = x.cpu;
    auto& v = extension(x);
    if (!(cpu.control.cr4 & cr4::vmxe) || !mode_allows(cpu)) return x.raise(ud());
    if (v.on) {
        if (auto first = ready_with_operands(x, Reason::vmxon); first != Outcome::next) return first;
        x.load<u64>();
        return x.stopped() ? x.why() : fail(x, vmxon_in_root);
    }
    if (cpu.cpl > 0 || !vmxon_allowed(cpu, v)) return x.raise(gp(0));
    u64 region = x.load<u64>();
    if (x.stopped()) return x.why();
    if (!v.valid_region(region) || cpu.memory.read(Physical(region), 4) != vmx::revision) return fail_invalid(x);
    v.enter_operation(region);
    return succeed(x);
}

Outcome vmxoff(Slow& x) {
    if (auto first = ready(x, Reason::vmxoff); first != Outcome::next) return first;
    extension(x).leave_operation();
    return succeed(x);
}

// ---- VMCLEAR, VMPTRLD, VMPTRST

Outcome vmclear(Slow& x) {
    if (auto first = ready_with_operands(x, Reason::vmclear); first != Outcome::next) return first;
    auto& v = extension(x);
    u64 address = x.load<u64>();
    if (x.stopped()) return x.why();
    if (!v.valid_region(address)) return fail(x, vmclear_address);
    if (address == v.vmxon_pointer) return fail(x, vmclear_vmxon_pointer);
    v.clear(address);
    return succeed(x);
}

Outcome vmptrld(Slow& x) {
    if (auto first = ready_with_operands(x, Reason::vmptrld); first != Outcome::next) return first;
    auto& v = extension(x);
    u64 address = x.load<u64>();
    if (x.stopped()) return x.why();
    if (!v.valid_region(address)) return fail(x, vmptrld_address);
    if (address == v.vmxon_pointer) return fail(x, vmptrld_vmxon_pointer);
    u64 found = x.cpu.memory.read(Physical(address), 4);
    u64 shadow = v.limits.allows(vmx::secondary::vmcs_shadowing) ? Vmx::shadow_indicator : 0;
    if ((found & ~shadow) != vmx::revision) return fail(x, vmptrld_revision);
    v.make_current(address);
    return succeed(x);
}

Outcome vmptrst(Slow& x) {
    if (auto first = ready_with_operands(x, Reason::vmptrst); first != Outcome::next) return first;
    auto to = x.probe_write(8);
    if (x.stopped()) return x.why();
    x.write(to, extension(x).current);
    return succeed(x);
}

// ---- VMREAD, VMWRITE: 64-bit operands in 64-bit mode, else 32-bit

unsigned component_width(const Slow& x) { return x.cpu.bits64() ? 8 : 4; }
u64 component_register(const Slow& x, unsigned n) { return x.cpu.gpr[x.insn.operand[n].number] & (x.cpu.bits64() ? ~u64{0} : mask(31, 0)); }

// The component that an encoding names, or none (error 12).
[[gnu::always_inline]] inline std::optional<vmx::Component> component(Slow& x, u64 encoding) {
    auto found = vmx::find(encoding);
    return found && extension(x).limits.fields.has_part(found->row) ? found : std::nullopt;
}

// Whose field it is: the current VMCS's, or in a guest that of the VMCS linked to it. Outcome::next: there is one.
struct Fields {
    Outcome first;
    bool linked = false;
};
[[gnu::always_inline]] inline Fields fields_of(Slow& x, Reason reason, vmx::Field bitmap, u64 encoding) {
    auto& v = extension(x);
    bool linked = x.cpu.guest && mode_allows(x.cpu) && v.is_shadowed(bitmap, encoding);
    if (!linked) {
        if (auto first = ready_with_operands(x, reason); first != Outcome::next) return {first};
    } else if (x.cpu.cpl > 0) {
        return {x.raise(gp(0))};
    }
    return {Outcome::next, linked};
}
bool none_there(const Vmx& v, bool linked) { return linked ? v.vmcs[vmx::Field::vmcs_link_pointer] == Vmx::none : v.current == Vmx::none; }

Outcome vmread_to_memory(Slow& x, u64 value) {
    unsigned width = component_width(x);
    auto to = x.probe_write(width);
    if (x.stopped()) return x.why();
    x.write(to, value);
    return succeed(x);
}

Outcome vmread(Slow& x) {
    auto& v = extension(x);
    u64 encoding = component_register(x, 1);
    auto [first, linked] = fields_of(x, Reason::vmread, vmx::Field::vmread_bitmap, encoding);
    if (first != Outcome::next) return first;
    if (none_there(v, linked)) return fail_invalid(x);
    auto c = component(x, encoding);
    if (!c) return fail(x, unsupported_component);
    u64 value = (linked ? v.read_linked(c->row) : v.vmcs.value[c->row]) >> (c->high ? 32 : 0);
    if (x.insn.is_memory(0)) return vmread_to_memory(x, value);
    x.cpu.gpr[x.insn.operand[0].number] = x.cpu.bits64() ? value : u32(value);
    return succeed(x);
}

u64 vmwrite_from_memory(Slow& x) { return x.cpu.bits64() ? x.load<u64>() : x.load<u32>(); }

Outcome vmwrite(Slow& x) {
    auto& v = extension(x);
    u64 encoding = component_register(x, 0);
    auto [first, linked] = fields_of(x, Reason::vmwrite, vmx::Field::vmwrite_bitmap, encoding);
    if (first != Outcome::next) return first;
    if (none_there(v, linked)) return fail_invalid(x);
    u64 value = x.insn.is_memory(1) ? vmwrite_from_memory(x) : component_register(x, 1);
    if (x.stopped()) return x.why();
    auto c = component(x, encoding);
    if (!c) return fail(x, unsupported_component);
    if (!v.limits.writable(c->field)) return fail(x, read_only_component);
    u64 old = linked ? v.read_linked(c->row) : v.vmcs.value[c->row];
    if (c->high) value = (old & mask(31, 0)) | value << 32;
    else if (!x.cpu.bits64() && vmx::width(c->field) == vmx::Width::quad) value = (old & mask(63, 32)) | value;
    value = vmx::truncate(c->field, value);
    if (linked) v.write_linked(c->row, value);
    else v.vmcs.set_row(c->row, value);
    return succeed(x);
}

// ---- VMLAUNCH, VMRESUME, VMCALL, VMFUNC

template <bool Launch> Outcome enter(Slow& x) {
    if (auto first = ready(x, Launch ? Reason::vmlaunch : Reason::vmresume); first != Outcome::next) return first;
    auto& v = extension(x);
    if (v.current == Vmx::none || v.is_shadow) return fail_invalid(x);
    if (x.cpu.mov_ss_shadow) return fail(x, entry_blocked_by_mov_ss);
    if (v.launched == Launch) return fail(x, Launch ? vmlaunch_not_clear : vmresume_not_launched);
    auto entered = v.enter();
    return entered.outcome == Outcome::next ? fail(x, entered.error) : entered.outcome;
}

// Without the dual-monitor treatment of SMM there is nobody to call in root operation.
Outcome vmcall(Slow& x) {
    auto& cpu = x.cpu;
    if (!extension(x).on) return x.raise(ud());
    if (cpu.guest) return extension(x).exit(Reason::vmcall, x.insn);
    if (!mode_allows(cpu)) return x.raise(ud());
    return cpu.cpl > 0 ? x.raise(gp(0)) : fail(x, vmcall_in_root);
}

// In a guest only, at any CPL (SDM vol. 3, 26.5.6).
Outcome vmfunc(Slow& x) {
    auto& cpu = x.cpu;
    auto& v = extension(x);
    u32 function = u32(cpu.gpr[rax]);
    if (!cpu.guest || !v.has(vmx::secondary::vm_functions) || function >= 64) return x.raise(ud());
    bool switched = function == 0 && v.has(vmx::function::eptp_switching) && v.switch_ept(u32(cpu.gpr[rcx]));
    return switched ? Outcome::changed : v.exit(Reason::vmfunc, x.insn);
}

// ---- INVEPT, INVVPID (SDM vol. 3, 31.3)

struct Descriptor { u64 low, high; };

Outcome invept(Slow& x) {
    auto& v = extension(x);
    if (!(v.limits.ept_vpid & vmx::ept_vpid::invept)) return x.raise(ud());
    if (auto first = ready_with_operands(x, Reason::invept); first != Outcome::next) return first;
    u64 type = x.cpu.gpr[x.insn.operand[0].number] & ones(component_width(x));
    if (type != 1 && type != 2) return fail(x, invalid_invalidation_operand);
    auto d = x.load<Descriptor>();
    if (x.stopped()) return x.why();
    if (type == 1 && !vmx::valid_eptp(d.low, v.limits)) return fail(x, invalid_invalidation_operand);
    if (type == 1 && d.high) return fail(x, invalid_invalidation_operand);
    auto operation = type == 1 ? paging::Operation::invept_context : paging::Operation::invept_all;
    x.cpu.mmu->invalidate(operation, {{0, 0, d.low & mask(51, 12)}});
    return succeed(x);
}

Outcome invvpid(Slow& x) {
    using enum paging::Operation;
    static constexpr paging::Operation operations[] = {invvpid_address, invvpid_context, invvpid_all, invvpid_retaining_globals};
    auto& v = extension(x);
    if (!(v.limits.ept_vpid & vmx::ept_vpid::invvpid)) return x.raise(ud());
    if (auto first = ready_with_operands(x, Reason::invvpid); first != Outcome::next) return first;
    u64 type = x.cpu.gpr[x.insn.operand[0].number] & ones(component_width(x));
    if (type > 3) return fail(x, invalid_invalidation_operand);
    auto d = x.load<Descriptor>();
    if (x.stopped()) return x.why();
    bool bad = d.low >> 16 || (type != 2 && d.low == 0) || (type == 0 && !x.cpu.canonical_at_widest(d.high));
    if (bad) return fail(x, invalid_invalidation_operand);
    x.cpu.mmu->invalidate(operations[type], {{u16(d.low), 0, paging::Context::no_ept}, d.high});
    return succeed(x);
}

constexpr Gate vmx_gate = {.needs = Feature::vmx, .asks_itself = true};
constexpr Gate vmx_wide = {.needs = Feature::vmx, .force64 = true, .asks_itself = true};

constexpr Row rows[] = {
    // name       encoding            operands   gate      event        run
    {"vmcall",   "NP 0F 01 C1",      "",        vmx_gate, Event::vmx,  plain<vmcall>},
    {"vmlaunch", "NP 0F 01 C2",      "",        vmx_gate, Event::vmx,  plain<enter<true>>},
    {"vmresume", "NP 0F 01 C3",      "",        vmx_gate, Event::vmx,  plain<enter<false>>},
    {"vmxoff",   "NP 0F 01 C4",      "",        vmx_gate, Event::vmx,  plain<vmxoff>},
    {"vmfunc",   "NP 0F 01 D4",      "",        vmx_gate, Event::vmx,  plain<vmfunc>},
    {"vmread",   "NP 0F 78 /r",      "Ey, Gy",  vmx_wide, Event::vmx,  plain_or<vmread, ReadField>},
    {"vmwrite",  "NP 0F 79 /r",      "Gy, Ey",  vmx_wide, Event::vmx,  plain_or<vmwrite, WriteField>},
    {"vmptrld",  "NP 0F C7 /6",      "Mq",      vmx_gate, Event::vmx,  plain<vmptrld>},
    {"vmptrst",  "NP 0F C7 /7",      "Mq",      vmx_gate, Event::vmx,  plain<vmptrst>},
    {"vmclear",  "66 0F C7 /6",      "Mq",      vmx_gate, Event::vmx,  plain<vmclear>},
    {"vmxon",    "F3 0F C7 /6",      "Mq",      vmx_gate, Event::vmx,  plain<vmxon>},
    {"invept",   "66 0F 38 80 /r",   "Gy, Mdq", vmx_wide, Event::vmx,  plain<invept>},
    {"invvpid",  "66 0F 38 81 /r",   "Gy, Mdq", vmx_wide, Event::vmx,  plain<invvpid>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> vmx() { return rows; }
}
