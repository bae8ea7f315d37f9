// SPDX-License-Identifier: MIT
// Shadow page tables, the simplest kind: each vCPU has one set, filled at page faults from what the guest's own tables say, and
// emptied where the guest empties its TLB. They lead from the guest's linear addresses to our physical ones.
#include "hypervisor.h"

enum : u64 { present = 1, writable = 2, user = 4, accessed = 0x20, dirty = 0x40, large = 0x80, no_execute = 1ull << 63 };
enum : u64 { fault_present = 1, fault_write = 2, fault_user = 4, fault_fetch = 16 };

namespace {
struct Mapping { bool valid = false; u64 address = 0, rights = 0; u64* leaf = nullptr; };
}

// What the guest's tables say of an address; leaf: the last entry, whose Accessed and Dirty bits are ours to set.
static Mapping look(const Vcpu& v, u64 address, bool touch) {
    u64 table = page_of(v.cr3), rights = writable | user, execute = 0;
    for (int level = 4; level; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        u64 frame = host_page(table);
        if (!frame) return {};
        u64& e = slot(frame, address >> shift & 511);
        if (!(e & present)) return {};
        if (touch) e |= accessed;
        rights &= e, execute |= e & no_execute;
        if (level > 1 && !(e & large)) { table = page_of(e); continue; }
        u64 inside = (1ull << shift) - 1;
        return {true, (page_of(e) & ~inside) | (address & inside), rights | execute | (e & dirty), &e};
    }
    return {};
}
u64 guest_walk(Vcpu& v, u64 address) {
    Mapping m = look(v, address, false);
    return m.valid ? m.address : ~0ull;
}

static bool allowed(u64 rights, u64 error_code) {
    if (error_code & fault_user && !(rights & user)) return false;
    if (error_code & fault_write && !(rights & writable)) return false;      // for the supervisor too: CR0.WP is 1
    return !(error_code & fault_fetch && rights & no_execute);
}

bool shadow_fault(Vcpu& v, u64 address, u64 error_code) {
    Mapping m = look(v, address, false);
    if (!m.valid || !allowed(m.rights, error_code)) return false;
    m = look(v, address, true);
    bool write = error_code & fault_write;
    if (write) *m.leaf |= dirty;
    u64 frame = host_page(m.address);
    if (!frame) stop("the guest mapped what is no memory:", m.address);
    // Writable only once the guest's entry is dirty, so that the first write faults and we see it.
    u64 rights = m.rights & (user | no_execute);
    if (m.rights & writable && (write || m.rights & dirty)) rights |= writable;
    table_entry(v.shadow_root, address, 1, 4, present | writable | user) = frame | present | rights;
    return true;
}

// Tables stay where they are, to be filled again; what is below entry `level` is emptied.
static void empty(u64 table, int level) {
    for (unsigned i = 0; i < 512; i++) {
        u64& e = slot(table, i);
        if (level == 1) e = 0;
        else if (e) empty(page_of(e), level - 1);
    }
}
void shadow_flush(Vcpu& v) { empty(v.shadow_root, 4); }
void shadow_flush_page(Vcpu& v, u64 address) { table_entry(v.shadow_root, address, 1, 4, present | writable | user) = 0; }

// Without a list of who maps a page, all are asked again.
void shadow_drop_all() {
    for (Vcpu& v : all_vcpus)
        if (v.running) shadow_flush(v), vendor->flush(v);
}
