// SPDX-License-Identifier: MIT
// What the bits of the VMCS's and the VMCB's fields mean.
#pragma once
#include "cpu/svm/vmcb.h"
#include "cpu/vmx/fields.h"
#include "debugger/bit_texts.h"
#include <vector>

namespace debugger {

// Empty where a field is a plain number. What an exit tells is decoded by its reason or code.
std::span<const BitText> bits_of(vmx::Field field, u64 exit_reason);
std::span<const BitText> bits_of(svm::Field field, u64 exit_code);
// By which a field of the VMCB is called for, as the VMCS's are by theirs: "exit_code", "guest ASID" is "asid".
std::string_view name_of(svm::Field field);
// The controls of a word, each as a bit.
std::vector<BitText> control_bits(vmx::Field word);

}
