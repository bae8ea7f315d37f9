# SPDX-License-Identifier: MIT
# The files of base/.
base_sources = \
    base/archive.h \
    base/bits.h \
    base/clock.cpp \
    base/clock.h \
    base/code_memory.cpp \
    base/code_memory.h \
    base/error.h \
    base/file.cpp \
    base/file.h \
    base/hash.cpp \
    base/hash.h \
    base/host_memory.cpp \
    base/host_memory.h \
    base/log.cpp \
    base/log.h \
    base/png.cpp \
    base/png.h
