#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the literature claims of hardware MMU virtualization, tried with guests of ours: a table, plots, and whether each claim's direction holds.

Figures are differences: the same run with and without the work, so that starting up and ending do not count. Cycles are modelled:
an instruction each, and what a reference, a miss and an exit are said to cost. Nothing is timed; two runs print the same.
"""
import argparse
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import plot

SOURCE = Path(__file__).resolve().parents[2]
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--build", default=os.environ.get("SLATE_BUILD", str(SOURCE / "build")), help="build directory (default: build)")
parser.add_argument("--output", default=None, help="where table and plots go (default: BUILD/experiments)")
parser.add_argument("--reference", type=int, default=20, help="cycles of a table entry's read (20)")
parser.add_argument("--miss", type=int, default=10, help="cycles of a TLB miss, besides its references (10)")
parser.add_argument("--exit", type=int, default=1500, help="cycles of a VM exit with the entry behind it (1500)")
parser.add_argument("only", nargs="*", help="experiments to run (default: all)")
arguments = parser.parse_args()
BUILD = Path(arguments.build)
OUTPUT = Path(arguments.output or BUILD / "experiments")
MODELS = {"VMX": "max-intel", "SVM": "max-amd"}


# ---- a run, and what it counted

@lru_cache(maxsize=None)
def run(guest, model, words, *more):
    command = [str(BUILD / "slate"), "--kernel", str(BUILD / "guests" / guest), "--cpu", model, "--headless", "--debugcon", "stdio",
               "--serial", "stdout", "--no-reboot", "--memory", "2G", "--max-instructions", "3000000000", "--append", words, "--stats=json", *more]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=280)
    good = "load done: " in done.stdout if guest == "experiment_load" else done.returncode == 1 and "FAILED" not in done.stdout
    if not good:
        raise SystemExit(f"{' '.join(command)}: status {done.returncode}: {done.stdout[-300:]} {done.stderr[-300:]}")
    counts = json.loads(next(line for line in done.stderr.splitlines() if line.startswith("{")))
    return counts, done.stdout, done.stderr


class Cost:
    """What the work costs, for each unit of it."""

    def __init__(self, guest, model, words, work, times, first=0):
        """`work` is words with {} where the number of units stands; the first ones do not count."""
        pair = [run(guest, model, f"{words} {work.format(n)}")[0] for n in (first, first + times)]
        self.of = lambda name: (pair[1].get(name, 0) - pair[0].get(name, 0)) / times
        self.first, self.second = self.of("walk_references_stage_1"), self.of("walk_references_stage_2")
        self.references = self.first + self.second
        self.misses = self.of("tlb_data_misses") + self.of("tlb_instruction_misses")
        self.exits, self.instructions = self.of("vm_exits"), self.of("instructions")
        self.cycles = (self.instructions + arguments.reference * self.references + arguments.miss * self.misses + arguments.exit * self.exits)

    @property
    def per_miss(self):
        return self.references / self.misses if self.misses else 0


# ---- the experiments: each returns rows (what, figures, whether the claim holds), and draws

LOADS = {"computing": (0, 40), "new processes": (1, 40), "mapping": (2, 30), "switching": (3, 300)}


def upkeep(vendor, model):
    """Nested paging removes shadow paging's upkeep: work with much page-table activity gains, work with little gains little."""
    ratio, exits, groups = {}, {}, []
    for name, (load, times) in LOADS.items():
        cost = {paging: Cost("experiment_load", model, f"paging={paging} end=off load={load}", "times={}", times) for paging in ("nested", "shadow")}
        results = {run("experiment_load", model, f"paging={paging} end=off load={load} times={times}")[1].split("load done: ")[1].split()[0] for paging in cost}
        assert len(results) == 1, f"{name}: nested and shadow paging come to different results"
        ratio[name] = cost["shadow"].cycles / cost["nested"].cycles
        exits[name] = (cost["nested"].exits, cost["shadow"].exits)
        groups.append((name, [ratio[name]]))
    plot.bars(OUTPUT / f"upkeep-{vendor.lower()}.svg", f"{vendor}: shadow paging's modelled cycles over nested paging's", "1 is equal", groups, ["ratio"])
    busy = [name for name in LOADS if name != "computing"]
    figures = "; ".join(f"{name}: {exits[name][1]:.1f} exits against {exits[name][0]:.1f}, {ratio[name]:.2f} times the cycles" for name in LOADS)
    return [("shadow against nested, for each unit of work", figures,
             0.9 < ratio["computing"] < 1.2 and all(ratio[name] > 1.5 and exits[name][1] > exits[name][0] + 1 for name in busy))]


def miss_cost(vendor, model):
    """A TLB miss costs more with nested paging."""
    native = Cost("experiment_pages", model, "native=1 guest=4k", "cold={}", 200)
    cold = Cost("experiment_pages", model, "guest=4k host=4k flush=all", "cold={}", 200)
    warm = Cost("experiment_pages", model, "guest=4k host=4k flush=linear", "cold={}", 200)
    # Besides the guest's page, what the hypervisor itself misses behind the flush: nothing, for both keep its mappings.
    values = [cost.per_miss for cost in (native, cold, warm)]
    plot.bars(OUTPUT / f"miss-{vendor.lower()}.svg", f"{vendor}: table references of a TLB miss, pages of 4 KiB", "references",
              list(zip(["native", "nested, cold", "nested, cached"], [[v] for v in values])), ["references"])
    return [("references of a miss: native; nested; nested with the guest-physical mappings known", "; ".join(f"{v:g}" for v in values),
             values[0] == 4 and values[1] == 24 and values[2] < values[1])]


SIZES = ["4k", "2m", "1g"]


def page_sizes(vendor, model):
    """Large pages in both dimensions perform best."""
    cost = {(g, h): Cost("experiment_pages", model, f"guest={g} host={h}", "touches={}", 200_000) for g in SIZES for h in SIZES}
    native = {g: Cost("experiment_pages", model, f"native=1 guest={g}", "touches={}", 200_000) for g in SIZES}
    groups = [(f"{g} on {h}", [cost[g, h].cycles]) for g in SIZES for h in SIZES] + [(f"{g} native", [native[g].cycles]) for g in SIZES]
    plot.bars(OUTPUT / f"sizes-{vendor.lower()}.svg", f"{vendor}: modelled cycles of a random touch of 512 MiB, by the guest's and the host's pages", "cycles", groups, ["cycles"])
    rows = []
    for g in SIZES:
        figures = "; ".join(f"on {h}: {1000 * c.misses:.0f} misses of 1,000 touches, {c.per_miss:.2f} references each, {c.cycles:.1f} cycles"
                            for h, c in [(h, cost[g, h]) for h in SIZES])
        rows.append((f"guest pages of {g}", f"{figures}; native {native[g].cycles:.1f}",
                     all(cost["2m", "2m"].cycles < cost[g, h].cycles for h in SIZES if "4k" in (g, h)) and cost["1g", "1g"].cycles <= cost["2m", "2m"].cycles))
    return rows


def tags(vendor, model):
    """A tagged TLB spares flushes on VM and process switches."""
    trip = {on: Cost("slat_round_trips", model, f"tags={on} flush=none", "trips={}", 500, 20) for on in ("on", "off")}
    rows = [("misses of a round trip between hypervisor and guest, over 200 pages on each side: tagged; untagged",
             f"{trip['on'].misses:g}; {trip['off'].misses:g}", trip["on"].misses == 0 and trip["off"].misses >= 200)]
    rounds = [1, 4, 16, 64]
    figures = {}
    for count in rounds:
        cost = {pcid: Cost("experiment_switches", model, f"pcid={pcid} rounds={count}", "switches={}", 400, 20) for pcid in (1, 0)}
        figures[count] = [cost[pcid].misses * 1000 / (64 * count) for pcid in (1, 0)]
    plot.bars(OUTPUT / f"tags-{vendor.lower()}.svg", f"{vendor}: misses of 1,000 accesses, by accesses between two process switches", "misses",
              [(str(64 * count), figures[count]) for count in rounds], ["with PCID", "without"])
    text = "; ".join(f"{64 * count} accesses a switch: {figures[count][0]:.1f} against {figures[count][1]:.1f}" for count in rounds)
    untagged = [figures[count][1] for count in rounds]
    rows.append(("misses of 1,000 accesses with PCIDs and without", text,
                 all(figures[count][0] < figures[count][1] / 4 for count in rounds) and untagged == sorted(untagged, reverse=True)))
    return rows


def shootdowns(vendor, model):
    """More virtual CPUs make shadow paging worse."""
    counts = [1, 2, 4, 8]
    exits = {n: [Cost("experiment_load", model, f"paging={paging} vcpus={n} end=off load=4", "times={}", 100).exits for paging in ("nested", "shadow")] for n in counts}
    plot.bars(OUTPUT / f"shootdown-{vendor.lower()}.svg", f"{vendor}: VM exits of a TLB shootdown, by virtual CPUs", "exits",
              [(f"{n} vCPU", exits[n]) for n in counts], ["nested", "shadow"])
    more = [exits[n][1] - exits[n][0] for n in counts]
    text = "; ".join(f"{n} vCPUs: {exits[n][0]:.1f} nested, {exits[n][1]:.1f} shadow" for n in counts)
    return [("exits of a shootdown", text, more[0] > 0 and more == sorted(more) and more[-1] > 3 * more[0])]


def dynamic_memory(vendor, model):
    """A hypervisor can grow and shrink a running guest's memory."""
    counts, said, errors = run("experiment_memory", model, "passes=40", "--check=tlb")
    figure = {name: int(value, 16) for name, value in re.findall(r"^figure (\w+) (\w+)$", said, re.M)}
    stale = int(re.search(r"check tlb: (\d+) stale", errors).group(1))
    return [("pages withdrawn, given back, asked for by the running guest; words lost; stale uses",
             f"{figure['withdrawn']}, {figure['given']}, {figure['missing']}; {figure['lost']}; {stale}",
             figure["lost"] == 0 and stale == 0 and figure["withdrawn"] > 1000 and figure["missing"] > 1000)]


EXPERIMENTS = {"upkeep": upkeep, "miss": miss_cost, "sizes": page_sizes, "tags": tags, "shootdown": shootdowns, "memory": dynamic_memory}


def main():
    unknown = [name for name in arguments.only if name not in EXPERIMENTS]
    if unknown:
        sys.exit(f"no such experiment: {', '.join(unknown)}; there are {', '.join(EXPERIMENTS)}")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    chosen = [(name, vendor) for name in arguments.only or EXPERIMENTS for vendor in MODELS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda each: EXPERIMENTS[each[0]](each[1], MODELS[each[1]]), chosen))
    lines = [f"Modelled cycles: 1 an instruction, {arguments.reference} a table reference, {arguments.miss} a TLB miss, {arguments.exit} a VM exit and entry.", "",
             "| claim | CPU | what | figures | holds |", "| --- | --- | --- | --- | --- |"]
    good = True
    for (name, vendor), rows in zip(chosen, results):
        for what, figures, holds in rows:
            good &= holds
            lines.append(f"| {EXPERIMENTS[name].__doc__.rstrip('.')} | {vendor} | {what} | {figures} | {'yes' if holds else 'NO'} |")
    (OUTPUT / "table.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    print(f"\nPlots: {OUTPUT}/*.svg")
    return 0 if good else 1


sys.exit(main())
