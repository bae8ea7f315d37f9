# SPDX-License-Identifier: MIT
"""An emulator started as a user would start it, with its serial port at hand."""
import fcntl
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import termios
import time
from pathlib import Path

from report import SOURCE, Failed, Skip

PATIENCE, TYPING = 1800, 600        # seconds; they only end what hangs, nothing is timed


def emulator_command(arguments, words):
    """The command line that starts `words` (options of slate) on the emulator under test."""
    emulator = shlex.split(arguments.emulator or str(Path(arguments.build) / "slate"))
    if "qemu" not in emulator[0]:
        return emulator + words
    known = {"--kernel": "-kernel", "--initrd": "-initrd", "--append": "-append", "--memory": "-m"}
    out, given = [], iter(words)
    for word in given:
        if word in known:
            out += [known[word], next(given)]
        elif word == "--cpu":
            out += ["-cpu", {"max-intel": "max", "max-amd": "EPYC"}.get(next(given), "max")]
        elif word == "--headless":
            out += ["-nographic", "-no-reboot", "-net", "none"]
    return emulator + out


def image(arguments, *words):
    """Runs one of the image scripts; returns the path it prints, or None with its complaint."""
    script, rest = words[0], list(words[1:])
    images = Path(arguments.build) / "images"
    images.mkdir(parents=True, exist_ok=True)
    with open(images / "lock", "w") as lock:                # cases run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["sh", str(SOURCE / "tests/images" / script), str(images)] + rest,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
    complaint = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return (done.stdout.strip(), "") if done.returncode == 0 else (None, complaint)


def made(arguments, *words):
    """The image's path; a case that needs it is skipped where it can't be made."""
    path, complaint = image(arguments, *words)
    if not path:
        raise Skip(f"{' '.join(words)}: {complaint}")
    return path


def status_of(process):
    try:
        return process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        raise Failed("the emulator did not end")


class Machine:
    """A running emulator whose serial port is a terminal (pty) of ours."""

    def __init__(self, arguments, words, log=None):
        ours, theirs = pty.openpty()
        self.terminal, self.text, self.seen, self.begun = ours, "", 0, time.monotonic()
        self.modes = termios.tcgetattr(ours)
        self.log = open(log, "wb") if log else None
        self.command = emulator_command(arguments, words)
        self.errors = open(f"{log}.stderr", "w+") if log else subprocess.DEVNULL
        self.process = subprocess.Popen(self.command, stdin=theirs, stdout=theirs, stderr=self.errors,
                                        start_new_session=True)
        os.close(theirs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        os.close(self.terminal)
        for file in (self.log, self.errors):
            if hasattr(file, "close"):
                file.close()

    def pump(self, seconds):
        """Reads what the serial port has to say; False when the emulator has closed it."""
        if not select.select([self.terminal], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.terminal, 65536)
        except OSError:                                     # EIO: no one holds the other end
            return False
        if self.log:
            self.log.write(data)
            self.log.flush()
        self.text += data.decode("latin-1").replace("\r", "")
        return bool(data)

    def modes_restored(self):
        return termios.tcgetattr(self.terminal) == self.modes

    def said(self):
        return one_tail(self.text)

    def expect(self, pattern, bad=r"Kernel panic|Oops:|BUG:", patience=PATIENCE):
        """Waits until `pattern` appears after what was matched before; returns the match."""
        end = time.monotonic() + patience
        wanted, unwanted = re.compile(pattern, re.M), re.compile(bad, re.M)
        while True:
            found = wanted.search(self.text, self.seen)
            if found:
                self.seen = found.end()
                return found
            wrong = unwanted.search(self.text, self.seen)
            if wrong:
                self.pump(2)
                raise Failed(f"the guest said: {self.text[wrong.start():wrong.start() + 300]}")
            if time.monotonic() > end:
                raise Failed(f"no {pattern!r} in {patience} s; last: {self.said()}")
            if not self.pump(1):
                raise Failed(f"ended with status {status_of(self.process)} before {pattern!r}; last: {self.said()}"
                             f"{self.complaint()}")

    def complaint(self):
        if not hasattr(self.errors, "read"):
            return ""
        self.errors.seek(0)
        text = self.errors.read().strip()
        return f"; stderr: {text[-300:]}" if text else ""

    def type(self, line):
        """Types a line when the guest's shell asks for one."""
        self.expect(r"^/ # ", patience=TYPING)
        os.write(self.terminal, line.encode() + b"\n")

    def command_output(self, line):
        """Types a command at the guest's shell and returns what it printed."""
        self.type(line + "; echo EN''D=$?")
        self.expect(r"echo EN''D=\$\?\n", patience=TYPING)   # its echo
        begin = self.seen
        self.expect(r"END=\d+\n", patience=TYPING)
        return self.text[begin:self.text.rindex("END=", begin)].strip("\n")

    def wait(self):
        """Waits for the end; returns the exit status."""
        while self.pump(1):
            if self.process.poll() is not None and not select.select([self.terminal], [], [], 0)[0]:
                break
            if time.monotonic() - self.begun > 2 * PATIENCE:
                raise Failed(f"did not end; last: {self.said()}")
        return status_of(self.process)


def one_tail(text):
    return " / ".join(text.strip().splitlines()[-3:])[-400:]
