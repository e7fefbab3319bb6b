"""Workspace: where one test program finds the binaries and keeps its files.

Files lie in BUILD/integration/<program>/, emptied when the program starts and kept when it
ends, so that logs and data directories can be looked at afterwards. Processes started through
it are ended with it, by PID, and die with this program however that ends.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Process:
    """A server of this test. Its output goes to a log file."""

    def __init__(self, name: str, argv: list[str], log: Path, cwd: Path):
        self.name = name
        self.log = log
        # The kernel ends it if this program dies without having done so.
        guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with log.open("ab") as out:
            self._popen = subprocess.Popen([*guard, *argv], cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def is_running(self) -> bool:
        return self._popen.poll() is None

    def signal(self, number: signal.Signals) -> None:
        if self.is_running():
            self._popen.send_signal(number)

    def wait(self, seconds: float = 60) -> int:
        """The exit code. Raises AssertionError if it does not end in time."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} (pid {self.pid}) has not ended within {seconds:g} s") from None

    def kill(self) -> None:
        """kill -9, and waits for the end."""
        self.signal(signal.SIGKILL)
        self._popen.wait()

    def terminate(self, seconds: float = 60) -> int:
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")


class Workspace:
    def __init__(self, build: str):
        self.build = Path(build).resolve()
        self.narthex = Path(os.environ.get("NARTHEX_BINARY") or self.build / "narthex").resolve()
        self.folder = self.build / "integration" / Path(sys.argv[0]).stem.removeprefix("test_")
        self._processes: list[Process] = []
        self._names: dict[str, int] = {}

    def __enter__(self) -> "Workspace":
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.signal(signal.SIGTERM)
        end = time.monotonic() + 10
        for process in self._processes:
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except AssertionError:
                process.kill()

    def peer(self, program: str) -> Path | None:
        """A program of the unpacked Debian packages, or None."""
        path = Path(os.environ.get("NARTHEX_PEERS") or ROOT / "build/peers").resolve() / "usr/bin" / program
        return path if path.exists() else None

    def new_folder(self, name: str) -> Path:
        """An empty folder; a number is added to a name that was asked for before."""
        path = self.folder / self._unique(name)
        path.mkdir(parents=True)
        return path

    def start(self, name: str, argv: list[str], cwd: Path | None = None) -> Process:
        log = self.folder / self._unique(f"{name}.log")
        process = Process(log.stem, argv, log, cwd or self.folder)
        self._processes.append(process)
        return process

    def logs(self) -> list[Path]:
        """Of the processes that still run, or that ended on their own account."""
        return [p.log for p in self._processes if p.is_running() or p.wait() not in (0, -signal.SIGKILL)]

    def _unique(self, name: str) -> str:
        count = self._names[name] = self._names.get(name, 0) + 1
        stem, dot, suffix = name.partition(".")
        return name if count == 1 else f"{stem}-{count}{dot}{suffix}"
