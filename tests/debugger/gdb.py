#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The real gdb, in batch mode, against slate --gdb with a guest of tests/guests; and hostile bytes on the connection."""
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from report import Failed, Skip, expect

arguments = report.options(__doc__).parse_args()
BUILD = Path(arguments.build)
SLATE = arguments.emulator or str(BUILD / "slate")
PATIENCE = 120                                  # seconds; they only end what hangs
MAIN = "start_guest"


@contextmanager
def slate(guest, address, *more):
    """slate waiting for gdb, with a kernel or a disk; yields the process."""
    medium = [] if guest.endswith(".img") else ["--kernel"]
    command = [SLATE, *medium, str(BUILD / "guests" / guest), "--memory", "64M", "--headless", "--serial", "null", "--debugcon", "stdio", "--no-reboot", "--gdb", address, *more]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    try:
        line = process.stderr.readline()
        if "SeaBIOS" in line:
            raise Skip(line)
        expect("waiting for gdb" in line, f"slate said: {line}")
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def gdb(guest, address, *commands, script=None, target="remote"):
    if not shutil.which("gdb"):
        raise Skip("gdb is not installed")
    words = ["gdb", "-nx", "-batch", "-ex", "set pagination off", "-ex", "set confirm off", "-ex", "set architecture i386:x86-64",
             *(["-x", script] if script else []), "-ex", f"target {target} {address}"]
    for command in commands:
        words += ["-ex", command]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=PATIENCE)
    return done.stdout + done.stderr


def symbol(guest, name):
    done = subprocess.run(["nm", str(BUILD / "guests" / guest)], capture_output=True, text=True)
    found = re.search(rf"^([0-9a-f]+) \w {name}$", done.stdout, re.M)
    if not found:
        raise Skip(f"no symbol {name} in {guest}")
    return int(found[1], 16)


def number(text, name):
    """The value of `name` in what `info registers` printed."""
    found = re.search(rf"^{name}\s+(0x[0-9a-f]+)", text, re.M)
    expect(found, f"no {name} in: {text[-400:]}")
    return int(found[1], 16)


def numbers(text, name):
    """All that `info registers` printed of `name`, in order."""
    return [int(value, 16) for value in re.findall(rf"^{name}\s+(0x[0-9a-f]+)", text, re.M)]


@contextmanager
def unix_socket():
    with tempfile.TemporaryDirectory(prefix="slate-gdb-") as directory:
        yield f"{directory}/socket"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def breaks_and_steps(kind, engine):
    main = symbol("flow", MAIN)
    with unix_socket() as path, slate("flow", f"unix:{path}", "--engine", engine) as process:
        said = gdb("flow", path, f"{kind} *{main:#x}", "continue", "info registers rip", "stepi", "info registers rip", "x/2i $pc", "delete", "continue")
        expect(f"0x{main:016x}" in said or f"{main:#x}" in said, said[-500:])
        expect(len(re.findall(r"^rip ", said, re.M)) == 2, said[-500:])
        first, second = (int(value, 16) for value in re.findall(r"^rip\s+(0x[0-9a-f]+)", said, re.M))
        expect(first == main and 0 < second - main < 16, f"rip {first:#x} then {second:#x}: {said[-400:]}")
        expect("exited with code 01" in said, f"gdb did not see the end: {said[-400:]}")
        expect(process.wait(PATIENCE) == 1, "slate's status is not the guest's")


def by_tcp_registers_and_memory():
    port, main = free_port(), symbol("flow", MAIN)
    with slate("flow", f"127.0.0.1:{port}") as process:
        said = gdb("flow", f"127.0.0.1:{port}", f"hbreak *{main:#x}", "continue", "set $rbx = 0x1122334455667788", "info registers rbx cr0 cr3 efer fs_base eflags",
                   "print $xmm0.uint128", "set {int}($rsp-64) = 0x12345678", "x/1wx $rsp-64", "maintenance packet Qqemu.PhyMemMode:1", "monitor registers rbx", "kill")
        expect(number(said, "rbx") == 0x1122334455667788, said[-500:])
        expect(re.search(r":\s+0x12345678", said), said[-500:])
        expect(number(said, "cr0") & 1 and number(said, "cr3") and number(said, "efer") & 0x400, f"not in long mode: {said[-500:]}")
        expect("1122334455667788" in said.split("PhyMemMode")[-1], f"monitor said nothing: {said[-300:]}")
        expect('received: "OK"' in said, said[-300:])
        expect(process.wait(PATIENCE) == 0, "kill did not end slate")


def watches(kind, report_word):
    main, slot = symbol("flow", MAIN), symbol("flow", r"\S*main_stack")      # a stack pointer is put there
    with unix_socket() as path, slate("flow", f"unix:{path}") as process:
        said = gdb("flow", path, f"hbreak *{main:#x}", "continue", "delete", f"{kind} *(long*){slot:#x}", "continue", "info registers rip", "kill")
        expect(report_word in said, f"no {report_word!r}: {said[-500:]}")
        expect(process.wait(PATIENCE) == 0, "kill did not end slate")


def interrupted_and_detached():
    """A guest that loops is stopped, goes on, and runs to its end alone once gdb has left."""
    main = symbol("flow", MAIN)
    with unix_socket() as path, slate("flow", f"unix:{path}") as process:
        said = gdb("flow", path, f"hbreak *{main:#x}", "continue", "delete", "detach")
        expect("Breakpoint" in said, said[-400:])
        expect(process.wait(PATIENCE) == 1, "the guest did not run to its end alone")


def steps_sixteen_bit_code():
    """The boot sector of a disk, from its first instruction: the layout of 64 bits, the code of 16."""
    sector = (BUILD / "guests" / "dos.img").read_bytes()[:5]
    with unix_socket() as path, slate("dos.img", f"unix:{path}"):
        said = gdb("dos.img", path, "hbreak *0x7c00", "continue", "delete", "info registers rip cr0 cs_base", "monitor disassemble rip 1", "stepi", "info registers rip", "kill")
        expect(number(said, "rip") == 0x7c00 and not number(said, "cr0") & 1, f"not in the boot sector: {said[-500:]}")
        expect(sector.hex() in said, f"not disassembled as it is, {sector.hex()}: {said[-500:]}")
        after = int(re.findall(r"^rip\s+(0x[0-9a-f]+)", said, re.M)[1], 16)
        expect(sector[0] == 0xea and after == int.from_bytes(sector[1:3], "little"), f"the far jump went to {after:#x}")


def steps_thirty_two_bit_code():
    with unix_socket() as path, slate("flow", f"unix:{path}"):
        said = gdb("flow", path, "info registers rip cr0 efer", "info threads", "monitor disassemble rip 1", "stepi", "stepi", "info registers rip", "kill")
        expect(number(said, "cr0") & 1 and not number(said, "efer") & 0x400, f"not in protected mode: {said[-500:]}")
        first, after = (int(value, 16) for value in re.findall(r"^rip\s+(0x[0-9a-f]+)", said, re.M))
        expect(after == first + 1 + 5, f"CLI and MOV of 32 bits took {after - first} bytes")
        expect("CPU 0" in said, f"no name of the thread: {said[-500:]}")


def thirty_two_bit_code_is_watched():
    """The first push of start_guest() in a 32-bit guest."""
    main = symbol("gates", MAIN)
    with unix_socket() as path, slate("gates", f"unix:{path}"):
        said = gdb("gates", path, f"break *{main:#x}", "continue", "delete", "info registers rip rsp cr0 efer", "awatch -l *(int*)($rsp-4)", "continue", "info registers rip rsp",
                   "monitor disassemble rip 1", "kill")
        (first, after), (top, pushed) = numbers(said, "rip"), numbers(said, "rsp")
        expect(first == main and number(said, "cr0") & 1 and not number(said, "efer") & 0x400, f"not in protected mode: {said[-500:]}")
        expect("Hardware access (read/write) watchpoint" in said and after == main + 1 and pushed == top - 4, f"no push at {after:#x}, {top:#x} then {pushed:#x}: {said[-500:]}")


def sixteen_bit_code_is_watched():
    """LGDT at the start of another CPU reads its operand, in a segment with a base."""
    pointer = 0x8000 + symbol("smp", "smp_gdt_pointer") - symbol("smp", "smp_begin")
    with unix_socket() as path, slate("smp", f"unix:{path}", "--smp", "2", "--append", "cpus=2"):
        said = gdb("smp", path, f"rwatch *(short*){pointer:#x}", "break *0x8000", "continue", "info registers rip", "delete 2", "continue", "info registers rip cr0 gdtr_limit cs_base", "kill")
        first, after = numbers(said, "rip")
        expect("Hardware read watchpoint" in said and first == 0 and after == 11, f"LGDT from {first:#x} to {after:#x}: {said[-600:]}")
        expect(not number(said, "cr0") & 1 and number(said, "gdtr_limit") == 23, f"not in real mode behind LGDT: {said[-600:]}")


def a_guest_of_the_guest_is_watched():
    """Its pushes, by a breakpoint at the first of them."""
    at = symbol("vmx_state", "returns")
    with unix_socket() as path, slate("vmx_state", f"unix:{path}"):
        said = gdb("vmx_state", path, f"break *{at:#x}", "continue", "delete", "info registers rip in_guest", "awatch -l *(long*)($rsp-16)", "continue", "info registers rip in_guest",
                   "x/1gx $rsp", "kill")
        expect(numbers(said, "rip") == [at, at + 4] and numbers(said, "in_guest") == [1, 1], f"not behind its second push: {said[-600:]}")
        expect("Hardware access (read/write) watchpoint" in said, said[-600:])


def every_kind_of_register():
    main = symbol("flow", MAIN)
    with unix_socket() as path, slate("flow", f"unix:{path}"):
        said = gdb("flow", path, f"break *{main:#x}", "continue", "info all-registers", "info float", "print $xmm15.uint128", "print $ymm3.v8_int32", "print $eflags", "print $st0", "print $mxcsr", "kill")
        names = "rax r15 rip eflags cs gs fs_base st7 fctrl fop mxcsr ymm15 cr0 cr8 efer xcr0 gdtr_base idtr_limit tr_base dr7 lstar k_gs_base in_guest vm_control guest_tag"
        missing = [name for name in names.split() if not re.search(rf"^{name}\s", said, re.M)]
        expect(not missing, f"not listed: {missing}")
        expect(re.search(r"Status Word", said) and said.count("$") >= 5 and "[ IM DM" in said, said[-600:])


def cpus_are_threads():
    """The other CPU's first instruction, 16-bit code in a segment of its own; then each is stepped while the other stands."""
    with unix_socket() as path, slate("smp", f"unix:{path}", "--smp", "2", "--append", "cpus=2") as process:
        said = gdb("smp", path, "hbreak *0x8000", "continue", "info threads", "info registers rip cs_base", "monitor disassemble", "delete", "set scheduler-locking on",
                   "thread 1", "info registers rip", "thread 2", "stepi", "stepi", "info registers rip", "thread 1", "info registers rip", "stepi", "info registers rip",
                   "set scheduler-locking off", "continue")
        expect("CPU 0" in said and re.search(r"\* 2 .*CPU 1", said), f"CPU 1 is not the thread that stopped: {said[-900:]}")
        other, before, stepped, same, after = numbers(said, "rip")
        expect(other == 0 and number(said, "cs_base") == 0x8000, f"not at the start-up vector: {said[-900:]}")
        expect("cli" in said and stepped == 3, f"CLI and MOV of 16 bits took {stepped} bytes")
        expect(before == same != after, f"CPU 0 at {before:#x}, {same:#x}, {after:#x}")
        expect("exited with code 01" in said and process.wait(PATIENCE) == 1, f"gdb did not see the end: {said[-400:]}")


def the_machine_starts_anew():
    """starti, from anywhere and behind the end; and monitor reset."""
    main = symbol("flow", MAIN)
    with unix_socket() as path, slate("flow", f"unix:{path}") as process:
        said = gdb("flow", path, "info registers rip", "stepi 5", "info registers rip", "starti", "info registers rip", f"hbreak *{main:#x}", "continue", "info registers rip", "delete",
                   "continue", "starti", "info registers rip", "stepi", "monitor reset", "maintenance flush register-cache", "info registers rip", "kill", target="extended-remote")
        rips = numbers(said, "rip")
        expect(len(rips) == 6 and rips[0] == rips[2] == rips[4] == rips[5] != rips[1] and rips[3] == main, f"{[hex(rip) for rip in rips]}: {said[-700:]}")
        expect("exited with code 01" in said, f"gdb did not see the end: {said[-400:]}")
        expect(process.wait(PATIENCE) == 0, "slate does not end when gdb has killed the machine and left")


def the_hook_of_the_manual_keeps_registers_fresh():
    text = (report.SOURCE / "docs" / "debugger.md").read_text()
    hook = re.search(r"^ +define hookpost-monitor\n.*?^ +end$", text, re.M | re.S)
    expect(hook, "docs/debugger.md has no hook")
    with tempfile.NamedTemporaryFile("w", prefix="slate-hook-") as file, unix_socket() as path, slate("flow", f"unix:{path}"):
        file.write(re.sub(r"^ +", "", hook[0], flags=re.M) + "\n")
        file.flush()
        said = gdb("flow", path, "info registers rip", "monitor step 3", "info registers rip", "kill", script=file.name)
        first, after = numbers(said, "rip")
        expect(first != after, f"gdb still has {first:#x}: {said[-500:]}")


def breaks_in_a_guest_of_the_guest(guest, place, model, reason):
    """A breakpoint by its address alone, in code that only the guest runs; the step behind it is an exit."""
    at = symbol(guest, place)
    with unix_socket() as path, slate(guest, f"unix:{path}", "--cpu", model):
        said = gdb(guest, path, f"break *{at:#x}", "continue", "info registers rip in_guest", "info registers rsp cr3", "print $eflags", "print $xmm0.v4_float", "delete", "stepi",
                   "info registers in_guest exit_reason", "kill")
        expect(number(said, "rip") == at and numbers(said, "in_guest") == [1, 0], f"not in the guest and out: {said[-500:]}")
        expect(number(said, "exit_reason") == reason and number(said, "cr3"), f"not this exit: {said[-500:]}")


def steps_a_guest_of_the_guest():
    """Behind a VM entry: the layout is the same, and one step more is CPUID's exit to the host."""
    with unix_socket() as path, slate("vmx_exits", f"unix:{path}"):
        said = gdb("vmx_exits", path, "monitor step --vmentry", "maintenance flush register-cache", "info registers rip in_guest", "x/2xb $pc", "stepi", "info registers rip in_guest exit_reason",
                   "kill")
        flags = re.findall(r"^in_guest\s+(0x[0-9a-f]+)", said, re.M)
        expect(flags == ["0x1", "0x0"], f"in and out of the guest: {flags}: {said[-500:]}")
        expect(re.search(r":\s+0x0f\s+0xa2", said) and number(said, "exit_reason") == 10, f"no exit by CPUID: {said[-500:]}")
        expect("maintenance flush register-cache" in said.split("a guest runs")[1], "gdb is not told of its registers")


def levels_are_threads():
    """Behind a VM entry: the guest is thread 2, and thread 1 stands where its exit leads; each is stepped, and the other goes by."""
    with unix_socket() as path, slate("vmx_exits", f"unix:{path}"):
        said = gdb("vmx_exits", path, "monitor threads levels", "monitor step --vmentry", "maintenance flush register-cache", "info threads", "thread 2", "info registers rip", "x/2xb $pc",
                   "thread 1", "info registers rip", "stepi", "info registers rip in_guest", "thread 2", "stepi", "info registers rip in_guest", "kill")
        expect("level 1" in said and "level 2" in said, f"not two threads: {said[-700:]}")
        guest, host, after, next_entered = numbers(said, "rip")
        expect(re.search(r":\s+0x0f\s+0xa2", said) and guest != host and 0 < after - host < 16, f"{guest:#x}, {host:#x}, then {after:#x}: {said[-700:]}")
        expect(numbers(said, "in_guest") == [0, 1] and next_entered not in (host, after), f"the guest's next instruction at {next_entered:#x}: {said[-700:]}")


def lldb_attaches_breaks_and_steps():
    if not shutil.which("lldb"):
        raise Skip("lldb is not installed")
    with unix_socket() as path, slate("flow", f"unix:{path}"):
        main = symbol("flow", MAIN)
        commands = [f"process connect --plugin gdb-remote unix-connect://{path}", "register read rip", "thread step-inst", "register read rip cr0", f"breakpoint set -a {main:#x}", "continue",
                    "register read rip", "process kill"]
        words = ["lldb", "--no-lldbinit", "-b"] + [word for command in commands for word in ("-o", command)]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=PATIENCE)
        rips = [int(value, 16) for value in re.findall(r"rip = (0x[0-9a-f]+)", done.stdout)]
        expect(len(rips) == 3 and rips[1] == rips[0] + 1 and rips[2] == main, f"{rips}: {done.stdout[-800:]}{done.stderr[-300:]}")


def talk(path, data, seconds=2.0):
    """Sends bytes and returns what comes until nothing does."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(data)
        s.settimeout(seconds)
        out = b""
        try:
            while part := s.recv(65536):
                out += part
        except (socket.timeout, ConnectionError):
            pass
        return out


def an_interrupt_stops_a_loop():
    main = symbol("flow", MAIN)
    with unix_socket() as path, slate("flow", f"unix:{path}"):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            s.sendall(loop_at(main) + framed(b"c"))
            time.sleep(1)
            s.sendall(b"\x03")
            s.settimeout(PATIENCE)
            out = b""
            while b"$T02" not in out:
                part = s.recv(65536)
                expect(part, f"hung up; last: {out[-200:]}")
                out += part


def framed(text):
    return b"$" + text + b"#%02x" % (sum(text) & 255)


def loop_at(address):
    """What makes the guest loop at a physical address once it gets there."""
    return b"+" + framed(b"Qqemu.PhyMemMode:1") + framed(b"M%x,2:ebfe" % address) + framed(b"Qqemu.PhyMemMode:0")


def hostile_bytes():
    """Anything may come; the next connection is served."""
    chance = random.Random(1)
    with unix_socket() as path, slate("flow", f"unix:{path}", "--cpu", "max-amd") as process:
        talk(path, loop_at(symbol("flow", MAIN)), 0.2)
        for n in range(20):
            talk(path, b"+$" + chance.randbytes(chance.randrange(1, 5000)).replace(b"k", b"K"), 0.05)      # k ends it, and may
            expect(process.poll() is None, f"slate ended with {process.poll()}")
        expect(b"PacketSize" in talk(path, framed(b"qSupported"), 1), "it serves nobody any more")


def a_browser_is_hung_up_on():
    with unix_socket() as path, slate("flow", f"unix:{path}"):
        out = talk(path, b"POST / HTTP/1.1\r\n\r\n$g#67")
        expect(out == b"", f"it was answered: {out[:100]}")


def only_loopback():
    for address in ("0.0.0.0:1234", "192.168.0.1:1", "[::]:1", ":0", ":x", "1234", "unix:", "unix:/nonexistent/x"):
        done = subprocess.run([SLATE, "--kernel", str(BUILD / "guests/flow"), "--gdb", address], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
        expect(done.returncode == 2 and "--gdb" in done.stderr, f"{address}: status {done.returncode}: {done.stderr}")


cases = {
    "breaks-and-steps-fast": partial(breaks_and_steps, "break", "fast"),
    "breaks-and-steps-slow": partial(breaks_and_steps, "hbreak", "slow"),
    "by-tcp-registers-and-memory": by_tcp_registers_and_memory,
    "watches-writes": partial(watches, "watch", "Hardware watchpoint"),
    "watches-accesses": partial(watches, "awatch", "Hardware access (read/write) watchpoint"),
    "steps-sixteen-bit-code": steps_sixteen_bit_code,
    "steps-thirty-two-bit-code": steps_thirty_two_bit_code,
    "thirty-two-bit-code-is-watched": thirty_two_bit_code_is_watched,
    "sixteen-bit-code-is-watched": sixteen_bit_code_is_watched,
    "a-guest-of-the-guest-is-watched": a_guest_of_the_guest_is_watched,
    "every-kind-of-register": every_kind_of_register,
    "cpus-are-threads": cpus_are_threads,
    "the-machine-starts-anew": the_machine_starts_anew,
    "the-hook-of-the-manual-keeps-registers-fresh": the_hook_of_the_manual_keeps_registers_fresh,
    "breaks-in-a-guest-of-vmx": partial(breaks_in_a_guest_of_the_guest, "vmx_exits", "do_vmcall", "max-intel", 18),
    "breaks-in-a-guest-of-svm": partial(breaks_in_a_guest_of_the_guest, "svm_exits", "do_cpuid", "max-amd", 0x72),
    "steps-a-guest-of-the-guest": steps_a_guest_of_the_guest,
    "levels-are-threads": levels_are_threads,
    "lldb-attaches-breaks-and-steps": lldb_attaches_breaks_and_steps,
    "detached-the-guest-runs-on": interrupted_and_detached,
    "an-interrupt-stops-a-loop": an_interrupt_stops_a_loop,
    "hostile-bytes": hostile_bytes,
    "a-browser-is-hung-up-on": a_browser_is_hung_up_on,
    "only-loopback": only_loopback,
}
sys.exit(report.main(arguments, cases))
