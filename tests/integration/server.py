"""Server: narthex under test, with its configuration and data in a folder of the workspace.

    server = Server(workspace, "scrape_configs: ...")
    server.start()                 # returns when /-/ready says yes
    server.kill(); server.start()  # the same data, the same port
"""

import signal
from pathlib import Path

from api_client import ApiClient
from cases import check, until
from peers import free_port
from workspace import Process, Workspace

START_SECONDS = 60
# The default, 5 s, is a wait after each start.
DISCOVER_SOON = "--scrape.discovery-reload-interval=100ms"


class Server(ApiClient):
    def __init__(self, workspace: Workspace, config: str, *flags: str, name: str = "narthex",
                 data: Path | None = None, folder: Path | None = None):
        super().__init__(free_port(), name)
        self.workspace = workspace
        self.folder = folder or workspace.new_folder(name)
        self.config_file = self.folder / "narthex.yml"
        self.data = data or self.folder / "data"
        self.flags = list(flags)
        self.process: Process | None = None
        self.write_config(config)

    def write_config(self, config: str) -> None:
        """`SELF` in it stands for this server's own address."""
        self.config_file.write_text(config.replace("SELF", f"127.0.0.1:{self.port}"))

    def launch(self) -> Process:
        """Starts the process without waiting for anything."""
        check(self.process is None or not self.process.is_running(), f"{self.name} runs already")
        self.process = self.workspace.start(self.name, [
            str(self.workspace.narthex), f"--config.file={self.config_file}", f"--storage.tsdb.path={self.data}",
            f"--web.listen-address=127.0.0.1:{self.port}", DISCOVER_SOON, *self.flags], cwd=self.folder)
        return self.process

    def start(self) -> "Server":
        process = self.launch()

        def is_ready() -> bool:
            if not process.is_running():
                raise RuntimeError(f"{process.name} ended with {process.wait()}:\n{process.log_text()[-3000:]}")
            return self.get("/-/ready").status == 200

        until(is_ready, f"{process.name} is ready", START_SECONDS, pause=0.05)
        return self

    def kill(self) -> None:
        self._running().kill()

    def terminate(self, seconds: float = 60) -> int:
        return self._running().terminate(seconds)

    def hang_up(self) -> None:
        """SIGHUP: reload."""
        self._running().signal(signal.SIGHUP)

    def log_text(self) -> str:
        return self._running().log_text()

    def metric(self, name: str) -> float | None:
        """Of its own /metrics: the sum over the series of that name; None if there is none."""
        values = [float(line.rsplit(" ", 1)[1]) for line in self.get("/metrics").text.splitlines()
                  if line.startswith((name + " ", name + "{"))]
        return sum(values) if values else None

    def _running(self) -> Process:
        check(self.process is not None, f"{self.name} was never started")
        assert self.process
        return self.process
