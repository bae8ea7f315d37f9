// SPDX-License-Identifier: MIT
// The register table for gdb and the description made of it.
#include "debugger/gdb/target.h"
#include "cpu/svm/svm.h"
#include "cpu/vmx/vmx.h"
#include "debugger/registers.h"
#include "debugger/result.h"
#include <algorithm>
#include <vector>

namespace debugger::gdb {

namespace {

struct Row {
    std::string feature, name, type;
    unsigned bytes;
    enum Kind : u8 { named, x87_stack, x87_word, xmm, ymm_high, msr, virtualization } kind;
    const Register* source = nullptr;          // named
    unsigned number = 0;                       // the others
};

const char* type_of(std::string_view name) {
    return name == "rip" ? "code_ptr" : name == "rsp" || name == "rbp" ? "data_ptr" : name == "rflags" ? "i386_eflags" : "int64";
}

// The architecture's own; 0 where the model has it not.
constexpr struct {
    const char* name;
    u32 index;
} msrs[] = {{"apic_base", 0x1b}, {"sysenter_cs", 0x174}, {"sysenter_esp", 0x175}, {"sysenter_eip", 0x176}, {"pat", 0x277}, {"star", 0xc0000081},
            {"lstar", 0xc0000082}, {"cstar", 0xc0000083}, {"fmask", 0xc0000084}, {"k_gs_base", 0xc0000102}, {"tsc_aux", 0xc0000103}};

// Of the virtual machine that runs, or ran last: the VMCS's or VMCB's address, what an exit said, the second stage, VPID or ASID.
constexpr const char* virtual_names[] = {"in_guest", "vm_control", "exit_reason", "exit_information", "exit_address", "second_stage", "guest_tag"};
u64 virtual_value(const Cpu& cpu, unsigned n) {
    if (!n || !cpu.virt) return cpu.guest ? 1 : 0;
    if (cpu.intel()) {
        using enum vmx::Field;
        auto& v = static_cast<const vmx::Vmx&>(*cpu.virt);
        const u64 values[] = {v.current, v.vmcs[exit_reason], v.vmcs[exit_qualification], v.vmcs[guest_physical_address], v.vmcs[ept_pointer], v.vmcs[vpid]};
        return values[n - 1];
    }
    using enum svm::Field;
    auto& v = static_cast<const svm::Svm&>(*cpu.virt);
    const u64 values[] = {v.vmcb_address, v.vmcb[exit_code], v.vmcb[exit_info1], v.vmcb[exit_info2], v.vmcb[nested_cr3], v.vmcb[asid]};
    return values[n - 1];
}
u64 msr_value(Cpu& cpu, u32 index) {
    u64 value;
    return !msr_name(cpu, index).empty() && read_msr(cpu, index, value) ? value : 0;
}

// The order is gdb's own for i386:x86-64; what follows behind mxcsr is numbered on.
std::vector<Row> rows() {
    std::vector<Row> all;
    std::string core = "org.gnu.gdb.i386.core", system = "org.slate.i386.system";
    for (auto* name : {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip"})
        all.push_back({core, name, type_of(name), 8, Row::named, find_register(name)});
    all.push_back({core, "eflags", type_of("rflags"), 4, Row::named, find_register("rflags")});
    for (auto* name : {"cs", "ss", "ds", "es", "fs", "gs"}) all.push_back({core, name, "int32", 4, Row::named, find_register(name)});
    for (unsigned i = 0; i < 8; i++) all.push_back({core, "st" + std::to_string(i), "i387_ext", 10, Row::x87_stack, nullptr, i});
    const char* words[] = {"fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop"};
    for (unsigned i = 0; i < 8; i++) all.push_back({core, words[i], "int", 4, Row::x87_word, nullptr, i});
    for (unsigned i = 0; i < 16; i++) all.push_back({"org.gnu.gdb.i386.sse", "xmm" + std::to_string(i), "vec128", 16, Row::xmm, nullptr, i});
    all.push_back({"org.gnu.gdb.i386.sse", "mxcsr", "i386_mxcsr", 4, Row::named, find_register("mxcsr")});
    for (auto* name : {"fs", "gs"})
        all.push_back({"org.gnu.gdb.i386.segments", std::string(name) + "_base", "int64", 8, Row::named, find_register(std::string(name) + ".base")});
    for (unsigned i = 0; i < 16; i++) all.push_back({"org.gnu.gdb.i386.avx", "ymm" + std::to_string(i) + "h", "uint128", 16, Row::ymm_high, nullptr, i});
    for (auto* name : {"cr0", "cr2", "cr3", "cr4", "cr8", "efer", "xcr0", "pkru", "es.base", "cs.base", "ss.base", "ds.base", "gdtr.base",
                       "gdtr.limit", "idtr.base", "idtr.limit", "ldtr", "ldtr.base", "tr", "tr.base", "dr0", "dr1", "dr2", "dr3", "dr6", "dr7"}) {
        std::string shown = name;                          // a dot is a member to gdb
        std::replace(shown.begin(), shown.end(), '.', '_');
        all.push_back({system, shown, "int64", 8, Row::named, find_register(name)});
    }
    for (auto& m : msrs) all.push_back({system, m.name, "int64", 8, Row::msr, nullptr, m.index});
    for (unsigned i = 0; i < std::size(virtual_names); i++)
        all.push_back({"org.slate.i386.virtualization", virtual_names[i], "int64", 8, Row::virtualization, nullptr, i});
    return all;
}
const std::vector<Row>& table() {
    static const std::vector<Row> all = rows();
    return all;
}

std::string little_endian(u64 value, unsigned bytes) { return {reinterpret_cast<const char*>(&value), bytes}; }

// The tag word of FSAVE: 3 is empty; else valid, zero or special by the value (SDM vol. 1, 8.1.7).
u64 tag_word(const Fpu& f) {
    u64 tags = 0;
    for (unsigned i = 0; i < 8; i++) {
        unsigned exponent = f.r[i].sign_exponent & 0x7fff;
        bool integer = f.r[i].significand >> 63, zero = !exponent && !f.r[i].significand;
        u64 tag = f.empty >> i & 1 ? 3 : zero ? 1 : exponent == 0x7fff || !exponent || !integer ? 2 : 0;
        tags |= tag << i * 2;
    }
    return tags;
}

u64 x87_word(const Fpu& f, unsigned n) {
    u64 words[] = {f.control, f.status, tag_word(f), f.fcs, f.fip, f.fds, f.fdp, f.fop};
    return u32(words[n]);
}

const char* vector_types = R"(
<vector id="v4f" type="ieee_single" count="4"/><vector id="v2d" type="ieee_double" count="2"/>
<vector id="v16i8" type="int8" count="16"/><vector id="v8i16" type="int16" count="8"/>
<vector id="v4i32" type="int32" count="4"/><vector id="v2i64" type="int64" count="2"/>
<union id="vec128"><field name="v4_float" type="v4f"/><field name="v2_double" type="v2d"/><field name="v16_int8" type="v16i8"/>
<field name="v8_int16" type="v8i16"/><field name="v4_int32" type="v4i32"/><field name="v2_int64" type="v2i64"/><field name="uint128" type="uint128"/></union>
)";

// "PE" at bit 0 ... as a flags type.
struct Flag {
    const char* name;
    unsigned bit;
};
std::string flags_type(const char* id, std::span<const Flag> flags) {
    std::string out = std::string("<flags id=\"") + id + "\" size=\"4\">";
    for (auto& f : flags) out += format("<field name=\"%s\" start=\"%u\" end=\"%u\"/>", f.name, f.bit, f.bit);
    return out + "</flags>\n";
}

std::string types_of(const std::string& feature) {
    static constexpr Flag eflags[] = {{"CF", 0}, {"PF", 2}, {"AF", 4}, {"ZF", 6}, {"SF", 7}, {"TF", 8}, {"IF", 9}, {"DF", 10}, {"OF", 11},
                                      {"NT", 14}, {"RF", 16}, {"VM", 17}, {"AC", 18}, {"VIF", 19}, {"VIP", 20}, {"ID", 21}};
    static constexpr Flag mxcsr[] = {{"IE", 0}, {"DE", 1}, {"ZE", 2}, {"OE", 3}, {"UE", 4}, {"PE", 5}, {"DAZ", 6}, {"IM", 7}, {"DM", 8},
                                     {"ZM", 9}, {"OM", 10}, {"UM", 11}, {"PM", 12}, {"FZ", 15}};
    if (feature.ends_with("core")) return flags_type("i386_eflags", eflags);
    return feature.ends_with("sse") ? vector_types + flags_type("i386_mxcsr", mxcsr) : "";
}

std::string describe() {
    std::string out = "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target><architecture>i386:x86-64</architecture>\n", feature;
    for (auto& row : table()) {
        if (row.feature != feature) {
            out += (feature.empty() ? "" : "</feature>\n") + std::string("<feature name=\"") + row.feature + "\">\n" + types_of(row.feature);
            feature = row.feature;
        }
        std::string group = row.kind == Row::x87_word || row.kind == Row::x87_stack ? " group=\"float\""
            : feature.starts_with("org.slate") ? " group=\"system\"" : "";
        out += format("<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"%s/>\n", row.name.c_str(), row.bytes * 8, row.type.c_str(), group.c_str());
    }
    return out + "</feature></target>\n";
}

}

unsigned register_count() { return unsigned(table().size()); }
unsigned register_bytes(unsigned number) { return table()[number].bytes; }

std::string read_register(Cpu& cpu, unsigned number) {
    auto& row = table()[number];
    switch (row.kind) {
    case Row::named: return little_endian(row.source->get(cpu, row.source->number), row.bytes);
    case Row::x87_word: return little_endian(x87_word(cpu.fpu, row.number), row.bytes);
    case Row::xmm: return {reinterpret_cast<const char*>(cpu.vector.v[row.number].bytes.data()), 16};
    case Row::ymm_high: return {reinterpret_cast<const char*>(cpu.vector.v[row.number].bytes.data()) + 16, 16};
    case Row::msr: return little_endian(msr_value(cpu, row.number), row.bytes);
    case Row::virtualization: return little_endian(virtual_value(cpu, row.number), row.bytes);
    case Row::x87_stack: break;
    }
    auto& r = cpu.fpu.r[cpu.fpu.physical(row.number)];
    return little_endian(r.significand, 8) + little_endian(r.sign_exponent, 2);
}

std::optional<std::string> read_register_at(const Viewpoint& view, Cpu& cpu, unsigned number) {
    auto& row = table()[number];
    if (row.kind != Row::named) return read_register(cpu, number);
    auto value = view.value(*row.source);
    return value ? std::optional(little_endian(*value, row.bytes)) : std::nullopt;
}

bool write_register(Cpu& cpu, unsigned number, std::string_view bytes) {
    auto& row = table()[number];
    if (bytes.size() != row.bytes) return false;
    if (bytes == read_register(cpu, number)) return true;
    u64 value = 0;
    std::memcpy(&value, bytes.data(), std::min<std::size_t>(bytes.size(), 8));
    switch (row.kind) {
    case Row::named: return row.source->set && row.source->set(cpu, row.source->number, value);
    case Row::x87_word:
    case Row::virtualization: return false;
    case Row::msr: return !msr_name(cpu, row.number).empty() && write_msr(cpu, row.number, value);
    case Row::ymm_high: return std::memcpy(cpu.vector.v[row.number].bytes.data() + 16, bytes.data(), 16), true;
    case Row::xmm: return std::memcpy(cpu.vector.v[row.number].bytes.data(), bytes.data(), 16), true;
    case Row::x87_stack: break;
    }
    auto& r = cpu.fpu.r[cpu.fpu.physical(row.number)];
    r.significand = value;
    std::memcpy(&r.sign_exponent, bytes.data() + 8, 2);
    return true;
}

const std::string& target_description() {
    static const std::string text = describe();
    return text;
}

const std::string& memory_map() {
    static const std::string text = "<?xml version=\"1.0\"?><!DOCTYPE memory-map PUBLIC \"+//IDN gnu.org//DTD GDB Memory Map V1.0//EN\" "
        "\"http://sourceware.org/gdb/gdb-memory-map.dtd\"><memory-map><memory type=\"ram\" start=\"0x0\" length=\"0x8000000000000000\"/>"
        "<memory type=\"ram\" start=\"0x8000000000000000\" length=\"0x8000000000000000\"/></memory-map>\n";
    return text;
}

}
