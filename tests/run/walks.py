# SPDX-License-Identifier: MIT
"""Two-dimensional walks made from words of physical memory: what a debugger's own walk is compared with.

SDM vol. 3, 4.5 and 29.3; APM vol. 2, 5.3 and 15.25. Long mode with four levels; pages of 4 KiB, 2 MiB and 1 GiB. No accessed or dirty flag is
set, no right is judged here: references, in their order, and the rights so far of each stage.
"""
from report import expect

ADDRESS = ((1 << 52) - 1) & ~0xfff
PRESENT, WRITE, USER, LARGE, NO_EXECUTE = 1, 2, 4, 1 << 7, 1 << 63


class Reference:
    """A read of a table: whose (1 the guest's, 2 the second stage's), at which level, for which address, at which guest-physical and physical
    address, what was there, and the rights so far: letters of R, W, X and, in the guest's tables, U."""

    def __init__(self, stage, level, of, guest, physical, entry, rights):
        self.stage, self.level, self.of, self.guest, self.physical, self.entry, self.rights = stage, level, of, guest, physical, entry, rights

    def __str__(self):
        return f"stage {self.stage} level {self.level} of {self.of:#x} at {self.physical:#x}: {self.entry:#x} {''.join(sorted(self.rights))}"


def ept_rights(entry):
    return {letter for bit, letter in enumerate("RWX") if entry >> bit & 1}


def classic_rights(entry):
    return {"R"} | ({"W"} if entry & WRITE else set()) | ({"U"} if entry & USER else set()) | (set() if entry & NO_EXECUTE else {"X"})


def nested_rights(entry):
    """Every access of a guest is a user's in the nested tables."""
    return classic_rights(entry) - {"U"} if entry & PRESENT and entry & USER else set()


def down(read, stage, root, address, rights_of, place):
    """The references of one stage; `place(table address)` says where a table lies, and makes the references that this takes.
    Returns the address translated, and the size of its page."""
    table, rights, references = root & ADDRESS, set("RWXU"), []
    for level in (4, 3, 2, 1):
        at = table + (address >> (12 + 9 * (level - 1)) & 511) * 8
        physical = place(at, references)
        entry = read(physical)
        rights &= rights_of(entry)
        references.append(Reference(stage, level, address, at, physical, entry, set(rights)))
        expect(rights, f"nothing is mapped: {references[-1]}")
        if level == 1 or (level < 4 and entry & LARGE):
            size = 1 << (12 + 9 * (level - 1))
            return (entry & ADDRESS & ~(size - 1)) | (address & (size - 1)), size, references
        table = entry & ADDRESS
    raise AssertionError("four levels have a leaf")


class TwoStages:
    """The tables of a guest: read(physical) gives 8 bytes, `ept` which format the second stage has."""

    def __init__(self, read, ept, cr3, root):
        self.read, self.cr3, self.root, self.rights_of = read, cr3, root, ept_rights if ept else nested_rights

    def second(self, guest):
        return down(self.read, 2, self.root, guest, self.rights_of, lambda at, _: at)

    def walk(self, linear):
        """All references of a linear address, its guest-physical and physical address, the sizes of the two pages."""
        def place(at, references):
            physical, _, own = self.second(at)
            references.extend(own)
            return physical
        guest, size, references = down(self.read, 1, self.cr3, linear, lambda e: classic_rights(e) if e & PRESENT else set(), place)
        physical, second_size, own = self.second(guest)
        return references + own, guest, physical, size, second_size


def shown_rights(line):
    """The rights that a line of the debugger's walk has, in our letters."""
    words = line["rights"].split()
    if int(line["stage"]) == 2:
        return set(words)
    return {"R"} | ({"U"} if "user" in words else set()) | ({"W"} if "writable" in words else set()) | ({"X"} if "executable" in words else set())


def compare(lines, references):
    """The debugger's lines of a walk against references of ours."""
    expect(len(lines) == len(references), f"{len(lines)} references are shown, {len(references)} are made: {[line['text'] for line in lines][-2:]}")
    for number, (line, wanted) in enumerate(zip(lines, references), 1):
        is_now = (int(line["number"]), int(line["stage"]), int(line["level"]), int(line["input"], 16), int(line["physical"], 16), int(line["entry"], 16))
        expect(is_now == (number, wanted.stage, wanted.level, wanted.of, wanted.physical, wanted.entry), f"reference {number} is {line['text']}, not {wanted}")
        expect(shown_rights(line) == wanted.rights, f"reference {number} leaves {line['rights']}, not {wanted}")
        if wanted.stage == 1:
            expect(int(line["guest_physical"], 16) == wanted.guest, f"reference {number} is at another GPA: {line['text']}, not {wanted.guest:#x}")
