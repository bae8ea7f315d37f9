# SPDX-License-Identifier: MIT
"""How a test script tells the runner its results: one line per case on standard output.

    ok NAME SECONDS
    not ok NAME SECONDS: REASON
    skip NAME SECONDS: REASON

A script hands its cases (a dictionary of name -> function) to main(). `SCRIPT --list` prints their names,
`SCRIPT CASE...` runs some, `SCRIPT` runs all. A case fails by raising, and is skipped by raising Skip.
"""
import argparse
import os
import sys
import time
import traceback
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]


class Skip(Exception):
    """What the case needs is not here; the reason is the text."""


class Failed(Exception):
    """The case's expectation does not hold; the reason is the text."""


def expect(holds, reason):
    if not holds:
        raise Failed(reason)


def options(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("cases", nargs="*", help="cases to run (default: all)")
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    parser.add_argument("--long", action="store_true", help="with the cases of check-long")
    parser.add_argument("--build", default=os.environ.get("SLATE_BUILD", str(SOURCE / "build")),
                        help="build directory (default: build)")
    parser.add_argument("--emulator", default=None, help="another emulator than BUILD/slate; "
                        "qemu-system-x86_64 is understood, for trying the tests themselves")
    return parser


def one_line(text):
    return " ".join(str(text).split())[:600]


def run(name, function):
    start = time.monotonic()
    try:
        function()
        verdict, reason = "ok", ""
    except Skip as skip:
        verdict, reason = "skip", ": " + one_line(skip)
    except Failed as failed:
        verdict, reason = "not ok", ": " + one_line(failed)
    except Exception as error:                              # a broken test is a failed test
        traceback.print_exc()
        verdict, reason = "not ok", ": " + one_line(repr(error))
    print(f"{verdict} {name} {time.monotonic() - start:.2f}{reason}", flush=True)
    return verdict != "not ok"


def main(arguments, cases):
    if arguments.list:
        print("\n".join(cases))
        return 0
    unknown = [name for name in arguments.cases if name not in cases]
    if unknown:
        print(f"no such case: {', '.join(unknown)}", file=sys.stderr)
        return 2
    chosen = arguments.cases or list(cases)
    return 0 if all([run(name, cases[name]) for name in chosen]) else 1
