# SPDX-License-Identifier: MIT
# The tests of bios/.
tests_bios_sources = \
    tests/bios/kernel.cpp \
    tests/bios/memory_map.cpp \
    tests/bios/support.h
