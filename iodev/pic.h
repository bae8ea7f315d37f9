// SPDX-License-Identifier: MIT
// The interrupt controllers of the PC: two 8259A in cascade and their edge/level registers (ELCR),
// after Intel's 8259A data sheet and the 82371SB (PIIX3) one. Left out: MCS-80/85 mode and buffered
// mode, which no PC uses; ICW1.LTIM, which the PIIX3 replaces by the ELCR.
#pragma once
#include "iodev/byte_device.h"

// One 8259A: ports 0 and 1 are its A0 = 0 and A0 = 1.
class Pic final : public ByteDevice {
public:
    Pic(bool master, Line output) : output(std::move(output)), master(master) {
        reset(Reset::power);
    }

    std::string_view name() const override { return master ? "pic-master" : "pic-slave"; }
    void reset(Reset) override;
    u8 get(u16 offset) override;
    void put(u16 offset, u8 value) override;
    void visit(Archive&) override;

    void set(unsigned input, bool level);
    void set_levels(u8 mask);               // ELCR: inputs whose mask bit is 1 are level-triggered
    u8 levels() const { return elcr; }
    // One INTA cycle: the input that won, and whether it was there at all (else input 7, spurious).
    struct Won { u8 input; bool real; };
    Won acknowledge();
    u8 vector(u8 input) const { return vector_base | input; }
    u8 requests() const { return (latched & ~elcr) | (inputs & elcr); }
    bool pending() const { return winner() < 8; }

private:
    static constexpr u8 nobody = 8;
    enum class Expects : u8 { nothing, icw2, icw3, icw4 };

    u8 rank_to_input(unsigned rank) const { return u8((lowest + 1 + rank) & 7); }
    u8 best_rank(u8 set) const;
    u8 winner() const;
    void update() { output.set(pending()); }
    void icw1(u8 value);
    void icw(u8 value);
    void ocw2(u8 value);
    void ocw3(u8 value);
    void end(u8 input, bool rotate);
    u8 to_end() const;
    u8 poll_read();

    Line output;
    const bool master;
    u8 inputs = 0, latched = 0, in_service = 0, masked = 0, elcr = 0;
    u8 vector_base = 0, lowest = 7;
    Expects expects = Expects::nothing;
    bool single = false, wants_icw4 = false, auto_eoi = false, rotate_on_auto_eoi = false;
    bool special_fully_nested = false, special_mask = false, read_in_service = false, poll = false;
};

// Master, slave and ELCR, wired as in the PC: the slave's output is the master's input 2.
class DualPic {
public:
    explicit DualPic(Line intr)
        : master(true, std::move(intr)),
          slave(false, Line([this](bool on) { master.set(2, on); })) {}

    void set(unsigned irq, bool level);     // IRQ 0-15; 2 is the cascade and is ignored
    Line irq(unsigned n) {
        return Line([this, n](bool level) { set(n, level); });
    }
    u8 acknowledge();                       // the vector for the CPU; spurious ones included
    void reset(Reset);
    void visit(Archive&);

    Pic master, slave;                      // ports 20h and A0h, two each
    class Elcr final : public ByteDevice {  // ports 4D0h and 4D1h
    public:
        explicit Elcr(DualPic& pics) : pics(pics) {}
        std::string_view name() const override { return "elcr"; }
        void reset(Reset) override;
        u8 get(u16 offset) override;
        void put(u16 offset, u8 value) override;
        void visit(Archive&) override {}    // the chips hold the bits
    private:
        DualPic& pics;
    } elcr{*this};
};
