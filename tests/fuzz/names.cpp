// SPDX-License-Identifier: MIT
// Fuzz target: bytes as an ELF file or a System.map, and as expressions over what was read.
#include "base/error.h"
#include "debugger/expression.h"
#include "debugger/symbols.h"
#include "tests/cpu/machine.h"
#include "tests/fuzz/input.h"

using namespace debugger;

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static TestMachine machine;
    Input in(data, size);
    u64 base = in.take<u64>(), address = in.take<u64>();
    auto typed = in.bytes(in.byte());
    auto file = in.bytes(size);
    std::string text(reinterpret_cast<const char*>(typed.data()), typed.size());
    Symbols symbols;
    try {
        require(symbols.add(file, base) == symbols.size());
    } catch (const Error&) {
        require(symbols.size() == 0);
    }
    symbols.name_of(address), symbols.name_of(base);
    try {
        evaluate(machine.cpu, text, &symbols);
        check_expression(machine.cpu, text, &symbols);               // what can be evaluated can be read
    } catch (const Error&) {}
    return 0;
}
