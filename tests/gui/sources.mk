# SPDX-License-Identifier: MIT
# The tests of tests/gui/, part of unit_tests.
tests_gui_sources = \
    tests/gui/scale.cpp \
    tests/gui/wave.cpp
if HAVE_IMGUI
tests_gui_sources += tests/gui/machine_of_words.h tests/gui/panels.cpp tests/gui/panels_keys.cpp
endif
