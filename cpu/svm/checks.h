// SPDX-License-Identifier: MIT
// What VMRUN asks of a VMCB before the guest may run: each rule a row, all with one outcome, VMEXIT_INVALID.
#pragma once
#include "cpu/svm/vmcb.h"
#include "cpu/virt/check.h"
#include <optional>
#include <string>
#include <vector>

namespace svm {

// What the rules ask of the processor and of the host's state at VMRUN.
struct Surroundings {
    u8 physical_bits = 48;
    u32 asids = 0x8000;           // CPUID 8000_000Ah EBX: ASIDs are below it
    u64 efer = 0, cr4 = 0;        // the bits that exist
    bool long_mode = true;        // the processor has it ...
    bool vnmi = true, avic = true;                // ... and these
    bool host_paging = true;      // CR0.PG at VMRUN
    bool host_long_mode = true;   // EFER.LMA at VMRUN
    std::array<u64, 4> pdptes{};  // at the guest's CR3, where it uses PAE paging without nested paging
    bool operator==(const Surroundings&) const = default;
};

// What a check may look at. Nothing here can be changed; a log, if there is one, remembers every field read.
class View {
public:
    using Log = std::vector<Field>;
    View(const Vmcb& vmcb, const Surroundings& around, Log* log = nullptr) : around(around), vmcb(vmcb), log(log) {}

    u64 operator[](Field f) const {
        if (log) log->push_back(f);
        return vmcb[f];
    }
    // SVM has no rules that range over segment registers.
    template <class Each> bool subjects(u8, Each&& each) const { return each(*this); }

    const Surroundings& around;

private:
    const Vmcb& vmcb;
    Log* log;
};

enum class Refusal : u8 { vmexit_invalid };
using Check = virt::Check<View>;
using Group = virt::Group<View, Refusal>;

std::span<const Group> vmrun_checks();
const Check* first_broken(const View&);

// The fields that rules read, whatever the VMCB holds.
struct Judged {
    Field field;
    u64 bits = ~u64{0};           // of which they read these
};
constexpr Judged judged_fields[] = {
    {Field::intercept_3, bit(1)}, {Field::intercept_4}, {Field::iopm_base}, {Field::msrpm_base}, {Field::asid},
    {Field::interrupt_control, interrupt::nmi_enable | interrupt::avic_enable}, {Field::nested_control}, {Field::event_injection}, {Field::nested_cr3},
    {Field::cs_attributes}, {Field::efer}, {Field::cr4}, {Field::cr3}, {Field::cr0}, {Field::dr7}, {Field::dr6}, {Field::gpat},
};
// Where AVIC is enabled.
constexpr Judged judged_with_avic[] = {{Field::avic_backing_page}, {Field::avic_logical_table}, {Field::avic_physical_table}};

// The same, judged again only where something has changed that rules read since all of them held: a rule depends on nothing
// but the fields it reads and the surroundings.
class CheckMemory {
public:
    const Check* first_broken(const Vmcb& vmcb, const Surroundings& around) { return as_it_was(vmcb, around) ? nullptr : judge(vmcb, around); }

private:
    bool as_it_was(const Vmcb&, const Surroundings&) const;
    const Check* judge(const Vmcb&, const Surroundings&);

    std::array<u64, std::size(judged_fields)> held{};      // what all rules held for, and where
    std::array<u64, std::size(judged_with_avic)> held_with_avic{};
    Surroundings around;
    bool any = false;
};

// The rule, its section, and each field that it read.
std::string explain(const Check&, const Vmcb&, const Surroundings&);
// PAE paging of the guest's own, whose PDPTEs VMRUN loads.
bool loads_pdptes(const View&);

}
