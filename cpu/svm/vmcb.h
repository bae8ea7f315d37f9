// SPDX-License-Identifier: MIT
// The VMCB as the CPU holds it: its fields by name, and how they reach memory and come from it (APM vol. 2, appendix B).
#pragma once
#include "base/archive.h"
#include "memory/physical.h"
#include <array>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace svm {

enum class Field : u8 {
#define FIELD(name, offset, bytes, clean, text) name,
#include "cpu/svm/vmcb_fields.def"
};

// Bits of the clean field (APM vol. 2, 15.15.3), and what none of them is about.
enum class Clean : u8 { intercepts, iopm, asid, tpr, np, crx, drx, dt, seg, cr2, lbr, avic, fetched, written, loaded };
constexpr bool has_clean_bit(Clean c) { return c < Clean::fetched; }

struct FieldRow {
    Field field;
    u16 offset;
    u8 bytes;
    Clean clean;
    std::string_view text;
};

constexpr FieldRow fields[] = {
#define FIELD(name, offset, bytes, clean, text) {Field::name, offset, bytes, Clean::clean, text},
#include "cpu/svm/vmcb_fields.def"
};
constexpr const FieldRow& row(Field f) { return fields[unsigned(f)]; }

constexpr bool ascending() {
    for (unsigned i = 1; i < std::size(fields); i++)
        if (fields[i].offset < fields[i - 1].offset + fields[i - 1].bytes) return false;
    return true;
}
static_assert(ascending(), "vmcb_fields.def lists the fields by offset, and none overlaps another");

// A set of Clean values. VMRUN reads these, and the last branches and AVIC's where the guest has them.
constexpr u32 of(auto... clean) { return u32((bit(unsigned(clean)) | ...)); }
constexpr u32 clean_bits = u32(mask(unsigned(Clean::avic), 0));
constexpr u32 vmrun_reads = of(Clean::intercepts, Clean::iopm, Clean::asid, Clean::tpr, Clean::np, Clean::crx, Clean::drx, Clean::dt,
                               Clean::seg, Clean::cr2, Clean::fetched);

// The fields in a page of memory, each by a constant name.
template <class Byte> struct VmcbPage {
    Byte* page;
    template <Field F> u64 get() const {
        u64 now = 0;
        std::memcpy(&now, page + row(F).offset, row(F).bytes);
        return now;
    }
    template <Field F> void set(u64 now) const { std::memcpy(page + row(F).offset, &now, row(F).bytes); }
};

// Where a VMCB is written to: a page of RAM, or what else the bus has there.
struct VmcbTarget {
    VmcbTarget(PhysicalMap& memory, Physical at) : memory(memory), at(at), page(memory.page_for_write(at)) {}
    PhysicalMap& memory;
    Physical at;
    u8* page;
};

// The fields, in the order of vmcb_fields.def.
struct Vmcb {
    static constexpr u64 size = 4096;
    std::array<u64, std::size(fields)> value{};
    u64 operator[](Field f) const { return value[unsigned(f)]; }
    u64& operator[](Field f) { return value[unsigned(f)]; }
    template <Field F> u64 get() const { return value[unsigned(F)]; }

    // The clean bits of the VMCB at an address.
    static u32 clean_bits(const PhysicalMap&, Physical at);
    // Reads the fields of these kinds from the VMCB at an address; those of other kinds stay as they are.
    void load(const PhysicalMap&, Physical at, u32 kinds);
    // Writes fields, a constant list of them: it is done several times in each VMRUN and #VMEXIT, at places known then.
    template <const auto& which> void store(const VmcbTarget& to) const {
        if (!to.page) return store_elsewhere(to, which);
        [&]<std::size_t... i>(std::index_sequence<i...>) {
            (VmcbPage<u8>{to.page}.set<which[i]>((*this)[which[i]]), ...);
        }(std::make_index_sequence<std::size(which)>());
    }
    void visit(Archive& a) { a("field", value); }

private:
    void store_elsewhere(const VmcbTarget&, std::span<const Field>) const;       // where there is no page of RAM
};

// Like VmcbPage, the CPU's copy, and both.
struct VmcbHeld {
    Vmcb& held;
    template <Field F> void set(u64 now) const { held[F] = now; }
};
struct VmcbTwice {
    Vmcb& held;
    VmcbPage<u8> page;
    template <Field F> void set(u64 now) const { held[F] = now, page.set<F>(now); }
};

// The bits of single fields.
namespace interrupt {
constexpr u64 tpr = 0xff, irq = bit(8), gif = bit(9), nmi = bit(11), nmi_mask = bit(12), ignore_tpr = bit(20), masking = bit(24), gif_enable = bit(25),
              nmi_enable = bit(26),
              avic_enable = bit(31);
constexpr u64 priority(u64 control) { return bits(control, 19, 16); }
constexpr u8 vector(u64 control) { return u8(bits(control, 39, 32)); }
}
namespace shadow {
constexpr u64 active = bit(0);
}
constexpr u64 np_enable = bit(0), gmet_enable = bit(3);
constexpr u64 virtual_last_branches = bit(0), virtual_vmload_vmsave = bit(1);

// EVENTINJ and EXITINTINFO (APM vol. 2, 15.20 and 15.7.2).
struct EventInformation {
    enum Type : u8 { external = 0, nmi = 2, exception = 3, software = 4 };
    u64 raw = 0;
    constexpr u8 vector() const { return u8(raw); }
    constexpr u8 type() const { return u8(bits(raw, 10, 8)); }
    constexpr bool has_code() const { return raw & bit(11); }
    constexpr bool valid() const { return raw & bit(31); }
    constexpr u32 code() const { return u32(raw >> 32); }
};
constexpr u64 event_information(u8 vector, u8 type, bool has_code, u32 code) {
    return vector | u64{type} << 8 | (has_code ? bit(11) | u64{code} << 32 : 0) | bit(31);
}

// Segment attributes are bits 55:52 and 47:40 of a descriptor, next to each other (APM vol. 2, 15.5.1).
constexpr u32 rights_of(u64 attributes) { return u32((attributes & 0xff) | (attributes & 0xf00) << 4); }
constexpr u64 attributes_of(u32 rights) { return (rights & 0xff) | (rights >> 4 & 0xf00); }

}
