// SPDX-License-Identifier: MIT
// The 8254 interval timer, after Intel's data sheet: all six modes, binary and BCD, latch and
// read-back. Counts are derived from the clock when they are asked for. Left out: undefined results
// of a count of 1 in modes 2 and 3 (the output stays still), and the one-CLK delay in what a read
// shows after a write.
#pragma once
#include "base/clock.h"
#include "iodev/byte_device.h"

// One counter; times are in counts of its CLK since tick 0.
struct PitCounter {
    void control(u8 word, s64 now);
    void write(u8 value, s64 now);
    u8 read(s64 now);
    void set_gate(bool level, s64 now);
    void latch_count(s64 now);
    void latch_status(s64 now);

    bool out(s64 now);
    u16 count(s64 now);
    static constexpr s64 never = s64(mask(62, 0));
    s64 next_change(s64 now);               // when out() will differ from out(now), after now
    u64 rises(s64 now);                     // rising edges of OUT since the count was loaded
    // Counts from one rise to the next; 0 when it makes none of itself.
    u32 period() const { return periodic() && loaded && running ? initial : 0; }
    void visit(Archive&);

    u8 word = 0x36;                         // the control word: RW 5:4, mode 3:1, BCD 0
    bool gate = true;

private:
    unsigned mode() const { return (word >> 1 & 7) >= 6 ? (word >> 1 & 3) : (word >> 1 & 7); }
    bool bcd() const { return word & 1; }
    bool periodic() const { return mode() == 2 || mode() == 3; }
    bool one_shot_by_gate() const { return mode() == 1 || mode() == 5; }
    u32 modulus() const { return bcd() ? 10000 : 65536; }
    u32 high_half() const { return (initial + 1) / 2; }
    u32 decoded(u16 raw) const;
    u16 encoded(u32 value) const;
    s64 elapsed(s64 now) const;
    void start(s64 elapsed_counts, s64 now);
    void load(u16 raw, s64 now);
    void catch_up(s64 now);                 // takes over a count that waits for the end of a cycle

    u32 initial = 65536;                    // the count in force, 1 to 65536
    u32 next = 0;               // one that waits (modes 2 and 3; 1 and 5: for the trigger); 0: none
    s64 next_at = never;
    s64 base = 0;           // when `elapsed` was 0 (running), or minus the elapsed counts (stopped)
    bool running = true, loaded = true, triggered = false;
    u8 low_byte = 0;
    bool write_high = false, read_high = false;
    u16 latched = 0;
    u8 latched_bytes = 0;                   // bytes of `latched` still to be read
    u8 status = 0;
    bool status_latched = false;
};

class Pit final : public ByteDevice {
public:
    static constexpr u64 hertz = 1193182;

    Pit(Clock&, Line out0);
    std::string_view name() const override { return "pit"; }
    void reset(Reset) override;
    u8 get(u16 offset) override;            // ports 40h-43h
    void put(u16 offset, u8 value) override;
    void visit(Archive&) override;

    void set_gate2(bool level);             // from port 61h
    bool out2() { return counters[2].out(now()); }
    bool irq() const { return out0.level(); }       // where it was last driven to
    u32 period2() const { return counters[2].period(); }

private:
    s64 now() const { return s64(clock.count(hertz)); }
    void read_back(u8 word);
    void drive();

    Clock& clock;
    Line out0;
    Timer timer;
    std::array<PitCounter, 3> counters;
    u64 rises0 = 0;                         // rising edges of output 0 already shown on the line
};
