// SPDX-License-Identifier: MIT
// The local APIC: xAPIC and x2APIC (SDM vol. 3, ch. 11).
#pragma once
#include "base/archive.h"
#include "base/clock.h"
#include "cpu/apic/message.h"

struct Cpu;

class LocalApic {
public:
    LocalApic(Cpu& cpu, Clock& clock);
    void visit(Archive&) {}

private:
    Cpu& cpu;
};
