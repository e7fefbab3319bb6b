#!/usr/bin/env python3
"""The house rules, as far as a machine can check them.

usage: lint/check.py BUILD_DIR [--fix] [--no-tidy]

Checks, in order: floors (every #include goes down), heavy headers, file sizes, names, forbidden
words, formatting, headers that stand alone (clang), clang-tidy. Files that were clean and have
not changed since (nor any header) are not given to clang again: BUILD_DIR/lint-cache.
"""

import hashlib
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# The floors of docs/architecture.md: a folder may include itself and what is below.
FLOORS = {
    "model": 0,
    "storage": 1, "io": 1, "sync": 1, "telemetry": 1,
    "config": 2, "net": 2,
    "tsdb": 3,
    "query": 4,
    "scrape": 5, "rules": 5, "remote": 5,
    "web": 6,
    "apps": 7,
}
# Neighbours on one floor that may be used all the same, and uses from above that are not allowed.
SAME_FLOOR = {("net", "config"), ("telemetry", "sync")}
NOT_ALLOWED = {("query", "tsdb"), ("query", "net"), ("query", "config"), ("tsdb", "config"), ("tsdb", "net"),
               ("scrape", "tsdb"), ("scrape", "query"), ("rules", "tsdb"), ("rules", "scrape")}
BESIDE = {"tests", "bench"}  # may use everything

HEAVY = re.compile(r"#include <(boost/asio|boost/beast|boost/json|yaml-cpp|re2/|spdlog/|protozero/|CLI/|openssl/)")
HEAVY_FOLDERS = {"net", "web"}
# Executors and awaitables in the headers of services are light.
LIGHT_ASIO = re.compile(r"#include <boost/asio/(any_io_executor|awaitable)\.hpp>")
DRAWERS = re.compile(r"(^|[/_])(utils?|common|helpers?|misc)([/_.]|$)")
WORDS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
MAX_LINES = 800

problems: list[str] = []


def problem(where: str, what: str) -> None:
    problems.append(f"{where}: {what}")


def tracked(*suffixes: str) -> list[Path]:
    listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True)
    return [Path(p) for p in sorted(set(listed.splitlines())) if p.endswith(suffixes) and (ROOT / p).is_file()]


def check_floors(files: list[Path]) -> None:
    for path in files:
        home = path.parts[0]
        if home in BESIDE:
            continue
        if home not in FLOORS:
            problem(str(path), f"the folder {home}/ stands on no floor: name it in lint/check.py and docs/architecture.md")
            continue
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
            m = re.match(r'\s*#include "([^"]+)"', line)
            if not m:
                continue
            target = m[1].split("/")[0]
            if "/" not in m[1] or target not in FLOORS:
                problem(f"{path}:{number}", f'"{m[1]}" is not a path from the project\'s root')
            elif target != home and (
                (FLOORS[target] >= FLOORS[home] and (home, target) not in SAME_FLOOR) or (home, target) in NOT_ALLOWED
            ):
                problem(f"{path}:{number}", f"{home}/ may not use {target}/ (floors {FLOORS[home]} and {FLOORS[target]})")


def check_text(files: list[Path]) -> None:
    for path in files:
        lines = (ROOT / path).read_text().splitlines()
        if len(lines) > MAX_LINES:
            problem(str(path), f"{len(lines)} lines: split it by idea (at most {MAX_LINES})")
        if DRAWERS.search(str(path)):
            problem(str(path), "a drawer without a name of its own")
        if not re.fullmatch(r"[a-z0-9_/.]+", str(path)) and path.suffix in (".h", ".cc"):
            problem(str(path), "file names are snake_case")
        for number, line in enumerate(lines, 1):
            where = f"{path}:{number}"
            if WORDS.search(line) and path.parts[0] != "lint":
                problem(where, f"'{WORDS.search(line)[1]}' is left behind")
            if path.suffix == ".h":
                if "using namespace" in line:
                    problem(where, "no using namespace in a header")
                if HEAVY.match(line) and path.parts[0] not in HEAVY_FOLDERS | BESIDE and not LIGHT_ASIO.match(line):
                    problem(where, "a heavy header: include it in a .cc")
            if path.parts[0] not in BESIDE | {"io"} and re.search(r"(?<![\w:.>])::(open|read|write|pread|pwrite|fsync|rename|unlink|mmap)\(", line) and "MAP_ANONYMOUS" not in line:
                problem(where, "file access goes through io/")
            if re.search(r"doctest::skip\(", line):
                problem(where, "a disabled test")
        if path.suffix == ".h":
            if not lines or not lines[0].startswith("//"):
                problem(str(path), "a header opens with what it is for")
            if "#pragma once" not in lines:
                problem(str(path), "#pragma once is missing")


def check_format(files: list[Path], fix: bool) -> None:
    if fix:
        subprocess.run(["clang-format-19", "-i", *map(str, files)], cwd=ROOT, check=True)
        return
    done = subprocess.run(["clang-format-19", "--dry-run", "-Werror", *map(str, files)], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    for line in done.stdout.splitlines():
        if m := re.match(r"(.*?):(\d+):\d+: error: code should be clang-formatted", line):
            problem(f"{m[1]}:{m[2]}", "not formatted: ./dev lint --fix")


def clang_flags(build: Path) -> list[str]:
    """The compile flags all our files share, as clang understands them."""
    commands = json.loads((build / "compile_commands.json").read_text())
    flags: list[str] = []
    for entry in commands:
        for flag in shlex.split(entry["command"]):
            if flag.startswith(("-I", "-D", "-isystem")) and flag not in flags:
                flags.append(flag)
    return ["-std=c++23", *[f"-I{build / f[2:]}" if f.startswith("-I") and not f[2:].startswith("/") else f for f in flags]]


WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wthread-safety", "-Wno-pragma-once-outside-header"]


class Cache:
    """Digests of files that clang found clean, with everything they depend on."""

    def __init__(self, build: Path, files: list[Path]) -> None:
        self.path = build / "lint-cache"
        self.clean = set(self.path.read_text().split()) if self.path.exists() else set()
        headers = hashlib.sha256()
        for path in [*files, Path(".clang-tidy")]:
            if path.suffix != ".cc":
                headers.update(str(path).encode() + (ROOT / path).read_bytes())
        self.headers = headers.hexdigest()
        self.seen: set[str] = set()

    def key(self, path: Path) -> str:
        return hashlib.sha256(f"{path}{self.headers}".encode() + (ROOT / path).read_bytes()).hexdigest()

    def save(self) -> None:
        self.path.write_text("\n".join(sorted(self.seen)))


# Of one folder, given to clang-tidy as one file.
FILES_AT_ONCE = 8


class Clang:
    """Runs clang over headers, each alone, and clang-tidy over sources, several at once.

    Nine tenths of what clang-tidy does for a file it does for the library headers that the file includes. So it is
    given a file that includes several; where their names clash, or where it has something to say, each half is
    tried, down to the single file, whose findings are told. What it does not see in several is a constant of a
    source file that nothing uses.
    """

    def __init__(self, build: Path) -> None:
        self.flags = clang_flags(build)
        self.units = build / "lint-units"
        self.units.mkdir(exist_ok=True)

    def findings(self, paths: list[Path]) -> list[tuple[Path, str]]:
        """Of each path, in order; empty: none."""
        if len(paths) == 1:
            return [(paths[0], self._header(paths[0]) if paths[0].suffix == ".h" else self._tidy(str(paths[0])))]
        unit = self.units / (hashlib.sha256("\n".join(map(str, paths)).encode()).hexdigest()[:16] + ".cc")
        unit.write_text("".join(f'#include "{ROOT / p}"  // NOLINT(bugprone-suspicious-include)\n' for p in paths))
        fit_together = not self._run(["clang++-19", *self.flags, "-w", "-ferror-limit=1", "-fsyntax-only", str(unit)])
        if fit_together and not self._tidy(str(unit), r"--header-filter=\.cc$"):
            return [(p, "") for p in paths]
        middle = len(paths) // 2
        return self.findings(paths[:middle]) + self.findings(paths[middle:])

    def _header(self, path: Path) -> str:
        return self._run(["clang++-19", *self.flags, *WARNINGS, "-Werror", "-fsyntax-only", "-x", "c++", str(path)])

    def _tidy(self, path: str, *options: str) -> str:
        return self._run(["clang-tidy-19", "--quiet", *options, path, "--", *self.flags, *WARNINGS])

    @staticmethod
    def _run(command: list[str]) -> str:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        text = done.stdout + (done.stderr if done.returncode else "")
        return text.strip() if done.returncode or "warning:" in done.stdout else ""


def portions(files: list[Path]) -> list[list[Path]]:
    """Headers alone, sources of a folder in about equal portions; the slowest first, so that all cores end together."""
    out = [[p] for p in files if p.suffix == ".h"]
    for _, of_folder in itertools.groupby([p for p in files if p.suffix == ".cc"], key=lambda p: p.parent):
        sources = list(of_folder)
        count = -(-len(sources) // FILES_AT_ONCE)
        out += [sources[i::count] for i in range(count)]
    return sorted(out, key=lambda portion: (-len(portion), portion[0].parts[0] not in HEAVY_FOLDERS))


def check_clang(build: Path, files: list[Path]) -> None:
    cache = Cache(build, files)
    todo = []
    for path in files:
        key = cache.key(path)
        if key in cache.clean:
            cache.seen.add(key)
        else:
            todo.append(path)
    clang = Clang(build)
    done = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(clang.findings, portions(todo)):
            done += len(found)
            print(f"\r  clang: {done}/{len(todo)} ", end="", file=sys.stderr, flush=True)
            for path, text in found:
                if text:
                    problem(str(path), "clang says\n" + text)
                    print(f"\n{problems[-1]}", file=sys.stderr, flush=True)
                else:
                    cache.seen.add(cache.key(path))
            cache.save()
    if todo:
        print(file=sys.stderr)
    cache.save()


def main() -> int:
    build = Path(sys.argv[1]).resolve()
    files = [p for p in tracked(".h", ".cc") if "node_modules" not in p.parts]
    check_floors(files)
    check_text(files)
    check_format(files, "--fix" in sys.argv)
    if "--no-tidy" not in sys.argv:
        check_clang(build, [p for p in files if p.parts[:2] != ("tests", "fuzz")])
    for p in problems:
        print(p)
    print(f"lint: {len(files)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
