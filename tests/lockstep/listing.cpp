// SPDX-License-Identifier: MIT
// The bytes at RIP, looked at without a trace.
#include "tests/lockstep/listing.h"
#include <cstdio>

namespace lockstep {

std::string next_instruction(Cpu& cpu) {
    u64 rip = cpu.rip(), address = cpu.bits64() ? rip : u32(rip + cpu.seg[Seg::cs].base);
    std::array<u8, 15> bytes{};
    unsigned have = 0;
    for (u64 at; have < bytes.size() && cpu.peek(address + have, at); have++) bytes[have] = u8(cpu.memory.read(Physical(at), 1));
    Insn insn;
    bool good = decode::decode({bytes.data(), have}, cpu.code, insn) == decode::Result::ok;
    char text[32];
    std::snprintf(text, sizeof text, "%04x:%012llx ", cpu.seg[Seg::cs].selector, static_cast<unsigned long long>(rip));
    std::string line = text;
    for (unsigned i = 0; i < (good ? insn.length : std::min(have, 8u)); i++) std::snprintf(text, sizeof text, " %02x", bytes[i]), line += text;
    line.resize(std::max<std::size_t>(line.size(), 60), ' ');
    std::string words = disassemble({bytes.data(), have}, rip, cpu.code);
    return line + "  " + (words.empty() && good ? std::string(insn.row->name) : words);
}

}
