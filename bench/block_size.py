#!/usr/bin/env python3
"""Bytes a sample in blocks, ours beside those that Prometheus makes of the same input.

usage: bench/block_size.py BUILD_DIR [--series N]

Two inputs. An OpenMetrics text of one block range (labels and values as in bench/head_load.h), made into a
block by `tsdb create-blocks-from` of both tools. And a log of 25 hours, written by `tsdb bench write`, which both
servers open a copy of and cut into blocks. Index, chunks, meta and tombstones are counted: all that a block is.
"""

import argparse
import json
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

START = 1_700_000_000 // 7200 * 7200  # of a block
SCRAPES = 480
INTERVAL = 15


def write_openmetrics(path: Path, series: int) -> None:
    """Half of the values constant, 35 % counters with integer steps, 15 % gauges that walk with three decimals."""
    dice = random.Random(1)
    with path.open("w") as out:
        for s in range(series):
            target, i = divmod(s, 500)
            labels = (f'cluster="eu-west-1a",code="{200 if i % 2 == 0 else 500}",container="api",handler="/api/v1/resource_{i % 5}",'
                      f'instance="10.0.{target}.17:9100",job="kubernetes-pods",method="GET",namespace="shop",'
                      f'node="node-{target // 10}",pod="api-7d9f{target * 7919:04x}-x{target}"')
            value: float = s % 1000
            for n in range(SCRAPES):
                if s % 20 >= 17:
                    value = round(value + dice.randint(-1000, 1000) / 1000, 3)
                elif s % 20 >= 10:
                    value += dice.randrange(100)
                out.write(f"service_requests_{i // 5}_total{{{labels}}} {value} {START + n * INTERVAL}\n")
        out.write("# EOF\n")


def write_labels(path: Path, series: int) -> None:
    with path.open("w") as out:
        for s in range(series):
            out.write(f'{{"__name__":"metric_{s % 100}","instance":"host-{s // 100}","job":"node","zone":"eu-{s % 3}"}}\n')


def blocks(data: Path) -> list[Path]:
    return [d for d in data.iterdir() if len(d.name) == 26 and (d / "meta.json").exists()]


def measure(data: Path) -> tuple[int, int, int]:
    """Samples, bytes of chunks, bytes in all."""
    samples = sum(json.loads((b / "meta.json").read_text())["stats"]["numSamples"] for b in blocks(data))
    files = [f for b in blocks(data) for f in b.rglob("*") if f.is_file()]
    return samples, sum(f.stat().st_size for f in files if f.parent.name == "chunks"), sum(f.stat().st_size for f in files)


def report(what: str, by: dict[str, Path]) -> None:
    totals = {}
    for name, data in by.items():
        samples, chunks, everything = measure(data)
        totals[name] = everything / max(samples, 1)
        print(f"{what:<28} {name:<11} {len(blocks(data)):3} blocks {samples:10} samples  {chunks / max(samples, 1):6.3f} bytes a sample in chunks, "
              f"{totals[name]:6.3f} in all", flush=True)
    if len(totals) == 2:
        print(f"{what:<28} ours are {totals['narthex'] / totals['prometheus']:.3f} of Prometheus' size")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cut_blocks(binary: Path, data: Path, folder: Path, *flags: str) -> None:
    """Runs a server on `data` until it has stopped making blocks."""
    config = folder / "empty.yml"
    config.write_text("scrape_configs: []\n")
    with (folder / f"{binary.name}.log").open("wb") as log:
        server = subprocess.Popen([binary, f"--config.file={config}", f"--storage.tsdb.path={data}", "--storage.tsdb.retention.time=100y",
                                   "--storage.tsdb.max-block-duration=2h",
                                   f"--web.listen-address=127.0.0.1:{free_port()}", *flags], stdout=log, stderr=log)
    try:
        # Both look at their head at the latest every minute; 25 hours make eleven blocks.
        end = time.monotonic() + 240
        while time.monotonic() < end and len(blocks(data)) < 11:
            time.sleep(1)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(120)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--series", type=int, default=5000)
    args = parser.parse_args()
    build = args.build.resolve()
    peers = build / "peers/usr/bin"
    tools = {"narthex": build / "narthextool", "prometheus": peers / "promtool"}
    servers = {"narthex": build / "narthex", "prometheus": peers / "prometheus"}
    folder = Path(tempfile.mkdtemp(prefix="narthex-block-size-"))
    try:
        text = folder / "input.txt"
        write_openmetrics(text, args.series)
        made = {}
        for name, tool in tools.items():
            if not tool.exists():
                print(f"{name}: not there ({tool}), left out")
                continue
            began = time.monotonic()
            subprocess.run([tool, "tsdb", "create-blocks-from", "openmetrics", text, folder / name], check=True, stdout=subprocess.DEVNULL)
            print(f"{'create-blocks-from':<28} {name:<11} {time.monotonic() - began:6.1f} s")
            made[name] = folder / name
        report("create-blocks-from", made)

        labels = folder / "series.json"
        write_labels(labels, args.series)
        subprocess.run([tools["narthex"], "tsdb", "bench", "write", f"--out={folder / 'log'}", labels], check=True, stdout=subprocess.DEVNULL)
        cut = {}
        for name, server in servers.items():
            if not server.exists():
                continue
            cut[name] = folder / f"cut-by-{name}"
            shutil.copytree(folder / "log/storage", cut[name])
            (cut[name] / "lock").unlink(missing_ok=True)
            cut_blocks(server, cut[name], folder, *(["--storage.tsdb.block-reload-interval=1s"] if name == "narthex" else []))
        report("blocks cut from the head", cut)
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
