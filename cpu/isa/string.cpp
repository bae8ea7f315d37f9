// SPDX-License-Identifier: MIT
// String instructions: MOVS, CMPS, STOS, LODS, SCAS (SDM vol. 2). INS and OUTS are in io.cpp; REP is in repeat.h.
#include "cpu/isa/alu.h"
#include "cpu/isa/families.h"
#include "cpu/isa/repeat.h"

namespace isa {
namespace {

// Element by element, upwards: where the destination overlaps the source's rest, what was written is read again.
template <Word T> void copy_elements(u8* to, const u8* from, u64 n) {
    u64 distance = reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(from);
    if (distance >= n * sizeof(T)) {
        std::memmove(to, from, n * sizeof(T));
        return;
    }
    for (u64 i = 0; i < n; i++) {
        T value;
        std::memcpy(&value, from + i * sizeof(T), sizeof(T));
        std::memcpy(to + i * sizeof(T), &value, sizeof(T));
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
        copy_elements<T>(to, from, n);
        advance(x, rsi, n * sizeof(T));
        advance(x, rdi, n * sizeof(T));
        limit = n;
        return true;
    }
};

template <Word T> struct StosStep : StringStep<StosStep<T>> {
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
};

// REPE (F3) goes on while ZF is set, REPNE (F2) while it is clear.
template <class Step> struct Comparing : StringStep<Step> {
    template <class X> static bool satisfied(X& x) { return x.flags().zf() != (x.insn.rep == 0xf3); }
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
};
template <Word T> struct ScasStep : Comparing<ScasStep<T>> {
    template <class X> static bool once(X& x) {
        T value = x.template load_at<T>(Seg::es, string_offset(x, rdi));
        if (x.stopped()) return false;
        x.set_flags(alu::Sub{}(x.template reg<T>(rax), value, x.flags()).flags);
        advance(x, rdi, sizeof(T));
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
