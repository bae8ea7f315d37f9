# SPDX-License-Identifier: MIT
# The files of tests/iodev/, part of unit_tests.
tests_iodev_sources = \
	tests/archive_roundtrip.h \
	tests/iodev/acpi_pm.cpp \
	tests/iodev/cmos.cpp \
	tests/iodev/debug_ports.cpp \
	tests/iodev/dma.cpp \
	tests/iodev/flash.cpp \
	tests/iodev/floppy.cpp \
	tests/iodev/fw_cfg.cpp \
	tests/iodev/hammer.cpp \
	tests/iodev/hpet.cpp \
	tests/iodev/ide/bench.h \
	tests/iodev/ide/cd.cpp \
	tests/iodev/ide/disk.cpp \
	tests/iodev/ioapic.cpp \
	tests/iodev/keyboard.cpp \
	tests/iodev/media/dying.cpp \
	tests/iodev/media/images.cpp \
	tests/iodev/media/memory_file.h \
	tests/iodev/media/qcow2.cpp \
	tests/iodev/media/qcow2_maker.h \
	tests/iodev/media/shadow.h \
	tests/iodev/pc_testdev.cpp \
	tests/iodev/pci.cpp \
	tests/iodev/pci_messages.cpp \
	tests/iodev/pic.cpp \
	tests/iodev/pit.cpp \
	tests/iodev/ports.cpp \
	tests/iodev/renderer.cpp \
	tests/iodev/run_clock.h \
	tests/iodev/uart.cpp \
	tests/iodev/vga.cpp \
	tests/iodev/vga_adapter.h \
	tests/vga_modes.h
