// SPDX-License-Identifier: MIT
// Words of bits told one by one: number, name, meaning.
#pragma once
#include "debugger/result.h"
#include <span>

namespace debugger {

// One bit or, where `high` is above `low`, a number in several.
struct BitText {
    u8 high, low;
    std::string_view name, meaning;
};

// A line of kind "bit" for each bit that is set and each number; `of` says whose they are.
void add_bits(Result& result, std::string_view of, std::span<const BitText> table, u64 value);
// "P W U" of the bits that are set; numbers as "vector=14".
std::string bits_text(std::span<const BitText> table, u64 value);

// SDM vol. 3, 4.7.
inline constexpr BitText error_code_bits[] = {
    {0, 0, "P", "the entry was present: its rights refuse"},
    {1, 1, "W", "the access was a write"},
    {2, 2, "U", "the access was made at CPL 3"},
    {3, 3, "RSVD", "a reserved bit is set in an entry"},
    {4, 4, "I", "the access was an instruction fetch"},
    {5, 5, "PK", "the protection key refuses"},
    {6, 6, "SS", "the access was to a shadow stack"},
};
// EXITINFO1 of a nested page fault (APM vol. 2, 15.25.6).
inline constexpr BitText nested_fault_bits[] = {
    {0, 0, "P", "the nested entry was present: its rights refuse"},
    {1, 1, "W", "the access was a write"},
    {2, 2, "U", "the nested walk is a user's"},
    {3, 3, "RSVD", "a reserved bit is set in a nested entry"},
    {4, 4, "I", "the access was an instruction fetch"},
    {32, 32, "final address", "it was the guest's final physical address"},
    {33, 33, "guest table", "it was an entry of the guest's own tables"},
};
// Exit qualification of an EPT violation (SDM vol. 3, table 28-7).
inline constexpr BitText violation_bits[] = {
    {0, 0, "read", "the access was a read"},
    {1, 1, "write", "the access was a write"},
    {2, 2, "fetch", "the access was an instruction fetch"},
    {3, 3, "readable", "all EPT entries allow reads"},
    {4, 4, "writable", "all EPT entries allow writes"},
    {5, 5, "executable", "all EPT entries allow fetches"},
    {6, 6, "user-executable", "all EPT entries allow fetches from user-mode addresses"},
    {7, 7, "linear address valid", "the guest-linear address field is valid"},
    {8, 8, "of the linear address itself", "not of an entry of the guest's tables"},
    {9, 9, "user page", "the linear address is a user-mode one"},
    {10, 10, "writable page", "the guest's tables allow writes"},
    {11, 11, "execute-disable page", "the guest's tables forbid fetches"},
    {12, 12, "NMI unblocking", "IRET had unblocked NMIs already"},
};

}
