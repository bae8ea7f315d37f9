// SPDX-License-Identifier: MIT
// The VMCS's fields and the VMX controls, by name, by encoding and by row; the VMCS as a value.
#pragma once
#include "base/archive.h"
#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace vmx {

// An encoding says how wide its field is and where it belongs (SDM vol. 3, 25.11.2 and appendix B).
enum class Width : u8 { word, quad, dword, natural };
enum class Area : u8 { control, exit_information, guest, host };

enum class Field : u16 {
#define FIELD(name, encoding, text, exists) name = encoding,
#include "cpu/vmx/fields.def"
};

constexpr Width width(Field f) { return Width(bits(u16(f), 14, 13)); }
constexpr Area area(Field f) { return Area(bits(u16(f), 11, 10)); }
constexpr bool read_only(Field f) { return area(f) == Area::exit_information; }
constexpr unsigned width_in_bits(Field f) { return width(f) == Width::word ? 16 : width(f) == Width::dword ? 32 : 64; }
// What of a value the field can hold.
constexpr u64 truncate(Field f, u64 value) { return value & mask(width_in_bits(f) - 1, 0); }

// ---- controls

// One bit of a field that has a name of its own.
struct Control {
    Field word;
    u8 bit;
    u8 number;                    // among the named bits
    constexpr bool operator==(const Control&) const = default;
};
constexpr Control always{Field{}, 0xff, 0xff};

enum NamedBit : u8 {
#define CONTROL(group, name, bit, text, capability) group##_##name,
#include "cpu/vmx/controls.def"
    controls_end
};

namespace pin { constexpr Field word = Field::pin_controls; }
namespace primary { constexpr Field word = Field::primary_controls; }
namespace secondary { constexpr Field word = Field::secondary_controls; }
namespace exit { constexpr Field word = Field::exit_controls; }
namespace entry { constexpr Field word = Field::entry_controls; }
namespace function { constexpr Field word = Field::vm_function_controls; }

#define CONTROL(group, name, bit, text, capability) namespace group { constexpr Control name{word, bit, group##_##name}; }
#include "cpu/vmx/controls.def"

// No controls, but bits that many checks ask for in fields that change at every exit.
namespace guest_bit {
constexpr Control virtual_8086{Field::guest_rflags, 17, controls_end}, interrupts{Field::guest_rflags, 9, controls_end + 1},
    protected_mode{Field::guest_cr0, 0, controls_end + 2}, paging{Field::guest_cr0, 31, controls_end + 3},
    pae{Field::guest_cr4, 5, controls_end + 4};
}
constexpr Control named_bits[] = {
#define CONTROL(group, name, bit, text, capability) group::name,
#include "cpu/vmx/controls.def"
    guest_bit::virtual_8086, guest_bit::interrupts, guest_bit::protected_mode, guest_bit::paging, guest_bit::pae,
};

// The control without which those of its word count as 0 (SDM vol. 3, 25.6.2 and 25.6.14).
constexpr Control activates(Field word) {
    return word == Field::secondary_controls     ? primary::secondary_controls
           : word == Field::vm_function_controls ? secondary::vm_functions
                                                 : always;
}

// ---- the table of fields

struct FieldRow {
    Field field;
    std::string_view name, text;
    Control exists;               // the control without which there is no such field
};

constexpr FieldRow fields[] = {
#define FIELD(name, encoding, text, exists) {Field::name, #name, text, exists},
#include "cpu/vmx/fields.def"
};
constexpr unsigned field_count = std::size(fields);

// A field's row by its encoding, whose bit 0 only says which half.
constexpr u8 no_row = 0xff;
inline constexpr auto rows = [] {
    std::array<u8, 1 << 14> rows{};
    rows.fill(no_row);
    for (unsigned i = 0; i < field_count; i++) rows[u16(fields[i].field) >> 1] = u8(i);
    return rows;
}();
static_assert(field_count < no_row);
constexpr u8 row(Field f) { return rows[u16(f) >> 1]; }
constexpr std::string_view text(Field f) { return fields[row(f)].text; }

// What VMREAD and VMWRITE name: a field, or the high half of one of 64 bits.
struct Component {
    constexpr Component(Field field, bool high = false) : Component(field, high, vmx::row(field)) {}
    constexpr Component(Field field, bool high, u8 row) : field(field), high(high), row(row) {}
    Field field;
    bool high;
    u8 row;
    constexpr bool operator==(const Component&) const = default;
};
// Whether a CPU has the field is for its capabilities to say (exists() in capabilities.h).
constexpr std::optional<Component> find(u64 encoding) {
    if (encoding >> 15) return {};
    u8 found = rows[encoding >> 1];
    bool high = encoding & 1;
    if (found == no_row || (high && width(fields[found].field) != Width::quad)) return {};
    return Component{fields[found].field, high, found};
}

constexpr bool ascending() {
    for (unsigned i = 1; i < field_count; i++)
        if (fields[i - 1].field >= fields[i].field) return false;
    return true;
}
static_assert(ascending(), "fields.def lists each encoding once, in order");
constexpr bool each_found() {
    for (auto& r : fields)
        if (find(u16(r.field)) != Component{r.field}) return false;
    return true;
}
static_assert(each_found(), "no two fields share a row");

// The VMCS revision identifier: another table, another number, so that an image of another layout is refused.
constexpr u32 revision = [] {
    u32 hash = 0x811c9dc5;
    for (auto& r : fields)
        for (u8 byte : {u8(u16(r.field)), u8(u16(r.field) >> 8)}) hash = (hash ^ byte) * 0x01000193;
    return hash & 0x7fffffff;
}();
static_assert(revision != 0);

// Calls see(n) for the segment registers in the order of their encodings, ES to TR; n is a constant, and so are the fields.
template <class See> [[gnu::always_inline]] inline void each_segment(See&& see) {
    [&]<unsigned... N>(std::integer_sequence<unsigned, N...>) {
        (see(std::integral_constant<unsigned, N>{}), ...);
    }(std::make_integer_sequence<unsigned, 8>{});
}

// ---- sets of fields and named bits, and the VMCS

// The named bits of each field, by row: they stand together in named_bits.
struct BitRange {
    u8 first = 0, count = 0;
};
constexpr auto bit_ranges = [] {
    std::array<BitRange, field_count> ranges{};
    for (unsigned i = 0; i < std::size(named_bits); i++) {
        auto& range = ranges[row(named_bits[i].word)];
        if (named_bits[i].number != i || (range.count && range.first + range.count != i)) throw "named bits are out of order";
        if (!range.count++) range.first = u8(i);
    }
    return ranges;
}();

// Parts are numbered: the fields by their rows, then the named bits.
constexpr unsigned part_count = field_count + std::size(named_bits);
constexpr Field field_of(unsigned part) { return part < field_count ? fields[part].field : named_bits[part - field_count].word; }

class FieldSet {
public:
    constexpr void add(Field f) { add_part(row(f)); }
    constexpr void add(Control c) { add_part(field_count + c.number); }
    constexpr bool has(Field f) const { return has_part(row(f)); }
    constexpr bool has_part(unsigned part) const { return words[part / 64] & bit(part % 64); }
    constexpr void add_part(unsigned part) { words[part / 64] |= bit(part % 64); }
    constexpr void clear() { words = {}; }
    constexpr bool empty() const { return *this == FieldSet{}; }
    constexpr FieldSet& operator|=(const FieldSet& other) {
        for (unsigned i = 0; i < words.size(); i++) words[i] |= other.words[i];
        return *this;
    }
    constexpr bool within(const FieldSet& other) const {
        u64 outside = 0;
        for (unsigned i = 0; i < words.size(); i++) outside |= words[i] & ~other.words[i];
        return !outside;
    }
    constexpr bool operator==(const FieldSet&) const = default;
    static constexpr FieldSet all() {
        FieldSet set;
        for (unsigned part = 0; part < part_count; part++) set.add_part(part);
        return set;
    }
    // Calls see(part) for each member, in order.
    template <class See> constexpr void each(See&& see) const {
        for (unsigned i = 0; i < words.size(); i++)
            for (u64 rest = words[i]; rest; rest &= rest - 1) see(i * 64 + unsigned(std::countr_zero(rest)));
    }

private:
    std::array<u64, (part_count + 63) / 64> words{};
};

// The fields' values in the order of fields.def, each no wider than its field, and which have changed since someone last asked.
class Vmcs {
public:
    u64 operator[](Field f) const { return value[row(f)]; }
    // Inline: with a constant field the compiler settles all but a comparison.
    [[gnu::always_inline]] void set(Field f, u64 to) { set_row(row(f), truncate(f, to)); }
    // The same by the field's row, with a value that the field can hold.
    [[gnu::always_inline]] void set_row(u8 row, u64 to) {
        u64& now = value[row];
        if (now == to) return;
        note(row, now ^ to);
        now = to;
    }
    // The same for a field without named bits.
    void set_plain(u8 row, u64 to) {
        bool differs = value[row] != to;
        value[row] = to;                             // first: it waits in no register of the fast engine's
        if (differs) changed.add_part(row);
    }
    // Whether the control has its effect: it is set, and so is the one that activates its word.
    bool operator[](Control c) const {
        Control by = activates(c.word);
        return bits((*this)[c.word], c.bit, c.bit) && (by == always || (*this)[by]);
    }
    FieldSet take_changed() {
        FieldSet taken = changed;
        changed.clear();
        return taken;
    }
    // What someone would be told who asked now: what has changed since the last VM entry.
    const FieldSet& changed_now() const { return changed; }
    // For whoever fills in values by himself: everything may have changed.
    void all_changed() { changed = FieldSet::all(); }

    // A field at a time, by its name; loading may change everything.
    void visit(Archive& a) {
        for (unsigned i = 0; i < field_count; i++) {
            a(fields[i].name, value[i]);
            value[i] = truncate(fields[i].field, value[i]);
        }
        all_changed();
    }

    std::array<u64, field_count> value{};

private:
    [[gnu::always_inline]] void note(u8 row, u64 flipped) {
        changed.add_part(row);
        auto [first, count] = bit_ranges[row];
        for (unsigned i = first; i < unsigned(first + count); i++)
            if (bits(flipped, named_bits[i].bit, named_bits[i].bit)) changed.add(named_bits[i]);
    }
    FieldSet changed = FieldSet::all();
};

}
