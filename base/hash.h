// SPDX-License-Identifier: MIT
// A 64-bit hash over bytes and over all that visit() shows; equal machines give equal hashes.
#pragma once
#include "base/archive.h"

u64 hash_bytes(std::span<const u8> bytes, u64 seed = 0);

class HashArchive final : public Archive {
public:
    void number(std::string_view name, u64& value, unsigned width_in_bits) override;
    void memory(std::string_view name, std::span<u8> bytes) override;
    void enter(std::string_view name) override;
    void leave() override;
    u64 value() const { return state; }

private:
    u64 state = 0x9e3779b97f4a7c15;
};

template <class T> u64 hash_of(T& component) {
    HashArchive archive;
    component.visit(archive);
    return archive.value();
}
