// SPDX-License-Identifier: MIT
// Where the guest stops: the list of stop points, of kinds that stand in one table.
#pragma once
#include "cpu/isa/row.h"
#include "cpu/notice.h"
#include "debugger/look.h"
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace debugger {

enum class On : u8 { execute, write, read, access };

struct StopPoint;
class Session;
class Symbols;

// How a kind gets to know: by marks in front of code (at full speed), by the Mmu, by marks in front of instructions with certain events,
// by what the CPU's slow paths tell (both at full speed), or by comparing behind every tick.
enum class Seen : u8 { code, access, instruction, notice, change };

// A row of the table.
struct StopKind {
    std::string_view name, arguments, help;
    Seen seen;
    u64 which = 0;                             // isa::Events or notice::Kinds, a bit each
    // Takes what it knows of the words; throws Error.
    void (*parse)(Session&, StopPoint&, std::vector<std::string>& words) = nullptr;
    // Whether this is one; null: each is.
    bool (*meets)(Cpu&, const StopPoint&, const Insn&) = nullptr;                     // an instruction that comes next
    bool (*means)(Cpu&, const StopPoint&, const notice::Event&) = nullptr;            // a notice
    u64 (*looks_at)(const Cpu&, const StopPoint&) = nullptr;                              // what a change is of
    std::optional<u64> (*moves)(const Cpu&, const StopPoint&) = nullptr;              // where the place is now; null: at its address

    bool has_place() const { return !moves && (seen == Seen::code || seen == Seen::access); }
};
std::span<const StopKind> stop_kinds();
const StopKind* find_stop_kind(std::string_view name);           // null: there is none
std::string notice_text(Cpu&, const notice::Event&);
std::string notice_name(const notice::Event&);                  // of exceptions and interrupts: "#PF", "interrupt 32"

// In which context a stop point counts; what isn't said doesn't matter.
struct StopContext {
    std::optional<u64> cr3, vpid, eptp;        // ASIDs are VPIDs here; cr3 and eptp without their low bits
    std::optional<unsigned> level;             // 1: the host, 2: a guest
    bool holds(const Cpu&) const;
    // Takes "cr3=0x1000", "vpid=1", "asid=1", "eptp=0x5000", "level=2". False: it is none of those.
    bool take(const Cpu&, std::string_view word);
};

struct StopPoint {
    unsigned id = 0;
    On on = On::execute;
    u64 address = 0;
    u64 length = 1;               // bytes; 1 for execute
    u64 hits = 0;
    const StopKind* kind = nullptr;
    Space space = Space::linear;
    StopContext context = {};
    std::optional<u64> first = {}, last = {};  // vectors, ports, registers, reasons, fields: from ... to
    std::string text;             // the arguments, as they were typed
    std::string condition, command;
    u64 ignore = 0;               // so many hits first
    std::map<unsigned, u64> seen = {};         // of a change: as it was, by CPU

    // Whether bytes at an address of its space are its own.
    bool meets(const Cpu& cpu, u64 at, u64 width) const {
        auto from = kind && kind->moves ? kind->moves(cpu, *this) : address;
        return from && (at - *from < length || *from - at < width);
    }
    bool holds(const Cpu&, const Symbols&) const;        // its condition; one that can't be evaluated now holds
    bool within(u64 number) const { return !first || (number >= *first && number <= last.value_or(*first)); }
};

class StopPoints {
public:
    static constexpr std::size_t most = 256;

    // The new one's number, or 0 where there are too many.
    unsigned add(StopPoint point);
    unsigned add(On on, u64 address, u64 length = 1);
    bool remove(unsigned id);
    bool remove(On on, u64 address, u64 length);
    void clear() { all.clear(), changes++; }
    u64 changes = 0;              // moves with each

    bool empty() const { return all.empty(); }
    bool any(Seen seen) const;
    bool watches() const { return any(Seen::access); }
    std::vector<StopPoint>& list() { return all; }
    const std::vector<StopPoint>& list() const { return all; }

private:
    std::vector<StopPoint> all;
    unsigned last_id = 0;
};

}
