# SPDX-License-Identifier: MIT
# Freestanding guests, built by tests/guests/build and run by tests/guests/guests.py; both read these lists.
guests_32 = far_rules gates hot32 modes monitor paging32 segmentation smm32 tasks v86 widths x87
guests_64 = apic busy code_stores control_rules corners counters debug debug_rules display exceptions flag_chains flow mixed_modes order paging4 patching precise remapping repeats rights shadowing smc smm smp stepping strings syscall system_rules ticks timers tlb triple_fault triple_fault_rsm vectors waits
guests_virt = exit_rate slat_round_trips stale svm_avic svm_capabilities svm_exits svm_features svm_invalidation svm_order svm_smm svm_state vmx_apic vmx_capabilities vmx_ept vmx_execute vmx_exits vmx_instructions vmx_invalidation vmx_order vmx_page_log vmx_shadow vmx_smm vmx_state vmx_sub_page vmx_time vmx_ve
guests_virt_32 = svm_nested_32
guests_flat = flat
guests_real = dos i286
guests_boot = boot_multiboot1 boot_multiboot2 boot_pvh boot_elf32 boot_elf64

guests_files = \
    tests/guests/apic.cpp \
    tests/guests/boot_elf32.S \
    tests/guests/boot_elf64.S \
    tests/guests/boot_multiboot1.S \
    tests/guests/boot_multiboot2.S \
    tests/guests/boot_pvh.S \
    tests/guests/boot_text.S \
    tests/guests/build \
    tests/guests/code.h \
    tests/guests/busy.cpp \
    tests/guests/code_stores.cpp \
    tests/guests/control_rules.cpp \
    tests/guests/corners.cpp \
    tests/guests/counters.cpp \
    tests/guests/debug.cpp \
    tests/guests/debug_rules.cpp \
    tests/guests/display.cpp \
    tests/guests/exceptions.cpp \
    tests/guests/flag_chains.cpp \
    tests/guests/flat/convention.h \
    tests/guests/flat/flat.cpp \
    tests/guests/flat/flat.ld \
    tests/guests/flat/header.S \
    tests/guests/flat/others.S \
    tests/guests/flat/realmode.S \
    tests/guests/flat/realmode.ld \
    tests/guests/far_rules.cpp \
    tests/guests/flow.cpp \
    tests/guests/frame.h \
    tests/guests/gates.cpp \
    tests/guests/guest.cpp \
    tests/guests/guest.h \
    tests/guests/guest.ld \
    tests/guests/hot32.cpp \
    tests/guests/hypervisor/amd.cpp \
    tests/guests/hypervisor/hypercall.h \
    tests/guests/hypervisor/hypervisor.h \
    tests/guests/hypervisor/image.S \
    tests/guests/hypervisor/intel.cpp \
    tests/guests/hypervisor/kernel.cpp \
    tests/guests/hypervisor/kernel.ld \
    tests/guests/hypervisor/kernel_start.S \
    tests/guests/hypervisor/main.cpp \
    tests/guests/hypervisor/pages.h \
    tests/guests/hypervisor/shadow.cpp \
    tests/guests/interrupts.h \
    tests/guests/mixed_modes.cpp \
    tests/guests/modes.cpp \
    tests/guests/monitor.cpp \
    tests/guests/order.cpp \
    tests/guests/paging32.cpp \
    tests/guests/paging4.cpp \
    tests/guests/patching.cpp \
    tests/guests/precise.cpp \
    tests/guests/real/boot.S \
    tests/guests/real/dos.S \
    tests/guests/real/dos.ld \
    tests/guests/real/i286.S \
    tests/guests/real/i286.ld \
    tests/guests/real/verdict.S \
    tests/guests/remapping.cpp \
    tests/guests/repeats.cpp \
    tests/guests/rights.cpp \
    tests/guests/segmentation.cpp \
    tests/guests/shadowing.cpp \
    tests/guests/smc.cpp \
    tests/guests/smm.cpp \
    tests/guests/smm.h \
    tests/guests/smm32.cpp \
    tests/guests/smp.cpp \
    tests/guests/start32.S \
    tests/guests/start64.S \
    tests/guests/stepping.cpp \
    tests/guests/strings.cpp \
    tests/guests/syscall.cpp \
    tests/guests/system_rules.cpp \
    tests/guests/tables.h \
    tests/guests/tasks.cpp \
    tests/guests/ticks.cpp \
    tests/guests/timers.cpp \
    tests/guests/tlb.cpp \
    tests/guests/triple_fault.cpp \
    tests/guests/triple_fault_rsm.cpp \
    tests/guests/v86.cpp \
    tests/guests/vectors.cpp \
    tests/guests/virt/enter.S \
    tests/guests/virt/enter32.S \
    tests/guests/virt/exit_rate.cpp \
    tests/guests/virt/inner.S \
    tests/guests/virt/inner.cpp \
    tests/guests/virt/inner.h \
    tests/guests/virt/memory.h \
    tests/guests/virt/slat_round_trips.cpp \
    tests/guests/virt/stale.cpp \
    tests/guests/virt/svm.cpp \
    tests/guests/virt/svm.h \
    tests/guests/virt/svm_avic.cpp \
    tests/guests/virt/svm_capabilities.cpp \
    tests/guests/virt/svm_exits.cpp \
    tests/guests/virt/svm_features.cpp \
    tests/guests/virt/svm_invalidation.cpp \
    tests/guests/virt/svm_nested_32.cpp \
    tests/guests/virt/svm_order.cpp \
    tests/guests/virt/svm_smm.cpp \
    tests/guests/virt/svm_state.cpp \
    tests/guests/virt/vmx.cpp \
    tests/guests/virt/vmx.h \
    tests/guests/virt/vmx_apic.cpp \
    tests/guests/virt/vmx_capabilities.cpp \
    tests/guests/virt/vmx_ept.cpp \
    tests/guests/virt/vmx_execute.cpp \
    tests/guests/virt/vmx_exits.cpp \
    tests/guests/virt/vmx_instructions.cpp \
    tests/guests/virt/vmx_invalidation.cpp \
    tests/guests/virt/vmx_order.cpp \
    tests/guests/virt/vmx_page_log.cpp \
    tests/guests/virt/vmx_shadow.cpp \
    tests/guests/virt/vmx_smm.cpp \
    tests/guests/virt/vmx_state.cpp \
    tests/guests/virt/vmx_sub_page.cpp \
    tests/guests/virt/vmx_time.cpp \
    tests/guests/virt/vmx_ve.cpp \
    tests/guests/virt/words.h \
    tests/guests/waits.cpp \
    tests/guests/widths.cpp \
    tests/guests/x87.cpp \
    tests/vga_modes.h
EXTRA_DIST += $(guests_files) tests/guests/display.py tests/guests/flat.py tests/guests/guests.py tests/guests/real.py tests/guests/stale.py

tests_guests_images = guests/built
guests/built: $(guests_files) $(experiments_files) tests/guests/sources.mk tests/experiments/sources.mk
	$(AM_V_GEN)rm -rf guests && CXX="$(GUEST_CXX)" sh $(srcdir)/tests/guests/build guests && touch $@
clean-local:
	rm -rf guests
