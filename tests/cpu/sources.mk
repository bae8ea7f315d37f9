# SPDX-License-Identifier: MIT
# The files of tests/cpu/, part of unit_tests.
tests_cpu_sources = \
    tests/cpu/any_code.h \
    tests/cpu/apic/local.cpp \
    tests/cpu/banks.cpp \
    tests/cpu/check/stale.cpp \
    tests/cpu/cpuid/cpuid.cpp \
    tests/cpu/event/deliver.cpp \
    tests/cpu/event/guest.h \
    tests/cpu/event/interrupts.cpp \
    tests/cpu/event/last_branch.cpp \
    tests/cpu/event/task_switch.cpp \
    tests/cpu/fp/cases.h \
    tests/cpu/fp/soft.cpp \
    tests/cpu/frames.h \
    tests/cpu/guest_memory.h \
    tests/cpu/isa/bcd.cpp \
    tests/cpu/isa/bitwise.cpp \
    tests/cpu/isa/bmi.cpp \
    tests/cpu/isa/branch.cpp \
    tests/cpu/isa/example.h \
    tests/cpu/isa/flags.cpp \
    tests/cpu/isa/integer.cpp \
    tests/cpu/isa/interrupt.cpp \
    tests/cpu/isa/io.cpp \
    tests/cpu/isa/misc.cpp \
    tests/cpu/isa/move.cpp \
    tests/cpu/isa/segment.cpp \
    tests/cpu/isa/shift.cpp \
    tests/cpu/isa/sse/amd3dnow.cpp \
    tests/cpu/isa/sse/avx.cpp \
    tests/cpu/isa/sse/crypto.cpp \
    tests/cpu/isa/sse/example.h \
    tests/cpu/isa/sse/float.cpp \
    tests/cpu/isa/sse/fused.cpp \
    tests/cpu/isa/sse/instructions.cpp \
    tests/cpu/isa/sse/lanes.cpp \
    tests/cpu/isa/sse/sse4.cpp \
    tests/cpu/isa/stack.cpp \
    tests/cpu/isa/string.cpp \
    tests/cpu/isa/system.cpp \
    tests/cpu/isa/vendor_order.cpp \
    tests/cpu/isa/wait.cpp \
    tests/cpu/isa/x87/host.h \
    tests/cpu/isa/x87/pointers.cpp \
    tests/cpu/isa/x87/values.h \
    tests/cpu/isa/xsave.cpp \
    tests/cpu/keys.cpp \
    tests/cpu/machine.h \
    tests/cpu/mixed_pages.cpp \
    tests/cpu/msr/msr.cpp \
    tests/cpu/random_tables.cpp \
    tests/cpu/random_tables.h \
    tests/cpu/second_stage.cpp \
    tests/cpu/shadow.h \
    tests/cpu/smm.cpp \
    tests/cpu/templates.cpp \
    tests/cpu/vmx/boundary.h \
    tests/cpu/vmx/breakers.cpp \
    tests/cpu/vmx/breakers.h \
    tests/cpu/vmx/entry_checks.cpp \
    tests/cpu/vmx/execution.cpp \
    tests/cpu/vmx/fields_at_hand.cpp \
    tests/cpu/vmx/generator.cpp \
    tests/cpu/vmx/generator.h \
    tests/cpu/vmx/host.h \
    tests/cpu/vmx/instructions.cpp \
    tests/cpu/vmx/msr_lists.cpp \
    tests/cpu/vmx/pae_host.cpp \
    tests/cpu/vmx/scenes.cpp \
    tests/cpu/vmx/scenes.h \
    tests/cpu/vmx/signals.cpp \
    tests/cpu/vmx/straight_checker.cpp \
    tests/cpu/vmx/straight_checker.h \
    tests/cpu/vmx/tables.cpp \
    tests/cpu/vmx/time.cpp \
    tests/cpu/svm/avic.cpp \
    tests/cpu/svm/checks.cpp \
    tests/cpu/svm/events.cpp \
    tests/cpu/svm/exits.cpp \
    tests/cpu/svm/generator.cpp \
    tests/cpu/svm/generator.h \
    tests/cpu/svm/host.h \
    tests/cpu/svm/last_branch.cpp \
    tests/cpu/svm/nested.cpp \
    tests/cpu/svm/permissions.cpp \
    tests/cpu/svm/skinit.cpp \
    tests/cpu/svm/straight_checker.cpp \
    tests/cpu/svm/straight_checker.h \
    tests/cpu/svm/tables.cpp \
    tests/cpu/svm/time.cpp \
    tests/cpu/svm/virtual_nmi.cpp \
    tests/cpu/svm/world.cpp \
    tests/cpu/two_stages.h \
    tests/cpu/virt/virtual_apic.cpp
if HOST_IS_X86_64
tests_cpu_sources += \
    tests/cpu/fp/host_x86.cpp \
    tests/cpu/isa/x87/host.cpp \
    tests/cpu/isa/x87/short.cpp \
    tests/cpu/isa/x87/soft.cpp
endif
if HAVE_MPFR
tests_cpu_sources += tests/cpu/fp/transcendental.cpp
endif

EXTRA_DIST += tests/cpu/handlers.py
