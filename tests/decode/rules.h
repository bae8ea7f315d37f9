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
    std::string_view name() const { return slate_valid ? slate.row->name : std::string_view(); }
};

struct Rule {
    std::string_view name;
    std::string_view reason;
    bool (*covers)(const Case&);
};

std::span<const Rule> rules();
