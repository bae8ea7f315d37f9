// SPDX-License-Identifier: MIT
// VMX's fields, controls, capabilities and capability MSRs against the numbers of the manual and of silicon.
#include "cpu/vmx/at_hand.h"
#include "cpu/vmx/listing.h"
#include "tests/cpu/vmx/breakers.h"
#include <algorithm>
#include <gtest/gtest.h>

using namespace vmx;

namespace {

TEST(VmxFields, have_the_manuals_encodings) {
    static constexpr struct { Field field; unsigned encoding; } some[] = {
        {Field::vpid, 0x0000}, {Field::guest_ldtr_selector, 0x080c}, {Field::host_tr_selector, 0x0c0c}, {Field::msr_bitmap, 0x2004},
        {Field::tsc_offset, 0x2010}, {Field::virtual_apic_address, 0x2012}, {Field::ept_pointer, 0x201a}, {Field::guest_physical_address, 0x2400},
        {Field::vmcs_link_pointer, 0x2800}, {Field::guest_pdpte3, 0x2810}, {Field::host_efer, 0x2c02}, {Field::entry_interruption, 0x4016},
        {Field::secondary_controls, 0x401e}, {Field::instruction_error, 0x4400}, {Field::exit_instruction_information, 0x440e},
        {Field::guest_activity, 0x4826}, {Field::preemption_timer_value, 0x482e}, {Field::host_sysenter_cs, 0x4c00}, {Field::cr3_target3, 0x600e},
        {Field::guest_linear_address, 0x640a}, {Field::guest_pending_debug, 0x6822}, {Field::host_rip, 0x6c16}};
    for (auto& s : some) EXPECT_EQ(unsigned(s.field), s.encoding) << text(s.field);
}

TEST(VmxFields, are_found_by_encoding_with_their_high_halves) {
    EXPECT_EQ(find(0x2800), (Component{Field::vmcs_link_pointer, false}));
    EXPECT_EQ(find(0x2801), (Component{Field::vmcs_link_pointer, true}));
    EXPECT_EQ(find(0x681e), (Component{Field::guest_rip, false}));
    for (u64 none : {u64{0x0001}, u64{0x4001}, u64{0x681f}, u64{0x2812}, u64{0x2812 + 1}, u64{0x2034}, u64{0x0006}, u64{0x1800}, u64{0x7800}, u64{0x681e + 0x8000},
                     u64{0x4000 + 0x80}, u64{0x4000 + 0x200}, u64{0x1000}, bit(32) | 0x681e, ~u64{0}})
        EXPECT_FALSE(find(none)) << std::hex << none;
}

TEST(VmxFields, are_as_wide_as_their_encodings_say) {
    Vmcs v;
    for (auto [field, held] : {std::pair{Field::vpid, u64{0xffff}}, {Field::pin_controls, u64{0xffffffff}}, {Field::tsc_offset, ~u64{0}}, {Field::guest_rip, ~u64{0}}}) {
        v.set(field, ~u64{0});
        EXPECT_EQ(v[field], held);
        EXPECT_EQ(truncate(field, ~u64{0}), held);
    }
    EXPECT_TRUE(read_only(Field::exit_reason) && read_only(Field::guest_linear_address) && !read_only(Field::guest_rip));
}

TEST(VmxFields, exist_where_their_control_does) {
    auto& early = early_chip().limits.fields;
    auto& nehalem = nehalem_chip().limits.fields;
    auto& haswell = haswell_chip().limits.fields;
    for (Field f : {Field::vmcs_link_pointer, Field::msr_bitmap, Field::tpr_threshold, Field::executive_vmcs, Field::guest_debugctl}) EXPECT_TRUE(early.has(f)) << text(f);
    for (Field f : {Field::vpid, Field::ept_pointer, Field::guest_pdpte0, Field::secondary_controls, Field::guest_pat, Field::host_efer, Field::preemption_timer_value, Field::apic_access_address})
        EXPECT_TRUE(!early.has(f) && nehalem.has(f)) << text(f);
    for (Field f : {Field::ple_gap, Field::ple_window, Field::vm_function_controls, Field::eptp_list_address, Field::vmread_bitmap, Field::vmwrite_bitmap}) EXPECT_TRUE(!nehalem.has(f) && haswell.has(f)) << text(f);
    for (Field f : {Field::tsc_multiplier, Field::xss_exiting_bitmap, Field::page_log_index, Field::page_log_address, Field::eptp_index, Field::ve_information_address, Field::sub_page_table, Field::notification_vector, Field::posted_descriptor, Field::guest_interrupt_status, Field::eoi_exit_bitmap3}) EXPECT_TRUE(!haswell.has(f) && newest_chip().limits.fields.has(f)) << text(f);
    for (auto& r : fields) EXPECT_TRUE(newest_chip().limits.fields.has(r.field)) << r.text;
}

// The fast engine reads and writes a field at once where nothing can refuse and no named bit depends on it.
TEST(VmxFields, at_hand_are_those_that_vmread_and_vmwrite_take) {
    for (auto* limits : {&early_chip().limits, &haswell_chip().limits}) {
        Vmcs v;
        auto at_hand = std::make_unique<AtHand>(v, limits->fields, limits->all_writable);
        for (u32 encoding = 0; encoding < 0x8000; encoding += 2) {
            auto found = find(encoding);
            bool exists = found && limits->fields.has(found->field);
            bool plain = exists && (limits->all_writable || !read_only(found->field)) && std::ranges::none_of(named_bits, [&](auto& b) { return b.word == found->field; });
            EXPECT_EQ(at_hand->rows[encoding >> 1].read, exists ? row(found->field) : no_row) << std::hex << encoding;
            EXPECT_EQ(at_hand->rows[encoding >> 1].write, plain ? row(found->field) : no_row) << std::hex << encoding;
        }
    }
}

TEST(VmxFields, remember_which_have_changed) {
    Vmcs v;
    EXPECT_EQ(v.take_changed(), FieldSet::all());
    v.set(Field::guest_rip, 5), v.set(Field::guest_rsp, 0), v.set(Field::vpid, 0x10000);
    FieldSet rip;
    rip.add(Field::guest_rip);
    EXPECT_EQ(v.take_changed(), rip);
    EXPECT_TRUE(v.take_changed().empty());
    v.set_plain(row(Field::guest_rip), 5);
    EXPECT_TRUE(v.take_changed().empty());
    v.set_plain(row(Field::guest_rip), 6);
    EXPECT_EQ(v[Field::guest_rip], 6u);
    EXPECT_EQ(v.take_changed(), rip);
}

TEST(VmxControls, of_an_inactive_word_have_no_effect) {
    Vmcs v;
    v.set(Field::secondary_controls, bit(13) | bit(1)), v.set(Field::vm_function_controls, 1);
    EXPECT_FALSE(v[secondary::ept]);
    v.set(Field::primary_controls, bit(31));
    EXPECT_TRUE(v[secondary::ept] && v[function::eptp_switching]);
    v.set(Field::secondary_controls, bit(1));
    EXPECT_FALSE(v[function::eptp_switching]);
}

// ---- capabilities

u64 msr(u32 index, const ChipPair& chip) {
    auto value = capability_msr(index, chip.limits);
    EXPECT_TRUE(value) << std::hex << index;
    return value.value_or(0);
}
u64 pair(u32 must, u32 may) { return u64{may} << 32 | must; }

TEST(VmxCapabilities, give_the_msrs_of_the_chips) {
    for (auto* chip : {&haswell_chip(), &nehalem_chip(), &early_chip(), &newest_chip()}) {
        auto& s = *chip->straight;
        EXPECT_EQ(msr(0x48d, *chip), pair(s.pin_must, s.pin_may));
        EXPECT_EQ(msr(0x48e, *chip), pair(s.primary_must, s.primary_may));
        EXPECT_EQ(msr(0x48f, *chip), pair(s.exit_must, s.exit_may));
        EXPECT_EQ(msr(0x490, *chip), pair(s.entry_must, s.entry_may));
        // Without TRUE: the whole default1 class (A.3 to A.5).
        EXPECT_EQ(msr(0x481, *chip), pair(0x16, s.pin_may));
        EXPECT_EQ(msr(0x482, *chip), pair(0x0401e172, s.primary_may));
        EXPECT_EQ(msr(0x483, *chip), pair(0x00036dff, s.exit_may));
        EXPECT_EQ(msr(0x484, *chip), pair(0x000011ff, s.entry_may));
        EXPECT_EQ(msr(0x486, *chip), 0x80000021u);
        EXPECT_EQ(msr(0x487, *chip), 0xffffffffu);
        EXPECT_EQ(msr(0x488, *chip), 0x2000u);
        EXPECT_EQ(msr(0x489, *chip), s.cr4_may);
        EXPECT_EQ(bits(msr(0x480, *chip), 63, 31), bits(0x00d8100000000000, 63, 31)) << "4096 bytes, write-back, INS/OUTS information, TRUE";
        EXPECT_EQ(bits(msr(0x480, *chip), 30, 0), revision);
        if (s.secondary_may) {
            EXPECT_EQ(msr(0x48b, *chip), pair(0, s.secondary_may));
            EXPECT_EQ(msr(0x48c, *chip), s.ept_vpid);
        }
    }
    EXPECT_EQ(msr(0x485, haswell_chip()), 0x200401e5u) << "bit 29: VMWRITE to any field";
    EXPECT_EQ(msr(0x485, nehalem_chip()), 0x000401c5u);
    EXPECT_EQ(msr(0x491, haswell_chip()), 1u);
    EXPECT_EQ(msr(0x48a, haswell_chip()), 0x2eu) << "the VMX-preemption timer value, 482Eh";
    EXPECT_EQ(msr(0x48a, newest_chip()), 0x32u) << "the TSC multiplier, 2032h";
    EXPECT_EQ(msr(0x48a, early_chip()), 0x2au) << "IA32_SYSENTER_CS, 482Ah";
}

TEST(VmxCapabilities, leave_out_the_msrs_of_what_is_not_there) {
    for (u32 index : {0x48bu, 0x48cu, 0x491u}) EXPECT_FALSE(capability_msr(index, early_chip().limits)) << std::hex << index;
    EXPECT_FALSE(capability_msr(0x491, nehalem_chip().limits));
    for (u32 index : {0x47fu, 0x492u, 0u, ~0u}) EXPECT_FALSE(capability_msr(index, newest_chip().limits)) << std::hex << index;
    Limits none = limits({}, {}, 0, 40);
    for (u32 index = 0x480; index <= 0x491; index++) EXPECT_FALSE(capability_msr(index, none)) << std::hex << index;
    EXPECT_TRUE(none.fields.empty());
}

TEST(VmxCapabilities, go_with_what_they_need) {
    FeatureSet features{"vmx lm pat perfmon rdtscp"};
    EXPECT_EQ(Capabilities("vmx secondary_controls rdtscp invpcid").on(features), Capabilities("vmx secondary_controls rdtscp"));
    EXPECT_EQ(Capabilities("vmx unrestricted_guest ept_2m_pages eptp_switching").on(features), Capabilities("vmx"));
    EXPECT_EQ(Capabilities("ept secondary_controls").on(features), Capabilities());
    auto no_rdtscp = limits(Capabilities("vmx secondary_controls rdtscp"), "vmx", 0, 40);
    EXPECT_FALSE(no_rdtscp.allows(secondary::rdtscp));
}

TEST(VmxCapabilities, rows_stand_below_what_they_need) {
    for (auto& r : capability_rows) EXPECT_LE(unsigned(r.needs), unsigned(r.capability)) << r.name;
}

TEST(VmxCapabilities, every_one_brings_a_bit) {
    for (auto& r : capability_rows) {
        Capabilities less = all_capabilities;
        less.remove(r.capability);
        FeatureSet features{"vmx lm pat rdtscp rdrand rdseed invpcid x2apic xsaves perfmon waitpkg"};
        auto with = limits(all_capabilities, features, 0, 40), without = limits(less, features, 0, 40);
        bool differ = false;
        for (u32 index = 0x480; index <= 0x491; index++) differ |= capability_msr(index, with) != capability_msr(index, without);
        EXPECT_TRUE(differ) << r.name;
    }
}

// Each bit of each word, set and cleared: entry takes what is allowed and refuses the rest.
TEST(VmxCapabilities, entry_takes_exactly_the_allowed_bits) {
    static constexpr Field words[] = {pin::word, primary::word, secondary::word, exit::word, entry::word, function::word};
    for (auto* chip : {&haswell_chip(), &nehalem_chip(), &newest_chip()}) {
        auto& s = *chip->straight;
        u64 must[] = {s.pin_must, s.primary_must, 0, s.exit_must, s.entry_must, 0};
        u64 may[] = {s.pin_may, s.primary_may, s.secondary_may, s.exit_may, s.entry_may, s.function_may};
        for (unsigned w = 0; w < std::size(words); w++)
            for (unsigned n = 0; n < width_in_bits(words[w]); n++) {
                if (words[w] == function::word && !s.function_may) continue;
                for (u64 value : {must[w] | bit(n), must[w] & ~bit(n)})
                    EXPECT_EQ(chip->limits.of(words[w]).permit(value), (value & must[w]) == must[w] && !(value & ~may[w])) << text(words[w]) << " " << n;
            }
    }
}

TEST(VmxCapabilities, eptp_takes_4_levels_of_uncacheable_or_write_back) {
    auto& l = haswell_chip().limits;
    for (u64 good : {u64{0x1e}, u64{0x18}, u64{0x5e}, u64{0x7fffffff01e}}) EXPECT_EQ(valid_eptp(good, l), good >> 39 == 0) << std::hex << good;
    for (u64 bad : {u64{0x1f}, u64{0x16}, u64{0x26}, u64{0x9e}, u64{0x81e}, bit(39) | 0x1e, u64{0x1c}, u64{0}}) EXPECT_FALSE(valid_eptp(bad, l)) << std::hex << bad;
    EXPECT_FALSE(valid_eptp(0x5e, nehalem_chip().limits));
    EXPECT_FALSE(valid_eptp(0x1e, early_chip().limits));
}

// ---- listings

TEST(VmxListings, have_every_row) {
    std::vector<Listed> cpus{{"nehalem-ep", nehalem_chip().limits}, {"haswell", haswell_chip().limits}};
    auto lines = [](const std::string& text) { return std::size_t(std::count(text.begin(), text.end(), '\n')); };
    EXPECT_EQ(lines(list_fields(cpus)), 2 + std::size(fields));
    EXPECT_EQ(lines(list_controls(cpus)), 2 + std::size(control_rows));
    EXPECT_EQ(lines(list_capabilities(cpus)), 2 + std::size(capability_rows) + 1 + 2 + 18);
    std::string checks = list_checks();
    for (auto& b : breakers()) EXPECT_NE(checks.find("| " + std::string(b.check) + " |"), std::string::npos) << b.check;
    EXPECT_NE(checks.find("| vpid | 27.2.1.1 | the VPID is not 0 |  | VMfail 7 | Breaks/EntryCheck.breaks_alone_with_the_manuals_outcome/vpid |\n"), std::string::npos);
    EXPECT_NE(list_fields(cpus).find("| 4020h | PLE_Gap | 32 | control | PAUSE-loop exiting | | yes |\n"), std::string::npos);
    EXPECT_NE(list_capabilities(cpus).find("| 48ch | IA32_VMX_EPT_VPID_CAP | 00000f0106114141 | 00000f0106334141 |\n"), std::string::npos);
}

}
