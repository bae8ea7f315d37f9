// SPDX-License-Identifier: MIT
// x87 control: control and status words, the environment in its four layouts (SDM vol. 1, figures 8-9 to 8-12), save and restore.
#include "cpu/isa/x87/x87.h"

namespace x87 {

static unsigned tag(const F80& r) {
    unsigned exponent = r.sign_exponent & 0x7fff;
    if (exponent == 0 && r.significand == 0) return 1;
    return exponent == 0 || exponent == 0x7fff || !(r.significand >> 63) ? 2 : 0;
}

u16 tag_word(const Fpu& fpu) {
    unsigned word = 0;
    for (unsigned n = 0; n < 8; n++) word |= (fpu.empty >> n & 1 ? 3 : tag(fpu.r[n])) << (n * 2);
    return u16(word);
}

void remember(Slow& x) {
    auto& f = x.cpu.fpu;
    auto& features = x.cpu.features;
    bool selectors = !features.has(Feature::zero_fcs_fds);
    f.fop = u16((x.insn.opcode & 7) << 8 | x.insn.modrm);
    f.fip = x.cpu.gpr[rip_reg];
    f.fcs = selectors ? x.cpu.seg[Seg::cs].selector : u16(0);
    if (x.insn.modrm >= 0xc0 || (features.has(Feature::fdp_excptn_only) && !f.error_pending())) return;
    f.fdp = x.offset();
    f.fds = selectors ? x.cpu.seg[x.insn.segment].selector : u16(0);
}

namespace {

// FERR# goes when no unmasked exception is left.
class Ferr {
public:
    explicit Ferr(Cpu& cpu) : cpu(cpu), before(cpu.fpu.error_pending()) {}
    ~Ferr() {
        if (before && !cpu.fpu.error_pending()) cpu.wires.ferr(false);
    }

private:
    Cpu& cpu;
    bool before;
};

}

Outcome fwait(Slow&) { return Outcome::next; }
Outcome nothing(Slow&) { return Outcome::next; }

Outcome fninit(Slow& x) {
    Ferr ferr(x.cpu);
    auto& f = x.cpu.fpu;
    f.control = 0x37f, f.status = 0, f.empty = 0xff;
    f.fop = 0, f.fip = f.fdp = 0, f.fcs = f.fds = 0;
    return Outcome::next;
}

Outcome fnclex(Slow& x) {
    Ferr ferr(x.cpu);
    x.cpu.fpu.status &= 0x7f00;
    return Outcome::next;
}

// Bits 6 is always 1 and 7, 13 to 15 always 0 in what the register holds.
static u16 valid_control(u16 value) { return u16((value & 0x1f3f) | 0x40); }

Outcome fldcw(Slow& x) {
    u16 value = x.load<u16>();
    if (x.stopped()) return x.why();
    Ferr ferr(x.cpu);
    x.cpu.fpu.control = valid_control(value);
    x.cpu.fpu.update_summary();
    return Outcome::next;
}

static Outcome store16(Slow& x, u16 value) {
    Span span = x.probe_write(2);
    if (x.stopped()) return x.why();
    x.cpu.write_span(span, &value);
    return Outcome::next;
}
Outcome fnstcw(Slow& x) { return store16(x, x.cpu.fpu.control); }
Outcome fnstsw(Slow& x) { return store16(x, x.cpu.fpu.status); }
Outcome fnstsw_ax(Slow& x) {
    x.cpu.gpr.set<u16>(rax, x.cpu.fpu.status);
    return Outcome::next;
}

namespace {

// Seven words of 16 or 32 bits: control, status, tags, then pointers in the mode's format.
struct Environment {
    bool wide, protected_mode, selectors;
    explicit Environment(const Slow& x)
        : wide(x.insn.operand_size != 2), protected_mode(!x.cpu.real_or_v86()), selectors(!x.cpu.features.has(Feature::zero_fcs_fds)) {}
    unsigned size() const { return wide ? 28 : 14; }
    unsigned step() const { return wide ? 4 : 2; }

    void store(const Fpu& f, u8* to) const {
        u32 word[7]{f.control, f.status, tag_word(f), u32(f.fip), 0, u32(f.fdp), 0};
        u32 reserved = wide ? 0xffff0000 : 0;
        for (int i : {0, 1, 2}) word[i] |= reserved;
        u64 ip = f.fip + (protected_mode ? 0 : u64{f.fcs} << 4), dp = f.fdp + (protected_mode ? 0 : u64{f.fds} << 4);
        if (protected_mode && wide) {
            word[4] = f.fcs | u32(f.fop & 0x7ff) << 16, word[6] = f.fds | reserved;
        } else if (protected_mode) {
            word[4] = f.fcs, word[6] = f.fds;
        } else if (wide) {
            word[3] = u32(ip & 0xffff) | reserved, word[4] = u32(bits(ip, 31, 16)) << 12 | (f.fop & 0x7ff);
            word[5] = u32(dp & 0xffff) | reserved, word[6] = u32(bits(dp, 31, 16)) << 12;
        } else {
            word[3] = u32(ip), word[4] = u32(bits(ip, 19, 16)) << 12 | (f.fop & 0x7ff);
            word[5] = u32(dp), word[6] = u32(bits(dp, 19, 16)) << 12;
        }
        for (unsigned i = 0; i < 7; i++) std::memcpy(to + i * step(), &word[i], step());
    }

    void load(Fpu& f, const u8* from) const {
        u32 word[7]{};
        for (unsigned i = 0; i < 7; i++) std::memcpy(&word[i], from + i * step(), step());
        f.control = valid_control(u16(word[0]));
        f.status = u16(word[1]);
        f.empty = 0;
        for (unsigned n = 0; n < 8; n++) f.empty |= u8(((word[2] >> (n * 2) & 3) == 3) << n);
        if (protected_mode) {
            f.fip = word[3], f.fcs = u16(word[4]), f.fdp = word[5], f.fds = u16(word[6]);
            if (wide) f.fop = u16(bits(word[4], 26, 16));
        } else {
            f.fop = u16(word[4] & 0x7ff);
            u32 high = wide ? 0xffff : 0xf;
            f.fip = (word[3] & 0xffff) | (word[4] >> 12 & high) << 16, f.fcs = 0;
            f.fdp = (word[5] & 0xffff) | (word[6] >> 12 & high) << 16, f.fds = 0;
        }
        if (!selectors) f.fcs = f.fds = 0;
        f.update_summary();
    }
};

using Bytes = std::array<u8, 108>;

void store_registers(const Fpu& f, u8* to) {
    for (unsigned i = 0; i < 8; i++) {
        auto& r = f.r[f.physical(i)];
        std::memcpy(to + i * 10, &r.significand, 8);
        std::memcpy(to + i * 10 + 8, &r.sign_exponent, 2);
    }
}
void load_registers(Fpu& f, const u8* from) {
    for (unsigned i = 0; i < 8; i++) {
        auto& r = f.r[f.physical(i)];
        std::memcpy(&r.significand, from + i * 10, 8);
        std::memcpy(&r.sign_exponent, from + i * 10 + 8, 2);
    }
}

// Meets the faults of an image's first word (and its alignment), then of its last byte, before those between (Zen 5).
void probe_ends(Slow& x, const Environment& e, unsigned size, Kind kind) {
    u64 start, last;
    Span span;
    auto probe = [&](u64 at, unsigned width) { return x.cpu.probe(at, width, kind, span, As::current, x.insn.segment) || x.fail(); };
    if (!x.address(e.step(), kind, start) || !probe(start, e.step())) return;
    if (x.address(1, kind, last, size - 1)) probe(last, 1);
}

// Reads so many bytes of the operand.
void load_bytes(Slow& x, const Environment& e, Bytes& to, unsigned size) {
    probe_ends(x, e, size, Kind::read);
    if (x.stopped()) return;
    u64 linear;
    Span span;
    if (!x.address(size, Kind::read, linear)) return;
    if (!x.cpu.probe(linear, size, Kind::read, span, As::current, x.insn.segment)) return void(x.raise(x.cpu.fault_));
    x.cpu.read_span(span, to.data());
}

}

Outcome fnstenv(Slow& x) {
    Environment e(x);
    Bytes bytes{};
    probe_ends(x, e, e.size(), Kind::write);
    Span span = x.probe_write(e.size());
    if (x.stopped()) return x.why();
    e.store(x.cpu.fpu, bytes.data());
    x.cpu.write_span(span, bytes.data());
    Ferr ferr(x.cpu);
    x.cpu.fpu.control |= 0x3f;                // all exceptions are masked afterwards
    x.cpu.fpu.update_summary();
    return Outcome::next;
}

Outcome fldenv(Slow& x) {
    Environment e(x);
    Bytes bytes{};
    load_bytes(x, e, bytes, e.size());
    if (x.stopped()) return x.why();
    Ferr ferr(x.cpu);
    e.load(x.cpu.fpu, bytes.data());
    return Outcome::next;
}

Outcome fnsave(Slow& x) {
    Environment e(x);
    Bytes bytes{};
    probe_ends(x, e, e.size() + 80, Kind::write);
    Span span = x.probe_write(e.size() + 80);
    if (x.stopped()) return x.why();
    e.store(x.cpu.fpu, bytes.data());
    store_registers(x.cpu.fpu, bytes.data() + e.size());
    x.cpu.write_span(span, bytes.data());
    return fninit(x);
}

Outcome frstor(Slow& x) {
    Environment e(x);
    Bytes bytes{};
    load_bytes(x, e, bytes, e.size() + 80);
    if (x.stopped()) return x.why();
    Ferr ferr(x.cpu);
    e.load(x.cpu.fpu, bytes.data());
    load_registers(x.cpu.fpu, bytes.data() + e.size());
    return Outcome::next;
}

}
