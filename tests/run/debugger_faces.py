# SPDX-License-Identifier: MIT
"""The debugger's faces as a script uses them: the terminal at a pty, QMP by a socket, the real gdb. Each has

    look(COMMAND)   the lines of a command that must succeed, as dictionaries
    go(COMMAND)     the same of one that lets the guest run: the first line says why it stands again
    stop_at(name)   a breakpoint at a function of the guest's guest, and on to it; again(name) goes on to it once more
"""
import json
import os
import pty
import re
import select
import shutil
import subprocess
import time

from qmp import Client
from report import Failed, Skip, expect

PATIENCE = 1200                                 # seconds; they only end what hangs


def lines_of(text, command):
    """What `json COMMAND` said."""
    result = json.loads(text)
    expect(result["ok"], f"{command}: {' '.join(line['text'] for line in result['lines'])}")
    return result["lines"]


class Ended:
    """A process that is over when its user has done."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in process.stdin, process.stdout, process.stderr:
                if pipe:
                    pipe.close()


class Terminal(Ended):
    def __init__(self, slate, words, directory, program):
        self.ours, theirs = pty.openpty()
        self.program, self.text = program, ""
        self.process = subprocess.Popen([slate, "--debug", *words], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                                        env={**os.environ, "XDG_STATE_HOME": str(directory), "TERM": "vt100"})
        self.processes = [self.process]
        os.close(theirs)
        self.until(r"\(slate\) $")

    def __exit__(self, *_):
        super().__exit__()
        os.close(self.ours)

    def until(self, pattern):
        end = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.text)):
            expect(time.monotonic() < end, f"no {pattern!r} at the terminal; last: {self.text[-300:]!r}")
            if not select.select([self.ours], [], [], 1)[0]:
                continue
            try:
                self.text += os.read(self.ours, 1 << 16).decode("latin-1").replace("\r", "")
            except OSError:
                raise Failed(f"the terminal was closed; last: {self.text[-300:]!r}") from None
        said, self.text = self.text[:found.start()], self.text[found.end():]
        return said

    def say(self, line):
        """Types a line; what was answered, without its echo."""
        os.write(self.ours, line.encode() + b"\n")
        self.until(r"\n")
        return self.until(r"(?:^|\n)\(slate\) $")

    def look(self, command):
        said = self.say("json " + command)
        return lines_of(said[said.index('{"ok"'):].strip(), command)

    go = look

    def stop_at(self, name):
        self.say(f"break {self.program[name]:#x} level=2")
        return self.again(name)

    def again(self, _):
        return self.go("continue")[0]

    def end(self):
        os.write(self.ours, b"quit\n")
        return self.process.wait(PATIENCE)


class Qmp(Ended):
    def __init__(self, slate, words, directory, program):
        self.program = program
        path = f"{directory}/control"
        self.process = subprocess.Popen([slate, "--control", f"unix:{path}", *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.processes = [self.process]
        said = self.process.stderr.readline().decode()
        expect("listening" in said, f"slate said: {said}")
        self.client = Client(path, PATIENCE)

    def __exit__(self, *_):
        self.client.socket.close()
        super().__exit__()

    def look(self, command):
        return self.client.command(command)

    go = look

    def stop_at(self, name):
        self.look(f"break {self.program[name]:#x} level=2")
        return self.again(name)

    def again(self, _):
        """As a program does it: lets it run, and is told of the stop by an event."""
        self.client.events.clear()
        self.client.ask("cont")
        return self.client.event("STOP")["data"]["lines"][0]

    def end(self):
        self.client.ask("quit")
        return self.process.wait(PATIENCE)


class Gdb(Ended):
    """gdb has the symbols of the guest's guest, and its own breakpoints, registers and memory; the rest it asks by `monitor`."""

    def __init__(self, slate, words, directory, program):
        if not shutil.which("gdb"):
            raise Skip("gdb is not installed")
        self.program, self.count = program, 0
        path = f"{directory}/gdb"
        self.process = subprocess.Popen([slate, "--gdb", f"unix:{path}", *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        said = self.process.stderr.readline().decode()
        expect("waiting for gdb" in said, f"slate said: {said}")
        self.gdb = subprocess.Popen(["gdb", "-nx", "-q", str(program.file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        self.processes = [self.gdb, self.process]
        for line in "set pagination off", "set confirm off", "set width 0", "set remotetimeout 600", f"target remote {path}":
            self.say(line)

    def say(self, line):
        self.count += 1
        mark = f"<<{self.count}>>"
        self.gdb.stdin.write(f"{line}\necho {mark}\\n\n")
        self.gdb.stdin.flush()
        text = ""
        while mark not in text:
            part = self.gdb.stdout.readline()
            expect(part, f"gdb ended; last: {text[-300:]}")
            text += part
        return text.replace(mark, "").replace("(gdb) ", "")

    def look(self, command):
        said = self.say("monitor json " + command)
        expect('{"ok"' in said, f"{command}: {said[-300:]}")
        return lines_of(said[said.index('{"ok"'):].strip().splitlines()[0], command)

    def go(self, command):
        lines = self.look(command)
        self.say("maintenance flush register-cache")
        return lines

    def stop_at(self, name):
        """By gdb's own breakpoint on the function, which it knows by its symbols."""
        self.say(f"break *{name}")
        return self.again(name)

    def again(self, name):
        said = self.say("continue")
        expect(re.search(rf"Breakpoint \d+, .*{name}", said), f"gdb did not stop at {name}: {said[-300:]}")
        expect(re.search(rf"#0 .*{name}.*\n#1 .*main", self.say("backtrace")), "no way from main to it")
        rip = self.say("print/x $rip").split("=")[-1].strip()
        guest = self.say("info registers in_guest").split()[1]
        return {"why": "breakpoint", "rip": rip, "guest": guest == "0x1"}

    def end(self):
        self.gdb.stdin.write("kill\nquit\n")
        self.gdb.stdin.flush()
        self.gdb.wait(60)
        return self.process.wait(PATIENCE)


class Program:
    """A static program's file and its symbols, by nm."""

    def __init__(self, file):
        self.file = file
        listed = subprocess.run(["nm", str(file)], capture_output=True, text=True).stdout
        self.symbols = {name: int(address, 16) for address, _, name in re.findall(r"^([0-9a-f]+) (\w) (\S+)$", listed, re.M)}

    def __getitem__(self, name):
        return self.symbols[name]


FACES = {"terminal": Terminal, "qmp": Qmp, "gdb": Gdb}
