# SPDX-License-Identifier: MIT
# The files of memory/.
memory_sources = \
    memory/address.h \
    memory/by_context.h \
    memory/counts.cpp \
    memory/counts.h \
    memory/formats.h \
    memory/linear.h \
    memory/memory_type.cpp \
    memory/memory_type.h \
    memory/physical.cpp \
    memory/physical.h \
    memory/regime.h \
    memory/scopes.cpp \
    memory/scopes.h \
    memory/tlb.cpp \
    memory/tlb.h \
    memory/walk.h
