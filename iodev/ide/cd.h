// SPDX-License-Identifier: MIT
// An ATAPI CD or DVD drive: PACKET and its commands after SFF-8020i, MMC-3 and SPC-2, reading one
// data track. Left out: audio, raw sectors (READ CD gives user data only), writing, changers.
#pragma once
#include "iodev/ide/drive.h"

namespace ide {

class Cd final : public Drive {
public:
    Cd(Clock&, BusMasterRegisters&, Medium, std::string serial,
       std::function<void()> interrupt_changed);
    void visit(Archive&) override;

private:
    static constexpr u32 block = 2048;
    using Packet = std::span<const u8, packet_size>;
    struct Command;
    static const Command commands[];
    struct Sense { u8 key = 0, code = 0, qualifier = 0; };

    void execute(u8 code) override;
    void reset_state() override;
    void signature() override;
    bool fetch(std::span<u8>) override;
    bool store(std::span<const u8>) override { return false; }
    void packet(std::span<const u8, packet_size>) override;
    u32 block_size() const override { return identifying ? 512 : byte_limit; }
    void block_ready() override;
    void data_done() override;

    void identify();
    void set_features();
    void complete();                      // without data
    void refuse(Sense);                   // CHECK CONDITION
    void send(std::span<const u8> reply, u32 allocation_length);
    void send_medium(u64 lba, u64 blocks);
    void start_data(u64 bytes);
    bool loaded() const { return medium.present() && !tray_open; }
    u64 blocks() const { return medium.size() / block; }

    void test_unit_ready(Packet);
    void request_sense(Packet);
    void inquiry(Packet);
    void start_stop(Packet);
    void prevent_allow(Packet);
    void read_capacity(Packet);
    void read_10(Packet);
    void read_12(Packet);
    void read_cd(Packet);
    void seek(Packet);
    void read_toc(Packet);
    void get_configuration(Packet);
    void get_event_status(Packet);
    void read_disc_information(Packet);
    void mode_sense(Packet);
    void mechanism_status(Packet);

    std::array<u16, 256> identity() const;

    const std::string serial;
    std::array<u8, 512> reply{};
    u64 position = 0;                     // bytes: of the medium or of the reply
    u32 byte_limit = 0xfffe;              // of a DRQ block
    u8 mwdma = 0x04, udma = 0;
    Sense sense, attention;               // attention: told once, instead of the next command
    bool from_medium = false, by_dma = false, identifying = false, tray_open = false,
         locked = false, tray_moved = false;
};

}  // namespace ide
