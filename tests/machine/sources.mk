# SPDX-License-Identifier: MIT
# The files of tests/machine/, part of unit_tests.
tests_machine_sources =
