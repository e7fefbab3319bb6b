"""What lies in a data directory: copies of it, what promtool finds in it, and damage done to it."""

import re
import shutil
from pathlib import Path

from api_client import SamplesBySeries, series_key
from cases import check
from peers import promtool
from workspace import Workspace

DUMPED = re.compile(r"^\{(.*)\} (\S+) (-?\d+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


def copy_data(workspace: Workspace, data: Path, name: str) -> Path:
    """Of a directory whose server does not run."""
    copy = workspace.new_folder(name) / "data"
    shutil.copytree(data, copy)
    (copy / "lock").unlink(missing_ok=True)
    return copy


def blocks(data: Path) -> list[Path]:
    """Finished blocks, oldest first."""
    return sorted(d for d in data.iterdir() if re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}", d.name) and (d / "meta.json").exists())


def wal_segments(data: Path) -> list[Path]:
    """Oldest first; without checkpoints."""
    return sorted(f for f in (data / "wal").iterdir() if re.fullmatch(r"\d{8}", f.name))


def newest_filled_segment(data: Path) -> Path:
    filled = [f for f in wal_segments(data) if f.stat().st_size > 0]
    check(filled, f"no WAL segment of {data} has anything in it")
    return filled[-1]


def dump(workspace: Workspace, data: Path) -> SamplesBySeries:
    """All samples that Debian's `promtool tsdb dump` finds, staleness markers left out (they
    look like any NaN, so the data should have no other)."""
    ran = promtool(workspace, "tsdb", "dump", str(data))
    check(ran.returncode == 0, f"promtool tsdb dump {data} fails: {ran.stderr[-2000:]}")
    found: SamplesBySeries = {}
    for line in ran.stdout.splitlines():
        match = DUMPED.match(line)
        check(match, f"promtool tsdb dump prints {line!r}")
        assert match
        labels, value, time = match.groups()
        if value != "NaN":
            key = series_key({n: v.encode().decode("unicode_escape") for n, v in LABEL.findall(labels)})
            found.setdefault(key, {})[int(time)] = value
    return found


def as_numbers(samples: SamplesBySeries) -> dict:
    """Values as floats, for two programs that print them differently."""
    return {series: {t: float(v) for t, v in values.items()} for series, values in samples.items()}


def check_same_samples(got: SamplesBySeries, want: SamplesBySeries, what: str) -> None:
    check(want, f"{what}: there are samples to compare")
    got_numbers, want_numbers = as_numbers(got), as_numbers(want)
    problems = []
    for series in sorted(got_numbers.keys() | want_numbers.keys()):
        ours, theirs = got_numbers.get(series, {}), want_numbers.get(series, {})
        if ours != theirs:
            times = sorted(t for t in ours.keys() | theirs.keys() if ours.get(t) != theirs.get(t))
            examples = [(t, ours.get(t), theirs.get(t)) for t in times[:3]]
            problems.append(f"{dict(series)}: {len(times)} of {len(ours.keys() | theirs.keys())} samples differ, as (t, got, want) {examples}")
    check(not problems, f"{what}: {len(problems)} of {len(want_numbers)} series differ\n    " + "\n    ".join(problems[:5]))


def flip_bit(file: Path, offset: int) -> None:
    with file.open("r+b") as f:
        f.seek(offset)
        byte = f.read(1)[0]
        f.seek(offset)
        f.write(bytes([byte ^ 0x10]))


def cut_off(file: Path, count: int) -> None:
    size = file.stat().st_size
    check(size > count, f"{file} has only {size} bytes")
    with file.open("r+b") as f:
        f.truncate(size - count)
