// SPDX-License-Identifier: MIT
// Guest, 64-bit: EPT's execute rights by mode (SDM vol. 3, 29.3.2 and 28.2.1): bit 2 for supervisor-mode linear addresses, bit 10 for
// user-mode ones; what is cached with the control is not used without it.
#include "inner.h"

using namespace vmx;

static Inner inner;
static u64 root, frame;
enum : u64 { xs = 4, xu = 0x400, wb = 0x30, q_fetch = 4, q_read = 8, q_xs = 0x20, q_xu = 0x40, q_linear = 0x180 };
static constexpr u64 supervisor = 0x63, user = 0x67;
static void fresh() { invept(2, {0, 0}), invvpid(2, {0, 0}); }
static u64& leaf() { return second_stage_entry(root, frame); }
static void control(bool on) {
    inner.select();
    u64 now = read(cpu_controls_2);
    write(cpu_controls_2, on ? now | cpu2_mode_based_execute : now & ~u64(cpu2_mode_based_execute));
}
static void page(u64 guest_bits, u64 ept_bits) { entry(inner_va, 1) = frame | guest_bits, leaf() = ept_bits ? frame | ept_bits : 0, fresh(); }
static u64 advanced(u64 guest_bits) {
    bool tells = ept_vpid_capabilities() >> 22 & 1;
    return !tells ? 0 : guest_bits == user ? 0x600 : 0x400;
}
static void executes(const char* name) { is(name, inner.run(reinterpret_cast<void (*)()>(inner_va)), exits_by_cpuid); }
static void refuses(const char* name, u64 guest_bits, u64 expected) {
    is(name, inner.run(reinterpret_cast<void (*)()>(inner_va)), other_exit), is("  reason", inner.raw, on_ept_violation);
    is("  qualification", read(qualification), expected | advanced(guest_bits)), is("  guest-physical address", read(guest_physical_address), frame);
}

extern "C" void guest() {
    if (!available() || !has_secondary(cpu2_ept | cpu2_vpid)) return holds("EPT and VPID", false);
    vmx::start();
    if (!has_secondary(cpu2_mode_based_execute)) return holds("without execute rights by mode", true);
    root = second_stage_identity(), frame = new_page();
    u8 code[] = {0x0f, 0xa2};
    memcpy(reinterpret_cast<void*>(frame), code, sizeof code);
    for (u64 a = 0; a < 64 << 20; a += 4096)
        for (int level = 1; level <= 4; level++) ept_entry(root, a, level) |= xu;
    inner.make(1, root);

    control(true);
    page(supervisor, 1 | xs | wb), executes("a supervisor's page by bit 2");
    page(user, 1 | xu | wb), executes("a user's page by bit 10");
    page(supervisor, 1 | xu | wb), refuses("a supervisor's page with bit 10 alone", supervisor, q_fetch | q_read | q_xu | q_linear);
    page(user, 1 | xs | wb), refuses("a user's page with bit 2 alone", user, q_fetch | q_read | q_xs | q_linear);
    page(user, 1 | wb), refuses("a user's page with neither", user, q_fetch | q_read | q_linear);
    page(user, 1 | xs | xu | wb), executes("a user's page with both");
    bool only = ept_vpid_capabilities() & 1;
    page(user, xu | wb);
    if (only) executes("bit 10 alone makes an entry present: execute-only");
    else is("bit 10 alone is a misconfiguration without execute-only", (inner.run(inner_read, inner_va), inner.raw), on_ept_misconfiguration);
    page(supervisor, xu | 2 | wb), is("bits 10 and 1 without bit 0: misconfiguration", (inner.run(inner_read, inner_va), inner.raw), on_ept_misconfiguration);

    control(false);
    page(user, 1 | xs | wb), executes("without the control bit 2 counts for users' pages");
    page(user, 1 | xu | wb), refuses("  and bit 10 does not", user, q_fetch | q_read | q_linear);
    page(user, xu | wb), refuses("  nor does it make an entry present", user, q_fetch | q_linear);

    page(user, 1 | xs | wb), executes("cached without the control");
    control(true), refuses("  it is not used with it, no INVEPT between", user, q_fetch | q_read | q_xs | q_linear);
    control(false), executes("  and is still there without");
    control(true), page(user, 1 | xs | xu | wb), executes("cached with the control");
    leaf() = frame | 1 | xs | wb;
    executes("  it is used on until INVEPT"), fresh(), refuses("  and then no more", user, q_fetch | q_read | q_xs | q_linear);

    inner.select();
    is("the control without EPT", (write(cpu_controls_2, read(cpu_controls_2) & ~u64(cpu2_ept)), inner.run(inner_nothing), inner.raw), failed | 7);
}
