# SPDX-License-Identifier: MIT
# The files of tests/silicon/: the program silicon_tests.
tests_silicon_sources =
