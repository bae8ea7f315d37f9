// SPDX-License-Identifier: MIT
// AVIC: the guest's APIC page, virtual interrupts, IPIs and doorbells (APM vol. 2, 15.29). Expected values are the manual's.
#include "cpu/msr/access.h"
#include "cpu/svm/avic.h"
#include "tests/cpu/svm/host.h"
#include <algorithm>
#include <cstdio>
#include <map>

using namespace svm;

namespace {

constexpr u64 bar = 0xa0000, backing = 0xc0000, other = 0xc1000, logical = 0xc2000, physical = 0xc3000;
constexpr u64 avic_enable = u64{1} << 31, v_gif = 1 << 9, v_gif_enable = 1 << 25;
constexpr u64 valid = bit(63), running = bit(62);
constexpr u64 handler_at = 0x61000;
constexpr u64 incomplete = 0x401, noaccel = 0x402, halt = 0x78;

std::string address(unsigned offset) {
    char text[16];
    std::snprintf(text, sizeof text, "%02x %02x 0a 00", offset & 0xff, offset >> 8);
    return text;
}
std::string read_register(unsigned offset) { return "8b 04 25 " + address(offset); }           // MOV EAX, [BAR + offset]
std::string write_register(unsigned offset) { return "89 0c 25 " + address(offset); }          // MOV [BAR + offset], ECX
constexpr unsigned length = 7;

// Processor 0 of a machine of three: it runs here, 1 on the host's APIC 5, 2 nowhere.
struct AvicHost : SvmHost {
    std::vector<u32> doorbells;
    explicit AvicHost(const char* model = "max-amd") : SvmHost(model) {
        set(Field::interrupt_control, avic_enable);
        set(Field::avic_apic_bar, bar), set(Field::avic_backing_page, backing);
        set(Field::avic_logical_table, logical), set(Field::avic_physical_table, physical | 3);
        put(physical, valid | running | backing), put(physical + 8, valid | running | other | 5), put(physical + 16, valid | other);
        put(logical, u32(1u << 31)), put(logical + 4, u32(1u << 31 | 1)), put(logical + 8, u32(1u << 31 | 2));
        reg(0xe0, ~u32{0});                                // flat
        cpu.wires.doorbell = [this](u32 apic) { doorbells.push_back(apic); };
    }
    void reg(unsigned offset, u32 value) { put(backing + offset, value); }
    u32 reg(unsigned offset) const { return get<u32>(backing + offset); }
    void request(u8 vector, u64 page = backing) { put(page + 0x200 + vector / 32 * 16u, u32(1) << vector % 32); }
    void serve(u8 vector) { put(backing + 0x100 + vector / 32 * 16u, u32(1) << vector % 32); }
    bool requested(u8 vector, u64 page = backing) const { return get<u32>(page + 0x200 + vector / 32 * 16u) >> vector % 32 & 1; }
    bool served(u8 vector) const { return get<u32>(backing + 0x100 + vector / 32 * 16u) >> vector % 32 & 1; }
    void listen(u8 vector) {
        handler(vector, handler_at, "f4");
        set(Field::rflags, 0x202);
    }
    u64 info1() { return get_field(Field::exit_info1); }
    u64 info2() { return get_field(Field::exit_info2); }
    u64 rip() { return get_field(Field::rip); }
    // Writes the command register and halts.
    u64 send(u32 low, u32 high = 0) {
        reg(0x310, high);
        cpu.gpr[rcx] = low;
        return run_guest(write_register(0x300) + " f4");
    }
};

}

// ---- the page

TEST(SvmAvic, the_guests_apic_is_the_backing_page) {
    AvicHost m;
    m.put(bar + 0x20, 0x11111111u);
    m.reg(0x20, 0x05000000);
    EXPECT_EQ(m.run_guest(read_register(0x20) + " f4"), halt);
    EXPECT_EQ(m.get_field(Field::rax), 0x05000000u);
    m.cpu.gpr[rcx] = 0x07000000;
    EXPECT_EQ(m.run_guest(write_register(0x310) + " f4"), halt);
    EXPECT_EQ(m.reg(0x310), 0x07000000u);
    EXPECT_EQ(m.get<u32>(bar + 0x310), 0u);
}

// It lies within large pages of both stages; what is around it is memory, whichever is touched first.
TEST(SvmAvic, its_neighbours_are_memory) {
    AvicHost m;
    m.put(bar + 0x1020, 0x22222222u), m.reg(0x20, 0x05000000);
    std::string neighbour = "8b 1c 25 20 10 0a 00 ";       // MOV EBX, [A1020h]
    for (auto& code : {neighbour + read_register(0x20), read_register(0x20) + " " + neighbour}) {
        m.cpu.gpr[rbx] = 0;
        EXPECT_EQ(m.run_guest(code + " f4"), halt);
        EXPECT_EQ(m.cpu.gpr[rbx], 0x22222222u);
        EXPECT_EQ(m.get_field(Field::rax), 0x05000000u);
    }
}

TEST(SvmAvic, it_is_there_without_the_guests_paging_too) {
    AvicHost m;
    m.put(bar + 0x1020, 0x22222222u), m.reg(0x20, 0x05000000);
    m.set(Field::cr0, 0x11), m.set(Field::efer, efer::svme), m.set(Field::cr4, 0), m.set(Field::cs_attributes, 0xc9b);
    // MOV EBX, [A1020h]; MOV EAX, [A0020h]
    EXPECT_EQ(m.run_guest("8b 1d 20 10 0a 00 a1 20 00 0a 00 f4"), halt);
    EXPECT_EQ(m.cpu.gpr[rbx], 0x22222222u);
    EXPECT_EQ(m.get_field(Field::rax), 0x05000000u);
}

TEST(SvmAvic, without_it_the_page_is_memory) {
    for (bool enabled : {false, true}) {
        AvicHost m(enabled ? "barcelona" : "max-amd");
        if (!enabled) m.set(Field::interrupt_control, 0);
        m.put(bar + 0x20, 0x11111111u), m.reg(0x20, 0x05000000);
        EXPECT_EQ(m.run_guest(read_register(0x20) + " f4"), halt);
        EXPECT_EQ(m.get_field(Field::rax), 0x11111111u);
    }
}

TEST(SvmAvic, each_register_has_its_permissions) {
    enum How : char { allowed = 'a', trap = 't', fault = 'f' };
    std::map<unsigned, std::pair<How, How>> table = {
        {0x20, {allowed, trap}},  {0x30, {allowed, fault}}, {0x80, {allowed, allowed}}, {0xa0, {allowed, fault}}, {0xb0, {allowed, allowed}},
        {0xc0, {allowed, trap}},  {0xd0, {allowed, trap}},  {0xe0, {allowed, trap}},    {0xf0, {allowed, trap}},  {0x280, {allowed, trap}},
        {0x300, {allowed, allowed}}, {0x310, {allowed, allowed}}, {0x320, {allowed, trap}}, {0x330, {allowed, trap}}, {0x340, {allowed, trap}},
        {0x350, {allowed, trap}}, {0x360, {allowed, trap}}, {0x370, {allowed, trap}},   {0x380, {allowed, trap}}, {0x3e0, {allowed, trap}}};
    for (unsigned offset = 0x100; offset < 0x280; offset += 16) table[offset] = {allowed, fault};
    AvicHost m;
    for (unsigned offset = 0; offset < 0x1000; offset += 16)
        for (bool write : {false, true}) {
            std::fill_n(m.ram.begin() + backing, 0x1000, u8(0));
            m.reg(0xe0, ~u32{0});
            auto row = table.find(offset);
            How how = row == table.end() ? fault : write ? row->second.second : row->second.first;
            m.cpu.gpr[rcx] = 0x40;
            u64 code = m.run_guest((write ? write_register(offset) : read_register(offset)) + " f4");
            EXPECT_EQ(code, how == allowed ? halt : noaccel) << std::hex << offset << write;
            if (how == allowed) continue;
            EXPECT_EQ(m.info1(), (write ? bit(32) : 0) | offset);
            EXPECT_EQ(m.info2(), 0u);
            EXPECT_EQ(m.rip(), m.guest_code + (how == trap ? length : 0));
            if (write && offset != 0xe0) { EXPECT_EQ(m.reg(offset), how == trap ? 0x40u : 0u) << std::hex << offset; }
        }
}

TEST(SvmAvic, only_whole_registers_are_written) {
    struct { const char* code; unsigned offset; bool write, faults; } rows[] = {
        {"48 89 0c 25 80 00 0a 00", 0x80, true, true},     // eight bytes
        {"66 89 0c 25 80 00 0a 00", 0x80, true, true},     // two
        {"89 0c 25 81 00 0a 00", 0x81, true, true},        // crooked
        {"89 0c 25 84 00 0a 00", 0x84, true, true},        // between registers
        {"8b 04 25 84 00 0a 00", 0x84, false, true},
        {"48 8b 04 25 80 00 0a 00", 0x80, false, true},
        {"8a 04 25 83 00 0a 00", 0x83, false, false},      // a byte of one
        {"8b 04 25 81 00 0a 00", 0x81, false, true},
    };
    for (auto& r : rows) {
        AvicHost m;
        EXPECT_EQ(m.run_guest(std::string(r.code) + " f4"), r.faults ? noaccel : halt) << r.code;
        if (r.faults) { EXPECT_EQ(m.info1(), (r.write ? bit(32) : 0) | (r.offset & 0xff0)) << r.code; }
    }
}

// The nested tables still say whether the page may be touched.
TEST(SvmAvic, nested_tables_refuse_first) {
    AvicHost m;
    m.split_nested();
    m.put(m.nested_entry(bar), bar | 0x65);
    EXPECT_EQ(m.run_guest(write_register(0x80) + " f4"), 0x400u);
    EXPECT_EQ(m.get_field(Field::exit_info1), 0x100000007u);
    m.put(m.nested_entry(bar), u64{0});
    m.set(Field::tlb_control, 1);
    EXPECT_EQ(m.run_guest(read_register(0x20) + " f4"), 0x400u);
    EXPECT_EQ(m.get_field(Field::exit_info2), bar | 0x20);
}

// ---- delivery

TEST(SvmAvic, a_requested_vector_is_delivered_at_vmrun) {
    AvicHost m;
    m.listen(0x45);
    m.request(0x45);
    EXPECT_EQ(m.run_guest("90 f4"), halt);
    EXPECT_EQ(m.rip(), handler_at);
    EXPECT_EQ(m.get<u64>(m.get_field(Field::rsp)), m.guest_code);
    EXPECT_FALSE(m.requested(0x45));
    EXPECT_TRUE(m.served(0x45));
    EXPECT_EQ(m.reg(0xa0), 0x40u);
}

TEST(SvmAvic, what_holds_it_back) {
    struct { const char* what; void (*by)(AvicHost&); } rows[] = {
        {"IF", [](AvicHost& m) { m.set(Field::rflags, 2); }},
        {"the task priority", [](AvicHost& m) { m.reg(0x80, 0x40); }},
        {"one in service", [](AvicHost& m) { m.serve(0x4f); }},
        {"the virtual GIF", [](AvicHost& m) { m.set(Field::interrupt_control, avic_enable | v_gif_enable); }},
    };
    for (auto& r : rows) {
        AvicHost m;
        m.listen(0x45);
        m.request(0x45);
        r.by(m);
        EXPECT_EQ(m.run_guest("90 f4"), halt) << r.what;
        EXPECT_EQ(m.rip(), m.guest_code + 1) << r.what;
        EXPECT_TRUE(m.requested(0x45)) << r.what;
    }
    AvicHost m;
    m.listen(0x45);
    m.request(0x45);
    m.reg(0x80, 0x3f), m.serve(0x3f);
    m.set(Field::interrupt_control, avic_enable | v_gif_enable | v_gif);
    EXPECT_EQ(m.run_guest("90 f4"), halt);
    EXPECT_EQ(m.rip(), handler_at);
}

// By the page and by CR8; V_TPR goes along.
TEST(SvmAvic, lowering_the_task_priority_lets_it_through) {
    for (auto& code : {write_register(0x80), std::string("44 0f 22 c1")}) {
        AvicHost m;
        m.listen(0x45);
        m.request(0x45);
        m.reg(0x80, 0x80);
        m.cpu.gpr[rcx] = code.size() == 11 ? 3 : 0x30;
        EXPECT_EQ(m.run_guest(code + " 90 f4"), halt) << code;
        EXPECT_EQ(m.rip(), handler_at) << code;
        EXPECT_EQ(m.reg(0x80), 0x30u);
        EXPECT_EQ(m.get_field(Field::interrupt_control) & 0xff, 3u);
    }
    AvicHost m;
    m.reg(0x80, 0x72);
    EXPECT_EQ(m.run_guest("44 0f 20 c3 f4"), halt);        // MOV RBX, CR8
    EXPECT_EQ(m.cpu.gpr[rbx], 7u);
    EXPECT_EQ(m.reg(0xa0), 0x72u);
}

TEST(SvmAvic, the_end_of_one_lets_the_next_through) {
    AvicHost m;
    m.listen(0x41);
    m.request(0x41);
    m.serve(0x85), m.serve(0x30);
    EXPECT_EQ(m.run_guest(write_register(0xb0) + " 90 f4"), halt);
    EXPECT_EQ(m.rip(), handler_at);
    EXPECT_FALSE(m.served(0x85));
    EXPECT_TRUE(m.served(0x30));
    EXPECT_TRUE(m.served(0x41));
    EXPECT_EQ(m.reg(0xa0), 0x40u);
}

TEST(SvmAvic, the_end_of_one_by_level_is_the_hypervisors) {
    AvicHost m;
    m.serve(0x85);
    m.put(backing + 0x180 + 0x40, u32(1) << 5);
    EXPECT_EQ(m.run_guest(write_register(0xb0) + " f4"), noaccel);
    EXPECT_EQ(m.info1(), bit(32) | 0xb0);
    EXPECT_EQ(m.info2(), 0x85u);
    EXPECT_EQ(m.rip(), m.guest_code + length);
    EXPECT_TRUE(m.served(0x85));
}

TEST(SvmAvic, a_trap_comes_before_a_virtual_interrupt) {
    AvicHost m;
    m.listen(0x45);
    m.set(Field::rflags, 2);
    m.request(0x45);
    EXPECT_EQ(m.run_guest("fb " + write_register(0xf0) + " f4"), noaccel);         // STI; the write is in its shadow
    EXPECT_EQ(m.rip(), m.guest_code + 1 + length);
    EXPECT_TRUE(m.requested(0x45));
}

// ---- IPIs

TEST(SvmAvic, an_ipi_reaches_a_running_processor_without_an_exit) {
    AvicHost m;
    EXPECT_EQ(m.send(0x4041, 1u << 24), halt);
    EXPECT_TRUE(m.requested(0x41, other));
    EXPECT_EQ(m.doorbells, std::vector<u32>{5});
    EXPECT_EQ(m.reg(0x300), 0x4041u);
}

TEST(SvmAvic, the_delivery_status_is_never_pending) {
    AvicHost m;
    EXPECT_EQ(m.send(0x5041, 1u << 24), halt);
    EXPECT_EQ(m.reg(0x300), 0x4041u);
}

TEST(SvmAvic, what_an_incomplete_ipi_says) {
    struct { const char* what; u32 low, high; u64 id, index; bool requested; } rows[] = {
        {"not running", 0x4041, 2u << 24, 1, 2, true},     {"no such entry", 0x4041, 3u << 24, 2, 3, false},
        {"beyond the last", 0x4041, 4u << 24, 2, 4, false}, {"NMI", 0x4441, 1u << 24, 0, 0, false},
        {"lowest priority", 0x4141, 1u << 24, 0, 0, false}, {"INIT", 0x4500, 1u << 24, 0, 0, false},
        {"by level", 0xc041, 1u << 24, 0, 0, false},        {"vector 15", 0x400f, 1u << 24, 4, 0, false},
        {"logical, not running", 0x4841, 4u << 24, 1, 2, true}, {"logical, no entry", 0x4841, 8u << 24, 2, 3, false},
        {"all", 0x84041, 0, 1, 2, true},                    {"broadcast", 0x4041, 0xffu << 24, 1, 2, true},
    };
    for (auto& r : rows) {
        AvicHost m;
        EXPECT_EQ(m.send(r.low, r.high), incomplete) << r.what;
        EXPECT_EQ(m.info1(), u64{r.high} << 32 | r.low) << r.what;
        EXPECT_EQ(m.info2(), r.id << 32 | r.index) << r.what;
        EXPECT_EQ(m.rip(), m.guest_code + length) << r.what;
        EXPECT_EQ(m.requested(0x41, other), r.requested) << r.what;
        EXPECT_EQ(m.reg(0x300), r.low) << r.what;
    }
    AvicHost m;
    m.put(physical + 8, valid | running | bit(50));
    EXPECT_EQ(m.send(0x4041, 1u << 24), incomplete);
    EXPECT_EQ(m.info2(), u64{3} << 32 | 1);
}

TEST(SvmAvic, logical_destinations_flat_and_in_clusters) {
    AvicHost m;
    EXPECT_EQ(m.send(0x4841, 2u << 24), halt);
    EXPECT_EQ(m.doorbells, std::vector<u32>{5});
    AvicHost clusters;
    clusters.reg(0xe0, 0x0fffffff);
    clusters.put(logical + (2 * 4 + 3) * 4, u32(1u << 31 | 1));
    EXPECT_EQ(clusters.send(0x4841, 0x28u << 24), halt);
    EXPECT_EQ(clusters.doorbells, std::vector<u32>{5});
    EXPECT_TRUE(clusters.requested(0x41, other));
}

TEST(SvmAvic, an_ipi_to_itself_is_delivered_here) {
    struct { u32 low, high; } rows[] = {{0x44045, 0}, {0x4045, 0}, {0x4845, 1u << 24}};
    for (auto& r : rows) {
        AvicHost m;
        m.listen(0x45);
        m.reg(0x310, r.high), m.cpu.gpr[rcx] = r.low;
        EXPECT_EQ(m.run_guest(write_register(0x300) + " 90 f4"), halt) << std::hex << r.low;
        EXPECT_EQ(m.rip(), handler_at) << std::hex << r.low;
        EXPECT_TRUE(m.doorbells.empty());
    }
}

TEST(SvmAvic, all_but_itself) {
    AvicHost m;
    m.put(physical + 16, u64{0});
    EXPECT_EQ(m.send(0xc4041), halt);
    EXPECT_TRUE(m.requested(0x41, other));
    EXPECT_FALSE(m.requested(0x41));
    EXPECT_EQ(m.doorbells, std::vector<u32>{5});
}

// ---- doorbells

TEST(SvmAvic, a_doorbell_makes_a_running_guest_look) {
    AvicHost m;
    m.listen(0x45);
    m.put_code("90 90 90 f4", m.guest_code);
    m.enter();
    m.request(0x45);
    m.layer().doorbell();
    EXPECT_EQ(m.continue_guest(), halt);
    EXPECT_EQ(m.rip(), handler_at);
    m.layer().doorbell();                                  // the host has no use for one
    EXPECT_FALSE(m.cpu.pending & pending::window);
}

TEST(SvmAvic, the_doorbell_is_a_register_to_write) {
    AvicHost m;
    u64 value;
    EXPECT_TRUE(write_msr(m.cpu, 0xc001011b, 7));
    EXPECT_EQ(m.doorbells, std::vector<u32>{7});
    EXPECT_FALSE(read_msr(m.cpu, 0xc001011b, value));
    EXPECT_FALSE(write_msr(m.cpu, 0xc001011b, bit(32)));
    TestMachine old(TestMode::long64, "barcelona");
    EXPECT_FALSE(write_msr(old.cpu, 0xc001011b, 0));
}

TEST(SvmAvic, clean_pointers_come_from_the_cache) {
    AvicHost m;
    m.reg(0x20, 0x05000000), m.put(other + 0x20, 0x09000000u);
    EXPECT_EQ(m.run_guest(read_register(0x20) + " f4"), halt);
    m.set(Field::avic_backing_page, other), m.set(Field::clean, 1 << 11);
    EXPECT_EQ(m.run_guest(read_register(0x20) + " f4"), halt);
    EXPECT_EQ(m.get_field(Field::rax), 0x05000000u);
    m.set(Field::clean, 0);
    EXPECT_EQ(m.run_guest(read_register(0x20) + " f4"), halt);
    EXPECT_EQ(m.get_field(Field::rax), 0x09000000u);
}
