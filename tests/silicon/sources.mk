# SPDX-License-Identifier: MIT
# The files of tests/silicon/: the program silicon_tests.
tests_silicon_sources = \
    tests/silicon/campaign.cpp \
    tests/silicon/campaign.h \
    tests/silicon/cases.cpp \
    tests/silicon/cases.h \
    tests/silicon/emulator.cpp \
    tests/silicon/emulator.h \
    tests/silicon/host.cpp \
    tests/silicon/host.h \
    tests/silicon/random.cpp \
    tests/silicon/random.h \
    tests/silicon/rules.cpp \
    tests/silicon/rules.h \
    tests/silicon/silicon.cpp \
    tests/silicon/state.h
