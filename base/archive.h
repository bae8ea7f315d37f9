// SPDX-License-Identifier: MIT
// The one way state leaves and enters a component: saving, loading, hashing, comparing two machines
// and the debugger's state tree are archives over the same visit().
#pragma once
#include "base/bits.h"
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

class Archive {
public:
    virtual ~Archive() = default;
    virtual void number(std::string_view name, u64& value, unsigned width_in_bits) = 0;
    virtual void memory(std::string_view name, std::span<u8> bytes) = 0;
    virtual void enter(std::string_view name) = 0;
    virtual void leave() = 0;

    // Numbers, enums, byte arrays, anything with visit(Archive&), and fixed ranges of those.
    template <class T> void operator()(std::string_view name, T& value) {
        if constexpr (requires { value.visit(*this); }) {
            enter(name), value.visit(*this), leave();
        } else if constexpr (std::integral<T> || std::is_enum_v<T>) {
            u64 wide = u64(value);
            number(name, wide, sizeof(T) * 8);
            value = T(wide);
        } else if constexpr (std::convertible_to<T&, std::span<u8>>) {
            memory(name, value);
        } else {
            unsigned i = 0;
            enter(name);
            for (auto& item : value) (*this)(std::to_string(i++), item);
            leave();
        }
    }
};
