#!/usr/bin/env python3
"""The browser app in Chromium against a real server that scrapes a node_exporter and itself.

The cases are in tests/browser; this starts what they need and hands their lines through.
Screenshots go to BUILD/screenshots.
"""

import os
import shutil
import subprocess
import sys

from cases import Skip, until
from peers import start_node_exporter
from server import Server
from workspace import ROOT, Workspace

QUERY = "rate(node_cpu_seconds_total[1m])"
CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules/*.yml]
scrape_configs:
  - job_name: narthex
    static_configs: [{{targets: [SELF]}}]
  - job_name: node
    static_configs: [{{targets: ['127.0.0.1:{}']}}]
"""
SECONDS = 400


def what_is_missing() -> str:
    """Empty if a browser test can run."""
    if not shutil.which("node"):
        return "node is not installed"
    if not (ROOT / "web/ui/node_modules/playwright-core").is_dir():
        return "web/ui/node_modules has no playwright-core (npm ci in web/ui brings it)"
    if not os.path.exists(os.environ.get("CHROMIUM", "/usr/bin/chromium")):
        return "chromium is not installed"
    return ""


def run(workspace: Workspace) -> int:
    if missing := what_is_missing():
        raise Skip(missing)
    node = start_node_exporter(workspace)
    server = Server(workspace, CONFIG.format(node.port))
    shutil.copytree(ROOT / "examples/rules", server.folder / "rules")
    server.start()
    until(lambda: server.query(QUERY), f"{QUERY} has rows")
    env = {**os.environ, "NARTHEX_URL": server.url, "QUERY": QUERY, "SCREENSHOT_DIR": str(workspace.build / "screenshots")}
    return subprocess.run(["node", str(ROOT / "tests/browser/query_page.test.mjs")], env=env, timeout=SECONDS).returncode


def main() -> int:
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} BUILD_DIR")
    try:
        with Workspace(sys.argv[1]) as workspace:
            return run(workspace)
    except Skip as why:
        print(f"SKIPPED 1: {why}")
        print("0 passed, 0 failed, 1 skipped")
        return 0


if __name__ == "__main__":
    sys.exit(main())
