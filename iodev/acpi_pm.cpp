// SPDX-License-Identifier: MIT
// PIIX4 power management: PM1 registers, the timer's carry, and the SCI that they make.
#include "iodev/acpi_pm.h"
#include "base/log.h"

static constexpr u16 tmr = bit(0), gbl = bit(5), pwrbtn = bit(8), rtc = bit(10), wak = bit(15);
static constexpr u16 status_bits = tmr | bit(4) | gbl | pwrbtn | rtc | wak,
                     enable_bits = tmr | gbl | pwrbtn | rtc;
static constexpr u16 control_bits = bit(0) | bit(1) | mask(12, 10), slp_en = bit(13);
static constexpr unsigned pmba = 0x40, pmregmisc = 0x80, devactb = 0x58;
// GLBSTS, GLBCTL, DEVACTB of the 82371AB.
static constexpr u16 apm_sts = bit(5), global_status_bits = 0x0ff1;
static constexpr u32 smi_en = bit(0), global_control_bits = bit(0) | bit(1) | bit(2) | mask(15, 8) | bit(16);
static constexpr u8 apmc_en = 0x02;           // bit 25

AcpiPm::AcpiPm(Clock& clock, Wires wires, unsigned timer_bits)
    : PciFunction(
          {.vendor = 0x8086, .device = 0x7113, .class_code = 0x068000, .revision = 3, .pin = 1}),
      clock(clock),
      wires(std::move(wires)),
      timer(clock, [this] { sync(); }),
      timer_bits(timer_bits == 32 ? 32 : 24) {
    fix(0x06, 2, 0x0280), fix(0x3c, 1, 9);
    allow(0x04, 2, 1);
    fix(pmba, 4, 1), allow(pmba, 4, 0xffc0);
    // device monitors: kept, without effect
    for (unsigned at = 0x44; at < 0x80; at++) allow(at, 1, 0xff);
    allow(pmregmisc, 1, 1);
    fix(devactb + 3, 1, apmc_en);        // SeaBIOS takes it for SMM set up already: its handler knows no layout but AMD's and Bochs's
    fix(0x90, 4, 1), allow(0x90, 4, 0xfff0);
    allow(0xd2, 1, 0x0f);
    AcpiPm::reset(Reset::power);
}

void AcpiPm::reset(Reset kind) {
    pm1_status = kind == Reset::warm && asleep ? pm1_status | wak : 0;
    asleep = false;
    pm1_enable = pm1_control = gpe_status = gpe_enable = 0;
    smi[0] = smi[1] = 0;
    global_status = global_enable = 0, global_control = 0;
    seen_carries = clock.count(hertz) >> (timer_bits - 1);
    sync();
    PciFunction::reset(kind);
}

void AcpiPm::visit(Archive& a) {
    a("sci", wires.sci), a("timer", timer), a("pm1_status", pm1_status),
        a("pm1_enable", pm1_enable);
    a("pm1_control", pm1_control), a("gpe_status", gpe_status), a("gpe_enable", gpe_enable);
    a("seen_carries", seen_carries), a("smi", smi), a("asleep", asleep);
    a("global_status", global_status), a("global_enable", global_enable), a("global_control", global_control);
    global_status &= global_status_bits, global_control &= global_control_bits;
    pm1_status &= status_bits, pm1_enable &= enable_bits, pm1_control &= control_bits;
    PciFunction::visit(a);
}

void AcpiPm::set_base(u16 base) {
    config_write(pmba, 4, base);
    config_write(pmregmisc, 1, 1);
}

void AcpiPm::written(unsigned, unsigned) { changed(); }

void AcpiPm::changed() {
    u16 base = config[pmregmisc] & 1 ? u16((config[pmba] | config[pmba + 1] << 8) & 0xffc0) : 0;
    if (base == shown_base) return;
    if (shown_base) wires.mapped(shown_base, false);
    shown_base = base;
    if (base) wires.mapped(base, true);
}

// TMR_STS is set whenever the timer's top bit changes (ACPI 4.8.3.1.1); an alarm is set only when
// it would interrupt.
void AcpiPm::sync() {
    u64 carries = clock.count(hertz) >> (timer_bits - 1);
    if (carries != seen_carries) pm1_status |= tmr;
    seen_carries = carries;
    bool alarm = pm1_enable & ~pm1_status & tmr;
    timer.at(alarm ? clock.tick_of((carries + 1) << (timer_bits - 1), hertz) : Clock::never);
    if (asleep && pm1_status & pm1_enable & (pwrbtn | rtc)) wires.wake();
    wires.sci.set(acpi_mode() && ((pm1_status & pm1_enable) || (gpe_status & gpe_enable)));
}

void AcpiPm::press_power_button() {
    pm1_status |= pwrbtn;
    sync();
}

void AcpiPm::rtc_interrupt() {
    pm1_status |= rtc;
    sync();
}

void AcpiPm::fall_asleep() {
    asleep = true;
    sync();
}

void AcpiPm::raise_gpe(unsigned n) {
    gpe_status |= u16(1 << (n & 15));
    sync();
}

u32 AcpiPm::in(u16 offset, unsigned width) {
    if (offset == 8 && width == 4) return timer_value();              // what delays wait for, hence quick
    u32 value = 0;
    for (unsigned i = 0; i < width; i++) value |= u32(get(u16(offset + i))) << i * 8;
    return value;
}
void AcpiPm::out(u16 offset, unsigned width, u32 value) {
    for (unsigned i = 0; i < width; i++) put(u16(offset + i), u8(value >> i * 8));
    sync();
}

u8 AcpiPm::get(u16 offset) {
    sync();
    unsigned shift = (offset & 1) * 8;
    switch (offset & ~1) {
    case 0: return u8(pm1_status >> shift);
    case 2: return u8(pm1_enable >> shift);
    case 4: return u8(pm1_control >> shift);
    case 8:
    case 10: return u8(timer_value() >> (offset & 3) * 8);
    case 0x18: return u8(global_status >> shift);
    case 0x20: return u8(global_enable >> shift);
    case 0x28:
    case 0x2a: return u8(global_control >> (offset & 3) * 8);
    default: return 0;
    }
}

void AcpiPm::put(u16 offset, u8 value) {
    unsigned shift = (offset & 1) * 8;
    auto merge = [&](u16 old, u16 allowed) {
        return u16(((old & ~(0xff << shift)) | value << shift) & allowed);
    };
    sync();
    switch (offset) {
    case 0:
    case 1: pm1_status &= u16(~(value << shift)); break;            // write 1 to clear
    case 2:
    case 3: pm1_enable = merge(pm1_enable, enable_bits); break;
    case 4: pm1_control = merge(pm1_control, control_bits); break;
    case 5: put_control_high(value); break;
    case 0x18:
    case 0x19: global_status &= u16(~(value << shift)); break;      // write 1 to clear
    case 0x20:
    case 0x21: global_enable = merge(global_enable, 0xffff); break;
    case 0x28:
    case 0x29:
    case 0x2a:
    case 0x2b: put_global_control((offset & 3) * 8, value); break;
    default: break;
    }
}

void AcpiPm::put_control_high(u8 value) {
    pm1_control = u16(((pm1_control & 0xff) | value << 8) & control_bits);
    if (!(value << 8 & slp_en)) return;
    unsigned type = value >> 2 & 7;
    if (type == s5_type) wires.power_off();
    else if (type == s3_type && wires.sleep) wires.sleep();
    else log_once("ACPI: sleep type " + std::to_string(type) + " is not supported");
}

void AcpiPm::put_global_control(unsigned at, u8 value) {
    global_control = ((global_control & ~(u32{0xff} << at)) | u32{value} << at) & global_control_bits;
}

u8 AcpiPm::Gpe::get(u16 offset) {
    if (offset > 3) return 0xff;
    u16 value = offset < 2 ? pm.gpe_status : pm.gpe_enable;
    return u8(value >> (offset & 1) * 8);
}

void AcpiPm::Gpe::put(u16 offset, u8 value) {
    unsigned shift = (offset & 1) * 8;
    if (offset < 2) pm.gpe_status &= u16(~(value << shift));
    else if (offset < 4) pm.gpe_enable = u16((pm.gpe_enable & ~(0xff << shift)) | value << shift);
    pm.sync();
}

u8 AcpiPm::SmiCommand::get(u16 offset) { return offset < 2 ? pm.smi[offset] : 0xff; }

void AcpiPm::SmiCommand::put(u16 offset, u8 value) {
    if (offset >= 2) return;
    pm.smi[offset] = value;
    if (offset == 1) return;
    if ((pm.global_control & smi_en) && (pm.config[devactb + 3] & apmc_en)) {
        pm.global_status |= apm_sts;
        return pm.wires.smi();
    }
    if (value == acpi_enable) pm.pm1_control |= 1;
    if (value == acpi_disable) pm.pm1_control &= ~1;
    pm.sync();
}
