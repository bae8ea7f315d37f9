#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each experiment of tests/experiments/run.py on both vendors' models: what it claims holds, and it has drawn."""
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from report import SOURCE, expect

arguments = report.options(__doc__).parse_args()
PLOTS = {"upkeep": 1, "miss": 1, "sizes": 1, "tags": 1, "shootdown": 1, "memory": 0}        # for each vendor


def experiment(name):
    with tempfile.TemporaryDirectory(prefix="slate-experiments-") as output:
        done = subprocess.run([sys.executable, str(SOURCE / "tests/experiments/run.py"), "--build", arguments.build, "--output", output, name],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1800)
        expect(done.returncode == 0, f"status {done.returncode}: {done.stdout[-600:]} {done.stderr[-300:]}")
        rows = [line for line in done.stdout.splitlines() if line.endswith("| yes |")]
        expect({row.split("|")[2].strip() for row in rows} == {"VMX", "SVM"}, f"rows of both vendors are wanted: {rows}")
        plots = list(Path(output).glob("*.svg"))
        expect(len(plots) == 2 * PLOTS[name], f"{len(plots)} plots")
        for plot in plots:
            expect(len(xml.parse(plot).getroot()) > 5, f"{plot.name} is empty")


sys.exit(report.main(arguments, {f"experiment-{name}": partial(experiment, name) for name in PLOTS}))
