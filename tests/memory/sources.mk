# SPDX-License-Identifier: MIT
# The files of tests/memory/, part of unit_tests.
tests_memory_sources =
