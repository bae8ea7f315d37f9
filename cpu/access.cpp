// SPDX-License-Identifier: MIT
// Memory by segment and offset, then by linear address: segmentation, canonicality, alignment, page crossings.
#include "cpu/mmu.h"
#include <algorithm>

static Fault segment_fault(Seg s) { return s == Seg::ss ? ss(0) : gp(0); }

// Limit checks of SDM vol. 3, 5.3; expand-down segments reach from the limit to the top.
static bool within_limit(const Segment& s, u64 offset, unsigned width) {
    u64 last = offset + width - 1;
    if (s.rights.code() || !s.rights.expand_down()) return last <= s.limit;
    return offset > s.limit && last <= (s.rights.db() ? 0xffffffff : 0xffff);
}

// Type checks of SDM vol. 3, 5.5; in real mode every segment may be read and written.
static bool type_allows(const Cpu& cpu, const Segment& s, Kind kind) {
    if (s.rights.unusable()) return false;
    if (cpu.real_or_v86()) return true;
    if (kind == Kind::execute) return true;
    return kind == Kind::write ? s.rights.writable() : s.rights.readable();
}

bool Cpu::linear(Seg n, u64 offset, unsigned width, Kind kind, u64& address) {
    auto& s = seg[n];
    if (bits64()) {
        address = offset;
        if (n != Seg::fs && n != Seg::gs) return true;
        // AMD wants the offset canonical too (Zen 5), Intel the sum alone (SDM vol. 1, 3.3.7.1).
        if (!intel() && !canonical(offset)) return raise(gp(0)), false;
        address += s.base;
        return true;
    }
    address = u32(offset + s.base);
    if (within_limit(s, offset, width) && type_allows(*this, s, kind)) [[likely]] return true;
    raise(segment_fault(n));
    return false;
}

// What #AC asks of an operand's address (SDM vol. 3, table 6-7); 1: nothing. Of 16 and 32 bytes AMD asks for 16 (Zen 5), Intel for nothing
// (Sapphire Rapids).
static unsigned alignment(unsigned width, bool intel) {
    if (intel && width >= 16) return 1;
    if (width == 10) return 8;
    if (width == 6) return 4;
    if (width == 32) return 16;
    return width <= 16 && std::has_single_bit(width) ? width : 1;
}

// Where the second stage may grant writes by 128 bytes, each such part of the access is asked for.
bool Cpu::probe_parts(u64 address, unsigned width, Kind kind, As as) {
    if (kind != Kind::write || !mmu->by_sub_pages()) return true;
    Physical at;
    u8* host;
    for (u64 part = (address | 127) + 1; part < address + width; part += 128)
        if (!probe_piece(part, kind, as, at, host)) return false;
    return true;
}

bool Cpu::probe_slow(u64 address, unsigned width, Kind kind, Span& span, As as, Seg s) {
    u64 last = address + width - 1;
    bool misaligned = as == As::current && alignment_checked() && (address & (alignment(width, intel()) - 1));
    if (bits64() || (as == As::supervisor && long_mode())) {
        if (intel() && misaligned && canonical(address)) return raise(ac()), false;          // before the end of the access
        if (!canonical(address) || !canonical(last)) return raise(segment_fault(s)), false;
    } else {
        address = u32(address), last = u32(last);
    }
    if (misaligned) return raise(ac()), false;

    span.width = width;
    span.head = std::min(width, unsigned(4096 - (address & 0xfff)));
    u8 *host, *second_host;
    if (!probe_piece(address, kind, as, span.first, host) || !probe_parts(address, span.head, kind, as)) return false;
    if (span.head == width) {
        span.host = host;
    } else {
        span.host = nullptr;
        u64 next = last & ~u64{0xfff};
        if (!probe_piece(next, kind, as, span.second, second_host) || !probe_parts(next, width - span.head, kind, as)) return false;
        if (!virtual_apic_allows(span.second, width - span.head, kind)) return false;
    }
    if (!host && !virtual_apic_allows(span.first, span.head, kind)) return false;
    if (as == As::current && debug_trap_armed()) data_breakpoint(address, width, kind == Kind::write);
    if (mmu->accessed) mmu->accessed(address, width, kind == Kind::write);
    return true;
}

void Cpu::read_pieces(const Span& span, void* to) {
    auto* bytes = static_cast<u8*>(to);
    for (unsigned done = 0; done < span.width;) {
        bool head = done < span.head;
        unsigned left = (head ? span.head : span.width) - done, n = std::min(8u, std::bit_floor(left));
        Physical at = head ? span.first + done : span.second + (done - span.head);
        u64 value = read_physical(at, n);
        std::memcpy(bytes + done, &value, n);
        done += n;
    }
}

void Cpu::write_pieces(const Span& span, const void* from) {
    auto* bytes = static_cast<const u8*>(from);
    for (unsigned done = 0; done < span.width;) {
        bool head = done < span.head;
        unsigned left = (head ? span.head : span.width) - done, n = std::min(8u, std::bit_floor(left));
        u64 value = 0;
        std::memcpy(&value, bytes + done, n);
        write_physical(head ? span.first + done : span.second + (done - span.head), n, value);
        done += n;
    }
}
