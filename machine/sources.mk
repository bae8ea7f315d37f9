# SPDX-License-Identifier: MIT
# The files of machine/.
machine_sources = \
    machine/bochsrc.cpp \
    machine/bochsrc.h \
    machine/console.cpp \
    machine/console.h \
    machine/front.h \
    machine/lists.cpp \
    machine/lists.h \
    machine/machine.cpp \
    machine/machine.h \
    machine/media.cpp \
    machine/media.h \
    machine/options.cpp \
    machine/options.h \
    machine/pace.cpp \
    machine/pace.h \
    machine/pc.cpp \
    machine/pc.h \
    machine/ram.cpp \
    machine/ram.h \
    machine/random.h \
    machine/screenshot.cpp \
    machine/screenshot.h \
    machine/stats.cpp \
    machine/stats.h \
    machine/turns.cpp \
    machine/turns.h
