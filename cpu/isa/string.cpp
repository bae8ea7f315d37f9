// SPDX-License-Identifier: MIT
// String instructions that compare, CMPS and SCAS (SDM vol. 2), and the rows of all. MOVS, STOS and LODS are in string.h, INS and OUTS
// in io.cpp; REP is in repeat.h.
#include "cpu/isa/string.h"
#include "cpu/isa/alu.h"
#include "cpu/isa/families.h"

namespace isa {
namespace {

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

// REPE (F3) goes on while ZF is set, REPNE (F2) while it is clear.
template <class Step> struct Comparing : StringStep<Step> {
    static constexpr bool compares = true;
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

constexpr Row rows[] = {
    // name                 encoding  operands   gate  event         run
    {"movsb",              "A4",     "Yb, Xb",  {},   Event::none,  run<Movs>},
    {"movsw/movsd/movsq",  "A5",     "Yv, Xv",  {},   Event::none,  run<Movs>},
    {"cmpsb",              "A6",     "Xb, Yb",  {},   Event::none,  run<Repeated<CmpsStep>>},
    {"cmpsw/cmpsd/cmpsq",  "A7",     "Xv, Yv",  {},   Event::none,  run<Repeated<CmpsStep>>},
    {"stosb",              "AA",     "Yb, AL",  {},   Event::none,  run<Stos>},
    {"stosw/stosd/stosq",  "AB",     "Yv, rAX", {},   Event::none,  run<Stos>},
    {"lodsb",              "AC",     "AL, Xb",  {},   Event::none,  run<Lods>},
    {"lodsw/lodsd/lodsq",  "AD",     "rAX, Xv", {},   Event::none,  run<Lods>},
    {"scasb",              "AE",     "AL, Yb",  {},   Event::none,  run<Repeated<ScasStep>>},
    {"scasw/scasd/scasq",  "AF",     "rAX, Yv", {},   Event::none,  run<Repeated<ScasStep>>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> string() { return rows; }
}
