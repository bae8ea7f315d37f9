# SPDX-License-Identifier: MIT
"""A connection to slate by QMP."""
import json
import socket

from report import expect

PATIENCE = 120                                  # seconds; they only end what hangs


class Client:
    """Events are kept beside answers."""

    def __init__(self, address, patience=PATIENCE):
        """By a path, or a host and a port."""
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.socket.settimeout(patience)
        self.socket.connect(address)
        self.rest, self.events = b"", []
        self.greeting = self.line()
        expect("QMP" in self.greeting, "no greeting")
        self.ask("qmp_capabilities")

    def line(self):
        while b"\n" not in self.rest:
            part = self.socket.recv(1 << 16)
            expect(part, "QMP hung up")
            self.rest += part
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)

    def raw(self, name, **given):
        """The answer, an error too."""
        self.socket.sendall(json.dumps({"execute": name, "arguments": given}).encode())
        while "event" in (said := self.line()):
            self.events.append(said)
        return said

    def ask(self, name, **given):
        said = self.raw(name, **{key.replace("_", "-"): value for key, value in given.items()})
        expect("return" in said, f"{name}: {said}")
        return said["return"]

    def command(self, line):
        result = self.ask("slate-command", command_line=line)
        expect(result["ok"], f"{line}: {result}")
        return result["lines"]

    def event(self, name):
        """The first one of this name that has come, or comes."""
        while not any(event["event"] == name for event in self.events):
            self.events.append(self.line())
        found = next(event for event in self.events if event["event"] == name)
        self.events.remove(found)
        return found
