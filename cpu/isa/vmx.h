// SPDX-License-Identifier: MIT
// VMREAD and VMWRITE as the fast engine knows them: a whole field and a register, in 64-bit mode and root operation. Everything
// else is a miss, for cpu/isa/vmx.cpp.
#pragma once
#include "cpu/exec/slow.h"
#include "cpu/vmx/at_hand.h"

namespace isa {

// Bit 0 of an encoding names the high half.
constexpr bool names_whole_field(u64 encoding) { return !(encoding >> 15 || encoding & 1); }

struct ReadField {
    template <class X> static Outcome run(X& x) {
        auto* now = x.vmcs();
        u64 encoding = x.read(second);
        if (!now || !names_whole_field(encoding)) return x.raise({});
        u8 row = now->rows[encoding >> 1].read;
        if (row == vmx::no_row) return x.raise({});
        x.place_to_write(first).set(now->vmcs->value[row]);
        x.set_flags(Flags(0));
        return Outcome::next;
    }
};

struct WriteField {
    template <class X> static Outcome run(X& x) {
        auto* now = x.vmcs();
        u64 encoding = x.read(first);
        if (!now || !names_whole_field(encoding)) return x.raise({});
        u8 row = now->rows[encoding >> 1].write;
        if (row == vmx::no_row) return x.raise({});
        now->vmcs->set_plain(row, vmx::truncate(vmx::Field(encoding), x.read(second)));
        x.set_flags(Flags(0));
        return Outcome::next;
    }
};

}
