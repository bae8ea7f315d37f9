# SPDX-License-Identifier: MIT
# The files of cpu/.
cpu_sources = \
    cpu/fp/approximate.h \
    cpu/fp/exact.h \
    cpu/fp/host_sse.cpp \
    cpu/fp/host_sse.def \
    cpu/fp/host_sse.h \
    cpu/fp/mxcsr.h \
    cpu/isa/sse/float.h \
    cpu/isa/sse/lanes.h \
    cpu/isa/sse/mmx.cpp \
    cpu/isa/sse/move.h \
    cpu/isa/sse/operands.h \
    cpu/isa/sse/sse.cpp \
    cpu/isa/sse/sse2.cpp
