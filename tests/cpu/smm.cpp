// SPDX-License-Identifier: MIT
// System management mode: the three layouts of the state-save area, offsets as the manuals print them (SDM vol. 3, "SMRAM State Save Map"
// and the one for Intel 64; APM vol. 2, table 10-1); every mode survives an SMI; states that RSM refuses.
#include "tests/cpu/machine.h"
#include <gtest/gtest.h>

namespace {

struct Layout {
    const char* name;
    const char* model;
    bool without_lm;
};
constexpr Layout intel64{"Intel 64", "max-intel", false}, intel32{"Intel, 32 bits", "max-intel", true}, amd64{"AMD64", "max-amd", false};

struct SmmMachine {
    static constexpr u64 size = 1 << 20;
    std::vector<u8> bytes = std::vector<u8>(size + 4096);
    std::span<u8> ram{bytes.data() + (0 - reinterpret_cast<u64>(bytes.data())) % 4096, size};
    PhysicalMap memory{40};
    Clock clock;
    bool view = false;            // SMM's, as the board is told
    int shutdowns = 0;
    Cpu cpu;
    static FeatureSet features(const Layout& l) {
        auto f = find_model(l.model)->features;
        if (l.without_lm) f.remove(Feature::lm);
        return f;
    }
    Wires wires() {
        Wires w;
        w.smm = [this](const SmmMemory& m) { view = m.active; };
        w.shutdown = [this] { shutdowns++; };
        return w;
    }
    explicit SmmMachine(const Layout& l) : cpu(0, *find_model(l.model), features(l), memory, clock, wires()) { memory.map_ram(Physical(0), ram); }
    u64 at(u64 offset, unsigned width) { return memory.read(Physical(0x30000 + offset), width); }
    void put(u64 offset, unsigned width, u64 value) { memory.write(Physical(0x30000 + offset), width, value); }
    // A 64-bit guest's state, with something of its own in each register.
    void fill(bool wide) {
        auto& c = cpu.control;
        c.cr0 = 0x80050033, c.cr3 = 0x12345000, c.cr4 = 0x6b0, c.efer = wide ? 0xd01 : 0;
        c.dr[6] = 0xffff4ff0, c.dr[7] = 0x455;
        for (unsigned n = 0; n < 16; n++) cpu.gpr[n] = (wide ? 0x1010101000000000 * (n / 8) + 0x0102030400000000 : 0) + 0x11110000 + n;
        cpu.rip() = wide ? 0xffffffff81234567 : 0xc1234567;
        cpu.rflags = 0x3202;
        for (unsigned n = 0; n < 6; n++) cpu.seg[Seg(n)] = {u16(0x10 + n * 8), n * 0x1000, 0xffffffff, {0xc093}};
        cpu.seg[Seg::cs].rights.value = wide ? 0xa09b : 0xc09b;
        cpu.seg[Seg::ldtr] = {0x58, 0x1234567, 0xfff, {0x82}}, cpu.seg[Seg::tr] = {0x60, 0x7654321, 0x67, {0x8b}};
        cpu.seg.gdtr = {wide ? 0xfffffe0000001000 : 0xc0001000, 0x7f}, cpu.seg.idtr = {wide ? 0xfffffe0000000000 : 0xc0002000, 0xfff};
        cpu.translation_mode_changed();
        cpu.mode_changed();
    }
};

struct Row { const char* name; const Layout& layout; u16 at; u8 bytes; u64 value; };
const Row rows[] = {
    // Offsets from SMBASE: Intel's tables count from SMBASE + 8000h.
    {"CR0", intel64, 0xfff8, 8, 0x80050033}, {"CR3", intel64, 0xfff0, 8, 0x12345000}, {"RFLAGS", intel64, 0xffe8, 8, 0x3202}, {"EFER", intel64, 0xffe0, 8, 0xd01},
    {"RIP", intel64, 0xffd8, 8, 0xffffffff81234567}, {"DR6", intel64, 0xffd0, 8, 0xffff4ff0}, {"DR7", intel64, 0xffc8, 8, 0x455}, {"TR", intel64, 0xffc4, 4, 0x60},
    {"LDTR", intel64, 0xffc0, 4, 0x58}, {"GS", intel64, 0xffbc, 4, 0x38}, {"ES", intel64, 0xffa8, 4, 0x10}, {"RDI", intel64, 0xff94, 8, 0x0102030411110007},
    {"RAX", intel64, 0xff5c, 8, 0x0102030411110000}, {"R8", intel64, 0xff54, 8, 0x1112131411110008}, {"R15", intel64, 0xff1c, 8, 0x111213141111000f},
    {"auto HALT", intel64, 0xff02, 2, 0}, {"I/O restart", intel64, 0xff00, 2, 0}, {"SMBASE", intel64, 0xfef8, 4, 0x30000}, {"LDT base, low", intel64, 0xfe9c, 4, 0x1234567},
    {"IDT base, low", intel64, 0xfe94, 4, 0}, {"GDT base, low", intel64, 0xfe8c, 4, 0x1000}, {"IDT base, high", intel64, 0xfdd8, 4, 0xfffffe00},
    {"LDT base, high", intel64, 0xfdd4, 4, 0}, {"GDT base, high", intel64, 0xfdd0, 4, 0xfffffe00},
    {"CR0", intel32, 0xfffc, 4, 0x80050033}, {"CR3", intel32, 0xfff8, 4, 0x12345000}, {"EFLAGS", intel32, 0xfff4, 4, 0x3202}, {"EIP", intel32, 0xfff0, 4, 0xc1234567},
    {"EDI", intel32, 0xffec, 4, 0x11110007}, {"ESI", intel32, 0xffe8, 4, 0x11110006}, {"EBP", intel32, 0xffe4, 4, 0x11110005}, {"ESP", intel32, 0xffe0, 4, 0x11110004},
    {"EBX", intel32, 0xffdc, 4, 0x11110003}, {"EDX", intel32, 0xffd8, 4, 0x11110002}, {"ECX", intel32, 0xffd4, 4, 0x11110001}, {"EAX", intel32, 0xffd0, 4, 0x11110000},
    {"DR6", intel32, 0xffcc, 4, 0xffff4ff0}, {"DR7", intel32, 0xffc8, 4, 0x455}, {"TR", intel32, 0xffc4, 4, 0x60}, {"LDT", intel32, 0xffc0, 4, 0x58},
    {"CS", intel32, 0xffac, 4, 0x18}, {"SMBASE", intel32, 0xfef8, 4, 0x30000}, {"revision: both bits", intel32, 0xfefe, 2, 3},
    {"ES selector", amd64, 0xfe00, 2, 0x10}, {"ES attributes", amd64, 0xfe02, 2, 0xc93}, {"ES limit", amd64, 0xfe04, 4, 0xffffffff}, {"CS attributes", amd64, 0xfe12, 2, 0xa9b},
    {"SS base", amd64, 0xfe28, 8, 0x2000}, {"GS base", amd64, 0xfe58, 8, 0x5000}, {"GDTR limit", amd64, 0xfe64, 2, 0x7f}, {"GDTR base", amd64, 0xfe68, 8, 0xfffffe0000001000},
    {"LDTR base", amd64, 0xfe78, 8, 0x1234567}, {"IDTR limit", amd64, 0xfe84, 2, 0xfff}, {"TR selector", amd64, 0xfe90, 2, 0x60}, {"TR base", amd64, 0xfe98, 8, 0x7654321},
    {"I/O restart", amd64, 0xfec8, 1, 0}, {"auto HALT", amd64, 0xfec9, 1, 0}, {"EFER", amd64, 0xfed0, 8, 0xd01}, {"revision", amd64, 0xfefc, 4, 0x30064},
    {"SMBASE", amd64, 0xff00, 4, 0x30000}, {"CR4", amd64, 0xff48, 8, 0x6b0}, {"CR3", amd64, 0xff50, 8, 0x12345000}, {"CR0", amd64, 0xff58, 8, 0x80050033},
    {"DR7", amd64, 0xff60, 8, 0x455}, {"RFLAGS", amd64, 0xff70, 8, 0x3202}, {"RIP", amd64, 0xff78, 8, 0xffffffff81234567}, {"R15", amd64, 0xff80, 8, 0x111213141111000f},
    {"RDI", amd64, 0xffc0, 8, 0x0102030411110007}, {"RSP", amd64, 0xffd8, 8, 0x0102030411110004}, {"RAX", amd64, 0xfff8, 8, 0x0102030411110000},
};

TEST(Smm, the_save_area_is_as_the_manuals_print_it) {
    for (auto* layout : {&intel64, &intel32, &amd64}) {
        SmmMachine m(*layout);
        m.fill(!layout->without_lm);
        smm::enter(m.cpu);
        for (auto& row : rows) {
            if (&row.layout != layout) continue;
            EXPECT_EQ(m.at(row.at, row.bytes), row.value) << layout->name << ": " << row.name;
        }
    }
}

TEST(Smm, the_handler_starts_in_real_mode_with_segments_of_4_gib) {
    SmmMachine m(intel64);
    m.fill(true);
    m.cpu.cpl = 3, m.cpu.seg[Seg::ss].rights.value |= 0x60;
    smm::enter(m.cpu);
    EXPECT_TRUE(m.view && m.cpu.smm.active && m.cpu.nmi_blocked);
    EXPECT_EQ(m.cpu.rip(), 0x8000u);
    EXPECT_EQ(m.cpu.seg[Seg::cs].selector, 0x3000);
    EXPECT_EQ(m.cpu.seg[Seg::cs].base, 0x30000u);
    EXPECT_EQ(m.cpu.cpl, 0);
    for (auto s : {Seg::es, Seg::cs, Seg::ss, Seg::ds, Seg::fs, Seg::gs}) EXPECT_EQ(m.cpu.seg[s].limit, 0xffffffff);
    EXPECT_EQ(m.cpu.control.cr0, 0x80050033u & ~0x8000000du);
    EXPECT_EQ(m.cpu.control.cr4 | m.cpu.control.efer, 0u);
    EXPECT_EQ(m.cpu.rflags, 2u);
    ASSERT_TRUE(smm::resume(m.cpu));
    EXPECT_FALSE(m.view || m.cpu.smm.active || m.cpu.nmi_blocked);
    EXPECT_EQ(m.cpu.cpl, 3);
}

// The whole state, as text.
struct Text final : Archive {
    std::string text;
    void number(std::string_view name, u64& value, unsigned) override { text += std::string(name) + "=" + std::to_string(value) + " "; }
    void memory(std::string_view, std::span<u8>) override {}
    void enter(std::string_view name) override { text += std::string(name) + "{"; }
    void leave() override { text += "}"; }
};
std::string state(Cpu& cpu) {
    Text a;
    a("gpr", cpu.gpr), a("rflags", cpu.rflags), a("seg", cpu.seg), a("control", cpu.control), a("cpl", cpu.cpl), a("activity", cpu.activity), a("held", cpu.held);
    return a.text;
}
TEST(Smm, every_mode_survives_an_smi) {
    for (auto* model : {"max-intel", "max-amd"})
        for (auto mode : {TestMode::real16, TestMode::protected16, TestMode::protected32, TestMode::long64, TestMode::compatibility32}) {
            TestMachine m(mode, model);
            m.cpu.nmi_blocked = true;
            auto before = state(m.cpu);
            smm::enter(m.cpu);
            EXPECT_NE(state(m.cpu), before);
            ASSERT_TRUE(smm::resume(m.cpu));
            EXPECT_EQ(state(m.cpu), before) << model << " mode " << unsigned(mode);
            EXPECT_TRUE(m.cpu.nmi_blocked);
        }
}

struct Broken { const char* name; const Layout& layout; u16 at; u8 bytes; u64 value; };
const Broken broken[] = {
    {"CR0.PG without PE", intel64, 0xfff8, 8, 0x80050032}, {"CR0.NW without CD", intel64, 0xfff8, 8, 0xa0050033}, {"CR0's upper half", intel64, 0xfff8, 8, 0x180050033},
    {"EFER's reserved bit", intel64, 0xffe0, 8, 0xd03}, {"LMA without LME", intel64, 0xffe0, 8, 0xc01}, {"LME and PG without LMA", intel64, 0xffe0, 8, 0x901},
    {"CR3 beyond the address width", intel64, 0xfff0, 8, bit(51)}, {"DR7's upper half", intel64, 0xffc8, 8, bit(32)},
    {"VM in IA-32e mode", intel64, 0xffe8, 8, 0x20002},
    {"CR0.PG without PE", intel32, 0xfffc, 4, 0x80050032}, {"CR0.NW without CD", intel32, 0xfffc, 4, 0xa0050033},
    {"CR0.PG without PE", amd64, 0xff58, 8, 0x80050032}, {"CR4's reserved bit", amd64, 0xff48, 8, 0x6b0 | bit(31)}, {"no PAE in IA-32e mode", amd64, 0xff48, 8, 0x690},
    {"CS.L and D", amd64, 0xfe12, 2, 0xe9b}, {"EFER's reserved bit", amd64, 0xfed0, 8, 0xd03}, {"DR6's upper half", amd64, 0xff68, 8, bit(40)},
};
TEST(Smm, rsm_with_a_state_that_there_is_not_shuts_down) {
    for (auto& row : broken) {
        SmmMachine m(row.layout);
        m.fill(!row.layout.without_lm);
        smm::enter(m.cpu);
        m.put(row.at, row.bytes, row.value);
        EXPECT_FALSE(smm::resume(m.cpu)) << row.layout.name << ": " << row.name;
        EXPECT_EQ(m.shutdowns, 1);
        EXPECT_EQ(m.cpu.activity, Activity::shutdown);
    }
}

TEST(Smm, init_waits_and_keeps_smbase) {
    SmmMachine m(intel64);
    smm::enter(m.cpu);
    m.cpu.request_init(), m.cpu.request_smi();
    EXPECT_FALSE(m.cpu.service_pending());
    m.put(0xfef8, 4, 0x40000);
    ASSERT_TRUE(smm::resume(m.cpu));
    EXPECT_EQ(m.cpu.smm.base, 0x40000u);
    EXPECT_TRUE(m.cpu.service_pending());                  // the SMI first
    EXPECT_TRUE(m.cpu.smm.active);
    ASSERT_TRUE(smm::resume(m.cpu));
    EXPECT_TRUE(m.cpu.service_pending());
    EXPECT_EQ(m.cpu.rip(), 0xfff0u);
    EXPECT_EQ(m.cpu.smm.base, 0x40000u);
    m.cpu.reset(false);
    EXPECT_EQ(m.cpu.smm.base, 0x30000u);
}

TEST(Smm, an_smi_wakes_from_hlt_and_rsm_goes_back_to_it) {
    for (bool back : {true, false}) {
        SmmMachine m(intel64);
        m.cpu.activity = Activity::halted;
        m.cpu.request_smi();
        EXPECT_TRUE(m.cpu.service_pending());
        EXPECT_EQ(m.cpu.activity, Activity::active);
        EXPECT_EQ(m.at(0xff02, 2), 1u);
        if (!back) m.put(0xff02, 2, 0);
        ASSERT_TRUE(smm::resume(m.cpu));
        EXPECT_EQ(m.cpu.activity, back ? Activity::halted : Activity::active);
    }
}

}
