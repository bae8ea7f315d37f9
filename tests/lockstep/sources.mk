# SPDX-License-Identifier: MIT
# The program lockstep, which runs both engines side by side, and the script that the test runner starts it with.
EXTRA_DIST += tests/lockstep/lockstep.py
tests_lockstep_sources = \
    tests/lockstep/bare.cpp \
    tests/lockstep/bare.h \
    tests/lockstep/board.cpp \
    tests/lockstep/board.h \
    tests/lockstep/clock.h \
    tests/lockstep/compare.cpp \
    tests/lockstep/compare.h \
    tests/lockstep/engines.h \
    tests/lockstep/handlers.S \
    tests/lockstep/inject.cpp \
    tests/lockstep/inject.h \
    tests/lockstep/layout.h \
    tests/lockstep/listing.cpp \
    tests/lockstep/listing.h \
    tests/lockstep/main.cpp \
    tests/lockstep/play.cpp \
    tests/lockstep/play.h \
    tests/lockstep/side.h \
    tests/lockstep/stream.cpp \
    tests/lockstep/stream.h \
    tests/lockstep/twins.cpp \
    tests/lockstep/twins.h
if HAVE_ZYDIS
tests_lockstep_sources += tests/lockstep/listing_zydis.cpp
else
tests_lockstep_sources += tests/lockstep/listing_none.cpp
endif

EXTRA_PROGRAMS += lockstep
lockstep_SOURCES = $(tests_lockstep_sources)
EXTRA_lockstep_SOURCES = tests/lockstep/listing_zydis.cpp tests/lockstep/listing_none.cpp
nodist_EXTRA_lockstep_SOURCES = always_link_as.cpp
lockstep_LDADD = libslate_core.a $(ZLIB_LIBS) $(ZYDIS_LIBS)

tests_lockstep_programs =
if HOST_IS_X86_64
tests_lockstep_programs += lockstep$(EXEEXT)
endif
