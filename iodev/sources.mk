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
	iodev/fifo.h \
	iodev/fw_cfg.cpp iodev/fw_cfg.h \
	iodev/hpet.cpp iodev/hpet.h \
	iodev/ioapic.cpp iodev/ioapic.h \
	iodev/keyboard.cpp iodev/keyboard.h \
	iodev/line.h \
	iodev/pci.cpp iodev/pci.h \
	iodev/pci_bridges.cpp iodev/pci_bridges.h \
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
