# SPDX-License-Identifier: MIT
# The files of gui/. A window needs SDL.
gui_sources = \
    gui/debugger_window.h \
    gui/layout.h \
    gui/scale.cpp \
    gui/scale.h \
    gui/wave.cpp \
    gui/wave.h \
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

# The debugger's window needs Dear ImGui, and SDL to be more than a picture.
if HAVE_IMGUI
gui_sources += \
    gui/layout.cpp \
    gui/panels/app.cpp \
    gui/panels/app.h \
    gui/panels/caches.cpp \
    gui/panels/code.cpp \
    gui/panels/console.cpp \
    gui/panels/drops.cpp \
    gui/panels/exits.cpp \
    gui/panels/feed.cpp \
    gui/panels/feed.h \
    gui/panels/machine.cpp \
    gui/panels/map.cpp \
    gui/panels/palette.cpp \
    gui/panels/panels.h \
    gui/panels/registers.cpp \
    gui/panels/run.cpp \
    gui/panels/shell.cpp \
    gui/panels/tip.cpp \
    gui/panels/virtualization.cpp \
    gui/panels/walk.cpp \
    gui/panels/walk_entry.cpp \
    gui/panels/walk_grid.cpp \
    gui/panels/walk_model.cpp \
    gui/panels/walk_model.h \
    gui/panels/walk_parts.h \
    gui/stage.cpp \
    gui/stage.h \
    gui/ui/colours.cpp \
    gui/ui/raster.cpp \
    gui/ui/raster.h \
    gui/ui/shapes.cpp \
    gui/ui/type.cpp \
    gui/ui/ui.h
if HAVE_SDL2
gui_sources += gui/debugger_window_sdl.cpp
else
gui_sources += gui/debugger_window_none.cpp
endif
else
gui_sources += gui/debugger_window_none.cpp gui/layout_none.cpp
endif
