# SPDX-License-Identifier: MIT
# The files of tests/bios/, part of unit_tests.
tests_bios_sources =
