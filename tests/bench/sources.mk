# SPDX-License-Identifier: MIT
# Measurements.
EXTRA_DIST += \
    tests/bench/bench.py \
    tests/bench/kernels.c \
    tests/bench/large.py \
    tests/bench/work
