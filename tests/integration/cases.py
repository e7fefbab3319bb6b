"""Cases of an integration test: collected by a decorator, run one after the other.

    @case
    def a_page_that_cannot_be_parsed_is_an_error_of_its_target(world): ...

    if __name__ == "__main__":
        run_cases(world)       # world: a context manager function taking a Workspace

A case's name is a sentence. Each prints one line; a failing one also prints why and the end of
the logs of every process that was started. The program closes with `N passed, N failed,
N skipped` and ends with 1 if a case failed. A case (or the whole world) that raises Skip is
skipped, with a line `SKIPPED 1: why`.
"""

import re
import sys
import time
import traceback
from contextlib import contextmanager
from typing import Any, Callable, Iterator

from workspace import Workspace

LOG_LINES_SHOWN = 12

_cases: list[Callable[[Any], None]] = []


class Skip(Exception):
    """What a case needs is not on this machine."""


def case(function: Callable[[Any], None]) -> Callable[[Any], None]:
    _cases.append(function)
    return function


def check(condition: object, text: str) -> None:
    """Raises unless true; the text says what was expected and what came."""
    if not condition:
        raise AssertionError(text)


def check_equal(got: object, want: object, what: str = "") -> None:
    if got != want:
        raise AssertionError(f"{what + ': ' if what else ''}got\n    {_shortened(got)}\n  want\n    {_shortened(want)}")


def _shortened(value: object, limit: int = 3000) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def until(ask: Callable[[], Any], what: str, seconds: float = 60, pause: float = 0.1) -> Any:
    """Asks until the answer is true, and returns it. Raises when the time is over; a failed
    assertion or an unreachable server counts as no, and the last such is named."""
    end = time.monotonic() + seconds
    last: Exception | None = None
    while True:
        try:
            if answer := ask():
                return answer
            last = None
        except (AssertionError, OSError) as problem:
            last = problem
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:g} s: {what}" + (f"\n  last: {last}" if last else ""))
        time.sleep(pause)


@contextmanager
def no_world(workspace: Workspace) -> Iterator[Workspace]:
    """For programs whose cases share nothing."""
    yield workspace


def run_cases(world: Callable[[Workspace], Any]) -> None:
    """Never returns."""
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} BUILD_DIR [word of a case's name...]")
    chosen = [c for c in _cases if not sys.argv[2:] or any(w in _name(c) for w in sys.argv[2:])]
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    with Workspace(sys.argv[1]) as workspace:
        try:
            with world(workspace) as shared:
                for one in chosen:
                    counts[_run(one, shared, workspace)] += 1
        except Skip as why:
            print(f"SKIPPED {len(chosen) - sum(counts.values())}: {why}", flush=True)
            counts["skipped"] += len(chosen) - sum(counts.values())
        except Exception as problem:  # the world could not be built, or not be taken down
            _show("what the cases share", problem, workspace)
            counts["failed"] += max(1, len(chosen) - sum(counts.values()))
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped", flush=True)
    sys.exit(1 if counts["failed"] else 0)


def _name(function: Callable[[Any], None]) -> str:
    return function.__name__.replace("_", " ")


def _run(function: Callable[[Any], None], shared: Any, workspace: Workspace) -> str:
    began = time.monotonic()
    try:
        function(shared)
    except Skip as why:
        print(f"SKIPPED 1: {_name(function)}: {why}", flush=True)
        return "skipped"
    except Exception as problem:
        _show(_name(function), problem, workspace)
        return "failed"
    print(f"passed  {_name(function)} ({time.monotonic() - began:.1f} s)", flush=True)
    return "passed"


def _show(name: str, problem: Exception, workspace: Workspace) -> None:
    print(f"FAILED  {name}")
    frames = [f for f in traceback.extract_tb(problem.__traceback__) if not f.filename.endswith("/cases.py")]
    for frame in frames[-3:]:
        print(f"  at {re.sub('.*/', '', frame.filename)}:{frame.lineno}: {frame.line}")
    print(f"  {type(problem).__name__}: {problem}")
    for log in workspace.logs():
        lines = log.read_text(errors="replace").splitlines()
        print(f"  -- {log} ({len(lines)} lines)")
        for line in lines[-LOG_LINES_SHOWN:]:
            print(f"  | {line[:400]}")
    sys.stdout.flush()
