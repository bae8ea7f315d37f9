// SPDX-License-Identifier: MIT
// An IDE channel: up to two drives on one cable. Both take what is written to the command block;
// the selected one answers (ATA/ATAPI-6, 7).
#pragma once
#include "iodev/ide/drive.h"
#include <memory>

namespace ide {

class Channel final : public Device {
public:
    Channel(Clock&, BusMaster&, std::function<bool()> bus_master_allowed, Line irq);

    std::string_view name() const override { return "ide-channel"; }
    void reset(Reset) override;
    u32 in(u16 offset, unsigned width) override;                       // the command block, 8 ports
    void out(u16 offset, unsigned width, u32 value) override;
    void visit(Archive&) override;

    enum class Kind : u8 { disk, cd };
    void attach(unsigned n, Kind, Medium, const std::string& serial);   // n: 0 or 1

    Drive* attached(unsigned n) const { return drives[n].get(); }       // null: nothing

    // Port 3F6h or 376h: alternate status and device control.
    class ControlBlock final : public ByteDevice {
    public:
        explicit ControlBlock(Channel& channel) : channel(channel) {}
        std::string_view name() const override { return "ide-control"; }
        void reset(Reset) override {}
        u8 get(u16) override { return channel.status(); }
        void put(u16, u8 value) override { channel.put_control(value); }
        void visit(Archive&) override {}  // the channel holds the register
    private:
        Channel& channel;
    } control_block{*this};

    BusMasterRegisters bus_master;

private:
    u8 status() const;
    u8 get(unsigned offset);
    void put(unsigned offset, u8 value);
    void put_control(u8 value);
    void put_command(u8 code);
    void diagnose();
    void update();
    Drive* drive() const { return drives[selected].get(); }
    Drive* other() const { return drives[!selected].get(); }
    void for_each(auto run) {
        for (auto& drive : drives)
            if (drive) run(*drive);
    }

    Clock& clock;
    Line irq;
    std::array<std::unique_ptr<Drive>, 2> drives;
    bool selected = false;
    u8 control = 0;
};

}  // namespace ide
