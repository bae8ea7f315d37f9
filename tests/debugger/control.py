#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""slate --control as another program drives it: QMP by a unix socket and by a port, beside gdb; guest RAM by its file."""
import base64
import os
import re
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from qmp import PATIENCE, Client
from report import Skip, expect

arguments = report.options(__doc__).parse_args()
BUILD = Path(arguments.build)
SLATE = arguments.emulator or str(BUILD / "slate")
GUEST = BUILD / "guests" / "flow"


def symbol(name):
    done = subprocess.run(["nm", str(GUEST)], capture_output=True, text=True)
    found = re.search(rf"^([0-9a-f]+) \w {name}$", done.stdout, re.M)
    if not found:
        raise Skip(f"no symbol {name} in {GUEST}")
    return int(found[1], 16)


@contextmanager
def slate(*more, by_port=False, guest=GUEST):
    """slate with a control socket; yields the process and the address."""
    with tempfile.TemporaryDirectory(prefix="slate-control-") as directory:
        address = f"{directory}/control"
        option = f"unix:{address}"
        if by_port:
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                address = s.getsockname()
            option = f":{address[1]}"
        command = [SLATE, "--kernel", str(guest), "--memory", "64M", "--headless", "--serial", "null", "--no-reboot", "--control", option, *more]
        process = subprocess.Popen([word.replace("DIRECTORY", directory) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, errors="replace")
        try:
            expect("--control" not in (line := process.stderr.readline()) or "listening" in line, f"slate said: {line}")
            yield process, address
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


def stops_and_goes_on(by_port):
    main = symbol("start_guest")
    with slate(by_port=by_port) as (process, address):
        client = Client(address)
        expect("version" in client.greeting["QMP"], client.greeting)
        expect(client.ask("query-status")["status"] == "prelaunch", "it doesn't stand")
        client.command(f"break {main:#x}")
        client.ask("cont")
        stop = client.event("STOP")
        expect(stop["data"]["lines"][0]["why"] == "breakpoint" and client.event("RESUME"), stop)
        rip = next(r for r in client.ask("registers", group="general") if r["name"] == "rip")
        expect(int(rip["value"], 16) == main, f"stands at {rip}")
        expect(client.ask("walk", address=rip["value"], access="x")["ok"], "no walk")
        client.ask("cont")
        expect(client.event("SHUTDOWN")["data"]["guest"], "no shutdown")
        client.socket.close()
        expect(process.wait(PATIENCE) == 1, "slate's status is not the guest's")


def a_loop_is_stopped_and_looked_at():
    main = symbol("start_guest")
    with slate() as (process, address):
        client, other = Client(address), Client(address)
        client.command(f"write p:{main:#x} eb fe")
        client.ask("cont")
        while other.command("registers rip")[0]["value"] != hex(main):
            pass
        expect(other.ask("query-status")["status"] == "running", "it doesn't run")
        expect(not other.raw("slate-command", **{"command-line": "step"})["return"]["ok"], "a second one let it run")
        other.ask("stop")
        expect(client.event("STOP") and other.event("STOP"), "not told")
        expect(other.ask("query-status")["status"] == "paused", "it runs on")
        client.ask("quit")
        expect(process.wait(PATIENCE) == 0, "quit did not end it well")


def both_levels_are_looked_at():
    """Behind a VM entry: the guest's registers and code, and those of the host that the VMCS keeps."""
    with slate(guest=BUILD / "guests" / "vmx_exits") as (process, address):
        client = Client(address)
        client.command("step --vmentry")
        rips = {}
        for level in (1, 2):
            registers = {r["name"]: int(r["value"], 16) for r in client.ask("registers", level=level)}
            expect(client.ask("walk", address=registers["rip"], access="x", level=level)["ok"], f"no walk at level {level}")
            rips[level] = registers["rip"]
        code = base64.b64decode(client.ask("memory-read", address="rip", length=2, level=2)["data"])
        expect(code == b"\x0f\xa2", f"not CPUID: {code.hex()}")
        client.command("step")                            # its exit
        now = {r["name"]: int(r["value"], 16) for r in client.ask("registers", group="general")}
        expect(now["rip"] == rips[1], f"the host goes on at {now['rip']:#x}, not at {rips[1]:#x}")
        client.ask("quit")


def each_cpu_is_asked():
    """At the other CPU's first instruction, each by its index; and from the beginning again."""
    with slate("--smp", "2", "--append", "cpus=2", guest=BUILD / "guests" / "smp") as (_, address):
        client = Client(address)

        def rip(n):
            return next(int(r["value"], 16) for r in client.ask("registers", group="general", cpu_index=n) if r["name"] == "rip")
        begin = rip(0)
        client.command("break 0x8000")
        client.ask("cont")
        expect(client.event("STOP")["data"]["lines"][0]["cpu"] == 1, "not CPU 1 has stopped")
        expect(rip(1) == 0 and rip(0) not in (0, begin), f"CPU 0 at {rip(0):#x}, CPU 1 at {rip(1):#x}")
        expect([cpu["cpu-index"] for cpu in client.ask("query-cpus-fast")] == [0, 1], "not two CPUs")
        client.ask("system_reset")
        expect(client.event("RESET") and rip(0) == begin, f"CPU 0 is at {rip(0):#x}, not at {begin:#x}")
        expect("start-up" in client.ask("query-cpus-fast")[1]["activity"], "CPU 1 doesn't wait")
        client.ask("cont")
        expect(client.event("STOP")["data"]["lines"][0]["cpu"] == 1, "the second run is another")
        client.ask("quit")


def memory_is_in_a_file(*more):
    """What the file has is what the guest has, at the places that the map says; and the other way round."""
    main = symbol("start_guest")
    with slate(*more) as (process, address):
        client = Client(address)
        where = client.ask("query-memory-file")
        place = next(r for r in where["ranges"] if r["physical"] <= main < r["physical"] + r["length"])
        offset = main - place["physical"] + place["offset"]
        client.command(f"break {main:#x}")
        client.ask("cont")
        client.event("STOP")
        with open(where["path"], "r+b") as file:
            expect(os.fstat(file.fileno()).st_size == 64 << 20, "not the size of RAM")
            file.seek(offset)
            bytes_there = file.read(64)
            read = client.ask("memory-read", address=main, length=64, space="physical")
            expect(base64.b64decode(read["data"]) == bytes_there and any(bytes_there), f"{read} and {bytes_there.hex()}")
            file.seek(offset + 256)
            file.write(b"slate")
            file.flush()
        read = client.ask("memory-read", address=hex(main + 256), length=5)
        expect(base64.b64decode(read["data"]) == b"slate", f"the guest does not see what was written: {read}")
        client.ask("quit")


def a_file_of_somebody_else_is_left_alone():
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"precious")
        file.flush()
        done = subprocess.run([SLATE, "--kernel", str(GUEST), "--memory", "64M", "--headless", "--memory-file", file.name], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
        expect(done.returncode == 2 and "--memory-file" in done.stderr, f"status {done.returncode}: {done.stderr}")
        expect(Path(file.name).read_bytes() == b"precious", "it was overwritten")


def a_browser_is_hung_up_on():
    with slate(by_port=True) as (process, address):
        with socket.create_connection(address, PATIENCE) as s:
            s.sendall(b"POST / HTTP/1.1\r\n\r\n{\"execute\": \"qmp_capabilities\"}{\"execute\": \"quit\"}")
            out = b""
            try:
                while part := s.recv(65536):
                    out += part
            except ConnectionError:
                pass
        expect(b"return" not in out, f"it was answered: {out[:200]}")
        expect(Client(address).ask("query-status")["status"] == "prelaunch", "it did something")


cases = {
    "stops-and-goes-on-by-socket": partial(stops_and_goes_on, False),
    "stops-and-goes-on-by-port": partial(stops_and_goes_on, True),
    "a-loop-is-stopped-and-looked-at": a_loop_is_stopped_and_looked_at,
    "both-levels-are-looked-at": both_levels_are_looked_at,
    "each-cpu-is-asked": each_cpu_is_asked,
    "memory-is-in-a-file-of-memory": memory_is_in_a_file,
    "memory-is-in-a-named-file": partial(memory_is_in_a_file, "--memory-file", "DIRECTORY/ram"),
    "a-file-of-somebody-else-is-left-alone": a_file_of_somebody_else_is_left_alone,
    "a-browser-is-hung-up-on": a_browser_is_hung_up_on,
}
sys.exit(report.main(arguments, cases))
