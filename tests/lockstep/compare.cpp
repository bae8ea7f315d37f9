// SPDX-License-Identifier: MIT
// Comparing two machines: memory at once for speed, archives for names.
#include "tests/lockstep/compare.h"
#include "cpu/mmu.h"
#include <cstdio>
#include <cstring>
#include <vector>

namespace lockstep {
namespace {

// Everything that visit() shows, in order, without names; RAM left out.
class Values final : public Archive {
public:
    void number(std::string_view, u64& value, unsigned) override { numbers.push_back(value); }
    void memory(std::string_view name, std::span<u8> bytes) override {
        if (name != "ram") blocks.push_back(bytes);
    }
    void enter(std::string_view) override {}
    void leave() override {}
    bool operator==(const Values& other) const {
        auto equal = [](std::span<u8> x, std::span<u8> y) { return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size()) == 0; };
        return numbers == other.numbers && std::equal(blocks.begin(), blocks.end(), other.blocks.begin(), other.blocks.end(), equal);
    }
    void clear() { numbers.clear(), blocks.clear(); }

private:
    std::vector<u64> numbers;
    std::vector<std::span<u8>> blocks;
};

// The same with names.
class Names final : public Archive {
public:
    struct Item {
        std::string name;
        u64 value;
        std::span<u8> bytes;
    };
    void number(std::string_view name, u64& value, unsigned) override { items.push_back({path + "/" + std::string(name), value, {}}); }
    void memory(std::string_view name, std::span<u8> bytes) override {
        if (name != "ram") items.push_back({path + "/" + std::string(name), 0, bytes});
    }
    void enter(std::string_view name) override { path += "/" + std::string(name); }
    void leave() override { path.resize(path.rfind('/')); }
    std::vector<Item> items;

private:
    std::string path;
};

class Save final : public Archive {
public:
    void number(std::string_view, u64& value, unsigned) override { numbers.push_back(value); }
    void memory(std::string_view, std::span<u8> bytes) override { blocks.push_back(bytes); }
    void enter(std::string_view) override {}
    void leave() override {}
    std::vector<u64> numbers;
    std::vector<std::span<u8>> blocks;        // of the machine that was saved: copied when they are loaded
};

class Load final : public Archive {
public:
    explicit Load(const Save& saved) : saved(saved) {}
    void number(std::string_view, u64& value, unsigned) override {
        if (number_at < saved.numbers.size()) value = saved.numbers[number_at++];
    }
    void memory(std::string_view, std::span<u8> bytes) override {
        if (block_at == saved.blocks.size()) return;
        auto from = saved.blocks[block_at++];
        std::memcpy(bytes.data(), from.data(), std::min(bytes.size(), from.size()));
    }
    void enter(std::string_view) override {}
    void leave() override {}

private:
    const Save& saved;
    std::size_t number_at = 0, block_at = 0;
};

template <class T> bool same_bytes(const T& a, const T& b) { return std::memcmp(&a, &b, sizeof(T)) == 0; }

// Equal bytes, or (there may be padding) equal values.
template <class T> bool same_values(T& a, T& b) {
    if (same_bytes(a, b)) return true;
    Values x, y;
    a.visit(x), b.visit(y);
    return x == y;
}

std::string hex(u64 value) {
    char text[20];
    std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(value));
    return text;
}

std::string byte_difference(const std::string& name, std::span<const u8> a, std::span<const u8> b) {
    if (a.size() != b.size()) return name + ": two sizes; ";
    u64 first = u64(std::mismatch(a.begin(), a.end(), b.begin()).first - a.begin()), count = 0;
    if (first == a.size()) return "";
    for (u64 i = first; i < a.size(); i++) count += a[i] != b[i];
    std::string text = name + "+" + hex(first) + ":";
    for (auto side : {a, b}) {
        text += side.data() == a.data() ? " fast" : " slow";
        for (u64 i = first; i < std::min<u64>(first + 16, a.size()); i++) text += (i == first ? " " : "") + hex(side[i] >> 4) + hex(side[i] & 15);
    }
    return text + ", " + std::to_string(count) + " bytes differ; ";
}

bool same_tlb(const paging::TlbArray& a, const paging::TlbArray& b) { return a.fills == b.fills && a.size() == b.size(); }

}

bool same_cpu(Cpu& a, Cpu& b) {
    return same_bytes(a.gpr.r, b.gpr.r) && a.rflags == b.rflags && a.retired == b.retired && a.clock.ticks == b.clock.ticks && a.cpl == b.cpl &&
           a.pending == b.pending && a.activity == b.activity && a.pending_dr6 == b.pending_dr6 && a.sti_shadow == b.sti_shadow &&
           a.mov_ss_shadow == b.mov_ss_shadow && a.nmi_blocked == b.nmi_blocked && a.startup_vector == b.startup_vector &&
           !a.guest == !b.guest && a.held == b.held && a.if_masks == b.if_masks && a.monitor_trap == b.monitor_trap && a.mwaiting == b.mwaiting &&
           a.guest_tsc_offset == b.guest_tsc_offset && a.guest_tsc_ratio == b.guest_tsc_ratio &&
           same_bytes(a.vector.v, b.vector.v) && a.vector.mxcsr == b.vector.mxcsr && same_values(a.seg, b.seg) &&
           same_values(a.control, b.control) && same_values(a.fpu, b.fpu) && same_values(a.msr, b.msr) &&
           a.code.size == b.code.size && a.code.protected_mode == b.code.protected_mode && a.stack_bytes == b.stack_bytes && a.clock.deadline() == b.clock.deadline() &&
           same_tlb(a.mmu->tlb.data, b.mmu->tlb.data) && same_tlb(a.mmu->tlb.instruction, b.mmu->tlb.instruction) &&
           same_tlb(a.mmu->tlb.guest_physical, b.mmu->tlb.guest_physical);
}

bool same_state(Side& a, Side& b) {
    static Values x, y;
    x.clear(), y.clear();
    a.visit(x), b.visit(y);
    return x == y && a.output == b.output;
}

bool same_ram(const Side& a, const Side& b) { return std::memcmp(a.ram.data(), b.ram.data(), a.ram.size()) == 0; }

std::string differences(Side& a, Side& b) {
    constexpr unsigned most = 12;
    Names x, y;
    a.visit(x), b.visit(y);
    std::string text;
    unsigned found = 0;
    if (x.items.size() != y.items.size()) text += std::to_string(x.items.size()) + " values, and " + std::to_string(y.items.size()) + "; ";
    for (std::size_t i = 0; i < std::min(x.items.size(), y.items.size()) && found < most; i++) {
        auto &p = x.items[i], &q = y.items[i];
        if (p.value != q.value) text += p.name + ": fast " + hex(p.value) + " slow " + hex(q.value) + "; ", found++;
        else if (!p.bytes.empty()) {
            auto more = byte_difference(p.name, p.bytes, q.bytes);
            text += more, found += !more.empty();
        }
    }
    if (a.output != b.output) text += "the guest's output; ";
    text += byte_difference("ram", a.ram, b.ram);
    if (text.empty() && !same_cpu(a.cpu, b.cpu)) {
        auto more = [&](const char* name, u64 p, u64 q) { if (p != q) text += std::string(name) + ": fast " + hex(p) + " slow " + hex(q) + "; "; };
        more("deadline", a.clock.deadline(), b.clock.deadline());
        more("code size", u64(a.cpu.code.size), u64(b.cpu.code.size));
        more("stack_bytes", a.cpu.stack_bytes, b.cpu.stack_bytes);
        more("data TLB fills", a.cpu.mmu->tlb.data.fills, b.cpu.mmu->tlb.data.fills);
        more("instruction TLB fills", a.cpu.mmu->tlb.instruction.fills, b.cpu.mmu->tlb.instruction.fills);
        if (text.empty()) text = "what visit() doesn't show; ";
    }
    return text;
}

bool copy_state(Side& from, Side& to, std::string& complaint) {
    Save saved;
    from.visit(saved);
    Load load(saved);
    to.visit(load);
    to.output = from.output;
    for (auto array : {&paging::Tlb::data, &paging::Tlb::instruction, &paging::Tlb::guest_physical})
        (to.cpu.mmu->tlb.*array).fills = (from.cpu.mmu->tlb.*array).fills;
    to.cpu.memory_map_changed();
    complaint = differences(from, to);
    return complaint.empty();
}

}
