// SPDX-License-Identifier: MIT
// Expressions by recursive descent, evaluated on the way.
#include "debugger/expression.h"
#include "base/error.h"
#include "cpu/svm/svm.h"
#include "cpu/vmx/vmx.h"
#include "debugger/look.h"
#include "debugger/registers.h"
#include "debugger/symbols.h"
#include "debugger/viewpoint.h"
#include "debugger/virt_bits.h"
#include <charconv>
#include <cstring>

namespace debugger {

bool parse_number(std::string_view text, u64& value) {
    bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    if (hexadecimal) text.remove_prefix(2);
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
    return error == std::errc{} && end == text.data() + text.size();
}

namespace {

bool field_value(const Cpu& cpu, std::string_view name, u64& value) {
    if (!cpu.virt) return false;
    if (cpu.intel()) {
        auto& v = static_cast<const vmx::Vmx&>(*cpu.virt);
        for (auto& r : vmx::fields)
            if (r.name == name) return value = v.vmcs[r.field], true;
        return false;
    }
    auto& s = static_cast<const svm::Svm&>(*cpu.virt);
    for (auto& r : svm::fields)
        if (name_of(r.field) == name) return value = s.vmcb[r.field], true;
    return false;
}

// The operators with two operands, by how tightly they bind; those of two characters before those that begin them.
enum class Op : u8 { or_else, and_also, bit_or, bit_xor, bit_and, equal, unequal, shift_left, shift_right, at_most, at_least, less, more, plus, minus, times,
    over, rest };
struct Operator {
    std::string_view text;
    u8 level;
    Op op;
};
constexpr Operator operators[] = {
    {"||", 1, Op::or_else}, {"&&", 2, Op::and_also}, {"==", 6, Op::equal}, {"!=", 6, Op::unequal}, {"<<", 8, Op::shift_left}, {">>", 8, Op::shift_right},
    {"<=", 7, Op::at_most}, {">=", 7, Op::at_least}, {"|", 3, Op::bit_or}, {"^", 4, Op::bit_xor}, {"&", 5, Op::bit_and}, {"<", 7, Op::less}, {">", 7, Op::more},
    {"+", 9, Op::plus}, {"-", 9, Op::minus}, {"*", 10, Op::times}, {"/", 10, Op::over}, {"%", 10, Op::rest}};

constexpr struct {
    std::string_view name;
    unsigned bytes;
} widths[] = {{"byte", 1}, {"word", 2}, {"dword", 4}, {"qword", 8}};

class Reader {
public:
    Reader(const Cpu& cpu, std::string_view text, const Symbols* symbols, unsigned level, bool dry)
        : cpu(cpu), whole(text), left(text), symbols(symbols), level(level ? level : running_level(cpu)), dry(dry) {}

    u64 all() {
        if (whole.size() > 4096) throw Error("the expression is too long");
        u64 value = binary(1);
        skip();
        if (!left.empty()) bad();
        return value;
    }

private:
    [[noreturn]] void bad() const {
        throw Error("'" + Error::one_line(std::string(whole)) + "' can't be read" +
                    (left.empty() ? "; it ends too early" : " from '" + Error::one_line(std::string(left.substr(0, 40))) + "' on"));
    }
    void skip() {
        while (!left.empty() && (left[0] == ' ' || left[0] == '\t')) left.remove_prefix(1);
    }
    bool take(std::string_view what) {
        skip();
        if (!left.starts_with(what)) return false;
        return left.remove_prefix(what.size()), true;
    }
    const Operator* peek(unsigned least) {
        skip();
        for (auto& o : operators)
            if (left.starts_with(o.text)) return o.level >= least ? &o : nullptr;
        return nullptr;
    }

    u64 binary(unsigned least) {
        if (++depth > 200) throw Error("the expression is nested too deep");
        u64 value = unary();
        while (auto* o = peek(least)) {
            left.remove_prefix(o->text.size());
            bool settled = (o->op == Op::and_also && !value) || (o->op == Op::or_else && value), was_dry = dry;
            dry = dry || settled;
            u64 other = binary(o->level + 1u);
            dry = was_dry;
            value = apply(o->op, value, other);
        }
        depth--;
        return value;
    }
    u64 apply(Op op, u64 a, u64 b) const {
        if ((op == Op::over || op == Op::rest) && !b && !dry) throw Error("division by 0 in '" + Error::one_line(std::string(whole)) + "'");
        switch (op) {
        case Op::or_else: return a || b;
        case Op::and_also: return a && b;
        case Op::bit_or: return a | b;
        case Op::bit_xor: return a ^ b;
        case Op::bit_and: return a & b;
        case Op::equal: return a == b;
        case Op::unequal: return a != b;
        case Op::shift_left: return b < 64 ? a << b : 0;
        case Op::shift_right: return b < 64 ? a >> b : 0;
        case Op::at_most: return a <= b;
        case Op::at_least: return a >= b;
        case Op::less: return a < b;
        case Op::more: return a > b;
        case Op::plus: return a + b;
        case Op::minus: return a - b;
        case Op::times: return a * b;
        case Op::over: return b ? a / b : 0;
        case Op::rest: return b ? a % b : 0;
        }
        return 0;
    }
    u64 unary() {
        if (++depth > 200) throw Error("the expression is nested too deep");
        u64 value = take("!") ? !unary() : take("~") ? ~unary() : take("-") ? 0 - unary() : primary();
        depth--;
        return value;
    }
    u64 primary() {
        if (take("(")) {
            u64 value = binary(1);
            if (!take(")")) bad();
            return value;
        }
        if (take("[")) return memory(cpu.bits64() ? 8 : cpu.code.size == decode::CodeSize::bits32 ? 4 : 2);
        skip();
        std::size_t size = 0;
        auto is_name = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '$' ||
            c == '@'; };
        while (size < left.size() && is_name(left[size])) size++;
        auto name = left.substr(0, size);
        if (name.empty()) bad();
        left.remove_prefix(size);
        for (auto& w : widths)
            if (name == w.name && take("[")) return memory(w.bytes);
        return named(name);
    }
    u64 memory(unsigned bytes) {
        Place place;
        if (take("p:")) place.space = Space::physical;
        else if (take("g:")) place.space = Space::guest_physical;
        place.address = binary(1);
        if (!take("]")) bad();
        if (dry) return 0;
        u8 data[8] = {};
        if (read_memory(cpu, place, {data, bytes}) != bytes) throw Error("no memory can be read at " + hex_text(place.address));
        u64 value;
        return std::memcpy(&value, data, 8), value;
    }
    static std::string hex_text(u64 value) {
        char text[19] = "0x";
        *std::to_chars(text + 2, text + 18, value, 16).ptr = 0;
        return text;
    }
    u64 named(std::string_view name) const {
        u64 value = 0;
        if (parse_number(name, value)) return value;
        if (auto* r = find_register(name.substr(name.starts_with('$')))) return r->get(cpu, r->number);
        if (field_value(cpu, name, value)) return value;
        if (symbols && symbols->find(name, value, level)) return value;
        throw Error("'" + Error::one_line(std::string(name)) + "' is neither a number (16, 0x10) nor a register, a field or a symbol");
    }

    const Cpu& cpu;
    std::string_view whole, left;
    const Symbols* symbols;
    unsigned level;               // whose symbols come first
    bool dry;                     // nothing is read from memory, and the result doesn't matter
    unsigned depth = 0;
};

}

u64 evaluate(const Cpu& cpu, std::string_view text, const Symbols* symbols, unsigned level) { return Reader(cpu, text, symbols, level, false).all(); }
void check_expression(const Cpu& cpu, std::string_view text, const Symbols* symbols) { Reader(cpu, text, symbols, 0, true).all(); }

Place parse_place(const Cpu& cpu, std::string_view text, const Symbols* symbols) {
    Space space = text.starts_with("p:") ? Space::physical : text.starts_with("g:") ? Space::guest_physical : Space::linear;
    return {space, evaluate(cpu, text.substr(space == Space::linear ? 0 : 2), symbols)};
}

}
