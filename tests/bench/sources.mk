# SPDX-License-Identifier: MIT
# Measurements.
EXTRA_DIST += tests/bench/bench.py
