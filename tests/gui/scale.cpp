// SPDX-License-Identifier: MIT
// Where pictures lie in windows, by hand.
#include "gui/scale.h"
#include <gtest/gtest.h>

using namespace gui;

TEST(Scale, a_vga_picture_is_4_by_3_and_another_as_its_dots) {
    struct { Frame frame; Size window; Scaling scaling; Place expected; } rows[] = {
        {{720, 400, false, {}}, {720, 540}, Scaling::true_shape, {0, 0, 720, 540}},
        {{720, 400, false, {}}, {1600, 900}, Scaling::true_shape, {200, 0, 1200, 900}},
        {{640, 480, false, {}}, {640, 1000}, Scaling::true_shape, {0, 260, 640, 480}},
        {{1024, 768, true, {}}, {512, 512}, Scaling::true_shape, {0, 64, 512, 384}},
        {{1280, 720, true, {}}, {1280, 960}, Scaling::true_shape, {0, 120, 1280, 720}},
        {{720, 400, false, {}}, {1600, 900}, Scaling::whole_dots, {80, 50, 1440, 800}},
        {{640, 480, true, {}}, {1279, 959}, Scaling::whole_dots, {319, 239, 640, 480}},
        {{1024, 768, true, {}}, {512, 512}, Scaling::whole_dots, {0, 64, 512, 384}},      // not even once: as it fits
    };
    for (auto& row : rows) {
        Place at = place(row.frame, row.window, row.scaling);
        EXPECT_EQ(at.x, row.expected.x);
        EXPECT_EQ(at.y, row.expected.y);
        EXPECT_EQ(at.width, row.expected.width);
        EXPECT_EQ(at.height, row.expected.height);
    }
}

TEST(Scale, a_picture_of_any_shape_has_a_place_in_any_window) {
    for (unsigned width : {8u, 4608u})
        for (unsigned height : {1u, 1600u})
            for (Size window : {Size{1, 1}, Size{5000, 1}, Size{1, 5000}}) {
                Place at = place({width, height, true, {}}, window, Scaling::true_shape);
                EXPECT_GE(at.width, 1);
                EXPECT_GE(at.height, 1);
                EXPECT_LE(at.width, window.width);
                EXPECT_LE(at.height, window.height);
            }
}
