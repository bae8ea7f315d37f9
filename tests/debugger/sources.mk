# SPDX-License-Identifier: MIT
# The files of tests/debugger/, part of unit_tests.
tests_debugger_sources =
