"""The real programs around us, from Debian's packages, each on a free port of 127.0.0.1.

Each start_... waits until the peer answers. A peer that is not unpacked skips the case.
"""

import random
import re
import socket
import subprocess
from pathlib import Path

from api_client import ApiClient
from cases import Skip, check, until
from workspace import Process, Workspace

# Debian's Prometheus 2.42 writes these on its own; nothing else at level warn or error may
# come when it opens a data directory of ours. A compaction is cancelled when it ends meanwhile;
# on a slow disk one takes longer than the few seconds the tests give a block.
EXPECTED_WARNINGS = ("Received SIGTERM", "lockfile from a previous execution", "Overlapping blocks found",
                     "populate block: context canceled", "Head compaction took longer than the block time range")


def free_port() -> int:
    """Below the range from which the kernel gives ports to outgoing connections."""
    for port in random.sample(range(20000, 32000), 1000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no free port between 20000 and 32000")


def need_peer(workspace: Workspace, program: str) -> str:
    path = workspace.peer(program)
    if path is None:
        raise Skip(f"{program} is not in build/peers (./dev test fetches it)")
    return str(path)


class Peer(ApiClient):
    """A running peer, and how to talk to it."""

    def __init__(self, process: Process, port: int):
        super().__init__(port, process.name)
        self.process = process

    def wait_until_it_answers(self, path: str) -> "Peer":
        def answers() -> bool:
            if not self.process.is_running():
                raise RuntimeError(f"{self.name} ended with {self.process.wait()}:\n{self.process.log_text()[-2000:]}")
            return self.get(path).status == 200

        until(answers, f"{self.name} answers {path}")
        return self


def start_node_exporter(workspace: Workspace) -> Peer:
    port = free_port()
    process = workspace.start("node_exporter", [
        need_peer(workspace, "prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{port}",
        "--collector.disable-defaults", "--collector.cpu", "--collector.meminfo", "--collector.loadavg",
        "--collector.filesystem", "--collector.uname", "--log.level=error"])
    return Peer(process, port).wait_until_it_answers("/metrics")


def start_alertmanager(workspace: Workspace) -> Peer:
    port = free_port()
    folder = workspace.new_folder("alertmanager")
    (folder / "alertmanager.yml").write_text("route: {receiver: nobody, group_wait: 1s}\nreceivers: [{name: nobody}]\n")
    binary, templates = _relocated_alertmanager(workspace, folder)
    process = workspace.start("alertmanager", [
        binary, f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="], cwd=templates)
    return Peer(process, port).wait_until_it_answers("/-/ready")


def _relocated_alertmanager(workspace: Workspace, folder: Path) -> tuple[str, Path]:
    """Debian's build wants its templates in a folder under /usr/share that is not there, as the
    package is only unpacked. So this is a copy of it in which the folder's name is a relative one
    of the same length: it finds them if it runs in the folder returned."""
    program = Path(need_peer(workspace, "prometheus-alertmanager"))
    compiled_in = b"/usr/share/prometheus/alertmanager"
    copy = folder / "alertmanager"
    copy.write_bytes(program.read_bytes().replace(compiled_in, b"./" * (len(compiled_in) // 2)))
    copy.chmod(0o755)
    return str(copy), program.parents[1] / "share/prometheus/alertmanager"


def start_pushgateway(workspace: Workspace) -> Peer:
    port = free_port()
    process = workspace.start("pushgateway", [
        need_peer(workspace, "prometheus-pushgateway"), f"--web.listen-address=127.0.0.1:{port}"])
    return Peer(process, port).wait_until_it_answers("/-/ready")


def start_prometheus(workspace: Workspace, config: str, data: Path | None = None, binary: str | None = None,
                     flags: tuple[str, ...] = (), config_folder: Path | None = None) -> Peer:
    """Debian's Prometheus (or `binary`), on `data` if given. It keeps everything it finds there."""
    port = free_port()
    debian = binary is None
    folder = config_folder or workspace.new_folder("prometheus")
    (folder / "prometheus.yml").write_text(config)
    if debian:
        flags = ("--storage.tsdb.use-lockfile", *flags)
    process = workspace.start("prometheus" if debian else "oracle", [
        binary or need_peer(workspace, "prometheus"), f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={data or folder / 'data'}", "--storage.tsdb.retention.time=10y",
        f"--web.listen-address=127.0.0.1:{port}", *flags])
    return Peer(process, port).wait_until_it_answers("/-/ready")


def check_log_is_clean(peer: Peer) -> None:
    """A Prometheus has nothing to complain of."""
    complaints = [line for line in peer.process.log_text().splitlines()
                  if re.search(r"level=(warn|error)|panic", line, re.I) and not any(w in line for w in EXPECTED_WARNINGS)]
    check(not complaints, f"{peer.name} complains:\n" + "\n".join(complaints[:10]))


def promtool(workspace: Workspace, *args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Debian's promtool. Its exit code is the caller's to judge."""
    return subprocess.run([need_peer(workspace, "promtool"), *args], cwd=workspace.folder, timeout=120,
                          input=stdin, capture_output=True, text=True)
