# SPDX-License-Identifier: MIT
# The files of tests/debugger/, part of unit_tests; and the scripts that drive the built program.
if DEBUGGER
tests_debugger_sources = \
    tests/debugger/board.h \
    tests/debugger/commands.cpp \
    tests/debugger/coverage.cpp \
    tests/debugger/desk.cpp \
    tests/debugger/devices.cpp \
    tests/debugger/elf_of_lines.h \
    tests/debugger/files.cpp \
    tests/debugger/gdb.cpp \
    tests/debugger/guest_stops.cpp \
    tests/debugger/guests.cpp \
    tests/debugger/folder.h \
    tests/debugger/hosts.h \
    tests/debugger/levels.cpp \
    tests/debugger/names.cpp \
    tests/debugger/qmp.cpp \
    tests/debugger/several_cpus.cpp \
    tests/debugger/stops.cpp \
    tests/debugger/walk_report.cpp
else
tests_debugger_sources =
endif
EXTRA_DIST += tests/debugger/control.py tests/debugger/failed_entries.py tests/debugger/gdb.py tests/debugger/terminal.py
