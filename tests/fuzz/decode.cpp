// SPDX-License-Identifier: MIT
// Fuzz target: any bytes to the decoder, in every mode. What it accepts is an instruction by its own bytes alone.
#include "cpu/cpuid/model.h"
#include "cpu/decode/decoder.h"
#include "tests/fuzz/input.h"

static void judge(std::span<const u8> code, const decode::Mode& mode) {
    Insn insn;
    auto result = decode::decode(code, mode, insn);
    require(result != decode::Result::too_long || code.size() >= 15);
    if (result != decode::Result::ok) return;
    unsigned length = insn.length;
    require(length >= 1 && length <= 15 && length <= code.size() && insn.run);
    Insn again;
    require(decode::decode(code.first(length), mode, again) == decode::Result::ok && again.length == length);
    require(again.row == insn.row);
    for (unsigned n = 0; n < length; n++)
        require(decode::decode(code.first(n), mode, again) == decode::Result::truncated);
}

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static const FeatureSet* const features[] = {nullptr, &find_model("max-intel")->features, &find_model("barcelona")->features};
    std::span<const u8> code(data, std::min<std::size_t>(size, 20));
    for (auto* has : features)
        for (auto width : {decode::CodeSize::bits16, decode::CodeSize::bits32, decode::CodeSize::bits64})
            for (bool protected_mode : {false, true})
                if (protected_mode || width != decode::CodeSize::bits64)
                    judge(code, {width, protected_mode, has == features[2], has});
    return 0;
}
