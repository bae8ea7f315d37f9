// SPDX-License-Identifier: MIT
// The test device's registers and page.
#include "iodev/test_device.h"

TestDevice::TestDevice(Clock& clock, Line line)
    : clock(clock), interrupt(std::move(line)), timer(clock, [this] {
          raised++;
          interrupt.set(true);
      }) {}

void TestDevice::reset(Reset) {
    timer.off();
    interrupt.set(false);
    raised = 0;
    page.fill(0);
}

void TestDevice::visit(Archive& a) {
    a("interrupt", interrupt), a("timer", timer), a("raised", raised), a("page", page);
}

void TestDevice::write_register(unsigned index, u32 value) {
    if (index == 0) interrupt.set(value & 1);
    else if (value == 0) timer.off();
    else timer.at(clock.ticks + clock.tick_of(value, 1'000'000'000));
}

u32 TestDevice::in(u16 offset, unsigned width) { return u32(read(offset & 7, width)); }
void TestDevice::out(u16 offset, unsigned width, u32 value) { write(offset & 7, width, value); }

u64 TestDevice::read(u64 offset, unsigned width) {
    if (offset < ports) return read_register(offset >> 2 & 1) >> (offset & 3) * 8 & ones(width);
    u64 value = 0;
    for (unsigned i = 0; i < width && offset + i < page_size; i++)
        value |= u64(page[offset + i]) << i * 8;
    return value;
}

void TestDevice::write(u64 offset, unsigned width, u64 value) {
    if (offset < ports) {
        if (offset % 4 == 0) write_register(offset >> 2 & 1, u32(value));
        return;
    }
    for (unsigned i = 0; i < width && offset + i < page_size; i++)
        page[offset + i] = u8(value >> i * 8);
}
