// SPDX-License-Identifier: MIT
// Basic exit reasons by name and number.
#pragma once
#include "base/bits.h"
#include <string_view>

namespace vmx {

enum class Reason : u16 {
#define EXIT(number, name, text) name = number,
#include "cpu/vmx/exits.def"
};

struct ExitRow {
    Reason reason;
    std::string_view name, text;
};
constexpr ExitRow exit_rows[] = {
#define EXIT(number, name, text) {Reason::name, #name, text},
#include "cpu/vmx/exits.def"
};

// The SDM's name; empty for what is no reason.
constexpr std::string_view exit_text(u64 reason) {
    for (auto& r : exit_rows)
        if (u64(r.reason) == reason) return r.text;
    return {};
}

}
