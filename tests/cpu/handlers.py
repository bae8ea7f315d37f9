#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Disassembles the built program and judges the fast engine's handlers (cpu/exec/fast/op.h).

Handlers hand over to each other in tail position. A compiler that makes a call of such a hand-over, or that spills a
register, builds a program that is right but slow, or that grows its stack until it dies; so each of them is looked at.

A function of the chain is one with a handler's parameters. Handlers proper are the instances of fast::handler and
fast::fused_handler and fast::pair_handler; the others are what they go to when they can't go on by themselves. Two of those are run as often,
and are judged alike.
"""
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report  # noqa: E402

PARAMETERS = "P3CpuPKN4fast2OpEmmP9BankEntrym"
CHAIN = re.compile(r"P3CpuPKN(S_|4fast)2OpEmmP9BankEntrym(\.|$)")
HANDLER = re.compile(r"_ZN4fast(7handler|13fused_handler|12pair_handler)I")
BETWEEN = re.compile(r"_ZN4fast(10cross_page|9count_run)E")             # ways from block to block, as often run
RETURNS_NEXT = re.compile(r"_ZN4fast7handlerI.*EPKNS_2OpEP3Cpu")      # what a build without tail calls has instead
FEWEST = 1000                                  # fewer handlers than that: the test has not found them

# Handlers that may call or use the stack, by the beginning of their readable name, each with its reason.
HEAVY = {
    "fast::handler<isa::Scatter<alu::Pext>, ": "a loop over the mask's bits",
    "fast::handler<isa::CallIndirect, fast::Fast<unsigned long, Form 2, Address 7, ": "a call through memory with a 32-bit address",
    "fast::handler<isa::CallIndirect, fast::Fast<unsigned long, Form 2, Address 8, ": "a call through memory of FS or GS",
    "fast::handler<isa::CallIndirect, fast::Fast<unsigned int, Form 2, Address 9, ": "a call through memory of a segment that is not flat",
    "fast::handler<isa::Push, fast::Fast<unsigned short, Form 2, Address 9, ": "a push from there",
    "fast::handler<isa::BitTest<alu::Keep>, fast::Fast<unsigned short, Form 9, Address 7, ": "BT of 16 bits with a 32-bit address",
    "fast::handler<isa::WideFloat2Immediate<isa::FloatIntegral<unsigned int, 4u> >, fast::Fast<unsigned long, ": "VROUNDPS of 256 bits, as VCMPPS",
    "fast::handler<isa::WideFloat2Immediate<isa::FloatIntegral<unsigned long, 2u> >, fast::Fast<unsigned long, ": "VROUNDPD of 256 bits",
    "fast::handler<isa::WideCompare<isa::FloatCompare<fp::cmpltps, fp::cmpeqps, fp::cmpunordps, 0u, (unsigned char)31> >, fast::Fast<unsigned long, ":
        "VCMPPS of 256 bits: masks and modes of two halves",
    "fast::handler<isa::WideCompare<isa::FloatCompare<fp::cmpltpd, fp::cmpeqpd, fp::cmpunordpd, 0u, (unsigned char)31> >, fast::Fast<unsigned long, ":
        "VCMPPD of 256 bits: masks and modes of two halves",
}
# Functions of the chain where it ends: they may return to Runner::start.
ENDS = {
    "fast::leave": "the block is left in front of this instruction",
    "fast::leave_to": "the block is left for an address",
    "fast::go_on": "the block where RIP is now is not remembered, or something must be looked at",
    "fast::finish_and_go_on": "go_on, inlined",
    "fast::call_slow": "go_on, inlined",
    "fast::run_in_slow": "go_on, inlined",
    "fast::one_in_slow": "go_on, inlined",
    "fast::find_indirect": "leave_to, inlined",
    "fast::search": "leave_to, inlined",
    "fast::look_at_mark": "leave, inlined",
    "fast::resolve": "leave_to, inlined",
    "fast::return_elsewhere": "leave_to, inlined",
    "fast::call_indirect": "leave_to, inlined",
    "fast::out_of_budget": "leave_to, inlined",
    "fast::check_crossing": "find_indirect, inlined",
    "fast::cross_page": "check_crossing, inlined",
    "fast::miss_read": "run_in_slow, inlined",
    "fast::miss_write": "run_in_slow, inlined",
}


@dataclass
class Function:
    name: str                                  # mangled
    start: int
    bytes: int
    code: list = field(default_factory=list)   # (address, mnemonic, operands)
    readable: str = ""

    @property
    def proper(self):
        return bool(HANDLER.match(self.name))

    @property
    def family(self):
        """isa::Binary<alu::Add> of the handler's first template argument."""
        text, depth = self.readable.split("handler<", 1)[1], 0
        for n, c in enumerate(text):
            depth += (c == "<") - (c == ">")
            if depth < 0 or (depth == 0 and c == ","):
                return ("fused " if "fused_handler<" in self.readable else "") + text[:n]
        return text


# Reading ------------------------------------------------------------------------------------------
HEAD = re.compile(r"^([0-9a-f]+) <(\S+)>:$")
LINE = re.compile(r"^ *([0-9a-f]+):\t(?:(?:bnd|notrack|rep|repz|repnz|lock|data16|cs|ds) )*(\S+) *(.*)$")


def functions_of(listing, sizes):
    """The functions of the chain in a listing by objdump; sizes by address, so that padding isn't taken for code."""
    out, current = [], None
    for line in listing:
        if head := HEAD.match(line):
            start, name = int(head[1], 16), head[2]
            current = Function(name, start, sizes.get(start, 0)) if CHAIN.search(name) else None
            if current:
                out.append(current)
        elif current and (insn := LINE.match(line)) and int(insn[1], 16) < current.start + current.bytes:
            current.code.append((int(insn[1], 16), insn[2], insn[3].split(" #")[0].strip()))
    return out


def symbols_of(program):
    """Name and size of each function, by address."""
    done = subprocess.run(["nm", "-S", "--defined-only", str(program)], capture_output=True, text=True)
    report.expect(done.returncode == 0, f"nm cannot read {program}")
    rows = [line.split() for line in done.stdout.splitlines()]
    return [(int(row[0], 16), int(row[1], 16), row[3]) for row in rows if len(row) == 4 and row[2] in "tTwW"]


def read(program, symbols):
    """The functions of the chain, with their readable names."""
    words = ["objdump", "-d", "--no-show-raw-insn", str(program)]
    try:
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as listing:
            found = functions_of(listing.stdout, {start: size for start, size, _ in symbols})
        names = subprocess.run(["c++filt"], input="\n".join(f.name for f in found), capture_output=True, text=True, check=True)
    except FileNotFoundError as missing:
        raise report.Skip(f"{missing.filename} is not here") from None
    for f, name in zip(found, names.stdout.splitlines()):
        f.readable = re.sub(r"\(fast::(\w+)\)", r"\1 ", name.split("(Cpu*")[0].split("(Outcome")[0].replace("(anonymous namespace)::", ""))
        f.readable = re.sub(r"^(void|fast::Op const\*) ", "", f.readable)
    return found


# Judging ------------------------------------------------------------------------------------------
TARGET = re.compile(r"^[0-9a-f]+ <([^>+]+)(\+0x[0-9a-f]+)?>$")
STACK = re.compile(r"%[er]?sp\b|\(%rbp")


def base_of(name):
    """Without the suffix of a partition that the compiler has split off."""
    return re.sub(r"\.(cold|part|isra|constprop|localalias)\b.*", "", name)


def faults_of(f):
    """What a function of the chain does that none may do, and what only heavy ones may do."""
    never, heavy = [], []
    for address, what, operands in f.code:
        target = TARGET.match(operands)
        to, inside = (target[1], target[2]) if target else ("", None)
        here = f"{what} {operands} at {address:x}"
        if what == "call":
            heavy.append(here)
            if CHAIN.search(to):
                never.append(f"{here} should be a jump")
            if re.match(r"\*(0x20|0x40)?\(%r\w+\)$", operands):
                heavy.append(f"{here}: an Op's handler?")
        elif what == "ret":
            heavy.append(here)
        elif what in ("push", "pop", "leave", "enter") or STACK.search(operands):
            heavy.append(here)
        elif what.startswith("j") and target and to != f.name and base_of(to) != base_of(f.name):
            if not CHAIN.search(to) or inside:
                heavy.append(f"{here} leads out of the chain")
        elif what == "movslq" and re.search(r"\(%r\w+,%r\w+,4\)", operands):
            heavy.append(f"{here}: a table of jumps?")
    if not f.code or f.code[-1][1] not in ("jmp", "ret", "ud2") and not leaves_for_good(f):
        never.append("runs over its end")
    return never, heavy


def leaves_for_good(f):
    """Cold partitions, and what may call an empty function object, may end in a call that doesn't return."""
    _, what, operands = f.code[-1]
    return what == "call" and (".cold" in f.name or "__throw" in operands)


def returns(f):
    return any(what == "ret" for _, what, _ in f.code)


def named(f, names):
    bare = f.readable.split(" [clone")[0]
    return next((reason for name, reason in names.items() if bare == name or (bare.startswith(name) and f.proper)), None)


def offenders(found, spills=False):
    """Readable lines, one for each function that breaks its rule."""
    out = []
    for f in found:
        never, heavy = faults_of(f)
        allowed = spills or not (f.proper or BETWEEN.match(f.name)) or named(f, HEAVY)
        faults = never + ([] if allowed else heavy)
        if not f.proper and returns(f) and not named(f, ENDS):
            faults.append("returns, and isn't among those where the chain ends")
        if faults:
            out.append(f"{f.readable}: {'; '.join(faults[:3])}" + (f" and {len(faults) - 3} more" if len(faults) > 3 else ""))
    return out


# Telling ------------------------------------------------------------------------------------------
def tell(found):
    proper = [f for f in found if f.proper]
    whole = sum(f.bytes for f in proper)
    print(f"note {len(proper)} handlers of {whole} bytes, {whole / max(len(proper), 1):.1f} each; "
          f"{len(found) - len(proper)} functions behind them of {sum(f.bytes for f in found if not f.proper)} bytes")
    print("the largest ten")
    for f in sorted(proper, key=lambda f: -f.bytes)[:10]:
        print(f"{f.bytes:7} {f.readable}")
    print("by family: count, bytes, bytes each")
    count, size = Counter(), Counter()
    for f in proper:
        count[f.family] += 1
        size[f.family] += f.bytes
    for family in sorted(size, key=lambda name: -size[name]):
        print(f"{count[family]:7} {size[family]:7} {size[family] / count[family]:7.1f}  {family}")


# Cases --------------------------------------------------------------------------------------------
def handlers_of(arguments):
    program = Path(arguments.emulator or Path(arguments.build) / "slate")
    symbols = symbols_of(program)
    makefile = Path(arguments.build) / "Makefile"
    flags = re.search(r"^CXXFLAGS = (.*)$", makefile.read_text(), re.M)[1] if makefile.exists() else "-O2"
    if any(RETURNS_NEXT.match(name) for _, _, name in symbols) and ("-O" not in flags.replace("-O0", "") or "SLATE_NO_TAIL_CALLS" in flags):
        raise report.Skip("this build's handlers return to a loop")
    found = read(program, symbols)
    report.expect(sum(f.proper for f in found) >= FEWEST, f"only {sum(f.proper for f in found)} handlers found")
    return found


def made_by_clang(arguments):
    """Clang is told to make tail calls, and may spill: then the chain is judged, not how well it is made."""
    makefile = Path(arguments.build) / "Makefile"
    return makefile.exists() and bool(re.search(r"^CXX = .*clang", makefile.read_text(), re.M))


def every_handler(arguments):
    found = handlers_of(arguments)
    tell(found)
    bad = offenders(found, spills=made_by_clang(arguments))
    for line in bad:
        print(f"offender {line}")
    report.expect(not bad, f"{len(bad)} of {len(found)}: {' | '.join(bad[:3])}")


# Each breaks one rule; what the judge must say of it.
BROKEN = {
    "call":    (["call 2000 <abort>", "jmp *0x20(%rsi)"], "call"),
    "nested":  (["call *0x20(%rsi)", "jmp *0x20(%rsi)"], "an Op's handler?"),
    "return":  (["ret"], "ret"),
    "push":    (["push %rbx", "pop %rbx", "jmp *0x20(%rsi)"], "push"),
    "spill":   (["mov %rax,-0x8(%rsp)", "jmp *%rax"], "%rsp"),
    "frame":   (["mov -0x8(%rbp),%rax", "jmp *%rax"], "%rbp"),
    "table":   (["movslq (%rdx,%rax,4),%rax", "add %rdx,%rax", "jmp *%rax"], "table"),
    "outside": (["jmp 2000 <abort>"], "out of the chain"),
    "over":    (["mov %rax,(%rdi)"], "over its end"),
    "chained": ([f"call 2000 <_ZN4fast5leaveE{PARAMETERS}>", "jmp *%rax"], "should be a jump"),
}
SOUND = ["mov 0x8(%rsi),%eax", "add $0x20,%rsi", "jne 1000 <{name}>", f"je 2000 <_ZN4fast9miss_readE{PARAMETERS}>", "jmp *(%rsi)"]


def listing(name, lines):
    body = [f"    {0x1000 + n * 4:x}:\t{line.replace('{name}', name)}" for n, line in enumerate(lines)]
    return [f"0000000000001000 <{name}>:", *body, "0000000000003000 <abort>:"]


def the_judge():
    """The judge finds what breaks a rule, and nothing in what doesn't."""
    name = "_ZN4fast7handlerIN3isa3LeaENS_4FastImLNS_4FormE8ELNS_7AddressE1ELNS_4LiveE0EEEEEv" + PARAMETERS
    for why, (lines, expected) in BROKEN.items():
        found = functions_of(listing(name, lines), {0x1000: 4 * len(lines)})
        found[0].readable = "fast::handler<isa::Lea, ...>"
        said = offenders(found)
        report.expect(said and expected in said[0], f"{why}: {said}")
    found = functions_of(listing(name, SOUND), {0x1000: 4 * len(SOUND)})
    report.expect(found and not offenders(found), f"a sound handler: {offenders(found)}")


def main():
    arguments = report.options(__doc__).parse_args()
    return report.main(arguments, {"judge": the_judge, "every-handler": lambda: every_handler(arguments)})


sys.exit(main())
