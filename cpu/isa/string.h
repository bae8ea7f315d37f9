// SPDX-License-Identifier: MIT
// String instructions that move: MOVS, STOS, LODS (SDM vol. 2). The rows are in string.cpp.
#pragma once
#include "cpu/isa/repeat.h"
#include <cstring>

namespace isa {

template <Word T> T element(const u8* from, u64 i) {
    T value;
    std::memcpy(&value, from + i * sizeof(T), sizeof(T));
    return value;
}

// Element by element, upwards or downwards: where the destination overlaps the source's rest, what was written is read again.
template <Word T> void copy_elements(u8* to, const u8* from, u64 n, bool down) {
    u64 ahead = reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(from);
    if (down) ahead = 0 - ahead;
    if (ahead >= n * sizeof(T)) {
        std::memmove(to, from, n * sizeof(T));
        return;
    }
    for (u64 i = 0; i < n; i++) {
        u64 at = down ? n - 1 - i : i;
        T value = element<T>(from, at);
        std::memcpy(to + at * sizeof(T), &value, sizeof(T));
    }
}
template <Word T> void fill_elements(u8* to, T value, u64 n) {
    if constexpr (sizeof(T) == 1) {
        std::memset(to, value, n);
    } else {
        for (u64 i = 0; i < n; i++) std::memcpy(to + i * sizeof(T), &value, sizeof(T));
    }
}

template <Word T> struct MovsStep : StringStep<MovsStep<T>> {
    static constexpr unsigned stores = sizeof(T);
    template <class X> static bool once(X& x) {
        auto from = x.probe_at(x.insn.segment, string_offset(x, rsi), sizeof(T), Kind::read);
        auto to = x.probe_at(Seg::es, string_offset(x, rdi), sizeof(T), Kind::write);
        if (x.stopped()) return false;
        T value;
        x.cpu.read_span(from, &value);
        x.cpu.write_span(to, &value);
        advance(x, rsi, sizeof(T));
        advance(x, rdi, sizeof(T));
        return true;
    }
    template <class X> static u64 many(X& x, u64 limit) {
        return together(x, limit) && copy_page(x, limit) ? limit : once(x);
    }
    // Sets the limit to what it has done.
    template <class X> static bool copy_page(X& x, u64& limit) {
        u64 source = string_offset(x, rsi), target = string_offset(x, rdi);
        u64 n = elements_together<T>(x, x.insn.segment, source, Kind::read, limit);
        n = elements_together<T>(x, Seg::es, target, Kind::write, n);
        if (n < 2) return false;
        u8* from = host_elements<T>(x, x.insn.segment, source, Kind::read, n);
        u8* to = from ? host_elements<T>(x, Seg::es, target, Kind::write, n) : nullptr;
        if (!to) return false;
        copy_elements<T>(to, from, n, x.flag(rflags::df));
        advance(x, rsi, n * sizeof(T));
        advance(x, rdi, n * sizeof(T));
        limit = n;
        return true;
    }
};

template <Word T> struct StosStep : StringStep<StosStep<T>> {
    static constexpr unsigned stores = sizeof(T);
    template <class X> static bool once(X& x) {
        auto to = x.probe_at(Seg::es, string_offset(x, rdi), sizeof(T), Kind::write);
        if (x.stopped()) return false;
        T value = x.template reg<T>(rax);
        x.cpu.write_span(to, &value);
        advance(x, rdi, sizeof(T));
        return true;
    }
    template <class X> static u64 many(X& x, u64 limit) {
        return together(x, limit) && fill_page(x, limit) ? limit : once(x);
    }
    template <class X> static bool fill_page(X& x, u64& limit) {
        u64 target = string_offset(x, rdi);
        u64 n = elements_together<T>(x, Seg::es, target, Kind::write, limit);
        u8* to = n > 1 ? host_elements<T>(x, Seg::es, target, Kind::write, n) : nullptr;
        if (!to) return false;
        fill_elements<T>(to, x.template reg<T>(rax), n);
        advance(x, rdi, n * sizeof(T));
        limit = n;
        return true;
    }
};

template <Word T> struct LodsStep : StringStep<LodsStep<T>> {
    template <class X> static bool once(X& x) {
        T value = x.template load_at<T>(x.insn.segment, string_offset(x, rsi));
        if (x.stopped()) return false;
        x.template set_reg<T>(rax, value);
        advance(x, rsi, sizeof(T));
        return true;
    }
    template <class X> static u64 many(X& x, u64 limit) {
        return together(x, limit) && last_of_page(x, limit) ? limit : once(x);
    }
    template <class X> static bool last_of_page(X& x, u64& limit) {
        u64 source = string_offset(x, rsi);
        u64 n = elements_together<T>(x, x.insn.segment, source, Kind::read, limit);
        const u8* from = n ? host_elements<T>(x, x.insn.segment, source, Kind::read, n) : nullptr;
        if (!from) return false;
        x.template set_reg<T>(rax, element<T>(from, x.flag(rflags::df) ? 0 : n - 1));
        advance(x, rsi, n * sizeof(T));
        limit = n;
        return true;
    }
};

template <template <Word> class Step> struct Repeated {
    template <class X> static Outcome run(X& x) { return repeat<Step<typename X::word>>(x); }
};

// One element in flat memory is quickly done where the context knows such.
struct Movs {
    template <class X> static Outcome run(X& x) {
        if constexpr (requires { x.move_element(); }) return x.move_element();
        else return Repeated<MovsStep>::run(x);
    }
};
struct Stos {
    template <class X> static Outcome run(X& x) {
        if constexpr (requires { x.store_element(); }) return x.store_element();
        else return Repeated<StosStep>::run(x);
    }
};
struct Lods {
    template <class X> static Outcome run(X& x) {
        if constexpr (requires { x.load_element(); }) return x.load_element();
        else return Repeated<LodsStep>::run(x);
    }
};

}
