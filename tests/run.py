#!/usr/bin/env python3
"""Runs every test there is and closes with `N passed, N failed, N skipped`.

usage: tests/run.py BUILD_DIR [--long] [word...]

A test is a program: the doctest programs that meson knows of, the integration tests
(tests/integration/test_*.py), the browser app's own tests, and the browser tests. Each
closes with a line that says how many of its cases passed, failed and were skipped. With
words, only programs whose name contains one of them run. A failing program's output is
shown, with the command that runs it alone. With --long, programs find NARTHEX_LONG in
their environment and try every case where they else take a sample. Where the environment
has NARTHEX_SANITIZED, programs are slow and hold more memory: they get four times as long.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCTEST = re.compile(r"test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed\s*\|\s*(\d+) skipped")
PLAIN = re.compile(r"^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)
VITEST = re.compile(r"Tests\s+(?:(\d+) failed \| )?(\d+) passed(?: \| (\d+) skipped)?")
SKIPPED = re.compile(r"^SKIPPED (\d+): .*$", re.M)


@dataclass
class Test:
    name: str
    command: list[str]
    cwd: Path = ROOT
    timeout: int = 300
    alone: bool = False  # starts servers or measures: nothing else runs beside it
    env: dict[str, str] = field(default_factory=dict)


@dataclass
class Outcome:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    output: str = ""
    seconds: float = 0


def program_tests(build: Path, long: bool) -> list[Test]:
    found = json.loads(subprocess.check_output(["meson", "introspect", "--tests", str(build)]))
    return [Test(t["name"], t["cmd"], timeout=3600 if long else 300, env=t.get("env") or {})
            for t in sorted(found, key=lambda t: t["name"])]


def integration_tests(build: Path, long: bool) -> list[Test]:
    return [
        Test(f"integration/{path.stem.removeprefix('test_')}", [sys.executable, str(path), str(build)],
             timeout=1800 if long else 600, alone=True)
        for path in sorted((ROOT / "tests/integration").glob("test_*.py"))
    ]


def app_tests() -> list[Test]:
    app = ROOT / "web/ui"
    if not (app / "node_modules").is_dir() or not shutil.which("npx"):
        return []
    return [Test("ui", ["npx", "--no-install", "vitest", "run"], cwd=app)]


def count(output: str, code: int) -> Outcome:
    """What the program's closing lines say; a bad exit without a counted failure is one."""
    outcome = Outcome(output=output)
    for m in DOCTEST.finditer(output):
        outcome.passed += int(m[2])
        outcome.failed += int(m[3])
        outcome.skipped += int(m[4])
    if plain := PLAIN.findall(output):
        passed, failed, skipped = plain[-1]
        outcome.passed += int(passed)
        outcome.failed += int(failed)
        outcome.skipped += int(skipped or 0)
    if vitest := VITEST.search(output):
        outcome.failed += int(vitest[1] or 0)
        outcome.passed += int(vitest[2])
        outcome.skipped += int(vitest[3] or 0)
    if not plain or not plain[-1][2]:  # else its closing line has counted them
        outcome.skipped += sum(int(n) for n in SKIPPED.findall(output))
    if code != 0 and outcome.failed == 0:
        outcome.failed = 1
    if outcome.passed + outcome.failed + outcome.skipped == 0:
        outcome.failed = 1
        outcome.output += "\nthe program ran no test\n"
    return outcome


def run(test: Test, env: dict[str, str]) -> Outcome:
    began = time.monotonic()
    timeout = test.timeout * (4 if env.get("NARTHEX_SANITIZED") else 1)
    try:
        done = subprocess.run(test.command, cwd=test.cwd, env={**env, **test.env}, timeout=timeout,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        outcome = count(re.sub(r"\x1b\[[0-9;]*m", "", done.stdout.decode(errors="replace")), done.returncode)
    except subprocess.TimeoutExpired as late:
        text = (late.stdout or b"").decode(errors="replace")
        outcome = Outcome(failed=1, output=f"{text}\nnot done after {timeout} s\n")
    outcome.seconds = time.monotonic() - began
    return outcome


def report(test: Test, outcome: Outcome) -> None:
    print(f"{'ok  ' if outcome.failed == 0 else 'FAIL'} {test.name:<32} {outcome.passed:>5} passed "
          f"{outcome.failed:>3} failed {outcome.skipped:>3} skipped {outcome.seconds:7.1f} s", flush=True)
    if outcome.failed:
        print("\n".join(outcome.output.splitlines()[-150:]))
        print(f"  alone: (cd {os.path.relpath(test.cwd)} && {' '.join(os.path.relpath(c) if c.startswith('/') else c for c in test.command)})",
              flush=True)
    else:
        for m in SKIPPED.finditer(outcome.output):
            print(f"     {m[0]}")


def main() -> int:
    args = sys.argv[1:]
    build = Path(args.pop(0)).resolve()
    long = "--long" in args
    words = [a for a in args if not a.startswith("--")]
    env = dict(os.environ)
    env.setdefault("NARTHEX_CONFORMANCE", str(ROOT.parent / "shared/conformance"))
    env.setdefault("NARTHEX_PEERS", str(ROOT / "build/peers"))
    env["NARTHEX_BUILD"] = str(build)
    env["NARTHEX_SOURCE"] = str(ROOT)
    if long:
        env["NARTHEX_LONG"] = "1"

    tests = program_tests(build, long) + app_tests() + integration_tests(build, long)
    if words:
        tests = [t for t in tests if any(w in t.name for w in words)]
    total = Outcome()

    def add(test: Test, outcome: Outcome) -> None:
        report(test, outcome)
        total.passed += outcome.passed
        total.failed += outcome.failed
        total.skipped += outcome.skipped

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        together = [t for t in tests if not t.alone]
        for test, outcome in zip(together, pool.map(lambda t: run(t, env), together)):
            add(test, outcome)
    for test in tests:
        if test.alone:
            add(test, run(test, env))
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
