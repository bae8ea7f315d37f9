#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every source file is listed in its folder's sources.mk, every listed file exists, heads are in order, and lines aren't too long."""
import re
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
FOLDERS = ["base", "memory", "cpu", "iodev", "bios", "machine", "debugger", "gui", "tests"]
LONGEST, KEPT_TO_IT = 160, ("base/", "memory/", "iodev/", "debugger/", "gui/")          # columns; the others have longer lines yet


def listed():
    text = "\n".join(file.read_text() for folder in FOLDERS for file in (SOURCE / folder).rglob("sources.mk"))
    text += (SOURCE / "Makefile.am").read_text()
    return set(re.findall(r"[\w./-]+\.(?:cpp|h|def)\b", text))


def main():
    there = {str(file.relative_to(SOURCE)) for folder in FOLDERS for kind in ("cpp", "h", "def")
             for file in (SOURCE / folder).rglob(f"*.{kind}")} | {"main.cpp"}
    names = listed()
    wrong = [f"{name}: not listed in a sources.mk" for name in sorted(there - names)]
    for name in sorted(there):
        lines = (SOURCE / name).read_text().splitlines()
        if not lines or not lines[0].startswith("// SPDX-License-Identifier: MIT"):
            wrong.append(f"{name}: does not begin with its SPDX line")
        if name.endswith(".h") and "#pragma once" not in lines:
            wrong.append(f"{name}: no #pragma once")
        if name.startswith(KEPT_TO_IT):
            wrong += [f"{name}:{n}: {len(line)} columns" for n, line in enumerate(lines, 1) if len(line) > LONGEST]
    print("\n".join(wrong) or f"{len(there)} source files are listed, with their heads")
    return 1 if wrong else 0


sys.exit(main())
