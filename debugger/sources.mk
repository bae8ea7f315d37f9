# SPDX-License-Identifier: MIT
# The files of debugger/.
if DEBUGGER
debugger_sources = \
    debugger/at_level.cpp \
    debugger/at_level.h \
    debugger/bit_texts.cpp \
    debugger/bit_texts.h \
    debugger/commands.cpp \
    debugger/commands.h \
    debugger/commands_change.cpp \
    debugger/commands_coverage.cpp \
    debugger/commands_devices.cpp \
    debugger/commands_exits.cpp \
    debugger/commands_files.cpp \
    debugger/commands_interrupts.cpp \
    debugger/commands_look.cpp \
    debugger/commands_registers.cpp \
    debugger/commands_run.cpp \
    debugger/commands_state.cpp \
    debugger/commands_stops.cpp \
    debugger/commands_tlb.cpp \
    debugger/commands_trace.cpp \
    debugger/commands_vmcb.cpp \
    debugger/commands_vmcs.cpp \
    debugger/commands_walk.cpp \
    debugger/coverage.cpp \
    debugger/coverage.h \
    debugger/desk.cpp \
    debugger/desk.h \
    debugger/device_reports.h \
    debugger/device_reports_bus.cpp \
    debugger/device_reports_interrupts.cpp \
    debugger/device_reports_timers.cpp \
    debugger/disassemble.h \
    debugger/drop_log.cpp \
    debugger/drop_log.h \
    debugger/elf.h \
    debugger/event_trace.cpp \
    debugger/event_trace.h \
    debugger/expression.cpp \
    debugger/expression.h \
    debugger/face.h \
    debugger/faces.cpp \
    debugger/faces.h \
    debugger/gdb/face.cpp \
    debugger/gdb/face.h \
    debugger/gdb/packets.cpp \
    debugger/gdb/packets.h \
    debugger/gdb/server.cpp \
    debugger/gdb/server.h \
    debugger/gdb/target.cpp \
    debugger/gdb/target.h \
    debugger/lcov.cpp \
    debugger/lcov.h \
    debugger/line_input.cpp \
    debugger/line_input.h \
    debugger/line_table.cpp \
    debugger/line_table.h \
    debugger/look.cpp \
    debugger/look.h \
    debugger/looking.cpp \
    debugger/looking.h \
    debugger/mapped.cpp \
    debugger/mapped.h \
    debugger/output_file.h \
    debugger/qmp/face.cpp \
    debugger/qmp/face.h \
    debugger/qmp/json.cpp \
    debugger/qmp/json.h \
    debugger/qmp/server.cpp \
    debugger/qmp/server.h \
    debugger/registers.cpp \
    debugger/registers.h \
    debugger/result.cpp \
    debugger/result.h \
    debugger/rules.cpp \
    debugger/rules.h \
    debugger/session.cpp \
    debugger/session.h \
    debugger/sockets.cpp \
    debugger/sockets.h \
    debugger/state_tree.cpp \
    debugger/state_tree.h \
    debugger/stop_kinds.cpp \
    debugger/stops.cpp \
    debugger/stops.h \
    debugger/symbols.cpp \
    debugger/symbols.h \
    debugger/terminal.cpp \
    debugger/terminal.h \
    debugger/viewpoint.cpp \
    debugger/viewpoint.h \
    debugger/virt_bits.cpp \
    debugger/virt_bits.h \
    debugger/walk_report.cpp \
    debugger/walk_report.h \
    debugger/walk_seen.cpp \
    debugger/walk_seen.h
if HAVE_ZYDIS
debugger_sources += debugger/disassemble_zydis.cpp
else
debugger_sources += debugger/disassemble_none.cpp
endif
if HAVE_LIBEDIT
debugger_sources += debugger/line_input_edit.cpp
else
debugger_sources += debugger/line_input_plain.cpp
endif
else
debugger_sources = debugger/faces.h debugger/none.cpp
endif
