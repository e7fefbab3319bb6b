#!/usr/bin/env python3
"""Runs the benchmarks of a build folder one after the other, or those whose name contains a word.

usage: bench/run.py BUILD_DIR [word...]

The word `tsdb` stands for everything that the database's budgets are measured by; bench/ingest.py,
which starts Prometheus and VictoriaMetrics beside us, runs only for it or by its name.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TSDB = ("append", "block", "chunk", "wal", "scrape", "ingest")


def main() -> int:
    build = Path(sys.argv[1]).resolve()
    words = [w for word in sys.argv[2:] for w in (TSDB if word == "tsdb" else (word,))]
    env = dict(os.environ)
    env.setdefault("NARTHEX_CONFORMANCE", str(ROOT.parent / "shared/conformance"))
    status = 0
    for program in sorted((build / "bench").glob("*_bench")):
        if words and not any(w in program.name for w in words):
            continue
        print(f"== {program.name}", flush=True)
        status |= subprocess.run([str(program)], env=env, check=False).returncode
    if any(w in "ingest" for w in words):
        print("== ingest", flush=True)
        status |= subprocess.run([sys.executable, ROOT / "bench/ingest.py", build], env=env, check=False).returncode
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main())
