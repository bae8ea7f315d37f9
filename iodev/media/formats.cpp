// SPDX-License-Identifier: MIT
// The signatures of image formats.
#include "iodev/media/formats.h"
#include <algorithm>

using namespace std::string_view_literals;

static constexpr Format formats[] = {
    // name    at    signature            readable
    {"qcow2",  0,    "QFI\xfb"sv,         true},
    {"qed",    0,    "QED\0"sv,           false},
    {"vmdk",   0,    "KDMV"sv,            false},
    {"vmdk",   0,    "COWD"sv,            false},
    {"vmdk",   0,    "# Disk Descri"sv,   false},
    {"vhd",    0,    "conectix"sv,        false},
    {"vhdx",   0,    "vhdxfile"sv,        false},
    {"vdi",    0x40, "\x7f\x10\xda\xbe"sv, false},
    {"luks",   0,    "LUKS\xba\xbe"sv,    false},
};

const Format* format_of(std::span<const u8> start) {
    auto is = [&](const Format& f) {
        if (f.at + f.signature.size() > start.size()) return false;
        return std::ranges::equal(start.subspan(f.at, f.signature.size()), f.signature, {}, {},
                                  [](char c) { return u8(c); });
    };
    auto* found = std::ranges::find_if(formats, is);
    return found == std::end(formats) ? nullptr : found;
}
