// SPDX-License-Identifier: MIT
// Where Slate's decoder and Zydis differ, and why: each rule names a class of differences that is understood.
#pragma once
#include "cpu/decode/decoder.h"
#include <Zydis/Zydis.h>
#include <string>

// One byte string, decoded by both.
struct Case {
    ZydisMachineMode mode;
    std::span<const u8> bytes;
    bool zydis_valid;
    ZydisDecodedInstruction zydis;
    bool slate_valid;
    Insn slate;
    std::string_view mnemonic() const { return ZydisMnemonicGetString(zydis.mnemonic); }
    // The row's name; of "cbw/cwde/cdqe" the one for the operand size (of JCXZ for the address size).
    std::string_view name() const;
    bool only_zydis() const { return zydis_valid && !slate_valid; }
    bool only_slate() const { return !zydis_valid && slate_valid; }
    bool both() const { return zydis_valid && slate_valid; }
    bool is(std::string_view m) const { return zydis_valid && mnemonic() == m; }
};

struct Rule {
    std::string_view name;
    std::string_view reason;
    bool (*covers)(const Case&);
};

std::span<const Rule> rules();
