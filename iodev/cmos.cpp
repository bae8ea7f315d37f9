// SPDX-License-Identifier: MIT
// MC146818: the date from a count of the crystal, and the three interrupts.
#include "iodev/cmos.h"
#include <algorithm>

static constexpr u8 b_set = 0x80, b_pie = 0x40, b_aie = 0x20, b_uie = 0x10, b_binary = 0x04,
                    b_24h = 0x02;
static constexpr u8 c_irqf = 0x80, c_pf = 0x40, c_af = 0x20, c_uf = 0x10;
static constexpr s64 never = s64(mask(62, 0));
static constexpr s64 last_date = s64{1} << 40;

Cmos::Cmos(Clock& clock, Line irq8, Line nmi_disabled, s64 start)
    : clock(clock), irq8(std::move(irq8)), nmi_disabled(std::move(nmi_disabled)),
      timer(clock, [this] { sync(); }), power_on_seconds(std::clamp<s64>(start, 0, last_date)) {
    reset(Reset::power);
}

// The RESET pin clears the interrupt enables and flags; only power-on touches the date and the RAM.
void Cmos::reset(Reset kind) {
    if (kind == Reset::power) {
        base_seconds = power_on_seconds;
        divider_start = clock.ticks, phase = 0, weekday_shift = 0;
        ram[status_a] = 0x26;
        ram[status_b] = b_24h;
        ram[status_d] = 0x80;
        ram[0x14] = 0x06;                   // equipment: FPU, pointing device
        show_date();
    }
    ram[status_b] &= ~(b_pie | b_aie | b_uie | 0x08);
    ram[status_c] = 0;
    selected = 0;
    seen_second = now();
    seen_period = period() ? counts() >> period() : 0;
    nmi_disabled.set(false);
    sync();
}

void Cmos::visit(Archive& a) {
    a("irq8", irq8), a("nmi_disabled", nmi_disabled), a("timer", timer);
    a("ram", ram), a("selected", selected), a("base_seconds", base_seconds);
    a("divider_start", divider_start), a("phase", phase), a("weekday_shift", weekday_shift);
    a("seen_second", seen_second), a("seen_period", seen_period);
    selected &= 0x7f, weekday_shift %= 7;
    phase = std::min<u32>(phase, crystal);
    base_seconds = std::clamp(base_seconds, -last_date, last_date);
    seen_second = std::clamp(seen_second, -last_date, last_date * 4);
}

// Equipment byte: bit 0, there are floppy drives; bits 7:6, their number less one.
void Cmos::set_floppies(u8 types) {
    constexpr u8 floppy_types = 0x10, equipment = 0x14;
    bool first = types >> 4, second = types & 0x0f;
    ram[floppy_types] = types;
    ram[equipment] = u8((ram[equipment] & 0x3e) | (first || second) | (first && second) << 6);
}

void Cmos::set_memory(u64 below_4g, u64 above_4g) {
    auto word = [&](u8 low, u64 value) {
        value = std::min<u64>(value, 0xffff);
        poke(low, u8(value));
        poke(u8(low + 1), u8(value >> 8));
    };
    constexpr u64 k = 1024, m = k * k;
    word(0x15, 640);
    u64 extended = below_4g > m ? (below_4g - m) / k : 0;
    word(0x17, extended);
    word(0x30, extended);
    word(0x34, below_4g > 16 * m ? (below_4g - 16 * m) / (64 * k) : 0);
    u64 high = std::min<u64>(above_4g / (64 * k), 0xffffff);
    word(0x5b, high & 0xffff);
    poke(0x5d, u8(high >> 16));
}

// Days since 1970-01-01 of a date in the Gregorian calendar; years start in March here, so that
// leap days end them.
s64 Cmos::days_from_date(s64 year, unsigned month, unsigned day) {
    year -= month <= 2;
    s64 era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    s64 of_year = (153 * (s64(month) + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

Cmos::Date Cmos::date_of(s64 all_seconds) {
    s64 days = all_seconds / 86400, rest = all_seconds % 86400;
    if (rest < 0) rest += 86400, days--;
    s64 shifted = days + 719468, era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    s64 of_era = shifted - era * 146097;
    s64 year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    s64 of_year = of_era - (365 * year + year / 4 - year / 100), march = (5 * of_year + 2) / 153;
    unsigned month = unsigned(march < 10 ? march + 3 : march - 9);
    return {year + era * 400 + (month <= 2), month, unsigned(of_year - (153 * march + 2) / 5 + 1),
            unsigned(rest / 3600), unsigned(rest / 60 % 60), unsigned(rest % 60)};
}

bool Cmos::is_time(u8 index) const {
    return index == century || (index <= year && index != seconds_alarm && index != minutes_alarm &&
                                index != hours_alarm);
}

bool Cmos::counting() const { return !(ram[status_b] & b_set) && (ram[status_a] & 0x60) != 0x60; }

u64 Cmos::counts() const {
    if ((ram[status_a] & 0x60) == 0x60 || clock.ticks < divider_start) return 0;
    return clock.count_at(clock.ticks - divider_start, crystal);
}

s64 Cmos::now() const { return base_seconds + s64((counts() + phase) / crystal); }

// Within 244 + 1984 microseconds (73 counts) of the next second (data sheet, "Update cycle").
bool Cmos::updating() const { return counting() && crystal - (counts() + phase) % crystal <= 73; }

// Rates 1 and 2 are those of 8 and 9 with a 32768-Hz crystal.
unsigned Cmos::period() const {
    unsigned rate = ram[status_a] & 15;
    if (rate == 0 || (ram[status_a] & 0x60) == 0x60) return 0;
    return rate <= 2 ? rate + 6 : rate - 1;
}

u8 Cmos::to_register(unsigned value) const {
    return u8(ram[status_b] & b_binary ? value : value / 10 << 4 | value % 10);
}
unsigned Cmos::from_register(u8 value) const {
    return ram[status_b] & b_binary ? value : (value >> 4) * 10u + (value & 15);
}
u8 Cmos::hour_to_register(unsigned hour) const {
    if (ram[status_b] & b_24h) return to_register(hour);
    return u8(to_register(hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0));
}
unsigned Cmos::hour_from_register(u8 value) const {
    if (ram[status_b] & b_24h) return from_register(value);
    return from_register(value & 0x7f) % 12 + (value & 0x80 ? 12 : 0);
}

void Cmos::show_date() {
    s64 all = now();
    auto date = date_of(all);
    ram[seconds] = to_register(date.second);
    ram[minutes] = to_register(date.minute);
    ram[hours] = hour_to_register(date.hour);
    s64 days = days_from_date(date.year, date.month, date.day);
    // day 0 was a Thursday (5)
    ram[weekday] = to_register(unsigned(((days + 4 + weekday_shift) % 7 + 7) % 7 + 1));
    ram[day] = to_register(date.day);
    ram[month] = to_register(date.month);
    ram[year] = to_register(unsigned(date.year % 100));
    unsigned hundreds = unsigned(date.year / 100 % 100);
    ram[century] = u8(hundreds / 10 << 4 | hundreds % 10);
}

void Cmos::take_date() {
    unsigned hundreds = (ram[century] >> 4) * 10u + (ram[century] & 15);
    s64 full_year = s64(hundreds) * 100 + from_register(ram[year]) % 100;
    unsigned in_month = std::clamp(from_register(ram[month]), 1u, 12u);
    s64 days = days_from_date(full_year, in_month, std::clamp(from_register(ram[day]), 1u, 31u));
    s64 of_day = hour_from_register(ram[hours]) % 24 * 3600 +
                 from_register(ram[minutes]) % 60 * 60 + from_register(ram[seconds]) % 60;
    base_seconds = days * 86400 + of_day - s64((counts() + phase) / crystal);
    s64 calendar = ((days + 4) % 7 + 7) % 7;
    weekday_shift = u8((from_register(ram[weekday]) % 7 + 6 + 7 - calendar) % 7);
}

// Register values that no alarm can match: hours count 0-23.
s64 Cmos::next_alarm(s64 after) const {
    auto any = [](u8 value) { return value >= 0xc0; };
    bool any_hour = any(ram[hours_alarm]), any_minute = any(ram[minutes_alarm]),
         any_second = any(ram[seconds_alarm]);
    unsigned h = hour_from_register(ram[hours_alarm]), m = from_register(ram[minutes_alarm]),
             s = from_register(ram[seconds_alarm]);
    if ((!any_hour && h > 23) || (!any_minute && m > 59) || (!any_second && s > 59)) return never;
    s64 midnight = after - ((after % 86400) + 86400) % 86400;
    for (s64 hour = 0; hour < 48; hour++) {
        if (!any_hour && hour % 24 != h) continue;
        if (midnight + hour * 3600 + 3599 <= after) continue;
        for (s64 minute = 0; minute < 60; minute++) {
            if (!any_minute && minute != m) continue;
            s64 start = midnight + hour * 3600 + minute * 60;
            s64 at = !any_second ? start + s : std::max(start, after + 1);
            if (at > after && at < start + 60) return at;
        }
    }
    return never;
}

void Cmos::sync() {
    u8& flags = ram[status_c];
    if (counting()) {
        s64 second = now();
        if (second > seen_second) flags |= c_uf;
        if (!(flags & c_af) && second > seen_second && next_alarm(seen_second) <= second)
            flags |= c_af;
        seen_second = second;
    }
    if (period()) {
        u64 periods = counts() >> period();
        if (periods != seen_period) flags |= c_pf;
        seen_period = periods;
    }
    bool interrupt = flags & ram[status_b] & (c_pf | c_af | c_uf);
    flags = interrupt ? flags | c_irqf : flags & ~c_irqf;
    irq8.set(interrupt);
    arm();
}

// The first tick at which a flag that is enabled and still clear will be set.
void Cmos::arm() {
    u8 wanted = ram[status_b] & ~ram[status_c];
    u64 at = Clock::never;
    auto count_of_second = [&](s64 second) { return u64(second - base_seconds) * crystal - phase; };
    if (wanted & b_pie && period()) at = tick_of_count((seen_period + 1) << period());
    if (counting()) {
        if (wanted & b_uie) at = std::min(at, tick_of_count(count_of_second(seen_second + 1)));
        s64 alarm = wanted & b_aie ? next_alarm(seen_second) : never;
        if (alarm != never) at = std::min(at, tick_of_count(count_of_second(alarm)));
    }
    timer.at(at == Clock::never ? at : std::max(at, clock.ticks + 1));
}

u8 Cmos::get(u16 offset) {
    if (offset != 1) return 0xff;
    sync();
    if (is_time(selected) && counting()) show_date();
    if (selected == status_a) return u8((ram[status_a] & 0x7f) | updating() << 7);
    u8 value = ram[selected];
    if (selected == status_c) {             // reading C acknowledges
        ram[status_c] = 0;
        sync();
    }
    return value;
}

void Cmos::put(u16 offset, u8 value) {
    if (offset == 0) {
        selected = value & 0x7f;
        nmi_disabled.set(value & 0x80);
    } else if (offset == 1) {
        sync();
        if (is_time(selected)) write_time(selected, value);
        else if (selected == status_a) write_a(value);
        else if (selected == status_b) write_b(value);
        else if (selected != status_c && selected != status_d) ram[selected] = value;
        sync();
    }
}

void Cmos::write_time(u8 index, u8 value) {
    if (!counting()) {
        ram[index] = value;
        return;
    }
    show_date();
    ram[index] = value;
    take_date();
    seen_second = now();
}

// Releasing the divider chain makes the first update come half a second later.
void Cmos::write_a(u8 value) {
    bool was_counting = counting();
    if (was_counting) show_date();
    bool held = (ram[status_a] & 0x60) == 0x60;
    ram[status_a] = value & 0x7f;
    bool holds = (value & 0x60) == 0x60;
    if (held != holds) divider_start = clock.ticks, phase = holds ? 0 : crystal / 2;
    if (held != holds && !(ram[status_b] & b_set)) take_date();
    seen_second = now();
    seen_period = period() ? counts() >> period() : 0;
}

// SET freezes the date for the guest to write it, and clears UIE; the date counts on from there.
void Cmos::write_b(u8 value) {
    bool was_counting = counting(), was_set = ram[status_b] & b_set;
    if (was_counting) show_date();
    if (value & b_set) value &= ~b_uie;
    u8 format = (ram[status_b] ^ value) & (b_binary | b_24h);
    if (was_counting && !(value & b_set) && format) {
        ram[status_b] = value;             // the clock keeps its date; only how it is shown changes
        return;
    }
    ram[status_b] = value;
    if (was_set && !(value & b_set)) take_date();
    seen_second = now();
}
