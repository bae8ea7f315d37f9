# SPDX-License-Identifier: MIT
# The files of tests/base/, part of unit_tests.
tests_base_sources =
