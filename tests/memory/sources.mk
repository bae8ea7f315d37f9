# SPDX-License-Identifier: MIT
# The files of tests/memory/, part of unit_tests.
tests_memory_sources = \
    tests/memory/by_context.cpp \
    tests/memory/linear.cpp \
    tests/memory/memory_type.cpp \
    tests/memory/physical.cpp \
    tests/memory/scopes.cpp \
    tests/memory/store.h \
    tests/memory/tables.h \
    tests/memory/tlb.cpp \
    tests/memory/walk_first.cpp \
    tests/memory/walk_random.cpp \
    tests/memory/walk_second.cpp
