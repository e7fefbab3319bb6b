"""narthextool and Debian's promtool on one data directory: list, analyze and dump, field by field.

A world that uses these has `tool`, the path of narthextool, and `workspace`.
"""

import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

from cases import check, check_equal
from data_directory import blocks
from peers import promtool


def run_tool(w: SimpleNamespace, *args: object, code: int = 0) -> str:
    """What narthextool prints; it must end with `code`."""
    ran = subprocess.run([str(w.tool), *map(str, args)], timeout=120, capture_output=True, text=True)
    check(ran.returncode == code, f"narthextool {args} ends with {ran.returncode}: {ran.stderr[-2000:]}{ran.stdout[-500:]}")
    return ran.stdout


def run_promtool(w: SimpleNamespace, *args: object) -> str:
    ran = promtool(w.workspace, *map(str, args))
    check(ran.returncode == 0, f"promtool {args} ends with {ran.returncode}: {ran.stderr[-2000:]}")
    return ran.stdout


def table(text: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]


def lists(text: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Of `tsdb analyze`: its fields, and its lists with lines of equal numbers in one order."""
    fields, found = {}, {}
    title = ""
    for line in text.splitlines():
        if re.match(r"^\d+ ", line):
            found[title].append(line)
        elif line.endswith(":"):
            title = line
            found[title] = []
        elif ": " in line:
            name, value = line.split(": ", 1)
            # Debian's promtool calls it by the shorter name.
            fields[name.removeprefix("Total ")] = value
    return fields, {t: sorted(lines) for t, lines in found.items()}


def series_with_histograms(dumped: list[str]) -> set[str]:
    """promtool 2.42 leaves a series at its first native histogram: these are not compared."""
    return {series_of(line) for line in dumped if " {count:" in line}


def series_of(line: str) -> str:
    return re.match(r'\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\}', line)[0]


def check_agreement(w: SimpleNamespace, data: Path, dumps: tuple[tuple[str, ...], ...]) -> None:
    """@param dumps: options of the dumps that are compared"""
    for flag in ([], ["-r"]):
        check_equal(table(run_tool(w, "tsdb", "list", *flag, data)), table(run_promtool(w, "tsdb", "list", *flag, data)), "list")
    for block in blocks(data):
        args = ("tsdb", "analyze", "--limit=100000", data, block.name)
        ours, theirs = lists(run_tool(w, *args)), lists(run_promtool(w, *args))
        check(len(theirs[1]) >= 6, f"six lists are compared: {list(theirs[1])}")
        check_equal(ours, theirs, f"analyze {block.name}")
    for options in dumps:
        texts = [run(w, "tsdb", "dump", *options, data).splitlines() for run in (run_tool, run_promtool)]
        left_out = series_with_histograms(texts[0])
        ours, theirs = (sorted(line for line in text if series_of(line) not in left_out) for text in texts)
        check_equal(len(ours), len(theirs), f"lines of dump {options}")
        different = [pair for pair in zip(ours, theirs) if pair[0] != pair[1]]
        check(not different, f"dump {options} differs in {len(different)} lines: {different[:3]}")


def check_sound(w: SimpleNamespace, data: Path) -> None:
    """A log that was cut off in the middle of a record is sound, and said so."""
    text = run_tool(w, "tsdb", "verify", data)
    check("damage: " not in text and "no damage" in text, f"verify finds damage: {text[:2000]}")
