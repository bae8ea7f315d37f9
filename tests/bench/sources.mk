# SPDX-License-Identifier: MIT
# Measurements.
EXTRA_DIST += \
    tests/bench/bench.py \
    tests/bench/kernels.c \
    tests/bench/kernels.h \
    tests/bench/large.py \
    tests/bench/vectors.c \
    tests/bench/work

# `make tests/bench/translation`: what walks, world switches and invalidations cost.
EXTRA_PROGRAMS += tests/bench/translation
tests_bench_translation_SOURCES = tests/bench/translation.cpp tests/cpu/guest_memory.h tests/cpu/machine.h
tests_bench_translation_LDADD = libslate_core.a $(ZLIB_LIBS)
