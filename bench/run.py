#!/usr/bin/env python3
"""Runs the benchmarks of a build folder one after the other, or those whose name contains a word.

usage: bench/run.py BUILD_DIR [word...]

The word `tsdb` stands for everything that the database's budgets are measured by; what takes minutes or starts
Prometheus and VictoriaMetrics beside us (ingest, block_size, query, restart) runs only for it or by its name. At the
end stands the table of budgets, with a line for each that was measured. docs/benchmarks.md says how.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TSDB = ("append", "block", "chunk", "count", "ingest", "latency", "read", "restart", "scrape", "wal")
SCALE = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
# Programs that want arguments.
RESTART = "restart_bench"


@dataclass
class Budget:
    what: str
    pattern: str  # of the measured number; a second group is its unit
    limit: float
    at_least: bool = False

    def row(self, output: str) -> str | None:
        found = re.findall(self.pattern, output)
        if not found:
            return None
        values = [float(f if isinstance(f, str) else f[0]) * (1 if isinstance(f, str) else SCALE[f[1]]) for f in found]
        value = min(values) if self.at_least else max(values)
        met = value >= self.limit if self.at_least else value <= self.limit
        return f"{self.what:<62} {value:12.6g}  {'at least' if self.at_least else 'at most'} {self.limit:<10.6g} {'met' if met else 'MISSED'}"


BUDGETS = [
    Budget("CPU of a scraped sample, times less than Prometheus", r"takes 1/([\d.]+) of the CPU of prometheus", 10, True),
    Budget("CPU of a scraped sample, times less than VictoriaMetrics", r"takes 1/([\d.]+) of the CPU of victoria", 10, True),
    Budget("append of a repeated scrape with log, samples/s", r"append_batches/snappy_log.*items_per_second=([\d.]+)([kMG]?)/s", 8e6, True),
    Budget("resident bytes a series after two hours, mean", r"resident, mean +([\d.]+)", 500),
    Budget("resident bytes a series after two hours, peak", r"resident, peak +([\d.]+)", 650),
    Budget("resident bytes a series during head compaction, peak", r"resident, compacting +([\d.]+)", 700),
    Budget("restart after kill -9, seconds until ready", r"ready +([\d.]+) s", 2),
    Budget("the same, files not in the page cache", r"ready, cold +([\d.]+) s", 4),
    Budget("bytes a sample in blocks, against Prometheus", r"ours are ([\d.]+) of Prometheus' size", 1),
    Budget("select + decode of 10,000 series x 6 h, million samples/s", r"median ([\d.]+), best", 120, True),
    Budget('count({__name__=~".+"}) over a million series, seconds', r"in the head: first ([\d.]+) s", 0.5),
    Budget("p99 append latency during compaction, against without", r"against without: ([\d.]+)", 3),
]


def run(name: str, command: list[str | Path], env: dict[str, str]) -> tuple[int, str]:
    """Runs a program, shows what it prints, and keeps it."""
    print(f"== {name}", flush=True)
    program = subprocess.Popen([str(c) for c in command], env=env, stdout=subprocess.PIPE, text=True, errors="replace")
    assert program.stdout
    lines = []
    for line in program.stdout:
        print(line, end="", flush=True)
        lines.append(line)
    return program.wait(), "".join(lines)


def commands(build: Path, words: list[str], scratch: Path) -> list[tuple[str, list[str | Path]]]:
    """What is to run, by name."""
    chosen: list[tuple[str, list[str | Path]]] = []
    for program in sorted((build / "bench").glob("*_bench")):
        if program.name != RESTART and (not words or any(w in program.name for w in words)):
            chosen.append((program.name, [program]))
    for script in ("ingest", "block_size", "query"):
        if any(w in script for w in words):
            chosen.append((script, [sys.executable, ROOT / f"bench/{script}.py", build]))
    if any(w in RESTART for w in words):
        # Two hours, one more of steady state, the head cut, and some scrapes behind it; then a snapshot, and as many
        # samples behind it as there ever are before the next.
        data = scratch / "data"
        for verb, *flags in (("write", "--scrapes", "760"), ("tail", "--scrapes", "20"), ("open",), ("open", "--cold", "1")):
            chosen.append((" ".join([RESTART, verb, *flags]), [build / "bench" / RESTART, verb, data, *flags]))
    return chosen


def main() -> int:
    build = Path(sys.argv[1]).resolve()
    words = [w for word in sys.argv[2:] for w in (TSDB if word == "tsdb" else (word,))]
    env = dict(os.environ)
    env.setdefault("NARTHEX_CONFORMANCE", str(ROOT.parent / "shared/conformance"))
    status = 0
    output = ""
    scratch = Path(tempfile.mkdtemp(prefix="narthex-bench-"))
    try:
        for name, command in commands(build, words, scratch):
            code, text = run(name, command, env)
            status |= code
            output += text
    finally:
        shutil.rmtree(scratch)
    rows = [row for budget in BUDGETS if (row := budget.row(output))] + re.findall(r"^budget: (.+)$", output, re.MULTILINE)
    if rows:
        print("== budgets\n" + "\n".join(rows))
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main())
