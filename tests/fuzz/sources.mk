# SPDX-License-Identifier: MIT
# Fuzz targets: built by `make sanitized-tests` where configure found libFuzzer, run by tests/fuzz/fuzz.py.
fuzz_programs = \
    tests/fuzz/atapi \
    tests/fuzz/board \
    tests/fuzz/bochsrc \
    tests/fuzz/decode \
    tests/fuzz/device \
    tests/fuzz/engines \
    tests/fuzz/flash \
    tests/fuzz/floppy \
    tests/fuzz/fw_cfg_dma \
    tests/fuzz/ide \
    tests/fuzz/image_files \
    tests/fuzz/image_sessions \
    tests/fuzz/images \
    tests/fuzz/instructions \
    tests/fuzz/load_kernel \
    tests/fuzz/options \
    tests/fuzz/random_tables \
    tests/fuzz/second_stage \
    tests/fuzz/state \
    tests/fuzz/svm_entry \
    tests/fuzz/vga \
    tests/fuzz/vmx_entry \
    tests/fuzz/walk
if DEBUGGER
fuzz_programs += \
    tests/fuzz/debugger \
    tests/fuzz/names
endif
EXTRA_PROGRAMS += $(fuzz_programs)
EXTRA_DIST += tests/fuzz/fuzz.py

fuzz_flags = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_libs = $(core_libs)
tests_fuzz_atapi_SOURCES = tests/fuzz/atapi.cpp tests/fuzz/drives.h tests/fuzz/board.h tests/fuzz/input.h tests/iodev/media/memory_file.h
tests_fuzz_board_SOURCES = tests/fuzz/board.cpp tests/fuzz/board.h tests/fuzz/input.h
tests_fuzz_bochsrc_SOURCES = tests/fuzz/bochsrc.cpp tests/fuzz/input.h
tests_fuzz_debugger_SOURCES = tests/fuzz/debugger.cpp tests/fuzz/input.h tests/cpu/machine.h
tests_fuzz_decode_SOURCES = tests/fuzz/decode.cpp
tests_fuzz_device_SOURCES = tests/fuzz/device.cpp tests/fuzz/devices.h tests/fuzz/drives.h tests/fuzz/board.h tests/fuzz/input.h tests/iodev/media/memory_file.h
tests_fuzz_engines_SOURCES = tests/fuzz/engines.cpp tests/fuzz/code.h tests/fuzz/input.h tests/cpu/machine.h
tests_fuzz_flash_SOURCES = tests/fuzz/flash.cpp tests/fuzz/board.h tests/fuzz/input.h tests/iodev/media/memory_file.h
tests_fuzz_floppy_SOURCES = tests/fuzz/floppy.cpp tests/fuzz/drives.h tests/fuzz/board.h tests/fuzz/input.h tests/iodev/media/memory_file.h
tests_fuzz_fw_cfg_dma_SOURCES = tests/fuzz/fw_cfg_dma.cpp
tests_fuzz_ide_SOURCES = tests/fuzz/ide.cpp tests/fuzz/drives.h tests/fuzz/board.h tests/fuzz/input.h tests/iodev/media/memory_file.h
tests_fuzz_image_files_SOURCES = tests/fuzz/image_files.cpp tests/fuzz/input.h tests/iodev/media/qcow2_maker.h
tests_fuzz_image_sessions_SOURCES = tests/fuzz/image_sessions.cpp tests/fuzz/input.h tests/iodev/media/memory_file.h tests/iodev/media/qcow2_maker.h tests/iodev/media/shadow.h
tests_fuzz_images_SOURCES = tests/fuzz/images.cpp tests/fuzz/input.h tests/iodev/media/memory_file.h tests/iodev/media/qcow2_maker.h
tests_fuzz_instructions_SOURCES = tests/fuzz/instructions.cpp tests/fuzz/code.h tests/fuzz/input.h tests/cpu/machine.h
tests_fuzz_load_kernel_SOURCES = tests/fuzz/load_kernel.cpp
tests_fuzz_names_SOURCES = tests/fuzz/names.cpp tests/fuzz/input.h tests/cpu/machine.h
tests_fuzz_options_SOURCES = tests/fuzz/options.cpp
tests_fuzz_random_tables_SOURCES = tests/fuzz/random_tables.cpp tests/fuzz/choices.h tests/cpu/random_tables.h tests/cpu/shadow.h
tests_fuzz_second_stage_SOURCES = tests/fuzz/second_stage.cpp tests/fuzz/input.h tests/cpu/machine.h tests/cpu/two_stages.h
tests_fuzz_state_SOURCES = tests/fuzz/state.cpp
tests_fuzz_svm_entry_SOURCES = tests/fuzz/svm_entry.cpp tests/fuzz/choices.h tests/cpu/svm/generator.h tests/cpu/svm/straight_checker.cpp
tests_fuzz_vga_SOURCES = tests/fuzz/vga.cpp tests/fuzz/input.h
tests_fuzz_vmx_entry_SOURCES = tests/fuzz/vmx_entry.cpp tests/fuzz/choices.h tests/cpu/vmx/generator.h tests/cpu/vmx/scenes.cpp tests/cpu/vmx/straight_checker.cpp
tests_fuzz_walk_SOURCES = tests/fuzz/walk.cpp

tests_fuzz_atapi_LDFLAGS = $(fuzz_flags)
tests_fuzz_atapi_LDADD = $(fuzz_libs)
tests_fuzz_board_LDFLAGS = $(fuzz_flags)
tests_fuzz_board_LDADD = $(fuzz_libs)
tests_fuzz_bochsrc_LDFLAGS = $(fuzz_flags)
tests_fuzz_bochsrc_LDADD = $(fuzz_libs)
tests_fuzz_debugger_LDFLAGS = $(fuzz_flags)
tests_fuzz_debugger_LDADD = $(fuzz_libs)
tests_fuzz_decode_LDFLAGS = $(fuzz_flags)
tests_fuzz_decode_LDADD = $(fuzz_libs)
tests_fuzz_device_LDFLAGS = $(fuzz_flags)
tests_fuzz_device_LDADD = $(fuzz_libs)
tests_fuzz_engines_LDFLAGS = $(fuzz_flags)
tests_fuzz_engines_LDADD = $(fuzz_libs)
tests_fuzz_flash_LDFLAGS = $(fuzz_flags)
tests_fuzz_flash_LDADD = $(fuzz_libs)
tests_fuzz_floppy_LDFLAGS = $(fuzz_flags)
tests_fuzz_floppy_LDADD = $(fuzz_libs)
tests_fuzz_fw_cfg_dma_LDFLAGS = $(fuzz_flags)
tests_fuzz_fw_cfg_dma_LDADD = $(fuzz_libs)
tests_fuzz_ide_LDFLAGS = $(fuzz_flags)
tests_fuzz_ide_LDADD = $(fuzz_libs)
tests_fuzz_image_files_LDFLAGS = $(fuzz_flags)
tests_fuzz_image_files_LDADD = $(fuzz_libs)
tests_fuzz_image_sessions_LDFLAGS = $(fuzz_flags)
tests_fuzz_image_sessions_LDADD = $(fuzz_libs)
tests_fuzz_images_LDFLAGS = $(fuzz_flags)
tests_fuzz_images_LDADD = $(fuzz_libs)
tests_fuzz_instructions_LDFLAGS = $(fuzz_flags)
tests_fuzz_instructions_LDADD = $(fuzz_libs)
tests_fuzz_load_kernel_LDFLAGS = $(fuzz_flags)
tests_fuzz_load_kernel_LDADD = $(fuzz_libs)
tests_fuzz_names_LDFLAGS = $(fuzz_flags)
tests_fuzz_names_LDADD = $(fuzz_libs)
tests_fuzz_options_LDFLAGS = $(fuzz_flags)
tests_fuzz_options_LDADD = $(fuzz_libs)
tests_fuzz_random_tables_LDFLAGS = $(fuzz_flags)
tests_fuzz_random_tables_LDADD = $(fuzz_libs)
tests_fuzz_second_stage_LDFLAGS = $(fuzz_flags)
tests_fuzz_second_stage_LDADD = $(fuzz_libs)
tests_fuzz_state_LDFLAGS = $(fuzz_flags)
tests_fuzz_state_LDADD = $(fuzz_libs)
tests_fuzz_svm_entry_LDFLAGS = $(fuzz_flags)
tests_fuzz_svm_entry_LDADD = $(fuzz_libs)
tests_fuzz_vga_LDFLAGS = $(fuzz_flags)
tests_fuzz_vga_LDADD = $(fuzz_libs)
tests_fuzz_vmx_entry_LDFLAGS = $(fuzz_flags)
tests_fuzz_vmx_entry_LDADD = $(fuzz_libs)
tests_fuzz_walk_LDFLAGS = $(fuzz_flags)
tests_fuzz_walk_LDADD = $(fuzz_libs)

if HAVE_FUZZER
tests_fuzz_programs = $(fuzz_programs)
else
tests_fuzz_programs =
endif
