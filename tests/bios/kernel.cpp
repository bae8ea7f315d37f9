// SPDX-License-Identifier: MIT
// Direct kernel boot: each protocol with a tiny kernel, what it finds in memory and registers, and what is refused.
#include "tests/bios/support.h"
#include <gtest/gtest.h>
#include <zlib.h>

using namespace test;

namespace {

const EntrySegment flat_code{0x10, 0, 0xffffffff, 0xc09b}, flat_data{0x18, 0, 0xffffffff, 0xc093};

void expect_protected(const EntryState& s) {
    EXPECT_EQ(s.mode, EntryMode::protected32);
    EXPECT_EQ(s.cr0, 0x11u);                                      // PE and ET; no paging
    EXPECT_EQ(s.cr4, 0u);
    EXPECT_EQ(s.efer, 0u);
    EXPECT_EQ(s.rflags, 2u);                                      // interrupts off
    EXPECT_EQ(s.cs, flat_code);
    EXPECT_EQ(s.ds, flat_data);
    EXPECT_EQ(s.ss, flat_data);
}

Bytes gzip(const Bytes& from) {
    Bytes to(compressBound(from.size()) + 64);
    z_stream z{};
    deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    z.next_in = const_cast<u8*>(from.data()), z.avail_in = uInt(from.size());
    z.next_out = to.data(), z.avail_out = uInt(to.size());
    deflate(&z, Z_FINISH);
    to.resize(z.total_out);
    deflateEnd(&z);
    return to;
}

// multiboot 1 header with its own addresses: an image that starts with it at 1 MiB, 64 bytes and a BSS to 100800h.
Bytes flat_multiboot1(u32 load = 0x100000, u32 load_end = 0x100040, u32 bss_end = 0x100800, u32 entry = 0x100020,
                      u32 header_address = 0x100000) {
    Bytes b = multiboot1_header(1 << 16 | 1 << 1);
    for (u32 v : {header_address, load, load_end, bss_end, entry}) put32(b, v);
    b.resize(64, 0xf4);
    return b;
}

Bytes elf_multiboot1(u64 paddr = 0x400000) {
    Bytes code = multiboot1_header(0);
    code.resize(32, 0xf4);
    return elf(false, paddr + 12, {{paddr, paddr, code, 0x1000}});
}

Bytes flat_multiboot2(const Bytes& more = {}) {
    Bytes tags = header_tag(2, 0, {0x100000, 0x100000, 0, 0x102000});
    put_bytes(tags, header_tag(3, 0, {0x100060}));
    put_bytes(tags, more), put_bytes(tags, end_tag());
    Bytes b = multiboot2_header(tags);
    b.resize(256, 0xf4);
    return b;
}

Bytes pvh_elf() { return elf(true, 0xffffffff81000000, {{0x1000000, 0xffffffff81000000, Bytes(64, 0xf4), 64}, {0, 0, pvh_note(0x1000010), 0, 4}}); }

}  // namespace

TEST(linux_boot, a_64_bit_kernel_starts_at_its_64_bit_entry_point_with_the_zero_page_in_rsi) {
    BootPlan plan = plan_boot(request(), bzimage());
    EXPECT_EQ(plan.protocol, "Linux 2.15, 64-bit entry");
    const EntryState& s = plan.entry;
    EXPECT_EQ(s.mode, EntryMode::long64);
    EXPECT_EQ(s.rip, 0x1000200u);                                 // where it prefers to lie, plus 200h
    EXPECT_EQ(s.rsi, 0x10000u);
    EXPECT_EQ(s.cr0, 0x80000011u);
    EXPECT_EQ(s.cr4, 0x20u);                                      // PAE
    EXPECT_EQ(s.efer, 0x500u);                                    // LME and LMA
    EXPECT_EQ(s.cs, (EntrySegment{0x10, 0, 0xffffffff, 0xa09b}));
    EXPECT_EQ(number_at<u64>(plan.rom, s.gdtr.base - 0xf0000 + 0x10), 0x00af9b000000ffffu);
    EXPECT_EQ(placed(plan, 0x1000200, 1), 0x90u);
}

TEST(linux_boot, the_zero_page_holds_header_loader_type_memory_map_and_rsdp) {
    BootRequest r = request();
    r.append = "console=ttyS0";
    BootPlan plan = plan_boot(r, bzimage());
    auto zero_page = [&](u64 at, unsigned width) { return placed(plan, 0x10000 + at, width); };
    EXPECT_EQ(zero_page(0x202, 4), 0x53726448u);                  // the setup header was copied
    EXPECT_EQ(zero_page(0x206, 2), 0x20fu);
    EXPECT_EQ(zero_page(0x260, 4), 0x800000u);
    EXPECT_EQ(zero_page(0x1ef, 1), 0u);                           // the sentinel is clear
    EXPECT_EQ(zero_page(0x210, 1), 0xffu);
    EXPECT_EQ(zero_page(0x214, 4), 0x1000000u);                   // code32_start follows the code
    EXPECT_EQ(zero_page(0x00f, 1), 0u);                           // orig_video_isVGA: no VGA
    EXPECT_EQ(zero_page(0x218, 4), 0u);                           // no initrd
    EXPECT_EQ(text_at(plan, *zero_page(0x228, 4)), "console=ttyS0");
    u64 rsdp = *zero_page(0x070, 8);
    EXPECT_GE(rsdp, 0xe0000u);
    EXPECT_EQ(std::string(plan.rom.begin() + std::ptrdiff_t(rsdp - 0xf0000), plan.rom.begin() + std::ptrdiff_t(rsdp - 0xf0000) + 8), "RSD PTR ");
    EXPECT_EQ(zero_page(0x1e8, 1), 7u);
    EXPECT_EQ(zero_page(0x2d0, 8), 0u);                           // the first entry: 0 to 9FC00h, usable
    EXPECT_EQ(zero_page(0x2d8, 8), 0x9fc00u);
    EXPECT_EQ(zero_page(0x2e0, 4), 1u);
}

TEST(linux_boot, a_32_bit_kernel_starts_in_protected_mode_at_its_first_byte) {
    BootPlan plan = plan_boot(request(), bzimage(false));
    expect_protected(plan.entry);
    EXPECT_EQ(plan.entry.rip, 0x1000000u);
    EXPECT_EQ(plan.entry.rsi, 0x10000u);
    EXPECT_EQ(plan.entry.rbx | plan.entry.rbp | plan.entry.rdi, 0u);      // the boot protocol asks for zeros
    EXPECT_EQ(find(plan, "page tables"), nullptr);
}

TEST(linux_boot, a_kernel_that_cannot_be_moved_goes_to_one_mib) {
    Bytes k = bzimage();
    patch(k, 0x234, 0, 1);
    BootPlan plan = plan_boot(request(), k);
    EXPECT_EQ(plan.entry.rip, 0x100200u);
}

TEST(linux_boot, an_old_kernel_of_protocol_2_02_goes_to_one_mib_and_its_initrd_below_37ffffffh) {
    Directory d;
    Bytes k = bzimage(false);
    patch(k, 0x206, 0x202, 2);
    BootRequest r = request(2048 * mib);
    r.initrd = d.file("i", Bytes(100, 7));
    BootPlan plan = plan_boot(r, k);
    EXPECT_EQ(plan.entry.rip, 0x100000u);
    EXPECT_EQ(placed(plan, 0x10218, 4), 0x37fff000u);
}

TEST(linux_boot, the_initrd_lies_as_high_as_the_ram_and_the_kernel_allow) {
    Directory d;
    BootRequest r = request();
    r.initrd = d.file("i", Bytes(5000, 7));
    BootPlan plan = plan_boot(r, bzimage());
    // 64 MiB less 128 KiB of ACPI, less two pages
    EXPECT_EQ(placed(plan, 0x10218, 4), 0x4000000u - 0x20000 - 0x2000);
    EXPECT_EQ(placed(plan, 0x1021c, 4), 5000u);
    r.memory = 4096 * mib;
    EXPECT_EQ(placed(plan_boot(r, bzimage()), 0x10218, 4), 0x7fffe000u);      // initrd_addr_max
}

TEST(linux_boot, page_tables_map_four_gib_onto_itself) {
    BootPlan plan = plan_boot(request(), bzimage());
    u64 cr3 = plan.entry.cr3;
    for (u64 address : {u64(0), u64(0x1000200), u64(0xffe00000)}) {
        u64 l4 = *placed(plan, cr3, 8), l3 = *placed(plan, (l4 & ~0xfffu) + (address >> 30) * 8, 8);
        u64 l2 = *placed(plan, (l3 & ~0xfffu) + (address >> 21 & 511) * 8, 8);
        EXPECT_EQ(l4 & 0x83, 3u);
        EXPECT_EQ(l3 & 0x83, 3u);
        EXPECT_EQ(l2 & 0x83, 0x83u);                              // present, writable, 2 MiB
        EXPECT_EQ(l2 & ~u64(0x1fffff), address & ~u64(0x1fffff));
    }
}

TEST(linux_boot, what_cannot_be_started_is_refused_with_one_line) {
    auto changed = [](u64 at, u64 value, unsigned width) {
        Bytes k = bzimage();
        patch(k, at, value, width);
        return k;
    };
    auto says = [](const Bytes& k, const char* part) {
        EXPECT_NE(refusal(request(), k).find(part), std::string::npos) << refusal(request(), k);
    };
    says(changed(0x206, 0x201, 2), "boot protocol 2.1");
    says(changed(0x211, 0, 1), "is a zImage");
    says(changed(0x1f4, 0x10000, 4), "is truncated: 4096 of 1048576 bytes of code");
    says(changed(0x1f1, 60, 1), "only its real-mode part");
    says(changed(0x24c, 0xffffffff, 4), "payload lies beyond the file");
    says(changed(0x258, 0, 8), "it prefers to lie at 0x0");
    says(changed(0x258, 0x123400000000, 8), "it prefers to lie at 0x123400000000");
    says(changed(0x258, 0x8000000, 8), "is not in RAM of 64 MiB");
    says(changed(0x260, 0x7fffffff, 4), "needs 2048 MiB of RAM");
    BootRequest r = request();
    r.long_mode = false;
    EXPECT_NE(refusal(r, bzimage()).find("no long mode"), std::string::npos);
    EXPECT_EQ(refusal(r, bzimage(false)), "");
    r = request();
    r.append = std::string(2048, 'x');
    EXPECT_NE(refusal(r, bzimage()).find("at most 2047 characters and --append has 2048"), std::string::npos);
    r.append = std::string(2047, 'x');
    EXPECT_EQ(refusal(r, bzimage()), "");
    r.modules = {"m"};
    Directory d;
    r.modules[0] = d.file("m", {1});
    EXPECT_NE(refusal(r, bzimage()).find("takes no --module"), std::string::npos);
}

TEST(linux_boot, an_initrd_that_is_empty_or_too_large_is_refused) {
    Directory d;
    BootRequest r = request();
    r.initrd = d.file("e", {});
    EXPECT_NE(refusal(r, bzimage()).find("is empty"), std::string::npos);
    r.initrd = d.file("i", Bytes(60 * mib));
    EXPECT_NE(refusal(r, bzimage()).find("no room of 60 MiB for the initrd '" + r.initrd + "'"), std::string::npos);
    r.initrd = d.file("i", Bytes(65 * mib));
    EXPECT_NE(refusal(r, bzimage()).find("initrd '" + r.initrd + "': is larger than"), std::string::npos);
}

TEST(multiboot1, a_kernel_with_addresses_is_loaded_by_them) {
    BootRequest r = request();
    r.append = "a=1 b";
    BootPlan plan = plan_boot(r, flat_multiboot1());
    EXPECT_EQ(plan.protocol, "multiboot 1");
    expect_protected(plan.entry);
    EXPECT_EQ(plan.entry.rax, 0x2badb002u);
    EXPECT_EQ(plan.entry.rip, 0x100020u);
    EXPECT_EQ(placed(plan, 0x100000, 4), 0x1badb002u);
    EXPECT_EQ(placed(plan, 0x10003f, 1), 0xf4u);
    EXPECT_EQ(placed(plan, 0x1007ff, 1), 0u);                     // the BSS is cleared
    EXPECT_EQ(placed(plan, 0x100800, 1), std::nullopt);
    u64 info = plan.entry.rbx;
    EXPECT_EQ(placed(plan, info, 4), 0x245u);                     // memory, command line, map, loader name
    EXPECT_EQ(placed(plan, info + 4, 4), 639u);
    EXPECT_EQ(placed(plan, info + 8, 4), 63u * 1024 - 128);       // 64 MiB less the first MiB and the ACPI tables
    EXPECT_EQ(text_at(plan, *placed(plan, info + 16, 4)), "k a=1 b");
    u64 map = *placed(plan, info + 48, 4);
    EXPECT_EQ(placed(plan, info + 44, 4), 7u * 24);
    EXPECT_EQ(placed(plan, map, 4), 20u);
    EXPECT_EQ(placed(plan, map + 4, 8), 0u);
    EXPECT_EQ(placed(plan, map + 12, 8), 0x9fc00u);
    EXPECT_EQ(placed(plan, map + 20, 4), 1u);
}

TEST(multiboot1, an_elf_kernel_gets_the_initrd_as_its_first_module_and_strings_with_file_names) {
    Directory d;
    BootRequest r = request();
    r.initrd = d.file("env", {'A', '=', '1'});
    r.modules = {d.file("dom0", Bytes(5000, 3)) + ",console=hvc0 ro,x"};
    BootPlan plan = plan_boot(r, elf_multiboot1());
    EXPECT_EQ(plan.entry.rip, 0x40000cu);
    u64 info = plan.entry.rbx, list = *placed(plan, info + 24, 4);
    EXPECT_EQ(placed(plan, info, 4), 0x24du);
    EXPECT_EQ(placed(plan, info + 20, 4), 2u);
    u64 first = *placed(plan, list, 4), second = *placed(plan, list + 16, 4);
    EXPECT_EQ(first, 0x402000u);                                  // the page after the BSS
    EXPECT_EQ(placed(plan, list + 4, 4), first + 3);
    EXPECT_EQ(placed(plan, first, 2), 0x3d41u);
    EXPECT_EQ(text_at(plan, *placed(plan, list + 8, 4)), r.initrd);
    EXPECT_EQ(second, 0x403000u);
    EXPECT_EQ(placed(plan, list + 20, 4), second + 5000);
    EXPECT_EQ(text_at(plan, *placed(plan, list + 24, 4)), d.path + "/dom0 console=hvc0 ro,x");
}

TEST(multiboot1, a_kernel_linked_at_8000h_keeps_clear_of_the_information) {
    BootPlan plan = plan_boot(request(), elf_multiboot1(0x8000));
    EXPECT_EQ(placed(plan, 0x8000, 4), 0x1badb002u);
    EXPECT_GE(plan.entry.rbx, 0x8000u + 0x1000 + 32);
    EXPECT_LT(plan.entry.rbx, 0x9fc00u);
}

TEST(multiboot1, a_64_bit_elf_file_is_loaded_too) {
    Bytes code = multiboot1_header(3);
    code.resize(32, 0xf4);
    BootPlan plan = plan_boot(request(), elf(true, 0xffff80000010000c, {{0x100000, 0xffff800000100000, code}}));
    EXPECT_EQ(plan.protocol, "multiboot 1");
    EXPECT_EQ(plan.entry.rip, 0x10000cu);
    EXPECT_EQ(plan.entry.mode, EntryMode::protected32);
}

TEST(multiboot1, headers_that_make_no_sense_are_refused) {
    auto says = [](const Bytes& k, const char* part) {
        EXPECT_NE(refusal(request(), k).find(part), std::string::npos) << refusal(request(), k);
    };
    says(flat_multiboot1(0x100001), "addresses make no sense");
    says(flat_multiboot1(0xfffff, 0, 0, 0xfffff), "addresses make no sense");       // a byte in front of the file
    says(flat_multiboot1(0x100000, 0x100041), "it loads up to 0x100041");
    says(flat_multiboot1(0x100000, 0xfff), "it loads up to 0xfff");
    says(flat_multiboot1(0x100000, 0, 0, 0x100040), "entry point outside");
    says(flat_multiboot1(0x100000, 0, 0xf0000000), "is not in RAM of 64 MiB");
    says(flat_multiboot1(0xa0000, 0, 0, 0xa0000, 0xa0000), "is not in RAM");
    Bytes k = multiboot1_header(0);
    k.resize(64);
    says(k, "without load addresses and is no ELF");
    says(multiboot1_header(0x8), "unknown multiboot features (flags 0x8)");
    says(multiboot1_header(1 << 16), "addresses make no sense");                    // the addresses are cut off
    k = elf_multiboot1();
    k.resize(100);
    says(k, "truncated or corrupt ELF");
}

TEST(multiboot1, the_header_is_found_on_four_byte_steps_in_8_kib_only) {
    for (auto [at, known] : {std::pair{8180u, true}, {8184u, false}, {8178u, false}}) {
        Bytes code(at - 84);                                      // 52 + 32 bytes of ELF headers lie in front
        put_bytes(code, multiboot1_header(0));
        BootPlan plan = plan_boot(request(), elf(false, 0x100000, {{0x100000, 0x100000, code}}));
        EXPECT_EQ(plan.protocol, known ? "multiboot 1" : "plain ELF32") << at;
    }
}

TEST(multiboot2, information_comes_as_tags) {
    Directory d;
    BootRequest r = request();
    r.append = "x";
    r.modules = {d.file("m", {1, 2, 3}) + ",y z"};
    BootPlan plan = plan_boot(r, flat_multiboot2());
    EXPECT_EQ(plan.protocol, "multiboot 2");
    expect_protected(plan.entry);
    EXPECT_EQ(plan.entry.rax, 0x36d76289u);
    EXPECT_EQ(plan.entry.rip, 0x100060u);
    EXPECT_EQ(plan.entry.rbx % 8, 0u);
    u64 info = plan.entry.rbx, end = info + *placed(plan, info, 4);
    std::vector<u32> types;
    u64 at = info + 8;
    while (at < end) {
        u32 type = u32(*placed(plan, at, 4)), size = u32(*placed(plan, at + 4, 4));
        types.push_back(type);
        if (type == 1) { EXPECT_EQ(text_at(plan, at + 8), "k x"); }
        if (type == 3) {
            EXPECT_EQ(placed(plan, at + 8, 4), 0x102000u);        // the page after the BSS
            EXPECT_EQ(placed(plan, at + 12, 4), 0x102003u);
            EXPECT_EQ(text_at(plan, at + 16), d.path + "/m y z");
        }
        if (type == 4) { EXPECT_EQ(placed(plan, at + 8, 4), 639u); }
        if (type == 6) {
            EXPECT_EQ(size, 16u + 7 * 24);
            EXPECT_EQ(placed(plan, at + 8, 4), 24u);
            EXPECT_EQ(placed(plan, at + 24, 8), 0x9fc00u);
        }
        if (type == 14 || type == 15) { EXPECT_EQ(placed(plan, at + 8, 8), 0x2052545020445352u); }    // "RSD PTR "
        at += (size + 7) / 8 * 8;
    }
    EXPECT_EQ(at, end);
    EXPECT_EQ(types, (std::vector<u32>{1, 2, 3, 4, 6, 14, 15, 0}));
}

TEST(multiboot2, a_relocatable_kernel_is_told_where_it_lies) {
    BootPlan plan = plan_boot(request(), flat_multiboot2(header_tag(10, 0, {0, 0xffffffff, 4096, 0})));
    u64 at = plan.entry.rbx + 8;
    while (*placed(plan, at, 4) != 21) {
        ASSERT_NE(placed(plan, at, 4), 0u);
        at += align_up(*placed(plan, at + 4, 4), 8);
    }
    EXPECT_EQ(placed(plan, at + 8, 4), 0x100000u);
}

TEST(multiboot2, what_is_required_and_not_there_is_refused) {
    auto says = [](const Bytes& k, const char* part) {
        EXPECT_NE(refusal(request(), k).find(part), std::string::npos) << refusal(request(), k);
    };
    EXPECT_EQ(refusal(request(), flat_multiboot2(header_tag(1, 0, {1, 3, 4, 6, 14}))), "");
    says(flat_multiboot2(header_tag(1, 0, {4, 8})), "information of type 8");
    EXPECT_EQ(refusal(request(), flat_multiboot2(header_tag(1, 1, {4, 8}))), "");              // optional
    says(flat_multiboot2(header_tag(77, 0, {})), "unknown multiboot 2 feature 77");
    EXPECT_EQ(refusal(request(), flat_multiboot2(header_tag(77, 1, {}))), "");
    Bytes k = flat_multiboot2();
    patch(k, 16 + 4, 4, 4);                                       // a tag of size 4
    says(k, "corrupt multiboot 2 header");
    k = flat_multiboot2();
    patch(k, 16 + 4, 0xfffffff8, 4);
    says(k, "corrupt multiboot 2 header");
    k = flat_multiboot2();
    k.resize(40);
    says(k, "corrupt multiboot 2 header");
}

TEST(pvh, a_kernel_with_the_note_starts_there_with_the_start_information_in_ebx) {
    Directory d;
    BootRequest r = request();
    r.append = "quiet";
    r.initrd = d.file("i", Bytes(100, 9));
    BootPlan plan = plan_boot(r, pvh_elf());
    EXPECT_EQ(plan.protocol, "PVH");
    expect_protected(plan.entry);
    EXPECT_EQ(plan.entry.rip, 0x1000010u);
    EXPECT_EQ(plan.entry.tr, (EntrySegment{0x20, 0, 0x67, 0x8b}));
    u64 info = plan.entry.rbx;
    EXPECT_EQ(placed(plan, info, 4), 0x336ec578u);
    EXPECT_EQ(placed(plan, info + 4, 4), 1u);
    EXPECT_EQ(placed(plan, info + 12, 4), 1u);                    // one module
    u64 list = *placed(plan, info + 16, 8);
    EXPECT_EQ(placed(plan, list, 8), 0x1001000u);
    EXPECT_EQ(placed(plan, list + 8, 8), 100u);
    EXPECT_EQ(text_at(plan, *placed(plan, info + 24, 8)), "quiet");
    EXPECT_GE(*placed(plan, info + 32, 8), 0xf0000u);             // RSDP
    u64 map = *placed(plan, info + 40, 8);
    EXPECT_EQ(placed(plan, info + 48, 4), 7u);
    EXPECT_EQ(placed(plan, map + 8, 8), 0x9fc00u);
    EXPECT_EQ(placed(plan, map + 16, 4), 1u);
}

TEST(plain_elf, a_32_bit_executable_starts_in_protected_mode_with_a_stack) {
    BootPlan plan = plan_boot(request(), elf(false, 0x100004, {{0x100000, 0x100000, Bytes(16, 0xf4)}}));
    EXPECT_EQ(plan.protocol, "plain ELF32");
    expect_protected(plan.entry);
    EXPECT_EQ(plan.entry.rip, 0x100004u);
    EXPECT_EQ((plan.entry.rsp + 4) % 16, 0u);
    EXPECT_EQ(placed(plan, plan.entry.rsp, 4), 0u);               // return address
    EXPECT_EQ(placed(plan, plan.entry.rsp + 4, 4), plan.entry.rbx);
    EXPECT_EQ(placed(plan, plan.entry.rbx, 4), 0x336ec578u);
}

TEST(plain_elf, a_64_bit_executable_starts_in_long_mode_at_its_physical_entry) {
    BootPlan plan = plan_boot(request(), elf(true, 0xffffffff80100008, {{0x100000, 0xffffffff80100000, Bytes(16, 0xf4), 4096}}));
    EXPECT_EQ(plan.protocol, "plain ELF64");
    EXPECT_EQ(plan.entry.mode, EntryMode::long64);
    EXPECT_EQ(plan.entry.rip, 0x100008u);
    EXPECT_EQ((plan.entry.rsp + 8) % 16, 0u);
    EXPECT_EQ(plan.entry.rdi, plan.entry.rbx);
    EXPECT_EQ(placed(plan, plan.entry.rdi, 4), 0x336ec578u);
    EXPECT_EQ(plan.entry.cr3 % 4096, 0u);
}

TEST(plain_elf, malformed_files_are_refused_with_one_line) {
    auto good = [] { return elf(true, 0x100000, {{0x100000, 0x100000, Bytes(16, 0xf4), 16}}); };
    ASSERT_EQ(refusal(request(), good()), "");
    struct Case { u64 at; unsigned width; u64 value; const char* says; };
    const Case cases[] = {                                        // e_* at 0, p_* at 40h
        {0x04, 1, 3,          "header is corrupt"},               // class
        {0x05, 1, 2,          "another byte order"},              // big endian
        {0x10, 2, 1,          "no executable (type 1)"},
        {0x12, 2, 183,        "another machine (183)"},
        {0x18, 8, 0x100020,   "entry point lies outside"},
        {0x20, 8, ~u64{0},    "truncated or corrupt"},            // e_phoff
        {0x20, 8, 0x80,       "truncated or corrupt"},
        {0x36, 2, 55,         "program headers are corrupt"},     // e_phentsize
        {0x38, 2, 0xffff,     "program headers are corrupt"},     // e_phnum
        {0x38, 2, 0,          "no loadable segments"},
        {0x40, 4, 2,          "no loadable segments"},            // p_type
        {0x48, 8, ~u64{0},    "truncated or corrupt"},            // p_offset
        {0x58, 8, 0xa0000,    "is not in RAM"},                   // p_paddr
        {0x58, 8, ~u64{0},    "outside its segments"},
        {0x60, 8, 0x1000,     "truncated or corrupt"},            // p_filesz
        {0x68, 8, 8,          "smaller in memory than in the file"},
        {0x68, 8, ~u64{0},    "is not in RAM"},                   // p_memsz
        {0x68, 8, 1 << 26,    "is not in RAM"},
    };
    for (auto& c : cases) {
        Bytes k = good();
        patch(k, c.at, c.value, c.width);
        std::string line = refusal(request(), k);
        if (c.at == 0x58 && c.value == ~u64{0}) { EXPECT_NE(line, ""); continue; }
        EXPECT_NE(line.find(c.says), std::string::npos) << std::hex << c.at << ": " << line;
        EXPECT_EQ(line.find('\n'), std::string::npos);
        EXPECT_EQ(line.substr(0, 11), "kernel 'k':");
    }
    for (u64 size = 4; size < good().size(); size++) {
        Bytes k = good();
        k.resize(size);
        EXPECT_NE(refusal(request(), k), "") << size;
    }
    EXPECT_NE(refusal(request(), elf(false, 0x100000, {{0x100000, 0x100000, Bytes(64)}, {0x100020, 0x100020, Bytes(4)}}))
                  .find("overlaps"), std::string::npos);
}

TEST(gzip_kernel, is_unpacked_first) {
    EXPECT_EQ(plan_boot(request(), gzip(bzimage())).entry.rip, 0x1000200u);
    EXPECT_EQ(plan_boot(request(), gzip(flat_multiboot1())).protocol, "multiboot 1");
}

TEST(gzip_kernel, damage_and_bombs_are_refused) {
    Bytes k = gzip(bzimage());
    for (u64 size = 3; size < k.size(); size++) EXPECT_NE(refusal(request(), Bytes(k.begin(), k.begin() + std::ptrdiff_t(size))).find("end early"), std::string::npos) << size;
    k[k.size() - 8] ^= 1;                                         // its CRC
    EXPECT_NE(refusal(request(), k).find("gzip data are corrupt"), std::string::npos);
    Bytes bomb = gzip(Bytes(65 * mib));
    EXPECT_LT(bomb.size(), 100000u);
    EXPECT_NE(refusal(request(), bomb).find("larger than the RAM (64 MiB) when unpacked"), std::string::npos);
}

TEST(foreign_files, are_named) {
    auto says = [](std::string_view start, const char* part) {
        Bytes k(start.begin(), start.end());
        EXPECT_NE(refusal(request(), k).find(part), std::string::npos) << refusal(request(), k);
    };
    says("", "is empty");
    says("hello", "is no kernel that is known here");
    says("#!/bin/sh", "is a script");
    says("070701", "is a cpio archive; give it by --initrd");
    says("\xfd" "7zXZ", "is compressed by xz");
}

TEST(kernel_files, that_cannot_be_read_give_one_line_with_the_reason) {
    Directory d;
    auto line = [&](const std::string& kernel, const std::string& initrd = {}, const std::string& module = {}) {
        BootRequest r = request();
        r.kernel = kernel, r.initrd = initrd;
        if (!module.empty()) r.modules = {module};
        try {
            plan_boot(r);
        } catch (const Error& e) {
            EXPECT_EQ(e.status, 2);
            return std::string(e.what());
        }
        return std::string();
    };
    EXPECT_EQ(line(d.path + "/none"), "kernel '" + d.path + "/none': No such file or directory; check the name");
    EXPECT_EQ(line(d.path), "kernel '" + d.path + "': is a directory; name a file");
    EXPECT_EQ(line("/dev/zero"), "kernel '/dev/zero': is not a regular file; copy it to a file first");
    EXPECT_EQ(line(""), "kernel '': the file name is empty; name a file");
    std::string good = d.file("k", flat_multiboot1());
    EXPECT_EQ(line(good), "");
    EXPECT_EQ(line(good, d.path), "initrd '" + d.path + "': is a directory; name a file");
    EXPECT_EQ(line(good, "", d.path + "/none,x"), "module '" + d.path + "/none': No such file or directory; check the name");
    EXPECT_EQ(line(good, "", ",x"), "module '': the file name is empty; name a file");
    std::string big = d.file("big", Bytes(40 * mib));
    EXPECT_NE(line(good, big, big).find("module '" + big + "': is larger than"), std::string::npos);
}

TEST(every_plan, keeps_what_it_places_apart_and_in_ram) {
    for (u64 memory : {2 * mib, 64 * mib, 3072 * mib, 6144 * mib}) {
        BootRequest r = request(memory);
        BootPlan plan = plan_boot(r, flat_multiboot1());
        for (auto& a : plan.placements) {
            EXPECT_LE(a.address + a.size(), std::min<u64>(memory, 0xc0000000)) << a.what;
            EXPECT_FALSE(a.address < 0x100000 && a.address + a.size() > 0xa0000) << a.what;
            for (auto& b : plan.placements)
                EXPECT_TRUE(&a == &b || a.address + a.size() <= b.address || b.address + b.size() <= a.address) << a.what << ", " << b.what;
        }
    }
}

TEST(every_plan, is_written_into_memory_and_clears_what_must_be_zero) {
    std::vector<u8> low(0xa0000), high(63 * mib, 0xcc);
    PhysicalMap map;
    map.map_ram(Physical(0), low);
    map.map_ram(Physical(0x100000), high);
    write_plan(plan_boot(request(), flat_multiboot1()), map);
    EXPECT_EQ(map.read(Physical(0x100000), 4), 0x1badb002u);
    EXPECT_EQ(map.read(Physical(0x1007fc), 4), 0u);
    EXPECT_EQ(map.read(Physical(0x100800), 4), 0xccccccccu);
    EXPECT_EQ(map.read(Physical(0x413), 2), 639u);
    PhysicalMap empty;
    EXPECT_THROW(write_plan(plan_boot(request(), flat_multiboot1()), empty), Error);
}
