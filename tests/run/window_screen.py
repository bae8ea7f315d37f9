# SPDX-License-Identifier: MIT
"""A running emulator in a window under a virtual X server: its title, its picture, keys typed into it."""
import contextlib
import ctypes
import ctypes.util
import os
import shutil
import struct
import subprocess
import time
from pathlib import Path

from machine import PATIENCE
from picture import Picture, read_text
from report import Failed, Skip, expect

WIDTH, HEIGHT = 720, 400                                # of the text screen


class Screen:
    """A virtual X server whose picture is in a file, with the keys and the pointer at hand."""

    def __init__(self, directory, size="1024x768"):
        self.directory = directory
        ours, theirs = os.pipe()
        self.server = subprocess.Popen(["Xvfb", "-displayfd", str(theirs), "-screen", "0", f"{size}x24", "-r", "-fbdir", str(directory), "-nolisten", "tcp"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=[theirs])
        os.close(theirs)
        with os.fdopen(ours) as number:
            self.display = ":" + number.readline().strip()
        expect(len(self.display) > 1, "Xvfb did not start")

    def environment(self):
        return {**os.environ, "DISPLAY": self.display, "SDL_AUDIODRIVER": "dummy"}

    def do(self, *words):
        return subprocess.run(["xdotool", *words], env=self.environment(), capture_output=True, text=True, timeout=60)

    def type(self, line):
        self.do("type", "--delay", "60", line)
        self.do("key", "Return")

    def close_window(self):
        """What a window manager's close button sends."""
        class Message(ctypes.Structure):
            _fields_ = [("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("send_event", ctypes.c_int), ("display", ctypes.c_void_p),
                        ("window", ctypes.c_ulong), ("message_type", ctypes.c_ulong), ("format", ctypes.c_int),
                        ("data", ctypes.c_long * 5), ("room", ctypes.c_long * 12)]
        x = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
        x.XOpenDisplay.restype, x.XInternAtom.restype = ctypes.c_void_p, ctypes.c_ulong
        display = ctypes.c_void_p(x.XOpenDisplay(self.display.encode()))
        window = int(self.do("search", "--name", "^Slate").stdout.split()[0])
        protocols, delete = (x.XInternAtom(display, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
        client_message = 33
        message = Message(client_message, 0, 1, display, window, protocols, 32, (ctypes.c_long * 5)(delete))
        x.XSendEvent(display, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(message))
        x.XCloseDisplay(display)

    def end(self):
        self.server.terminate()
        self.server.wait(30)

    def picture(self, left, top, width, height):
        data = (self.directory / "Xvfb_screen0").read_bytes()
        header = struct.unpack(">25I", data[:100])
        line, first = header[12], header[0] + header[19] * 12
        rows = []
        for y in range(top, top + height):
            part = data[first + y * line + left * 4:first + y * line + (left + width) * 4]
            rows.append(list(zip(part[2::4], part[1::4], part[0::4])))
        return Picture(width, height, rows)


@contextlib.contextmanager
def machine(arguments, directory, *words, size="1024x768", environment=None):
    for program in ("Xvfb", "xdotool"):
        if not shutil.which(program):
            raise Skip(f"{program} is missing: install xvfb and xdotool")
    built = subprocess.run(["ldd", str(Path(arguments.build) / "slate")], capture_output=True, text=True).stdout
    if "libSDL2" not in built:
        raise Skip("slate was built without SDL: install libsdl2-dev and configure again")
    screen = Screen(directory, size)
    with open(directory / "stderr", "w+") as errors:
        slate = subprocess.Popen([str(Path(arguments.build) / "slate"), *words, "--serial", "null"], env={**screen.environment(), **(environment or {})},
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
        try:
            yield screen, slate
        except Failed as failed:
            errors.seek(0)
            raise Failed(f"{failed}; it said: {errors.read()[-300:]!r}") from None
        finally:
            if slate.poll() is None:
                slate.kill()
            slate.wait(300)                         # gives back its memory, on a busy host
            screen.end()


def until(slate, question, what, patience=PATIENCE):
    end = time.monotonic() + patience
    while True:
        answer = question()
        if answer:
            return answer
        if slate.poll() is not None:
            raise Failed(f"slate ended with status {slate.returncode} before there was {what}")
        if time.monotonic() > end:
            raise Failed(f"no {what} in {patience} s")
        time.sleep(0.2)


def shown(screen, slate, patience=PATIENCE):
    """Waits until the debugger's window is there and has drawn: keys typed before that are nobody's."""
    until(slate, lambda: screen.do("search", "--onlyvisible", "--name", "^Slate").stdout.strip(), "window", patience)
    until(slate, lambda: len({dot for row in screen.picture(0, 0, 400, 200).rows for dot in row}) > 2, "picture in the window", patience)
    screen.do("mousemove", "640", "70")


def title(screen):
    return screen.do("search", "--name", "^Slate", "getwindowname").stdout.strip()


def lines_of(screen):
    """The text in the window, shown in whole dots."""
    shown = screen.do("search", "--name", "^Slate", "getwindowgeometry", "--shell").stdout
    place = dict(line.split("=") for line in shown.split() if "=" in line)
    left = int(place["X"]) + (int(place["WIDTH"]) - WIDTH) // 2
    top = int(place["Y"]) + (int(place["HEIGHT"]) - HEIGHT) // 2
    return read_text(screen.picture(left, top, WIDTH, HEIGHT))
