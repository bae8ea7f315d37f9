// SPDX-License-Identifier: MIT
// The real-time clock and 128 bytes of CMOS RAM, after Motorola's MC146818 data sheet, with the
// century at 32h as PCs have it. The date is derived from the clock; an update lasts from 2228 to 0
// microseconds before each second. Left out: daylight saving (DSE is kept), the square wave pin,
// counting on from impossible dates.
#pragma once
#include "base/clock.h"
#include "iodev/byte_device.h"

class Cmos final : public ByteDevice {
public:
    // seconds since 1970-01-01 00:00:00 that the clock shows at power-on.
    Cmos(Clock&, Line irq8, Line nmi_disabled, s64 seconds_since_1970);

    std::string_view name() const override { return "cmos"; }
    void reset(Reset) override;
    u8 get(u16 offset) override;          // port 70h selects (bit 7: NMI disabled), 71h is the byte
    void put(u16 offset, u8 value) override;
    void visit(Archive&) override;

    // The size registers that firmware reads: bytes of RAM below and above 4 GiB.
    void set_memory(u64 below_4g, u64 above_4g);
    // The types of drives A (high nibble) and B, as firmware reads them; 0: none.
    void set_floppies(u8 types);
    void poke(u8 index, u8 value) { ram[index & 0x7f] = value; }    // any other byte, by the board
    bool irq() const { return irq8.level(); }
    u8 peek(u8 index) const { return ram[index & 0x7f]; }

private:
    struct Date { s64 year; unsigned month, day, hour, minute, second; };
    enum Index : u8 {
        seconds, seconds_alarm, minutes, minutes_alarm, hours, hours_alarm,
        weekday, day, month, year, status_a, status_b, status_c, status_d,
        shutdown = 0x0f, century = 0x32,
    };
    static constexpr u64 crystal = 32768;

    static s64 days_from_date(s64 year, unsigned month, unsigned day);
    static Date date_of(s64 seconds_since_1970);
    bool is_time(u8 index) const;
    bool counting() const;                  // neither SET nor the divider held in reset
    u64 counts() const;                     // of the crystal, since the divider was last released
    u64 tick_of_count(u64 count) const { return divider_start + clock.tick_of(count, crystal); }
    s64 now() const;                        // the date shown, in seconds since 1970
    bool updating() const;
    // of the periodic interrupt, as a power of two of crystal counts; 0: none
    unsigned period() const;
    u8 to_register(unsigned value) const;
    unsigned from_register(u8 value) const;
    u8 hour_to_register(unsigned hour) const;
    unsigned hour_from_register(u8 value) const;
    void show_date();                       // the date into the registers
    void take_date();                       // and back
    void write_time(u8 index, u8 value);
    void write_a(u8 value);
    void write_b(u8 value);
    s64 next_alarm(s64 after) const;        // the first second after `after` that matches, or never
    void sync();                            // flags up to now, the interrupt line, the next alarm
    void arm();

    Clock& clock;
    Line irq8, nmi_disabled;
    Timer timer;
    const s64 power_on_seconds;
    std::array<u8, 128> ram{};
    u8 selected = 0;
    s64 base_seconds = 0;                   // the date at count 0, less `phase`
    u64 divider_start = 0;                  // tick at which the divider chain was released
    u32 phase = 0;                        // counts that were done then: half a second after a reset
    u8 weekday_shift = 0;                   // what the guest's weekday differs from the calendar's
    s64 seen_second = 0;                    // flags are up to date to this second
    u64 seen_period = 0;                    // and to this period
};
