#!/usr/bin/env python3
"""What surrounds queries: the list of running ones and their end, queries.active, the query log,
profiles, statistics, and what else the API tells of the language."""

import json
import subprocess
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Iterator

from cases import case, check, check_equal, run_cases, until
from exporter import Exporter
from peers import promtool
from server import Server
from workspace import Workspace

CONFIG = """
global: {{scrape_interval: 200ms, evaluation_interval: 500ms{log}}}
rule_files: [rules.yml]
scrape_configs: [{{job_name: live, static_configs: [{{targets: ['{target}']}}]}}]
"""
RULES = "groups: [{name: watch, rules: [{record: live:sum, expr: sum(many)}]}]\n"
PAGE = "\n".join([*(f'many{{i="{i}"}} {i}' for i in range(400)), 'latency_bucket{le="1"} 5', 'latency_bucket{le="2"} 5',
                  'latency_bucket{le="+Inf"} 9', ""])
# Some seconds of work, a series at a time.
SLOW = "sum(quantile_over_time(0.5, sin(many @ end())[1h:1s]))"


@contextmanager
def world(workspace: Workspace) -> Iterator[SimpleNamespace]:
    w = SimpleNamespace(workspace=workspace, exporter=Exporter(PAGE))
    folder = workspace.new_folder("narthex")
    (folder / "rules.yml").write_text(RULES)
    w.config = lambda log="": CONFIG.format(target=w.exporter.address, log=log)
    w.server = Server(workspace, w.config(), "--web.enable-lifecycle", "--enable-feature=promql-per-step-stats",
                      folder=folder)
    w.server.start()
    until(lambda: w.server.value("live:sum") == sum(range(400)), "the rule has a value")
    yield w


class SlowQuery:
    """Asked in a thread; `answer` is there when it has ended."""

    def __init__(self, server: Server):
        self.answer: Any = None
        now = time.time()
        self._form = {"query": SLOW, "start": now - 3000, "end": now, "step": 3}
        self._thread = threading.Thread(target=self._ask, args=(server,))
        self._thread.start()

    def _ask(self, server: Server) -> None:
        try:
            self.answer = server.post("/api/v1/query_range", form=self._form)
        except OSError as problem:
            self.answer = problem

    def join(self) -> Any:
        self._thread.join()
        return self.answer


def running(server: Server) -> list[dict[str, Any]]:
    return [q for q in server.api("status/queries")["queries"] if q["query"] == SLOW]


@case
def a_running_query_is_listed_and_can_be_cancelled(w: SimpleNamespace) -> None:
    slow = SlowQuery(w.server)
    until(lambda: running(w.server) and running(w.server)[0]["samples"] > 0, "the query is under way", pause=0.01)
    (query,) = running(w.server)
    check_equal(query["by"], {"kind": "http", "client": "127.0.0.1", "method": "POST", "path": "/api/v1/query_range"})
    check_equal((query["kind"], query["step"], query["state"]), ("range", 3, "running"))
    check(query["bytes"] > 0 and query["peakBytes"] >= query["bytes"], f"{query}")
    check_equal(w.server.get(f"/api/v1/status/queries/{query['id']}/cancel").status, 405, "GET")
    check_equal(w.server.post(f"/api/v1/status/queries/{query['id']}/cancel").status, 204, "cancel")
    answer = slow.join()
    check_equal(answer.status, 499, answer.text)
    check_equal(answer.json["error"], "query was canceled in expression evaluation")
    check_equal(running(w.server), [])
    gone = w.server.post(f"/api/v1/status/queries/{query['id']}/cancel")
    check_equal((gone.status, gone.json["errorType"]), (404, "not_found"))
    check_equal(w.server.post("/api/v1/status/queries/x/cancel").status, 400)


@case
def every_query_is_logged_once_the_log_is_configured(w: SimpleNamespace) -> None:
    log = w.server.folder / "query.log"
    w.server.write_config(w.config(", query_log_file: query.log"))
    check_equal(w.server.post("/-/reload").status, 200)
    check_equal(w.server.metric("prometheus_engine_query_log_enabled"), 1)
    w.server.query("sum(many) + 1", 1000)
    w.server.get("/api/v1/query_range", {"query": "topk(NaN, many)", "start": 0, "end": 60, "step": 30})

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in log.read_text().splitlines()]

    (instant,) = [line for line in lines() if line["params"]["query"] == "sum(many) + 1"]
    check_equal(instant["params"], {"query": "sum(many) + 1", "start": "1970-01-01T00:16:40.000Z",
                                    "end": "1970-01-01T00:16:40.000Z", "step": 0})
    check_equal(instant["msg"], "promql query logged")
    check_equal(instant["httpRequest"], {"clientIP": "127.0.0.1", "method": "GET", "path": "/api/v1/query"})
    check_equal(set(instant["stats"]["timings"]), {"evalTotalTime", "resultSortTime", "queryPreparationTime",
                                                   "innerEvalTime", "execQueueTime", "execTotalTime"})
    (failed,) = [line for line in lines() if "topk" in line["params"]["query"]]
    check_equal(failed.get("error"), "Parameter value is NaN")
    check_equal(failed["params"]["step"], 30)
    rule = until(lambda: [line for line in lines() if "ruleGroup" in line], "a rule is logged")[0]
    check_equal(rule["ruleGroup"]["name"], "watch")
    check(rule["ruleGroup"]["file"].endswith("rules.yml"), str(rule["ruleGroup"]))

    # Rotated: the old file is let go at the next reload.
    log.rename(log.with_suffix(".1"))
    w.server.post("/-/reload")
    w.server.query("sum(many) + 2")
    check([line for line in lines() if line["params"]["query"] == "sum(many) + 2"], "the new file is written")
    w.server.write_config(w.config(", query_log_file: no/such/folder/query.log"))
    check_equal(w.server.post("/-/reload").status, 500, "a log that cannot be opened")
    w.server.write_config(w.config())
    w.server.post("/-/reload")
    check_equal(w.server.metric("prometheus_engine_query_log_enabled"), 0)


@case
def a_profile_has_a_node_for_each_operator(w: SimpleNamespace) -> None:
    params = {"query": "sum(rate(many[10s])) * 2", "profile": "true"}
    data = w.server.api("query", params)
    root = data["profile"]
    check_equal((root["operator"], root["detail"], root["position"]), ("binary", "*", "1:1"))
    aggregation, number = root["children"]
    check_equal((aggregation["operator"], aggregation["detail"], number["operator"]), ("aggregation", "sum", "number"))
    (rate,) = aggregation["children"]
    (selector,) = rate["children"]
    check_equal((rate["detail"], rate["series"], selector["operator"]), ("rate", 400, "range_selector"))
    check(selector["samples"] > 400 and selector["bytes"] > 0, f"{selector}")
    check(root["seconds"] >= aggregation["seconds"] >= rate["seconds"] >= selector["seconds"] > 0, f"{root}")
    check("profile" not in w.server.api("query", {"query": "many"}), "a profile nobody asked for")

    plan = w.server.api("query_range", {"query": "sum(rate(many[10s])) * 2", "start": 0, "end": 60, "step": 1,
                                        "explain": "true"})
    check_equal((plan["resultType"], plan["result"]), ("matrix", []))
    check("seconds" not in plan["explain"], "a plan has no times")
    check_equal(plan["explain"]["children"][0]["children"][0]["expr"], "rate(many[10s])")
    check_equal(w.server.get("/api/v1/query", {"query": "1", "explain": "perhaps"}).status, 400)


@case
def statistics_are_those_of_prometheus(w: SimpleNamespace) -> None:
    stats = w.server.api("query_range", {"query": 'many{i="1"}', "start": time.time() - 2, "end": time.time(),
                                         "step": 1, "stats": "all"})["stats"]
    samples = stats["samples"]
    check_equal(len(samples["totalQueryableSamplesPerStep"]), 3)
    check_equal(sum(n for _, n in samples["totalQueryableSamplesPerStep"]), samples["totalQueryableSamples"])
    check_equal(sum(n for _, n in samples["samplesReadPerStep"]), samples["samplesRead"])
    plain = w.server.api("query", {"query": "1", "stats": "true"})["stats"]["samples"]
    check_equal((set(plain), plain["totalQueryableSamples"], plain["samplesRead"]),
                ({"totalQueryableSamples", "samplesRead", "peakSamples"}, 0, 0))


@case
def the_language_is_told_and_translated(w: SimpleNamespace) -> None:
    features = w.server.api("features")
    check_equal(features["promql"]["per_step_stats"], True)
    check_equal((features["api"]["lifecycle"], features["api"]["admin"]), (True, False))
    check_equal(features["promql_functions"]["mad_over_time"], False)
    check_equal(features["promql_operators"][">="], True)
    check(">=" in w.server.get("/api/v1/features").text, "operators are not escaped")
    tree = w.server.api("parse_query", {"query": "sum(up)"})
    check_equal((tree["type"], tree["op"], tree["expr"]["name"]), ("aggregation", "sum", "up"))
    answer = w.server.get("/api/v1/parse_query", {"query": "sum("})
    check_equal((answer.status, answer.json["errorType"]), (400, "bad_data"))
    check_equal(answer.json["error"], 'invalid parameter "query": 1:5: parse error: unclosed left parenthesis')
    check_equal(w.server.post("/api/v1/format_query", form={"query": "sum by(a)(up)"}).data, "sum by (a) (up)")


@case
def the_tool_asks_and_prints_as_promtool_does(w: SimpleNamespace) -> None:
    now = int(time.time())
    server = w.server.url
    calls = [
        ["instant", server, 'many{i="7"}', f"--time={now}"],
        ["instant", server, "topk(3, many)", f"--time={now}"],
        ["instant", server, "1e30", "--time=1970-01-01T00:16:40.5Z"],
        ["instant", server, "absent(many)", f"--time={now}"],
        ["instant", server, 'many{i="7"}[5s]', f"--time={now}"],
        ["range", server, 'many{i=~"7|8"} * 1e-9', f"--start={now - 4}", f"--end={now}", "--step=1s"],
        ["range", server, "many", "--start=5", "--end=5"],
        ["series", server, "--match=many{i='1'}", "--match=live:sum"],
        ["labels", server, "i", "--match=many{i=~'1.?'}"],
        ["labels", server, "nothing"],
        ["instant", server, "sum(", "--time=5"],
        ["instant", server, "many", "--time=soon"],
        ["instant", f"{server}/nowhere", "many"],
    ]
    for call in calls:
        for output in ("promql", "json"):
            theirs = promtool(w.workspace, "query", "-o", output, *call)
            ours = subprocess.run([w.workspace.build / "narthextool", "query", "-o", output, *call],
                                  capture_output=True, text=True, timeout=60)
            check_equal((ours.returncode, ours.stdout, ours.stderr), (theirs.returncode, theirs.stdout, theirs.stderr),
                        f"query -o {output} {call}")


@case
def the_tool_analyzes_histograms_and_edits_queries(w: SimpleNamespace) -> None:
    def tool(*args: str) -> str:
        return subprocess.run([w.workspace.build / "narthextool", *args], capture_output=True, text=True, timeout=60,
                              check=True).stdout

    until(lambda: len(w.server.samples("latency_bucket")) == 3, "the histogram is scraped")
    printed = tool("query", "analyze", f"--server={w.server.url}", "--type=histogram", "--duration=2s",
                   "--match=latency_bucket")
    check("\n- latency_bucket{instance=" in printed and "} (classic): 2/2.000/2/3\n" in printed, printed)
    check("\nClassic histogram series (1 in total):\n- min populated: 2/2.000/2\n" in printed, printed)
    check_equal(tool("--experimental", "promql", "label-matchers", "set", "-t", "!=", "rate(up[5m])", "job", "x"),
                'rate(up{job!="x"}[5m])\n')
    check_equal(tool("promql", "format", "sum by(a)(up)"), "sum by (a) (up)\n")


@case
def what_a_crash_interrupted_is_told_at_the_next_start(w: SimpleNamespace) -> None:
    slow = SlowQuery(w.server)
    until(lambda: running(w.server), "the query is under way", pause=0.01)
    active = (w.server.data / "queries.active").read_bytes()
    check_equal((len(active), active[:1]), (20 * 1000 + 1, b"["))
    check(SLOW.encode() in active, "the query is in queries.active")
    w.server.kill()
    slow.join()
    w.server.start()
    told = [line for line in w.server.log_text().splitlines() if "These queries didn't finish in prometheus' last run:" in line]
    check(told and "quantile_over_time" in told[0], f"the log says what was running: {told}")
    check(SLOW.encode() not in (w.server.data / "queries.active").read_bytes(), "queries.active starts anew")
    check_equal(w.server.terminate(), 0)
    check_equal((w.server.data / "queries.active").read_bytes(), b"[" + bytes(20_000), "after a clean stop")
    w.server.start()
    check("didn't finish" not in w.server.log_text(), "nothing to tell after a clean stop")


if __name__ == "__main__":
    run_cases(world)
