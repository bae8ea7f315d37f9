#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The debugger on Debian's KVM and the Linux in it, through every face: FACE-MODEL-PAGES.

Linux loads KVM and has QEMU boot Linux, whose /init is tests/images/l2look. In that user's code, two levels down, each face does the same:
it stops at a function; walks two of its addresses, whole and reference by reference, without a trace in the hash of all state; takes the right to
write out of an entry of the second stage, and has the refusal explained before and when it comes; lists the TLB by tag; shows the VMCS or VMCB
with what an exit changed; goes on to an exit of a chosen reason.

PAGES: transparent huge pages never, in both Linuxes, or always. What walks are compared with is made of words of physical memory by
tests/run/walks.py.
"""
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
import walks
from debugger_faces import FACES, PATIENCE, Program
from machine import made, status_of
from picture import read_png
from qmp import Client
from report import expect
from window_screen import machine, shown, until

arguments = report.options(__doc__).parse_args()
SLATE = arguments.emulator or str(Path(arguments.build) / "slate")
KERNEL = "stable"
MODELS = ["max-intel", "max-amd"]
# References of a read of the small and of the large page, with four levels in both stages: a walk of the second stage for each level of the
# guest's and for the page itself. A large page spares a level of its stage.
REFERENCES = {"never": {"small": 4 * 5 + 4, "large": 4 * 5 + 4}, "always": {"small": 4 * 4 + 3, "large": 3 * 4 + 3}}
WRITE = 2                                       # the bit, in EPT's and in classic entries


def options(model, pages):
    words = f"console=ttyS0 quiet cryptomgr.notests no5lvl transparent_hugepage={pages}"
    return ["--kernel", made(arguments, "unpacked.sh", KERNEL), "--initrd", made(arguments, "kvmlook.sh", KERNEL), "--cpu", model,
            "--append", f"{words} wl=run,kvmlook,no5lvl,transparent_hugepage={pages}"]


def program():
    return Program(Path(arguments.build) / "images" / "l2look")


def number(text):
    return int(text, 16)


class Look:
    """A face that stands in the user's code of the guest's guest."""

    def __init__(self, face, model, pages):
        self.face, self.intel, self.pages = face, model == "max-intel", pages
        self.program = face.program

    # ---- what is asked for

    def value(self, name):
        return number(self.face.look(f"registers {name}")[0]["value"])

    def word(self, physical):
        return int.from_bytes(bytes.fromhex(self.face.look(f"memory p:{physical:#x} 8")[0]["bytes"]), "little")

    def bytes_at(self, place, count=16):
        return self.face.look(f"memory {place} {count}")[0]["bytes"]

    def fields(self, words=""):
        """Of the VMCS or VMCB, by name."""
        lines = self.face.look(f"{'vmcs' if self.intel else 'vmcb'} {words}")
        return {line["name"]: line for line in lines if line.get("kind") == "field"}

    def field(self, intel, amd):
        name = intel if self.intel else amd
        return number(self.fields(name)[name]["value"])

    def hash(self):
        return self.face.look("hash")[0]["hash"]

    def walk(self, line, what="walk "):
        lines = self.face.look(what + line)
        return [l for l in lines if l["kind"] == "step"], lines[-1]

    # ---- what must hold

    def stands_in_the_user(self, stop):
        where, state = self.program["look_here"], self.face.look("state")[0]
        expect(stop["why"] == "breakpoint" and number(stop["rip"]) == where and stop["guest"], f"stopped elsewhere: {stop}")
        expect(state["guest"] and state["cpl"] == 3 and number(state["linear"]) == where, f"not in the guest's user code: {state}")
        levels = {line["level"]: line for line in self.face.look("levels")}
        expect(set(levels) >= {1, 2}, f"levels are {levels}")

    def tables(self, level=""):
        return walks.TwoStages(self.word, self.intel, self.value(f"cr3 {level}"), self.field("ept_pointer", "nested_cr3"))

    def walks_are_right(self, name, address):
        """Whole and step by step; without a trace."""
        before = self.hash()
        references, guest, physical, size, second_size = self.tables().walk(address)
        expect(len(references) == REFERENCES[self.pages][name], f"{name}: {len(references)} references are to be made, not {REFERENCES[self.pages][name]}")
        steps, verdict = self.walk(f"{address:#x} r u")
        walks.compare(steps, references)
        expect(verdict["granted"] and (number(verdict["guest_physical"]), number(verdict["physical"])) == (guest, physical), f"{verdict['text']}, not {guest:#x}, {physical:#x}")
        expect(verdict["page_size"] == min(size, second_size), f"{verdict['text']}: pages are of {size} and {second_size} bytes")
        first = self.face.look(f"walk --step {address:#x} r u")
        stepped = [first[1]] + [self.face.look("walk --next")[0] for _ in references[1:]]
        walks.compare(stepped, references)
        expect(stepped[-1]["last"] and not stepped[-2]["last"], "the last step doesn't say so")
        expect(self.face.look("walk --next")[-1]["granted"], "no verdict behind the steps")
        expect(self.bytes_at(f"{address:#x}") == self.bytes_at(f"g:{guest:#x}") == self.bytes_at(f"p:{physical:#x}"), f"{name}: its bytes are others at its GPA or PA")
        expect(self.hash() == before, "walks have changed the machine")
        return references, guest, second_size

    def violation(self, linear):
        """What an EPT violation's qualification, or EXITINFO1, says of this write, without what a CPU may leave out."""
        return 0x2 | 0x8 | 0x80 | 0x100 if self.intel else 0x1 | 0x2 | 0x4 | 1 << 32

    def a_write_is_refused(self, address, references, guest):
        leaf = references[-1]
        byte = leaf.entry & 0xff & ~WRITE
        self.face.look(f"write p:{leaf.physical:#x} {byte:02x}")
        self.face.look("invalidate")
        _, verdict = self.walk(f"{address:#x} r u")
        expect(verdict["granted"], f"the entry still lets it be read: {verdict['text']}")
        before = self.hash()
        steps, verdict = self.walk(f"{address:#x} w u")
        expect(self.hash() == before, "the walk has changed the machine")
        event = "ept_violation" if self.intel else "nested_page_fault"
        refusing = [line for line in steps if line["refuses"]]
        expect(not verdict["granted"] and verdict["event"] == event and verdict["told_level"] == 1, verdict["text"])
        expect(len(refusing) == 1 and number(refusing[0]["physical"]) == number(verdict["entry_physical"]) == leaf.physical, f"another entry refuses: {verdict['text']}")
        expect(number(refusing[0]["refusing_mask"]) == WRITE and number(verdict["guest_physical"]) == guest, verdict["text"])
        said = number(verdict["information"])
        told = self.violation(address)
        expect(said & told == told and (not self.intel or not said & (1 | 4 | 0x10)), f"{said:#x} is to have {told:#x}: {verdict['text']}")
        return said

    def what_changed_is_shown(self, before, wanted):
        """Fields that are others than at the stop before, each with what it was; `wanted` are among them, and are this now."""
        now, changed = self.fields(), self.fields("changed")
        others = {name: before[name]["value"] for name in now if now[name]["value"] != before[name]["value"]}
        missing = [name for name, was in others.items() if name not in changed or changed[name].get("previous") != was]
        expect(not missing, f"{' '.join(missing)} have changed and aren't shown, or with another value before")
        expect(len(changed) < len(now) // 2, f"{len(changed)} of {len(now)} fields are said to have changed")
        for name, value in wanted.items():
            expect(number(now[name]["value"]) == value, f"{name}: {now[name]['text']}, not {value:#x}")
            expect(name in others, f"{name} is as it was before: {now[name]['text']}")

    def it_comes(self, address, guest, size, said):
        """The exit that the walk foretold; others may come before it. Of a large page another address may be written first."""
        for _ in range(50):
            before = self.fields()
            stop = self.face.go(f"continue --exit {'EPT_violation' if self.intel else '0x400'}")[0]
            expect(stop["why"] == "reached" and not stop["guest"], f"not behind an exit: {stop}")
            came = self.field("guest_physical_address", "exit_info2")
            if came // size == guest // size:
                break
        else:
            raise report.Failed("the write has never been refused")
        expect(self.field("exit_qualification", "exit_info1") == said, f"the CPU says {self.field('exit_qualification', 'exit_info1'):#x}, the walk has said {said:#x}")
        if came == guest:
            expect(self.field("guest_rip", "rip") == self.program["store_here"], "the store was not where it was refused")
            expect(not self.intel or self.field("guest_linear_address", "") == address, "another linear address")
        else:
            expect(size > 4096, f"{came:#x} is in the page of {guest:#x}")
            expect(not self.intel or self.tables("@l2").walk(self.field("guest_linear_address", ""))[1] == came, "the linear address is another's")
        wanted = {"exit_reason": 48, "guest_physical_address": came, "exit_qualification": said} if self.intel else {"exit_code": 0x400, "exit_info2": came, "exit_info1": said}
        self.what_changed_is_shown(before, wanted)
        last = [line for line in self.face.look("exits 1") if line["kind"] == "exit"][-1]
        expect(number(last["information"]) == said and number(last["address"]) == came, f"the log has {last['text']}")
        foreseen, verdict = self.walk(f"{address:#x} w u @l2")
        expect(not verdict["granted"] and number(verdict["information"]) == said and len(foreseen) > 1, f"from the hypervisor it is {verdict['text']}")

    def the_tlb_by_tag(self):
        """What the guest has used is there under its tag, as its tables have it; the hypervisor's is under the host's."""
        tag, tables = self.field("vpid", "asid"), self.tables()
        mine = [line for line in self.face.look(f"tlb {'vpid' if self.intel else 'asid'}={tag} all") if "page" in line]
        expect(tag and mine and all(line["vpid"] == tag for line in mine), f"no entries, or others', under tag {tag}")
        found = 0
        for name in ("look_here", "small"):
            address = self.program[name]
            _, _, physical, _, _ = tables.walk(address)
            for line in mine:
                page, bits = number(line["page"]), int(line["page_bits"])
                if line["dimension"] != "guest-physical" and address >> bits == page >> bits:
                    found += 1
                    expect(number(line["physical"]) >> bits == physical >> bits and line["stale"] == "no", f"{name}: {line['text']}, not {physical:#x}")
        expect(found >= 2, "the user's code and its page are not in the TLB")
        host = [line for line in self.face.look(f"tlb {'vpid' if self.intel else 'asid'}=0 all") if "page" in line]
        expect(all(line["vpid"] == 0 for line in host), "others' entries under the host's tag")

    def a_chosen_exit(self):
        """CPUID, and what it has changed."""
        before = self.fields()
        stop = self.face.go("continue --exit CPUID")[0]
        expect(stop["why"] == "reached" and not stop["guest"], f"not behind an exit: {stop}")
        expect(self.field("exit_reason", "exit_code") == (10 if self.intel else 0x72), "another reason")
        rip = self.field("guest_rip", "rip")
        expect(self.program["ask_cpu"] <= rip < self.program["ask_cpu"] + 32 and self.bytes_at(f"{rip:#x}", "2 @l2") == "0fa2", f"RIP is {rip:#x}")
        self.what_changed_is_shown(before, {"guest_rip": rip} if self.intel else {"rip": rip})
        expect(self.field("exit_instruction_length", "next_rip") == (2 if self.intel else rip + 2), "CPUID is not of two bytes")


def script(name, model, pages):
    words = ["--headless", "--serial", "null", *options(model, pages)]
    with tempfile.TemporaryDirectory(prefix="slate-kvm-") as directory, FACES[name](SLATE, words, directory, program()) as face:
        look = Look(face, model, pages)
        small = face.program["small"]
        look.stands_in_the_user(face.stop_at("look_here"))
        large = look.value("rsi")
        expect(look.value("rdi") == small, "the first argument is not the small page")
        look.walks_are_right("large", large)
        references, guest, size = look.walks_are_right("small", small)
        round_now = look.value("rdx")
        said = look.a_write_is_refused(small, references, guest)
        look.it_comes(small, guest, size, said)
        look.stands_in_the_user(face.again("look_here"))
        expect(look.word(references_end(look, small)) == round_now and look.value("rdx") == round_now + 1, "the store has not been made in the end")
        look.the_tlb_by_tag()
        look.a_chosen_exit()
        expect(face.end() == 0, "quit did not end it well")


def references_end(look, address):
    return look.tables().walk(address)[2]


# ---- the window: keys in, and what it shows against pictures that the same commands give without a display

SIZE = (1280, 800)
DRAWN = 300                                     # seconds until the window shows what it is to show; on a host that is busy it takes its time
LEVELS, WALK, FIELDS, TLB = (540, 0, 500, 46), (8, 216, 1264, 540), (8, 120, 472, 430), (8, 184, 760, 570)          # left, top, width, height


def pictures(directory, words, commands):
    """Runs the commands without a display; "picture" among them draws."""
    (directory / "commands").write_text("".join(line + "\n" for line in commands))
    run = subprocess.run([SLATE, "--headless", "--serial", "null", *words, "--commands", str(directory / "commands"), "--screenshot", str(directory / "last.png"), "--layout", "run"],
                         capture_output=True, text=True, timeout=PATIENCE)
    if "without the debugger's window" in run.stderr or "is missing" in run.stderr:
        raise report.Skip(run.stderr.strip())
    expect(run.returncode == 0, f"--layout: status {run.returncode}: {run.stderr[-300:]}")


def keep(name, shown, wanted):
    """What was shown and what was to be, for whoever looks for the difference."""
    logs = Path(arguments.build) / "test-results" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    for what, rows in ("shown", shown), ("wanted", wanted):
        header = f"P6 {len(rows[0])} {len(rows)} 255\n".encode()
        (logs / f"debugger-kvm-{name}-{what}.ppm").write_bytes(header + bytes(part for row in rows for dot in row for part in dot))


def window(model, pages):
    words, the_program = options(model, pages), program()
    intel = model == "max-intel"
    here, small = the_program["look_here"], the_program["small"]
    refused, shown_exit, tag = ("EPT_violation", "exit_", "VPID") if intel else ("0x400", "exit_", "ASID")
    with tempfile.TemporaryDirectory(prefix="slate-kvm-") as name:
        directory = Path(name)
        control = f"{name}/control"
        with machine(arguments, directory, "--gui", "--control", f"unix:{control}", *words, size=f"{SIZE[0]}x{SIZE[1]}", environment={"XDG_CONFIG_HOME": name}) as (screen, slate):
            shown(screen, slate, DRAWN)
            watcher = Watcher(control, the_program)         # tells when the guest stands, and where its entries are; it lets nothing run

            def command(line):
                screen.do("key", "ctrl+p")
                screen.do("type", "--delay", "40", ">" + line)
                screen.do("key", "Return")

            def type_in(line):
                screen.do("key", "ctrl+u")
                screen.do("type", "--delay", "40", line)
                screen.do("key", "Return")

            def shows(file, box, what):
                left, top, width, height = box
                wanted = [row[left:left + width] for row in read_png(directory / file).rows[top:top + height]]
                try:
                    until(slate, lambda: screen.picture(*box).rows == wanted, f"{what} in the window", DRAWN)
                except report.Failed:
                    keep(f"{model}-{pages}-{file}", screen.picture(*box).rows, wanted)
                    raise

            command(f"break {here:#x} level=2")
            until(slate, lambda: len(watcher.look("list")) == 1 and "address" in watcher.look("list")[0], "breakpoint")
            screen.do("key", "F5")
            watcher.stands_at(here, slate)
            look = Look(watcher, model, pages)
            references, guest, _, _, size = look.tables().walk(small)
            leaf, before = references[-1], look.hash()
            vpid = look.field("vpid", "asid")
            its_exit = f"continue --exit {refused} if {'guest_physical_address' if intel else 'exit_info2'} / {size} == {guest // size:#x}"
            entry = f"write p:{leaf.physical:#x} {leaf.entry & 0xff & ~WRITE:02x}"
            of_small = f"walk.address={small:#x},focus=walk"
            pictures(directory, words, [
                f"break {here:#x} level=2", "continue", f"picture {name}/read.png walk@1280x800,{of_small},walk.access=r",
                f"picture {name}/tlb.png caches@1280x800,focus=tlb,tlb={tag} {vpid:04x}",
                entry, "invalidate", f"picture {name}/refused.png walk@1280x800,{of_small},walk.access=w",
                its_exit,
                f"picture {name}/violation.png virtualization@1280x800,focus=fields,fields={shown_exit}",
                "continue --exit CPUID", f"picture {name}/cpuid.png virtualization@1280x800,focus=fields,fields={shown_exit}"])
            screen.do("key", "alt+2")
            screen.do("key", "r")
            screen.do("key", "g")
            type_in(f"{small:#x}")
            shows("read.png", LEVELS, "the guest's user")
            shows("read.png", WALK, "the walk")
            screen.do("key", "Home")
            for _ in references[1:]:
                screen.do("key", "n")
            shows("read.png", WALK, "the walk, reference by reference")
            screen.do("key", "alt+4")
            screen.do("key", "slash")
            type_in(f"{tag} {vpid:04x}")
            shows("tlb.png", TLB, "the TLB by tag")
            expect(look.hash() == before, "what was shown has changed the machine")
            command(entry)
            command("invalidate")
            screen.do("key", "alt+2")
            screen.do("key", "w")
            shows("refused.png", WALK, "the refusal")
            command(its_exit)
            watcher.stands_behind(look, 48 if intel else 0x400, slate)
            screen.do("key", "alt+3")
            screen.do("key", "slash")
            type_in(shown_exit)
            shows("violation.png", FIELDS, "what the violation has changed")
            command("continue --exit CPUID")
            watcher.stands_behind(look, 10 if intel else 0x72, slate)
            screen.do("key", "alt+3")
            shows("cpuid.png", FIELDS, "what CPUID's exit has changed")
            screen.close_window()
            expect(status_of(slate) == 0, f"closing the window ended the emulator with status {slate.returncode}")


class Watcher:
    """QMP beside the window."""

    def __init__(self, path, program):
        self.program, self.path = program, path
        self.client = Client(path, PATIENCE)

    def look(self, command):
        return self.client.command(command)

    def stands(self):
        return self.client.ask("query-status")["status"] == "paused"

    def stands_at(self, address, slate):
        until(slate, lambda: self.stands() and number(self.look("state")[0]["linear"]) == address, f"stop at {address:#x}", PATIENCE)

    def stands_behind(self, look, reason, slate):
        until(slate, lambda: self.stands() and not self.look("state")[0]["guest"] and look.field("exit_reason", "exit_code") == reason, f"stop behind exit {reason:#x}", PATIENCE)


def all_cases():
    rows = list(product([*FACES, "window"], MODELS, REFERENCES))
    if not arguments.long and not arguments.cases:          # every face but the window and each model, with each kind of pages in half of them
        rows = [row for row in rows if row[0] != "window"]
        rows = [row for n, row in enumerate(rows) if (n // 2 + n // 4) % 2 == n % 2]
    return {"-".join(row): lambda row=row: window(*row[1:]) if row[0] == "window" else script(*row) for row in rows}


sys.exit(report.main(arguments, all_cases()))
