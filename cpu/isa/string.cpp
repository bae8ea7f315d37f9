// SPDX-License-Identifier: MIT
// String instructions: MOVS, CMPS, STOS, LODS, SCAS (SDM vol. 2). INS and OUTS are in io.cpp; REP is in repeat.h.
#include "cpu/isa/alu.h"
#include "cpu/isa/families.h"
#include "cpu/isa/repeat.h"

namespace isa {
namespace {

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


// The number of the first element that ends a comparison, n if there is none: elements of two runs, or of one and a value,
// each counted in its direction from its lowest byte.
template <Word T> u64 first_difference(const u8* a, const u8* b, u64 n) {
    u64 bytes = n * sizeof(T), i = 0;
    while (i + 8 <= bytes && element<u64>(a + i, 0) == element<u64>(b + i, 0)) i += 8;
    for (i /= sizeof(T); i < n; i++)
        if (element<T>(a, i) != element<T>(b, i)) return i;
    return n;
}
template <Word T> u64 end_of_comparison(const u8* a, const u8* b, u64 n, bool down, bool while_equal) {
    if (!down && while_equal) return first_difference<T>(a, b, n);
    for (u64 i = 0; i < n; i++) {
        u64 at = down ? n - 1 - i : i;
        if ((element<T>(a, at) == element<T>(b, at)) != while_equal) return i;
    }
    return n;
}
template <Word T> u64 end_of_scan(T value, const u8* a, u64 n, bool down, bool while_equal) {
    if (sizeof(T) == 1 && !down && !while_equal) {
        auto* found = static_cast<const u8*>(std::memchr(a, int(value), n));
        return found ? u64(found - a) : n;
    }
    for (u64 i = 0; i < n; i++)
        if ((element<T>(a, down ? n - 1 - i : i) == value) != while_equal) return i;
    return n;
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

// REPE (F3) goes on while ZF is set, REPNE (F2) while it is clear.
template <class Step> struct Comparing : StringStep<Step> {
    template <class X> static bool while_equal(X& x) { return x.insn.rep == 0xf3; }
    template <class X> static bool satisfied(X& x) { return x.flags().zf() != while_equal(x); }
};
template <Word T> struct CmpsStep : Comparing<CmpsStep<T>> {
    template <class X> static bool once(X& x) {
        Span a, b;
        auto probe_source = [&] { a = x.probe_at(x.insn.segment, string_offset(x, rsi), sizeof(T), Kind::read); };
        bool source_first = x.insn.rep == 0xf3 && sizeof(T) == 1;      // which operand faults first, on Zen 5
        if (source_first) probe_source();
        b = x.probe_at(Seg::es, string_offset(x, rdi), sizeof(T), Kind::read);
        if (!source_first) probe_source();
        if (x.stopped()) return false;
        T left, right;
        x.cpu.read_span(a, &left);
        x.cpu.read_span(b, &right);
        x.set_flags(alu::Sub{}(left, right, x.flags()).flags);
        advance(x, rsi, sizeof(T));
        advance(x, rdi, sizeof(T));
        return true;
    }
    template <class X> static u64 many(X& x, u64 limit) {
        return together(x, limit) && compare_page(x, limit) ? limit : once(x);
    }
    // The target is probed first, as by once(): where that order matters (what faults), once() does it.
    template <class X> static bool compare_page(X& x, u64& limit) {
        u64 source = string_offset(x, rsi), target = string_offset(x, rdi);
        bool down = x.flag(rflags::df), source_first = x.insn.rep == 0xf3 && sizeof(T) == 1;
        u64 n = elements_together<T>(x, x.insn.segment, source, Kind::read, limit);
        n = elements_together<T>(x, Seg::es, target, Kind::read, n);
        if (!n) return false;
        const u8 *a = nullptr, *b = nullptr;
        auto find_source = [&] { return a = host_elements<T>(x, x.insn.segment, source, Kind::read, n); };
        auto find_target = [&] { return b = host_elements<T>(x, Seg::es, target, Kind::read, n); };
        if (!(source_first ? find_source() && find_target() : find_target() && find_source())) return false;
        u64 end = end_of_comparison<T>(a, b, n, down, Comparing<CmpsStep<T>>::while_equal(x));
        u64 last = std::min(end, n - 1), at = down ? n - 1 - last : last;
        x.set_flags(alu::Sub{}(element<T>(a, at), element<T>(b, at), x.flags()).flags);
        limit = last + 1;
        advance(x, rsi, limit * sizeof(T));
        advance(x, rdi, limit * sizeof(T));
        return true;
    }
};
template <Word T> struct ScasStep : Comparing<ScasStep<T>> {
    template <class X> static bool once(X& x) {
        T value = x.template load_at<T>(Seg::es, string_offset(x, rdi));
        if (x.stopped()) return false;
        x.set_flags(alu::Sub{}(x.template reg<T>(rax), value, x.flags()).flags);
        advance(x, rdi, sizeof(T));
        return true;
    }
    template <class X> static u64 many(X& x, u64 limit) {
        return together(x, limit) && scan_page(x, limit) ? limit : once(x);
    }
    template <class X> static bool scan_page(X& x, u64& limit) {
        u64 target = string_offset(x, rdi);
        bool down = x.flag(rflags::df);
        u64 n = elements_together<T>(x, Seg::es, target, Kind::read, limit);
        const u8* from = n ? host_elements<T>(x, Seg::es, target, Kind::read, n) : nullptr;
        if (!from) return false;
        T value = x.template reg<T>(rax);
        u64 last = std::min(end_of_scan<T>(value, from, n, down, Comparing<ScasStep<T>>::while_equal(x)), n - 1);
        x.set_flags(alu::Sub{}(value, element<T>(from, down ? n - 1 - last : last), x.flags()).flags);
        limit = last + 1;
        advance(x, rdi, limit * sizeof(T));
        return true;
    }
};

template <template <Word> class Step> struct Repeated {
    template <class X> static Outcome run(X& x) { return repeat<Step<typename X::word>>(x); }
};

constexpr Row rows[] = {
    // name                 encoding  operands   gate  event         run
    {"movsb",              "A4",     "Yb, Xb",  {},   Event::none,  run<Repeated<MovsStep>>},
    {"movsw/movsd/movsq",  "A5",     "Yv, Xv",  {},   Event::none,  run<Repeated<MovsStep>>},
    {"cmpsb",              "A6",     "Xb, Yb",  {},   Event::none,  run<Repeated<CmpsStep>>},
    {"cmpsw/cmpsd/cmpsq",  "A7",     "Xv, Yv",  {},   Event::none,  run<Repeated<CmpsStep>>},
    {"stosb",              "AA",     "Yb, AL",  {},   Event::none,  run<Repeated<StosStep>>},
    {"stosw/stosd/stosq",  "AB",     "Yv, rAX", {},   Event::none,  run<Repeated<StosStep>>},
    {"lodsb",              "AC",     "AL, Xb",  {},   Event::none,  run<Repeated<LodsStep>>},
    {"lodsw/lodsd/lodsq",  "AD",     "rAX, Xv", {},   Event::none,  run<Repeated<LodsStep>>},
    {"scasb",              "AE",     "AL, Yb",  {},   Event::none,  run<Repeated<ScasStep>>},
    {"scasw/scasd/scasq",  "AF",     "rAX, Yv", {},   Event::none,  run<Repeated<ScasStep>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> string() { return rows; }
}
