# SPDX-License-Identifier: MIT
# The files of tests/decode/: the program decode_tests.
tests_decode_sources =
