# SPDX-License-Identifier: MIT
# The files of gui/. A window needs SDL.
gui_sources = \
    gui/scale.cpp \
    gui/scale.h \
    gui/window.h
if HAVE_SDL2
gui_sources += \
    gui/input.cpp \
    gui/input.h \
    gui/speaker.cpp \
    gui/speaker.h \
    gui/window_sdl.cpp
else
gui_sources += gui/window_none.cpp
endif
