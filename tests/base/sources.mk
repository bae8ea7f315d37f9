# SPDX-License-Identifier: MIT
# The tests of base/.
tests_base_sources = \
    tests/base/bits.cpp \
    tests/base/clock.cpp \
    tests/base/code_memory.cpp \
    tests/base/hash.cpp \
    tests/base/png.cpp
