// SPDX-License-Identifier: MIT
// What may come between two instructions, one condition and one action each; a table of them says in which order.
#pragma once
#include "cpu/cpu.h"
#include <span>
#include <string_view>

namespace event {

struct Priority {
    std::string_view name;
    bool (*due)(Cpu&);
    void (*act)(Cpu&);
};

// Does the first that is due; false: none is.
bool serve(Cpu& cpu, std::span<const Priority> priorities);

// A processor that waits for a start-up IPI, or has shut down, hears less (SDM vol. 3, 9.4.3 and 6.15, vector 8).
bool listening(const Cpu& cpu);
bool interruptible(const Cpu& cpu);               // IF, and no shadow of STI or MOV SS

bool smi_due(Cpu& cpu);
bool init_due(Cpu& cpu);
bool start_up_due(Cpu& cpu);
bool debug_trap_due(Cpu& cpu);
bool nmi_due(Cpu& cpu);
bool extint_due(Cpu& cpu);
bool apic_due(Cpu& cpu);

void init(Cpu& cpu);
void start_up(Cpu& cpu);
void debug_trap(Cpu& cpu);
void nmi(Cpu& cpu);
void extint(Cpu& cpu);
void apic(Cpu& cpu);

}
