// SPDX-License-Identifier: MIT
// The page of a virtual APIC: sets of vectors, priorities, delivery and its end (SDM vol. 3, 30.1 and 30.2).
#include "cpu/virt/virtual_apic.h"
#include <array>
#include <cstring>
#include <gtest/gtest.h>

using namespace virt;

namespace {

struct Page : testing::Test {
    alignas(4096) std::array<u8, 8192> ram{};
    PhysicalMap memory{40};
    Page() { memory.map_ram(Physical(0), ram); }
    VirtualApic apic{memory, Physical(0x1234)};            // bits 11:0 are no part of a page's address
    u32 word(unsigned offset) const {
        u32 value;
        std::memcpy(&value, ram.data() + 0x1000 + offset, 4);
        return value;
    }
};

}

TEST_F(Page, each_vector_has_a_bit_in_the_words_16_bytes_apart) {
    struct { u8 vector; unsigned offset; u32 bit; } rows[] = {{0, 0, 0}, {31, 0, 31}, {32, 0x10, 0}, {0x45, 0x20, 5}, {255, 0x70, 31}};
    for (auto& r : rows)
        for (unsigned set : {0x100u, 0x180u, 0x200u}) {
            EXPECT_FALSE(apic.has(set, r.vector));
            apic.add(set, r.vector);
            EXPECT_EQ(word(set + r.offset), u32(1) << r.bit);
            EXPECT_TRUE(apic.has(set, r.vector));
            EXPECT_EQ(apic.highest(set), r.vector);
            apic.remove(set, r.vector);
            EXPECT_EQ(word(set + r.offset), 0u);
            EXPECT_EQ(apic.highest(set), VirtualApic::none);
        }
}

TEST_F(Page, the_highest_vector_counts) {
    for (u8 v : {0x30, 0x81, 0x45}) apic.add(apic_page::requested, v);
    EXPECT_EQ(apic.highest(apic_page::requested), 0x81);
}

TEST(VirtualApicPriority, the_tasks_or_that_of_the_one_in_service) {
    struct { u8 task, in_service, priority; } rows[] = {{0, 0, 0}, {0x35, 0, 0x35}, {0x35, 0x3f, 0x35}, {0x35, 0x41, 0x40}, {0x50, 0x4f, 0x50}, {0, 0x1f, 0x10}};
    for (auto& r : rows) EXPECT_EQ(processor_priority(r.task, r.in_service), r.priority) << int(r.task) << " " << int(r.in_service);
    EXPECT_TRUE(deliverable(0x45, 0x3f));
    EXPECT_FALSE(deliverable(0x45, 0x40));
    EXPECT_FALSE(deliverable(0x4f, 0x40));
}

TEST_F(Page, delivery_and_its_end_move_a_vector_and_the_priority) {
    apic.set(apic_page::task_priority, 0x25);
    apic.add(apic_page::in_service, 0x38);
    apic.add(apic_page::requested, 0x51);
    apic.update_priority(0x38);
    EXPECT_EQ(apic.priority(), 0x30);
    apic.accept(0x51);
    EXPECT_EQ(apic.priority(), 0x50);
    EXPECT_FALSE(apic.has(apic_page::requested, 0x51));
    EXPECT_TRUE(apic.has(apic_page::in_service, 0x51));
    EXPECT_EQ(apic.end(0x51), 0x38);
    EXPECT_EQ(apic.priority(), 0x30);
    EXPECT_EQ(apic.end(0x38), VirtualApic::none);
    EXPECT_EQ(apic.priority(), 0x25);
}
