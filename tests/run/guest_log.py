# SPDX-License-Identifier: MIT
"""What a guest kernel's own log says: the lines of `dmesg -r` that a test must not see."""
import re

from report import SOURCE


def allowed():
    """Patterns of kernel messages that may appear at level 4 and worse, each with its reason."""
    rows = (SOURCE / "tests/system/dmesg-allowed.txt").read_text().splitlines()
    return [re.compile(row.split("\t")[0]) for row in rows if row and not row.startswith("#")]


def warnings(text):
    """The lines of `dmesg -r` of facility kern, level 4 or worse, that the allow file does not name."""
    lines = [re.sub(r"^<\d+>\[ *[\d.]+\] *", "", line) for line in text.splitlines() if re.match(r"<[0-4]>", line)]
    return [line for line in lines if not any(pattern.search(line) for pattern in allowed())]
