// SPDX-License-Identifier: MIT
// Words of the command line for 64-bit guests: name=value.
#pragma once
#include "guest.h"

extern "C" u64 start_info;
inline const char* word_after(const char* name) {
    const char* line = reinterpret_cast<const char*>(peek<u64>(start_info + 24));
    for (; line && *line; line++) {
        unsigned n = 0;
        while (name[n] && line[n] == name[n]) n++;
        if (!name[n]) return line + n;
    }
    return nullptr;
}
inline u64 number(const char* digits) {
    u64 n = 0;
    for (; digits && *digits >= '0' && *digits <= '9'; digits++) n = n * 10 + u64(*digits - '0');
    return n;
}
inline bool says(const char* word, const char* value) {
    while (word && *value && *word == *value) word++, value++;
    return word && !*value && (!*word || *word == ' ');
}
