# SPDX-License-Identifier: MIT
# The files of tests/cpu/, part of unit_tests.
tests_cpu_sources =
