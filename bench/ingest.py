#!/usr/bin/env python3
"""CPU and memory that scraping costs, end to end, beside Prometheus and VictoriaMetrics.

usage: bench/ingest.py BUILD_DIR [--targets N] [--series N] [--seconds N] [--only NAME]

One process plays all targets (bench/fake_exporter.cc). Each server scrapes them every second over
HTTP on loopback with its WAL on, alone, for the given time after a warm-up; its CPU time is what
the kernel counted for the process. Missed scrapes are pages that the targets did not serve.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TICK = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_bytes(pid: int) -> tuple[int, int]:
    """Resident memory, and what of it is not a mapped file."""
    kib = {line.split(":")[0]: int(line.split()[1]) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
           if line.startswith("Rss") or line.startswith("VmRSS")}
    return kib["VmRSS"] * 1024, kib["RssAnon"] * 1024


class Exporter:
    def __init__(self, build: Path, targets: int, series: int) -> None:
        self.process = subprocess.Popen([build / "bench/fake_exporter", str(targets), str(series)],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[-1])

    def scrapes(self) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/scrapes", timeout=10) as answer:
            return int(answer.read())


def write_config(folder: Path, exporter: Exporter, targets: int) -> Path:
    path = folder / "prometheus.yml"
    groups = "\n".join(
        f"      - targets: ['127.0.0.1:{exporter.port}']\n"
        f"        labels: {{__metrics_path__: /t/{t}/metrics, instance: target-{t}}}" for t in range(targets))
    path.write_text("global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n"
                    f"  - job_name: load\n    static_configs:\n{groups}\n")
    return path


def commands(build: Path) -> dict[str, tuple[Path, list[str]]]:
    peers = build / "peers/usr/bin"
    return {
        "narthex": (build / "narthex", ["--config.file={config}", "--storage.tsdb.path={data}",
                                        "--web.listen-address=127.0.0.1:{port}"]),
        "prometheus": (peers / "prometheus", ["--config.file={config}", "--storage.tsdb.path={data}",
                                              "--web.listen-address=127.0.0.1:{port}"]),
        "victoria-metrics": (peers / "victoria-metrics",
                             ["-promscrape.config={config}", "-storageDataPath={data}",
                              "-httpListenAddr=127.0.0.1:{port}"]),
    }


def version_of(binary: Path) -> str:
    ran = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)
    return (ran.stdout + ran.stderr).splitlines()[0][:80]


def measure(name: str, binary: Path, flags: list[str], exporter: Exporter, args: argparse.Namespace) -> dict | None:
    if not binary.exists():
        print(f"{name}: not there ({binary}), left out")
        return None
    folder = Path(tempfile.mkdtemp(prefix="narthex-ingest-"))
    config = write_config(folder, exporter, args.targets)
    filled = [f.format(config=config, data=folder / "data", port=free_port()) for f in flags]
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen([binary, *filled], stdout=log, stderr=log)
    try:
        time.sleep(args.warm_up)
        begin, cpu, scrapes = time.monotonic(), cpu_seconds(server.pid), exporter.scrapes()
        time.sleep(args.seconds)
        took = time.monotonic() - begin
        cpu, scrapes = cpu_seconds(server.pid) - cpu, exporter.scrapes() - scrapes
        resident, anonymous = resident_bytes(server.pid)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
        shutil.rmtree(folder)
    samples = scrapes * args.series
    missed = max(0.0, 1 - scrapes / (took * args.targets))
    print(f"{name:<17} {samples / took / 1000:8.0f} k samples/s  {cpu / samples * 1e6:6.3f} CPU-s per million samples  "
          f"{resident / 2**20:7.0f} MiB resident ({anonymous / 2**20:.0f} anonymous, "
          f"{anonymous / args.targets / args.series:.0f} bytes a series)  "
          f"{missed * 100:.1f} % of scrapes missed  {version_of(binary)}", flush=True)
    return {"cpu": cpu / samples, "anonymous": anonymous}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--targets", type=int, default=250)
    parser.add_argument("--series", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--warm-up", type=int, default=20)
    parser.add_argument("--only", action="append", help="only this server; can be repeated")
    args = parser.parse_args()
    exporter = Exporter(args.build.resolve(), args.targets, args.series)
    try:
        results = {name: measure(name, binary, flags, exporter, args)
                   for name, (binary, flags) in commands(args.build.resolve()).items()
                   if not args.only or name in args.only}
    finally:
        exporter.process.terminate()
        exporter.process.wait(10)
    ours = results.get("narthex")
    for name, theirs in results.items():
        if ours and theirs and name != "narthex":
            print(f"narthex takes 1/{theirs['cpu'] / ours['cpu']:.1f} of the CPU of {name} and "
                  f"1/{theirs['anonymous'] / ours['anonymous']:.1f} of its memory")
    return 0


if __name__ == "__main__":
    sys.exit(main())
