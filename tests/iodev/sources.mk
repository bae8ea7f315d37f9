# SPDX-License-Identifier: MIT
# The files of tests/iodev/, part of unit_tests.
tests_iodev_sources =
