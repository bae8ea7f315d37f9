// SPDX-License-Identifier: MIT
// The page that holds a guest's local APIC: Intel's virtual-APIC page (SDM vol. 3, 30.1), AMD's backing page (APM vol. 2, 15.29).
// Both lay its registers out as an APIC does, and both move vectors between them by the same rules. Which vectors are looked at is
// the vendor's: Intel asks RVI and SVI, AMD the page itself.
#pragma once
#include "memory/physical.h"
#include <bit>

namespace virt {

// Offsets of registers; those of a set of vectors are the first of eight.
namespace apic_page {
constexpr unsigned id = 0x20, version = 0x30, task_priority = 0x80, processor_priority = 0xa0, eoi = 0xb0, logical_destination = 0xd0,
                   destination_format = 0xe0, in_service = 0x100, trigger_mode = 0x180, requested = 0x200, icr_low = 0x300, icr_high = 0x310, self_ipi = 0x3f0;
}

// The processor's priority by the task's and by the vector in service, 0 if there is none (SDM vol. 3, 30.1.3).
constexpr u8 processor_priority(u8 task, u8 in_service) { return (task & 0xf0) >= (in_service & 0xf0) ? task : in_service & 0xf0; }
// Whether a vector may be delivered now (SDM vol. 3, 30.2.1).
constexpr bool deliverable(u8 requested, u8 priority) { return (requested & 0xf0) > (priority & 0xf0); }

class VirtualApic {
public:
    static constexpr int none = -1;

    VirtualApic(PhysicalMap& memory, Physical page) : memory(memory), page(page.page()) {}

    u32 get(unsigned offset) const { return u32(memory.read(page + offset, 4)); }
    void set(unsigned offset, u32 value) { memory.write(page + offset, 4, value); }

    // ---- the sets of vectors: in_service, trigger_mode, requested
    bool has(unsigned set_at, u8 vector) const { return get(word(set_at, vector)) >> vector % 32 & 1; }
    void add(unsigned set_at, u8 vector) { set(word(set_at, vector), get(word(set_at, vector)) | u32(1) << vector % 32); }
    void remove(unsigned set_at, u8 vector) { set(word(set_at, vector), get(word(set_at, vector)) & ~(u32(1) << vector % 32)); }
    int highest(unsigned set_at) const {
        for (int n = 7; n >= 0; n--)
            if (u32 vectors = get(set_at + unsigned(n) * 16)) return n * 32 + 31 - std::countl_zero(vectors);
        return none;
    }

    // ---- priorities and delivery
    u8 priority() const { return u8(get(apic_page::processor_priority)); }
    // Writes the processor's priority anew, by the vector in service.
    void update_priority(int in_service) {
        set(apic_page::processor_priority, processor_priority(u8(get(apic_page::task_priority)), in_service == none ? u8(0) : u8(in_service)));
    }
    // Delivery of a requested vector: it is in service now.
    void accept(u8 vector) {
        add(apic_page::in_service, vector);
        remove(apic_page::requested, vector);
        set(apic_page::processor_priority, vector & 0xf0);
    }
    // The end of the one in service: gives the one that is in service from now on.
    int end(u8 vector) {
        remove(apic_page::in_service, vector);
        int next = highest(apic_page::in_service);
        update_priority(next);
        return next;
    }

private:
    static constexpr unsigned word(unsigned set_at, u8 vector) { return set_at + vector / 32u * 16; }

    PhysicalMap& memory;
    Physical page;
};

}
