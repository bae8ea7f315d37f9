# SPDX-License-Identifier: MIT
# The experiments: guests of ours, built by tests/guests/build, and the command that runs them.
experiments = memory pages switches

experiments_files = \
    tests/experiments/load.cpp \
    tests/experiments/memory.cpp \
    tests/experiments/pages.cpp \
    tests/experiments/switches.cpp
EXTRA_DIST += $(experiments_files) tests/experiments/plot.py tests/experiments/run.py
