// SPDX-License-Identifier: MIT
// A 64-bit hash: a multiply-and-fold of 8 bytes at a time.
#include "base/hash.h"
#include <cstring>

static u64 mix(u64 a, u64 b) {
    u128 product = u128(a ^ 0xa0761d6478bd642f) * (b ^ 0xe7037ed1a0b428db);
    return u64(product) ^ u64(product >> 64);
}

u64 hash_bytes(std::span<const u8> bytes, u64 seed) {
    u64 state = mix(seed, bytes.size());
    for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
        u64 word;
        std::memcpy(&word, bytes.data(), 8);
        state = mix(state, word);
    }
    u64 tail = 0;
    if (!bytes.empty()) std::memcpy(&tail, bytes.data(), bytes.size());
    return mix(state, tail);
}

void HashArchive::number(std::string_view, u64& value, unsigned width_in_bits) {
    state = mix(state, value + width_in_bits);
}
void HashArchive::memory(std::string_view, std::span<u8> bytes) { state = hash_bytes(bytes, state); }
void HashArchive::enter(std::string_view name) {
    state = hash_bytes({reinterpret_cast<const u8*>(name.data()), name.size()}, state);
}
void HashArchive::leave() { state = mix(state, 1); }
