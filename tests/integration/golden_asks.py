"""The queries of tests/promql/golden/queries.txt, and answers in the form in which they are recorded and compared."""

import re
from pathlib import Path
from typing import Any

from api_client import ApiClient

FOLDER = Path(__file__).resolve().parents[1] / "promql/golden"
DATA = FOLDER / "data"
ANSWERS = FOLDER / "answers.jsonl"
FEATURES = ("promql-experimental-functions", "promql-duration-expr", "promql-extended-range-selectors", "promql-binop-fill-modifiers")
FLAGS = (f"--enable-feature={','.join(FEATURES)}", "--storage.tsdb.retention.time=100y")
# Only there the order of an instant vector is promised.
ORDERED = re.compile(r"^(sort|sort_desc|sort_by_label|sort_by_label_desc|topk|bottomk)\b")


def written_asks() -> list[dict[str, Any]]:
    """Endpoint and parameters of each query of queries.txt."""
    asks = []
    path, params = "query", {}
    for line in (FOLDER / "queries.txt").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if heading := re.fullmatch(r"\[(\w+)( [^\]]*)?\]", line):
            path, params = heading[1], dict(word.split("=", 1) for word in (heading[2] or "").split())
        else:
            asks.append({"path": path, "params": {"query": line, **params}})
    return asks


def answer(server: ApiClient, ask: dict[str, Any]) -> dict[str, Any]:
    """Status and parsed body, without what changes from run to run."""
    got = server.post(f"/api/v1/{ask['path']}", ask["params"])
    body = got.json
    data = body.get("data")
    if isinstance(data, dict):
        if data.get("resultType") == "vector" and not ORDERED.match(ask["params"]["query"]):
            data["result"].sort(key=lambda one: sorted(one["metric"].items()))
        # How much memory a plan takes, and how long, is its own.
        data.get("stats", {}).pop("timings", None)
        data.get("stats", {}).get("samples", {}).pop("peakSamples", None)
    for kind in ("infos", "warnings"):
        if kind in body:
            body[kind].sort()
    return {"status": got.status, "body": body}
