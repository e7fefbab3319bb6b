#!/usr/bin/env python3
"""./dev run: ends with a server that scrapes a node_exporter and itself.

It is started for real, on a free port and with files of its own, but only where that is a
matter of seconds: the build folder is the one that ./dev run uses and is up to date, and
node_exporter has been fetched.
"""

import os
import shutil
import signal
import subprocess
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Iterator

from api_client import ApiClient
from cases import Skip, case, check, check_equal, run_cases, until
from peers import free_port, promtool
from workspace import ROOT, Workspace

START_SECONDS = 120


def need_a_finished_build(workspace: Workspace) -> None:
    if workspace.build != ROOT / "build" or "NARTHEX_BINARY" in os.environ:
        raise Skip("./dev run uses the folder build, which is not the one under test")
    if not (ROOT / "build/peers/.prometheus-node-exporter").exists():
        raise Skip("build/peers has no node_exporter (./dev test fetches it)")
    if not shutil.which("ninja"):
        raise Skip("ninja is not installed")
    plan = subprocess.run(["ninja", "-C", str(workspace.build), "-n", "narthex", "narthextool"], capture_output=True, text=True)
    if "no work to do" not in plan.stdout:
        raise Skip("build is not up to date, and building it is not what is tested here")


@contextmanager
def world(workspace: Workspace) -> Iterator[SimpleNamespace]:
    need_a_finished_build(workspace)
    port = free_port()
    folder = workspace.new_folder("run")
    process = workspace.start("dev-run", ["env", f"RUN_DIR={folder}", str(ROOT / "dev"), "run", "--port", str(port)], cwd=ROOT)
    server = ApiClient(port, "narthex")

    def is_ready() -> bool:
        if not process.is_running():
            raise RuntimeError(f"./dev run ended with {process.wait()}:\n{process.log_text()[-3000:]}")
        return server.get("/-/ready").status == 200

    until(is_ready, "./dev run has the server ready", START_SECONDS)
    yield SimpleNamespace(workspace=workspace, process=process, server=server, port=port)


@case
def both_targets_of_the_example_are_up(w: SimpleNamespace) -> None:
    for job in ("narthex", "node"):
        until(lambda: w.server.target(job)["health"] == "up", f"{job} is up")


@case
def promtool_prints_rows_of_the_cpu_rate(w: SimpleNamespace) -> None:
    query = "rate(node_cpu_seconds_total[1m])"
    until(lambda: w.server.query(query), "two scrapes, 15 s apart, are there", 120)
    ran = promtool(w.workspace, "query", "instant", w.server.url, query)
    check(ran.returncode == 0 and ran.stdout.startswith("{cpu="), f"{ran}")


@case
def a_taken_port_is_said_with_its_holder_and_a_way_out(w: SimpleNamespace) -> None:
    ran = subprocess.run([str(ROOT / "dev"), "run", "--port", str(w.port)], cwd=ROOT, capture_output=True, text=True, timeout=60,
                         stdin=subprocess.DEVNULL)
    check_equal(ran.returncode, 1)
    check(f"port {w.port} is taken" in ran.stderr and "--port" in ran.stderr, ran.stderr)


@case
def ending_it_ends_the_server_and_the_exporter(w: SimpleNamespace) -> None:
    node_exporter = int(w.server.target("node")["labels"]["instance"].rsplit(":", 1)[1])
    w.process.signal(signal.SIGTERM)
    check_equal(w.process.wait(), 0, "exit code of ./dev run")
    for port, name in ((w.port, "narthex"), (node_exporter, "node_exporter")):
        def is_gone() -> bool:
            try:
                ApiClient(port).get("/")
            except OSError:
                return True
            return False

        until(is_gone, f"{name} is gone")


if __name__ == "__main__":
    run_cases(world)
