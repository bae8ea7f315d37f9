# SPDX-License-Identifier: MIT
# The tests of tests/machine/, part of unit_tests.
tests_machine_sources = \
    tests/machine/media.cpp \
    tests/machine/options.cpp \
    tests/machine/pace.cpp \
    tests/machine/pc.cpp \
    tests/machine/ram.cpp \
    tests/machine/turns.cpp \
    tests/machine/work.cpp
