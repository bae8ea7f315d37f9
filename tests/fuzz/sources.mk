# SPDX-License-Identifier: MIT
# Fuzz targets: tests_fuzz_programs are built by `make sanitized-tests`; add rules and EXTRA_DIST here.
tests_fuzz_programs =
