# SPDX-License-Identifier: MIT
# The files of iodev/.
iodev_sources = \
	iodev/acpi_pm.cpp iodev/acpi_pm.h \
	iodev/bus_master.h \
	iodev/byte_device.h \
	iodev/cmos.cpp iodev/cmos.h \
	iodev/debug_ports.h \
	iodev/device.h \
	iodev/dma.cpp iodev/dma.h \
	iodev/edu.cpp iodev/edu.h \
	iodev/fifo.h \
	iodev/floppy/commands.cpp \
	iodev/floppy/controller.cpp iodev/floppy/controller.h \
	iodev/floppy/drive.h \
	iodev/floppy/transfer.cpp \
	iodev/fw_cfg.cpp iodev/fw_cfg.h \
	iodev/flash.cpp iodev/flash.h \
	iodev/hpet.cpp iodev/hpet.h \
	iodev/ide/bus_master.cpp iodev/ide/bus_master.h \
	iodev/ide/cd.cpp iodev/ide/cd.h \
	iodev/ide/channel.cpp iodev/ide/channel.h \
	iodev/ide/controller.cpp iodev/ide/controller.h \
	iodev/ide/disk.cpp iodev/ide/disk.h \
	iodev/ide/drive.cpp iodev/ide/drive.h \
	iodev/ide/identify.cpp \
	iodev/ide/packets.cpp \
	iodev/ide/task_file.h \
	iodev/ioapic.cpp iodev/ioapic.h \
	iodev/keyboard.cpp iodev/keyboard.h \
	iodev/line.h \
	iodev/media/discard.cpp iodev/media/discard.h \
	iodev/media/file.h \
	iodev/media/formats.cpp iodev/media/formats.h \
	iodev/media/host_file.cpp iodev/media/host_file.h \
	iodev/media/image.h \
	iodev/media/medium.cpp iodev/media/medium.h \
	iodev/media/open.cpp iodev/media/open.h \
	iodev/media/qcow2/check.cpp iodev/media/qcow2/check.h \
	iodev/media/qcow2/entry.h \
	iodev/media/qcow2/header.cpp iodev/media/qcow2/header.h \
	iodev/media/qcow2/image.cpp iodev/media/qcow2/image.h \
	iodev/media/qcow2/refcounts.cpp iodev/media/qcow2/refcounts.h \
	iodev/media/qcow2/tables.cpp iodev/media/qcow2/tables.h \
	iodev/media/raw.cpp iodev/media/raw.h \
	iodev/parallel.h \
	iodev/pc_testdev.cpp iodev/pc_testdev.h \
	iodev/pci.cpp iodev/pci.h \
	iodev/pci_bridges.cpp iodev/pci_bridges.h \
	iodev/pci_messages.cpp iodev/pci_messages.h \
	iodev/pci_test.h \
	iodev/pic.cpp iodev/pic.h \
	iodev/pit.cpp iodev/pit.h \
	iodev/ports.cpp iodev/ports.h \
	iodev/ps2.cpp iodev/ps2.h \
	iodev/scan_codes.cpp iodev/scan_codes.h \
	iodev/system_control.cpp iodev/system_control.h \
	iodev/test_device.cpp iodev/test_device.h \
	iodev/uart.cpp iodev/uart.h \
	iodev/vga/dac.h \
	iodev/vga/dispi.cpp iodev/vga/dispi.h \
	iodev/vga/memory.cpp iodev/vga/memory.h \
	iodev/vga/registers.cpp iodev/vga/registers.h \
	iodev/vga/renderer.cpp iodev/vga/renderer.h \
	iodev/vga/vga.cpp iodev/vga/vga.h
