# SPDX-License-Identifier: MIT
# The files of bios/.
bios_sources = \
    bios/acpi/aml.cpp \
    bios/acpi/aml.h \
    bios/acpi/dsdt.cpp \
    bios/acpi/files.cpp \
    bios/acpi/mp_table.cpp \
    bios/acpi/parameters.h \
    bios/acpi/smbios.cpp \
    bios/acpi/tables.cpp \
    bios/acpi/tables.h \
    bios/board.cpp \
    bios/board.h \
    bios/bytes.h \
    bios/elf.cpp \
    bios/elf.h \
    bios/firmware.cpp \
    bios/firmware.h \
    bios/font.cpp \
    bios/gzip.cpp \
    bios/kernel.cpp \
    bios/kernel.h \
    bios/linux.cpp \
    bios/loader.cpp \
    bios/loader.h \
    bios/memory_map.cpp \
    bios/memory_map.h \
    bios/multiboot.cpp \
    bios/multiboot2.cpp \
    bios/plan.cpp \
    bios/plan.h \
    bios/pvh.cpp \
    bios/rom/image.h \
    bios/rom/layout.h \
    bios/rom/setup.cpp \
    bios/text_mode.cpp \
    bios/text_mode.h

# The ROM: assembled, then written as an array.
nodist_libslate_core_a_SOURCES = bios/rom/image.cpp
EXTRA_DIST += bios/rom/rom.S
CLEANFILES += bios/rom/image.cpp bios/rom/rom.bin bios/rom/rom.o
BUILT_SOURCES += bios/rom/image.cpp

bios/rom/rom.bin: bios/rom/rom.S
	@$(MKDIR_P) bios/rom
	$(AM_V_GEN)$(X86_AS) --32 -o bios/rom/rom.o $(srcdir)/bios/rom/rom.S && \
	    $(X86_LD) -m elf_i386 -Ttext 0 -e 0 --oformat binary -o $@ bios/rom/rom.o && chmod -x $@

bios/rom/image.cpp: bios/rom/rom.bin
	$(AM_V_GEN){ \
	    echo '// Generated from bios/rom/rom.S.'; \
	    echo '#include "bios/rom/image.h"'; \
	    echo 'static constexpr u8 bytes[rom::size] = {'; \
	    od -An -v -tu1 bios/rom/rom.bin | sed 's/\([0-9][0-9]*\)/\1,/g'; \
	    echo '};'; \
	    echo 'std::span<const u8> rom_image() { return bytes; }'; \
	} > $@.new && mv $@.new $@
