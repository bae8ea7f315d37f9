# SPDX-License-Identifier: MIT
# The files of tests/bios/, part of unit_tests.
tests_bios_sources = \
    tests/bios/acpi.cpp \
    tests/bios/firmware.cpp \
    tests/bios/kernel.cpp \
    tests/bios/memory_map.cpp \
    tests/bios/rom.cpp \
    tests/bios/support.h \
    tests/bios/text_mode.cpp
