// SPDX-License-Identifier: MIT
// What a VM-entry check may look at: the VMCS's fields, what the CPU can do, and the little else that an entry depends on.
#pragma once
#include "cpu/vmx/capabilities.h"

namespace vmx {

enum Subject : u8 { ES, CS, SS, DS, FS, GS, LDTR, TR };        // in the order of the fields' encodings

// Physical memory as the checks read it: `bytes` is 1, 4 or 8, `at` within the physical-address width.
struct Memory {
    virtual u64 read(u64 at, unsigned bytes) const = 0;

protected:
    ~Memory() = default;
};

// What an entry depends on besides the VMCS. Without memory all of it reads as 0.
struct Surroundings {
    const Limits* limits = nullptr;
    const Memory* memory = nullptr;
    bool ia32e = false;                   // the CPU is in IA-32e mode (EFER.LMA) when it enters
    u64 current_vmcs = 0;                 // the address of the VMCS that it enters with
    bool operator==(const Surroundings&) const = default;
};

// What was looked at.
struct Looked {
    FieldSet fields;
    bool memory = false;
};

// Nothing here can be changed; a log, if there is one, remembers what was looked at.
class EntryView {
public:
    EntryView(const Vmcs& vmcs, const Surroundings& around, Looked* log = nullptr)
        : limits(*around.limits), ia32e(around.ia32e), current_vmcs(around.current_vmcs), vmcs(vmcs), memory(around.memory), log(log) {}

    u64 operator[](Field f) const {
        if (log) log->fields.add(f);
        return vmcs[f];
    }
    bool operator[](Control c) const {
        if (log) log->fields.add(c);
        Control by = activates(c.word);
        return bits(vmcs[c.word], c.bit, c.bit) && (by == always || (*this)[by]);
    }
    u64 read(u64 at, unsigned bytes) const {
        if (log) log->memory = true;
        return memory ? memory->read(at, bytes) : 0;
    }

    // The segment register that the rule is about.
    u64 selector() const { return (*this)[Field(0x800 + 2 * subject)]; }
    u64 base() const { return (*this)[Field(0x6806 + 2 * subject)]; }
    u64 limit() const { return (*this)[Field(0x4800 + 2 * subject)]; }
    u64 rights() const { return (*this)[Field(0x4814 + 2 * subject)]; }

    // Calls each(view) once, or once for each segment register in the set.
    template <class Each> bool subjects(u8 over, Each&& each) const {
        if (!over) return each(*this);
        for (u8 rest = over; rest; rest &= u8(rest - 1))
            if (!each(about(Subject(std::countr_zero(rest))))) return false;
        return true;
    }
    EntryView about(Subject s) const {
        EntryView view = *this;
        view.subject = s;
        return view;
    }

    const Limits& limits;
    const bool ia32e;
    const u64 current_vmcs;
    Subject subject = ES;

private:
    const Vmcs& vmcs;
    const Memory* memory;
    Looked* log;
};

}
