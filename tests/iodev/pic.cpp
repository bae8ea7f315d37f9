// SPDX-License-Identifier: MIT
// Tests of the 8259A pair, from Intel's 8259A data sheet.
#include "iodev/pic.h"
#include "tests/archive_roundtrip.h"

namespace {
struct PicTest : testing::Test {
    bool intr = false;
    DualPic pics{Line([this](bool level) { intr = level; })};
    PicTest() { initialize(0x01); }
    // As every PC does: cascade on input 2, vectors 20h and 28h, nothing masked.
    void initialize(u8 icw4) {
        for (Pic* chip : {&pics.master, &pics.slave}) {
            bool master = chip == &pics.master;
            chip->put(0, 0x11);
            chip->put(1, master ? 0x20 : 0x28);
            chip->put(1, master ? 0x04 : 0x02);
            chip->put(1, icw4);
            chip->put(1, 0);
        }
    }
    u8 in_service(Pic& chip) { return chip.put(0, 0x0b), chip.get(0); }
    u8 requested(Pic& chip) { return chip.put(0, 0x0a), chip.get(0); }
    void raise(unsigned irq) { pics.set(irq, true); }
    void drop(unsigned irq) { pics.set(irq, false); }
};
}

TEST_F(PicTest, an_edge_interrupts_with_the_programmed_vector) {
    raise(1);
    EXPECT_TRUE(intr);
    EXPECT_EQ(pics.acknowledge(), 0x21);
    EXPECT_FALSE(intr);
    EXPECT_EQ(in_service(pics.master), 0x02);
    pics.master.put(0, 0x20);
    EXPECT_EQ(in_service(pics.master), 0);
    EXPECT_FALSE(intr) << "a high line is no new edge";
}

TEST_F(PicTest, the_slave_interrupts_through_input_2) {
    raise(8);
    EXPECT_TRUE(intr);
    EXPECT_EQ(pics.acknowledge(), 0x28);
    EXPECT_EQ(in_service(pics.master), 0x04);
    EXPECT_EQ(in_service(pics.slave), 0x01);
}

TEST_F(PicTest, lower_inputs_win_and_block_higher_ones) {
    raise(5), raise(3);
    EXPECT_EQ(pics.acknowledge(), 0x23);
    EXPECT_FALSE(intr);
    raise(1);
    EXPECT_TRUE(intr);
    EXPECT_EQ(pics.acknowledge(), 0x21);
    pics.master.put(0, 0x20);
    EXPECT_EQ(in_service(pics.master), 0x08);
    pics.master.put(0, 0x20);
    EXPECT_EQ(pics.acknowledge(), 0x25);
}

TEST_F(PicTest, a_request_that_goes_away_is_spurious_interrupt_7) {
    raise(3), drop(3);
    EXPECT_FALSE(intr);
    EXPECT_EQ(pics.acknowledge(), 0x27);
    EXPECT_EQ(in_service(pics.master), 0);
}

TEST_F(PicTest,
       a_slave_request_that_goes_away_is_spurious_interrupt_15_with_the_cascade_in_service) {
    pics.slave.put(1, 0xff);
    raise(10);
    pics.slave.put(1, 0x00);
    EXPECT_TRUE(intr);
    auto won = pics.master.acknowledge();
    EXPECT_EQ(won.input, 2);
    drop(10);
    EXPECT_EQ(pics.slave.vector(pics.slave.acknowledge().input), 0x2f);
    EXPECT_EQ(in_service(pics.master), 0x04);
    EXPECT_EQ(in_service(pics.slave), 0);
}

TEST_F(PicTest, a_masked_input_waits) {
    pics.master.put(1, 0x02);
    raise(1);
    EXPECT_FALSE(intr);
    EXPECT_EQ(requested(pics.master), 0x02);
    pics.master.put(1, 0x00);
    EXPECT_TRUE(intr);
}

TEST_F(PicTest, a_level_input_asks_again_after_eoi) {
    pics.elcr.put(1, 0x08);
    raise(11);
    EXPECT_EQ(pics.acknowledge(), 0x2b);
    pics.slave.put(0, 0x20), pics.master.put(0, 0x20);
    EXPECT_TRUE(intr);
    EXPECT_EQ(pics.acknowledge(), 0x2b);
    drop(11);
    pics.slave.put(0, 0x20), pics.master.put(0, 0x20);
    EXPECT_FALSE(intr);
}

TEST_F(PicTest, the_system_inputs_stay_edge_triggered) {
    pics.elcr.out(0, 2, 0xffff);
    EXPECT_EQ(pics.elcr.in(0, 2), 0xdef8u);
}

TEST_F(PicTest, two_requests_at_the_slave_are_two_interrupts) {
    raise(9), raise(12);
    EXPECT_EQ(pics.acknowledge(), 0x29);
    pics.slave.put(0, 0x20), pics.master.put(0, 0x20);
    EXPECT_TRUE(intr);
    EXPECT_EQ(pics.acknowledge(), 0x2c);
}

TEST_F(PicTest, automatic_eoi_leaves_nothing_in_service) {
    initialize(0x03);
    raise(4), raise(12);
    EXPECT_EQ(pics.acknowledge(), 0x2c) << "input 2 of the master is above input 4";
    EXPECT_EQ(in_service(pics.slave), 0);
    EXPECT_EQ(pics.acknowledge(), 0x24);
    EXPECT_EQ(in_service(pics.master), 0);
}

TEST_F(PicTest, automatic_eoi_at_the_slave_still_shows_the_master_an_edge_each) {
    initialize(0x03);
    raise(9), raise(12);
    EXPECT_EQ(pics.acknowledge(), 0x29);
    EXPECT_TRUE(intr);
    EXPECT_EQ(pics.acknowledge(), 0x2c);
    EXPECT_FALSE(intr);
}

TEST_F(PicTest, specific_eoi_ends_that_input) {
    raise(5);
    pics.acknowledge();
    raise(3);
    pics.acknowledge();
    pics.master.put(0, 0x65);
    EXPECT_EQ(in_service(pics.master), 0x08);
}

TEST_F(PicTest, rotation_makes_the_served_input_the_lowest) {
    raise(3);
    pics.acknowledge();
    pics.master.put(0, 0xa0);              // rotate on non-specific EOI: 4 is highest now, 3 lowest
    raise(1), raise(5);
    EXPECT_EQ(pics.acknowledge(), 0x25);
}

TEST_F(PicTest, set_priority_names_the_lowest_input) {
    pics.master.put(0, 0xc4);               // 5 is highest
    raise(0), raise(6);
    EXPECT_EQ(pics.acknowledge(), 0x26);
}

TEST_F(PicTest, rotation_in_automatic_eoi_mode) {
    initialize(0x03);
    pics.master.put(0, 0x80);
    raise(0);
    EXPECT_EQ(pics.acknowledge(), 0x20);
    drop(0), raise(0), raise(7);
    EXPECT_EQ(pics.acknowledge(), 0x27);
}

TEST_F(PicTest, special_mask_mode_lets_lower_inputs_through) {
    raise(3);
    pics.acknowledge();
    pics.master.put(0, 0x68);               // special mask mode on
    pics.master.put(1, 0x08);
    raise(6);
    EXPECT_TRUE(intr);
    EXPECT_EQ(pics.acknowledge(), 0x26);
    pics.master.put(0, 0x20);
    EXPECT_EQ(in_service(pics.master), 0x08)
        << "a masked in-service bit is not for the non-specific EOI";
}

TEST_F(PicTest, special_fully_nested_mode_lets_the_slave_interrupt_itself) {
    initialize(0x11);
    raise(12);
    EXPECT_EQ(pics.acknowledge(), 0x2c);
    raise(9);
    EXPECT_TRUE(intr);
    EXPECT_EQ(pics.acknowledge(), 0x29);
}

TEST_F(PicTest, without_special_fully_nested_mode_the_slave_waits) {
    raise(12);
    pics.acknowledge();
    raise(9);
    EXPECT_FALSE(intr);
}

TEST_F(PicTest, a_poll_acknowledges) {
    raise(4);
    pics.master.put(0, 0x0c);
    EXPECT_EQ(pics.master.get(0), 0x84);
    EXPECT_EQ(in_service(pics.master), 0x10);
    pics.master.put(0, 0x0c);
    EXPECT_EQ(pics.master.get(0) & 0x80, 0);
}

TEST_F(PicTest, initialization_clears_mask_and_edges) {
    pics.master.put(1, 0xf0);
    raise(3);
    pics.master.put(0, 0x11);
    EXPECT_EQ(requested(pics.master), 0);
    EXPECT_FALSE(intr);
    pics.master.put(1, 0x40), pics.master.put(1, 0x04), pics.master.put(1, 0x01);
    EXPECT_EQ(pics.master.get(1), 0) << "the mask";
    drop(3), raise(3);
    EXPECT_EQ(pics.acknowledge(), 0x43);
}

TEST_F(PicTest, a_single_chip_needs_no_icw3) {
    pics.master.put(0, 0x12);
    pics.master.put(1, 0x50);
    pics.master.put(1, 0xaa);
    EXPECT_EQ(pics.master.get(1), 0xaa);
}

TEST_F(PicTest, state_survives_saving) {
    raise(3), raise(9);
    pics.acknowledge();
    DualPic other{Line()};
    expect_roundtrip(pics, other);
}
