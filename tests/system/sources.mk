# SPDX-License-Identifier: MIT
# Scripts that start the emulator as a user would; tests/run/run.py finds them by name.
EXTRA_DIST += \
    tests/system/bad_input.py \
    tests/system/bochsrc.py \
    tests/system/boot_linux.py \
    tests/system/check_tlb.py \
    tests/system/clock.py \
    tests/system/debugger_cost.py \
    tests/system/debugger_kvm.py \
    tests/system/debugger_window.py \
    tests/system/determinism.py \
    tests/system/display.py \
    tests/system/disks.py \
    tests/system/dmesg-allowed.txt \
    tests/system/experiments.py \
    tests/system/firmware.py \
    tests/system/golden/README.md \
    tests/system/golden/grub-uefi.png \
    tests/system/golden/grub-vga.png \
    tests/system/kvm.py \
    tests/system/programs.py \
    tests/system/vectors.py \
    tests/system/window.py \
    tests/system/window_cost.py \
    tests/system/xen.py
