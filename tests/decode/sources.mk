# SPDX-License-Identifier: MIT
# The files of tests/decode/: the program decode_tests.
tests_decode_sources = \
    tests/decode/rules.cpp \
    tests/decode/rules.h \
    tests/decode/zydis.cpp
