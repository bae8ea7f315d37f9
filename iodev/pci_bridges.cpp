// SPDX-License-Identifier: MIT
// 82441FX and 82371SB: what their registers mean to the board.
#include "iodev/pci_bridges.h"

static constexpr unsigned pam0 = 0x59, smram_register = 0x72, pirq_route = 0x60;

HostBridge::HostBridge(std::function<void(const Pam&)> pam_changed,
                       std::function<void(Smram)> smram_changed)
    : PciFunction({.vendor = 0x8086, .device = 0x1237, .class_code = 0x060000, .revision = 2}),
      pam_changed(std::move(pam_changed)),
      smram_changed(std::move(smram_changed)) {
    fix(0x04, 2, 0x0006), fix(0x06, 2, 0x0280);
    for (unsigned at = 0x50; at <= 0x58; at++) allow(at, 1, 0xff);
    allow(pam0, 1, 0x30);
    for (unsigned n = 1; n < 7; n++) allow(pam0 + n, 1, 0x33);
    for (unsigned at = 0x60; at <= 0x68; at++) allow(at, 1, 0xff);
    fix(smram_register, 1, 0x02);
    allow(smram_register, 1, 0x78);
}

// PAM0 bits 5:4 steer F0000h; then two segments of 16 KiB per register from C0000h.
HostBridge::Pam HostBridge::pam(unsigned segment) const {
    unsigned n = segment % segments, at = pam0 + (n + 1) / 2;
    bool high = n == 0 || n % 2 == 0;
    u8 bits = config[at] >> (high ? 4 : 0) & 3;
    bool reads = bits & 1, writes = bits & 2;
    if (n == 0) return {0xf0000, 0x10000, reads, writes};
    return {0xc0000 + (n - 1) * 0x4000, 0x4000, reads, writes};
}

HostBridge::Smram HostBridge::smram() const {
    u8 value = config[smram_register];
    return {bool(value & 0x40), bool(value & 0x20), bool(value & 0x08), bool(value & 0x10)};
}

// D_LCK closes SMRAM and makes its register read-only until reset.
void HostBridge::written(unsigned, unsigned) {
    u8& value = config[smram_register];
    if (shown_smram & 0x10) value = shown_smram;
    if (value & 0x10) value &= ~0x40;
    changed();
}

void HostBridge::changed() {
    for (unsigned n = 0; n < segments; n++) {
        unsigned index = (n + 1) / 2;
        u8 nibble = n == 0 || n % 2 == 0 ? 0x30 : 0x03;
        if ((config[pam0 + index] ^ shown_pam[index]) & nibble) {
            shown_pam[index] = u8((shown_pam[index] & ~nibble) | (config[pam0 + index] & nibble));
            pam_changed(pam(n));
        }
    }
    if (config[smram_register] == shown_smram) return;
    shown_smram = config[smram_register];
    smram_changed(smram());
}

IsaBridge::IsaBridge(std::function<void(unsigned, bool)> isa_irq)
    : PciFunction(
          {.vendor = 0x8086, .device = 0x7000, .class_code = 0x060100, .multifunction = true}),
      isa_irq(std::move(isa_irq)) {
    fix(0x04, 2, 0x0007), fix(0x06, 2, 0x0200);
    fix(0x4c, 1, 0x4d), fix(0x4e, 1, 0x03), fix(0x69, 1, 0x02), fix(0xae, 1, 0x00);
    allow(0x4c, 1, 0xff), allow(0x4e, 2, 0xffff), allow(0x69, 1, 0xff), allow(0x70, 1, 0xff);
    allow(0x82, 1, 0x0f), allow(0xa0, 4, 0xffffffff);
    allow(0xa4, 4, 0xffffffff);
    for (unsigned n = 0; n < 4; n++) fix(pirq_route + n, 1, 0x80), allow(pirq_route + n, 1, 0x8f);
}

void IsaBridge::set_pirq(unsigned n, bool level) {
    pirqs = u8(level ? pirqs | 1 << (n & 3) : pirqs & ~(1 << (n & 3)));
    route();
}

void IsaBridge::written(unsigned, unsigned) { route(); }

// Bit 7 disables a PIRQ; interrupts 0-2, 8 and 13 cannot be its target.
void IsaBridge::route() {
    u16 levels = 0;
    for (unsigned n = 0; n < 4; n++) {
        u8 target = config[pirq_route + n];
        if (pirqs >> n & 1 && !(target & 0x80)) levels |= u16(1 << (target & 15));
    }
    levels &= 0xdef8;
    for (unsigned irq = 0; irq < 16; irq++) {
        if (!((levels ^ driven) >> irq & 1)) continue;
        driven ^= u16(1 << irq);
        isa_irq(irq, levels >> irq & 1);
    }
}

void IsaBridge::visit(Archive& a) {
    a("pirqs", pirqs), a("driven", driven);
    pirqs &= 0x0f;
    PciFunction::visit(a);
}
