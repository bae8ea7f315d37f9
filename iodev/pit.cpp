// SPDX-License-Identifier: MIT
// The 8254: what its counters would show, computed from the time since they were loaded.
#include "iodev/pit.h"
#include <algorithm>

u32 PitCounter::decoded(u16 raw) const {
    u32 value = raw;
    if (bcd())
        value = (raw >> 12) * 1000 + (raw >> 8 & 15) * 100 + (raw >> 4 & 15) * 10 + (raw & 15);
    return value ? std::min(value, modulus()) : modulus();
}

u16 PitCounter::encoded(u32 value) const {
    value %= modulus();
    if (!bcd()) return u16(value);
    return u16(value / 1000 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 | value % 10);
}

// Counts done; less than 0 while the count written waits for its CLK.
s64 PitCounter::elapsed(s64 now) const { return running ? now - base : -base; }

void PitCounter::start(s64 counts, s64 now) {
    running = gate || one_shot_by_gate();
    base = running ? now - counts : -std::max<s64>(counts, 0);
}

void PitCounter::control(u8 control_word, s64 now) {
    word = control_word & 0x3f;
    write_high = read_high = false;
    latched_bytes = 0, status_latched = false;
    loaded = triggered = false;
    next = 0, next_at = never;
    start(0, now);
}

// A whole count has been written. Where it takes effect depends on the mode (data sheet, "Mode
// definitions").
void PitCounter::load(u16 raw, s64 now) {
    u32 value = decoded(raw);
    catch_up(now);
    if (one_shot_by_gate()) {               // the next trigger takes it
        next = value;
        if (!loaded) initial = value;
        loaded = true;
    } else if (periodic() && loaded && running) {
        s64 done = elapsed(now), phase = done < 0 ? done : done % initial;
        bool to_half = mode() == 3 && phase < high_half();
        next = value;
        next_at = now - phase + (to_half ? high_half() : initial);
    } else {
        initial = value;
        next = 0, next_at = never;
        loaded = true;
        start(-1, now);
    }
}

void PitCounter::catch_up(s64 now) {
    if (!next || now < next_at) return;
    bool low_half = mode() == 3 && (next_at - base) % initial == high_half() && initial > 1;
    initial = next;
    base = next_at - (low_half ? s64(high_half()) : 0);
    next = 0, next_at = never;
}

void PitCounter::write(u8 value, s64 now) {
    switch (word >> 4 & 3) {
    case 1: return load(value, now);
    case 2: return load(u16(value << 8), now);
    default: break;
    }
    write_high = !write_high;
    if (!write_high) return load(u16(value << 8 | low_byte), now);
    low_byte = value;
    if (mode() == 0) loaded = false;        // the first byte stops the count and lowers OUT
}

u8 PitCounter::read(s64 now) {
    if (status_latched) return status_latched = false, status;
    u16 value = latched_bytes ? latched : count(now);
    bool high = (word >> 4 & 3) == 2;
    if ((word >> 4 & 3) == 3) {
        high = read_high;
        read_high = !read_high;
    }
    if (latched_bytes) latched_bytes--;
    return u8(high ? value >> 8 : value);
}

void PitCounter::latch_count(s64 now) {
    if (latched_bytes) return;
    latched = count(now);
    latched_bytes = (word >> 4 & 3) == 3 ? 2 : 1;
}

void PitCounter::latch_status(s64 now) {
    if (status_latched) return;
    catch_up(now);
    bool null_count = !loaded || next || elapsed(now) < 0;
    status = u8(out(now) << 7 | null_count << 6 | word);
    status_latched = true;
}

// Modes 0 and 4 count while the gate is high; 2 and 3 start anew when it rises; 1 and 5 are
// triggered by that.
void PitCounter::set_gate(bool level, s64 now) {
    if (level == gate) return;
    catch_up(now);
    s64 done = elapsed(now);
    gate = level;
    if (one_shot_by_gate()) {
        if (!level || !loaded) return;
        if (next) initial = next, next = 0, next_at = never;
        triggered = true;
        start(-1, now);
    } else if (periodic() && level) {
        if (next) initial = next, next = 0, next_at = never;
        start(-1, now);
    } else {
        start(done, now);
    }
}

bool PitCounter::out(s64 now) {
    catch_up(now);
    s64 done = elapsed(now);
    if (!loaded) return mode() != 0;
    switch (mode()) {
    case 0: return done >= initial;
    case 1: return !(triggered && done >= 0 && done < initial);
    case 2: return !gate || done < 0 || initial == 1 || done % initial != initial - 1;
    case 3: return !gate || done < 0 || done % initial < high_half();
    case 4: return done != initial;
    default: return !(triggered && done == initial);
    }
}

u16 PitCounter::count(s64 now) {
    catch_up(now);
    s64 done = std::max<s64>(elapsed(now), 0);
    if (!loaded || (one_shot_by_gate() && !triggered)) done = 0;
    if (mode() == 2) return encoded(u32(initial - done % initial));
    if (mode() == 3) {                      // counts by two in each half, from an even number
        s64 phase = done % initial;
        if (phase >= high_half()) phase -= high_half();
        return encoded(u32((initial & ~1u) - 2 * phase));
    }
    return encoded(u32(initial + modulus() - done % modulus()));
}

s64 PitCounter::next_change(s64 now) {
    catch_up(now);
    s64 done = elapsed(now), n = initial;
    if (!loaded || !running || (one_shot_by_gate() && !triggered)) return never;
    auto at = [&](s64 counts) { return now + (counts - done); };
    auto first_after = [&](s64 a, s64 b) { return done < a ? at(a) : done < b ? at(b) : never; };
    switch (mode()) {
    case 0: return first_after(n, n);
    case 1: return first_after(0, n);
    case 4:
    case 5: return first_after(n, n + 1);
    default: break;
    }
    if (n == 1) return next ? next_at : never;
    if (done < 0) done = 0;
    s64 phase = done % n, fall = mode() == 2 ? n - 1 : high_half();
    s64 change = now + (phase < fall ? fall : n) - phase - std::min<s64>(elapsed(now), 0);
    return next && next_at > now ? std::min(change, next_at) : change;
}

u64 PitCounter::rises(s64 now) {
    catch_up(now);
    s64 done = elapsed(now), n = initial;
    if (!loaded || done < 0) return 0;
    switch (mode()) {
    case 0: return done >= n;
    case 1: return triggered && done >= n;
    case 2:
    case 3: return n > 1 ? u64(done / n) : 0;
    case 4: return done > n;
    default: return triggered && done > n;
    }
}

void PitCounter::visit(Archive& a) {
    a("word", word), a("gate", gate), a("initial", initial), a("next", next), a("next_at", next_at);
    a("base", base), a("running", running), a("loaded", loaded), a("triggered", triggered);
    a("low_byte", low_byte), a("write_high", write_high), a("read_high", read_high);
    a("latched", latched), a("latched_bytes", latched_bytes), a("status", status);
    a("status_latched", status_latched);
    constexpr s64 farthest = s64{1} << 50;  // decades; keeps every sum in range
    word &= 0x3f, latched_bytes = std::min<u8>(latched_bytes, 2);
    initial = std::clamp<u32>(initial, 1, 65536), next = std::min<u32>(next, 65536);
    base = std::clamp(base, -farthest, farthest);
    if (next_at != never) next_at = std::clamp<s64>(next_at, base, 2 * farthest);
}

Pit::Pit(Clock& clock, Line out0)
    : clock(clock), out0(std::move(out0)), timer(clock, [this] { drive(); }) {
    reset(Reset::power);
}

// The chip has no reset; counter 2's gate is port 61h's, which starts low.
void Pit::reset(Reset) {
    for (auto& counter : counters) counter = PitCounter{}, counter.control(0x36, now());
    counters[2].gate = false;
    drive();
}

// Shows output 0 on its line, with an edge for a low pulse that lies between two looks, and sets
// the alarm.
void Pit::drive() {
    auto& counter = counters[0];
    s64 t = now();
    u64 rises = counter.rises(t);
    bool level = counter.out(t);
    if (rises > rises0 && level && out0.level()) out0.set(false);
    rises0 = rises;
    out0.set(level);
    s64 change = counter.next_change(t);
    timer.at(change == PitCounter::never ? Clock::never : clock.tick_of(u64(change), hertz));
}

u8 Pit::get(u16 offset) { return offset < 3 ? counters[offset].read(now()) : 0xff; }

void Pit::put(u16 offset, u8 value) {
    if (offset < 3) counters[offset].write(value, now());
    else if (offset == 3 && value >> 6 == 3) read_back(value);
    else if (offset == 3 && (value & 0x30) == 0) counters[value >> 6].latch_count(now());
    else if (offset == 3) counters[value >> 6].control(value, now());
    drive();
}

void Pit::read_back(u8 word) {
    for (unsigned i = 0; i < 3; i++) {
        if (!(word >> (i + 1) & 1)) continue;
        if (!(word & 0x20)) counters[i].latch_count(now());
        if (!(word & 0x10)) counters[i].latch_status(now());
    }
}

void Pit::set_gate2(bool level) { counters[2].set_gate(level, now()); }

void Pit::visit(Archive& a) {
    a("out0", out0), a("timer", timer), a("counters", counters), a("rises0", rises0);
}
