// SPDX-License-Identifier: MIT
// The forms of each row (prefixes, operand and address size, register or memory), and cases of them with random operands.
#pragma once
#include "tests/silicon/random.h"
#include "tests/silicon/state.h"
#include <string>
#include <vector>

namespace silicon {

struct Form {
    const isa::Row* row = nullptr;
    Mode mode = Mode::bits64;
    bool p66 = false, w = false, l = false, p67 = false, lock = false, memory = false;
    u8 rep = 0;
    std::string text() const;
};

std::vector<Form> forms_of(const isa::Row& row, Mode mode);

struct Case {
    Mode mode = Mode::bits64;
    std::array<u8, 15> bytes{};
    unsigned length = 0;
    Insn insn;                            // as the emulator's decoder reads it
    State start;
    u64 operand_at = 0;                   // linear address of the memory operand
};

class Maker {
public:
    Maker(Random& random, const decode::Mode& decode_mode) : random(random), decode_mode(decode_mode) {}
    // A case of the form, its operands poked into `data`; false when the bytes drawn are not of this form.
    bool make(const Form& form, Case& c, Data& data);
    // What the last bytes drawn were: null if undefined.
    const isa::Row* drawn = nullptr;

private:
    Random& random;
    decode::Mode decode_mode;
    unsigned displacement_at = 0, displacement_size = 0;
    const Insn* poked = nullptr;          // whose operands poke() makes

    bool assemble(const Form& form, Case& c);
    void prefixes(const Form& form, std::vector<u8>& out, bool wants_segment);
    void modrm(const Form& form, std::vector<u8>& out);
    void segments(Case& c);
    void registers(Case& c);
    void flags(Case& c);
    void vectors(Case& c);
    void x87(Case& c);
    void implicit(Case& c, Data& data);
    bool gather(Case& c);
    bool aim(Case& c, Data& data);
    u64 target(const Case& c, unsigned width);
    u64 base_of(const Case& c, Seg s) const;
    bool selectors(Case& c, Data& data);
    void poke(Data& data, u64 at, unsigned bytes);
    void poke_lane(u8* to, unsigned lane);
    u64 offset_for(const Case& c, Seg s, u64 linear, unsigned width) const;
};

}
