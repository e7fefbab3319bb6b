#!/usr/bin/env python3
"""How soon servers are ready on a directory with a log and nothing of ours, as Prometheus leaves it when it is killed.

usage: bench/replay.py BUILD_DIR FOLDER [--rounds N] [--only NAME] [--other NAME=PROGRAM]

FOLDER is what `restart_bench write FOLDER --snapshots 0` wrote and `restart_bench repack FOLDER` packed as Prometheus
does. The servers start on it in turns, each on a copy, with all files in the page cache: seconds, and seconds of
processor as the kernel counts them for the process, until `/-/ready` says so, and the most memory up to then. The
copies are hard links: neither server writes into a file that it finds. A second program of ours, from before a change,
say, comes in by --other.
"""

import argparse
import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ingest import cpu_seconds, free_port


def peak_mebibytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0


def is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/-/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def read_all(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(1 << 20):
                    pass


def start(name: str, program: Path, folder: Path, parent: Path) -> None:
    work = Path(tempfile.mkdtemp(prefix=".replay-", dir=parent))  # hard links stay on one file system
    try:
        data = work / "data"
        shutil.copytree(folder, data, copy_function=os.link)
        read_all(data)
        (work / "prometheus.yml").write_text("global: {}\n")
        port = free_port()
        begin = time.monotonic()
        # Nothing is too old: the load's times are simulated.
        with (work / "log").open("w") as log:
            server = subprocess.Popen([program, f"--config.file={work}/prometheus.yml", f"--storage.tsdb.path={data}",
                                       f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y"],
                                      stdout=log, stderr=log)
        while not is_ready(port):
            if server.poll() is not None:
                sys.exit(f"{name} has ended:\n{(work / 'log').read_text()}")
            time.sleep(0.01)
        seconds, cpu = time.monotonic() - begin, cpu_seconds(server.pid)
        print(f"{name:12} ready after {seconds:7.2f} s, {cpu:7.2f} s of processor, at most "
              f"{peak_mebibytes(server.pid):6.0f} MiB", flush=True)
        server.kill()
        server.wait()
    finally:
        shutil.rmtree(work)


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].removeprefix("usage: "))
    parser.add_argument("build", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only")
    parser.add_argument("--other", action="append", default=[])
    arguments = parser.parse_args()
    servers = {"narthex": arguments.build / "narthex", "prometheus": arguments.build / "peers/usr/bin/prometheus"}
    servers |= {name: Path(program) for name, program in (other.split("=", 1) for other in arguments.other)}
    for _ in range(arguments.rounds):
        for name, program in servers.items():
            if arguments.only in (None, name):
                start(name, program.resolve(), arguments.folder, arguments.folder.resolve().parent)


if __name__ == "__main__":
    main()
