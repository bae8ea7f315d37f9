// SPDX-License-Identifier: MIT
// The two themes.
#include "gui/ui/ui.h"

namespace gui::ui {

Ink ink;

static constexpr ImU32 rgb(u32 v) { return IM_COL32(v >> 16 & 255, v >> 8 & 255, v & 255, 255); }

ImU32 faded(ImU32 colour, float part) {
    u32 alpha = u32(float(colour >> IM_COL32_A_SHIFT & 255) * part);
    return (colour & ~IM_COL32_A_MASK) | alpha << IM_COL32_A_SHIFT;
}

static constexpr Ink dark = {
    .win = rgb(0x0e1216), .panel = rgb(0x151a20), .raise = rgb(0x1c232b), .hover = rgb(0x232c36), .line = rgb(0x28313b), .line2 = rgb(0x3b4856),
    .text = rgb(0xd8dfe6), .dim = rgb(0x93a0ae), .faint = rgb(0x7a8898),
    .accent = rgb(0x5aa7f2), .accent_bg = rgb(0x1a304a),
    .now = rgb(0xf2b950), .now_bg = rgb(0x3a2e17),
    .ok = rgb(0x59b983), .ok_bg = rgb(0x17302a), .bad = rgb(0xf26b6b), .bad_bg = rgb(0x40202a),
    .level = {rgb(0x9aaabc), rgb(0xb59af5), rgb(0x4cc7b4), rgb(0xe793b4)},
    .level_bg = {rgb(0x252d36), rgb(0x2b2545), rgb(0x14332f), rgb(0x3a2430)},
    .category = {rgb(0x5b93dd), rgb(0x47a88c), rgb(0x9c83da), rgb(0xc9a062), rgb(0xc97a9c), rgb(0x7f8fa1)},
    .dark = true,
};
static constexpr Ink light = {
    .win = rgb(0xe3e8ed), .panel = rgb(0xfbfcfd), .raise = rgb(0xf0f3f6), .hover = rgb(0xe4eaf0), .line = rgb(0xd6dde4), .line2 = rgb(0xb3bfcb),
    .text = rgb(0x1b242d), .dim = rgb(0x52606e), .faint = rgb(0x66737f),
    .accent = rgb(0x1762b4), .accent_bg = rgb(0xdceaf9),
    .now = rgb(0x9a5b00), .now_bg = rgb(0xffefcb),
    .ok = rgb(0x1f7a47), .ok_bg = rgb(0xddf3e6), .bad = rgb(0xc22f2f), .bad_bg = rgb(0xfce2e2),
    .level = {rgb(0x566577), rgb(0x6a46c2), rgb(0x0b7a6c), rgb(0xad3468)},
    .level_bg = {rgb(0xe6ebf0), rgb(0xebe4fb), rgb(0xd8f1ed), rgb(0xfbe3ec)},
    .category = {rgb(0x3d78c6), rgb(0x2c8e70), rgb(0x7c5fc4), rgb(0xa67a2e), rgb(0xb2577e), rgb(0x6c7c8d)},
    .dark = false,
};

void use_ink(bool dark_one) { ink = dark_one ? dark : light; }

}
