#!/usr/bin/env python3
"""Every exposition of the OpenMetrics suite is accepted or refused by a scrape as Prometheus
does it, which is more lenient than the suite. NARTHEX_ORACLE names a Prometheus 3.14 whose
error texts are compared as well (by hand)."""

import json
import os
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Iterator

from api_client import ApiClient
from cases import Skip, case, check, run_cases, until
from exporter import OPENMETRICS, Exporter, Reply
from peers import start_prometheus
from server import Server
from workspace import ROOT, Workspace

CONFIG = """
global: {{scrape_interval: 2s}}
scrape_configs:
  - job_name: suite
    file_sd_configs: [{{files: ['{}']}}]
"""
SUITE = Path(os.environ.get("NARTHEX_CONFORMANCE") or ROOT.parent / "shared/conformance") / "openmetrics"


# What 2.42, which was asked, refuses and 3.14 accepts: exemplars on any sample, and a comma
# after the last label.
ACCEPTED_SINCE = ("does not support exemplars", 'expected label name, got "BCLOSE"')


def expected() -> dict[str, tuple[str, str]]:
    """{case: (accept or refuse, Prometheus 2.42's error text)}"""
    table = SUITE / "prometheus-2.42.tsv"
    if not table.exists():
        raise Skip(f"{SUITE} is not there")
    rows = [line.split("\t") for line in table.read_text().splitlines()[1:]]
    return {name: ("accept" if any(text in error for text in ACCEPTED_SINCE) else verdict, error)
            for name, _, verdict, error in rows}


@contextmanager
def world(workspace: Workspace) -> Iterator[SimpleNamespace]:
    wanted = expected()
    pages = {f"/{name}": (SUITE / name / "metrics").read_bytes() for name in wanted}
    exporter = Exporter()
    exporter.by_path = lambda path: Reply(pages[path], content_type=OPENMETRICS)
    groups = [{"targets": [exporter.address], "labels": {"__metrics_path__": f"/{name}", "name": name}} for name in wanted]
    targets = workspace.new_folder("targets") / "suite.json"
    targets.write_text(json.dumps(groups))
    w = SimpleNamespace(wanted=wanted, server=Server(workspace, CONFIG.format(targets)), oracle=None)
    w.server.start()
    if binary := os.environ.get("NARTHEX_ORACLE"):
        w.oracle = start_prometheus(workspace, CONFIG.format(targets), binary=binary)
    yield w


def outcomes(server: ApiClient, count: int) -> dict[str, str]:
    """{case: error text, empty if it was accepted}, once each was scraped."""
    def scraped() -> list[dict] | None:
        targets = server.api("targets", {"state": "active"})["activeTargets"]
        return targets if len(targets) == count and all(t["health"] != "unknown" for t in targets) else None

    return {t["labels"]["name"]: t["lastError"] for t in until(scraped, f"{server.name} has scraped every case")}


@case
def every_exposition_is_accepted_or_refused_as_by_prometheus(w: SimpleNamespace) -> None:
    got = outcomes(w.server, len(w.wanted))
    wrong = [f"{name}: {'refused: ' + got[name] if got[name] else 'accepted'}, want {verdict} {error}"
             for name, (verdict, error) in w.wanted.items() if (verdict == "accept") != (got[name] == "")]
    check(not wrong, f"{len(wrong)} of {len(w.wanted)} are judged otherwise:\n    " + "\n    ".join(wrong))


@case
def error_texts_are_those_of_the_oracle(w: SimpleNamespace) -> None:
    if not w.oracle:
        raise Skip("NARTHEX_ORACLE names no Prometheus 3.14")
    got, want = (outcomes(server, len(w.wanted)) for server in (w.server, w.oracle))
    wrong = [f"{name}: {got[name]!r}, want {want[name]!r}" for name in want if got[name] != want[name]]
    check(not wrong, f"{len(wrong)} of {len(want)} texts differ:\n    " + "\n    ".join(wrong))


if __name__ == "__main__":
    run_cases(world)
