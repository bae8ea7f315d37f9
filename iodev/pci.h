// SPDX-License-Identifier: MIT
// PCI: functions with a 256-byte configuration space, and bus 0 with configuration mechanism #1,
// after the PCI Local Bus specification 2.3. Left out: special cycles, buses behind bridges.
#pragma once
#include "iodev/device.h"
#include <array>
#include <vector>

// A function: its header, which bits of it can be written, BARs that report where they are mapped,
// capabilities. A derived class may also answer ports and MMIO (Device's in/out, read/write) at
// what its BARs map.
class PciFunction : public Device {
public:
    struct Id {
        u16 vendor = 0xffff, device = 0xffff;
        u32 class_code = 0;                 // base class, subclass, interface: 24 bits
        u8 revision = 0;
        u8 pin = 0;                         // 1 to 4: INTA to INTD; 0: none
        bool multifunction = false;
    };
    explicit PciFunction(Id);

    u32 config_read(unsigned offset, unsigned width);
    void config_write(unsigned offset, unsigned width, u32 value);
    void reset(Reset) override;
    void visit(Archive&) override;

    // The function's INTx, as its command register lets it out, and no messages are used instead (PCI 3.0, 6.8.1.3).
    void set_interrupt(bool level);
    unsigned pin() const { return config[0x3d] & 7; }
    void connect(Line to) { intx = std::move(to); }     // by the bus

    // Its BARs as they stand, the expansion ROM's last; `on`: decoded.
    struct Window {
        unsigned bar;
        bool io, wide, rom;
        u64 base, size;
        bool on;
    };
    std::vector<Window> windows() const;

    // Told where a BAR lies, or off (decoding disabled, unassigned, or being sized).
    using Remap = std::function<void(u64 base, bool on)>;

protected:
    enum class Bar : u8 { io, memory, memory64, rom };
    // size is a power of two, at least 4 (16 for memory)
    void add_bar(unsigned n, Bar, u32 size, Remap);
    void add_rom(u32 size, Remap);        // the expansion ROM's; at least 2048
    u8 add_capability(u8 id, u8 size);    // its offset; the list is linked; 0 when there is no room
    void fix(unsigned offset, unsigned width, u32 value);                   // the value at reset
    void allow(unsigned offset, unsigned width, u32 mask);               // bits that can be written
    void allow_clear(unsigned offset, unsigned width, u32 mask);       // bits that writing 1 clears
    virtual void written(unsigned offset, unsigned width) { (void)offset, (void)width; }
    virtual void changed() {}        // after reset and loading: whatever follows from the registers
    virtual bool uses_messages() const { return false; }
    bool bus_master() const { return config[4] & 4; }

    std::array<u8, 256> config{};

private:
    struct BarState {
        Bar kind = Bar::memory;
        u32 size = 0;                       // 0: no such BAR
        Remap remap;
        u64 mapped = unmapped;              // what `remap` was last told; follows from config
    };
    static constexpr u64 unmapped = ~u64{0};
    u64 wanted(unsigned n) const;
    void update();
    u32 config_dword(unsigned offset) const;

    std::array<u8, 256> initial{}, writable{}, clearable{};
    static constexpr unsigned rom_bar = 6;
    std::array<BarState, 7> bars;           // the last is the expansion ROM's
    u16 next_capability = 0x40;
    u8 last_capability = 0;
    bool interrupt = false;                 // what the function asks for
    Line intx;
};

// Bus 0: ports CF8h-CFFh, and the wiring of INTx pins to four PIRQ lines.
class PciBus final : public Device {
public:
    explicit PciBus(std::function<void(unsigned pirq, bool level)> pirq) : pirq(std::move(pirq)) {}

    std::string_view name() const override { return "pci"; }
    void reset(Reset) override { address = 0; }         // functions are reset by the board
    u32 in(u16 offset, unsigned width) override;
    void out(u16 offset, unsigned width, u32 value) override;
    void visit(Archive&) override;          // not of the functions

    void attach(unsigned slot, unsigned function, PciFunction&);
    PciFunction* function(unsigned slot, unsigned function) const {
        return functions[(slot * 8 + function) & 0xff];
    }
    // The PIRQ of a slot's pin (1 to 4): each slot is turned by one, slot 1's INTA being PIRQA.
    static unsigned pirq_of(unsigned slot, unsigned pin) { return (slot + pin - 2) & 3; }

private:
    PciFunction* target() const;
    void set_intx(unsigned index, bool level);

    std::function<void(unsigned, bool)> pirq;
    std::array<PciFunction*, 256> functions{};
    u32 address = 0;
    std::array<u8, 256> asserted{};         // by function: 0, or the PIRQ it holds, plus one
};
