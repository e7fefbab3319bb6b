#!/usr/bin/env python3
"""The HTTP API against the real one: Debian's Prometheus on a copy of our data directory, and
what only 3.14 does asserted directly. NARTHEX_ORACLE names a Prometheus 3.14 to compare with
as well (by hand)."""

import gzip
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Iterator

from answers import Ask, check_same_answer
from api_client import ApiClient
from cases import Skip, case, check, check_equal, run_cases, until
from data_directory import copy_data
from exporter import Exporter
from peers import Peer, start_prometheus
from server import Server
from workspace import Workspace

RECORDED = """
global: {{scrape_interval: 250ms}}
scrape_configs:
  - job_name: past
    static_configs: [{{targets: ['{0}'], labels: {{instance: recorded}}}}]
"""
# Both scrape the same page from here on, so that metadata, targets and rules can be compared.
LIVE = """
global: {{scrape_interval: 500ms, evaluation_interval: 500ms}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: live
    static_configs: [{{targets: ['{0}'], labels: {{instance: now}}}}]
"""
RULES = """
groups:
  - name: watch
    rules:
      - {record: live:up, expr: 'sum by (job) (up{job="live"})', labels: {kind: recorded}}
      - {alert: Down, expr: 'up{job="live"} == 0', for: 1m, labels: {severity: page}, annotations: {summary: It is down}}
      - {alert: AlwaysOn, expr: vector(1), labels: {severity: none}}
"""
LIVE_PAGE = """# HELP jobs_done_total Jobs that were done.
# TYPE jobs_done_total counter
jobs_done_total{worker="a"} 5
# HELP queue_length Waiting jobs, with \\\\ a backslash and a\\n second line.
# TYPE queue_length gauge
queue_length 3
# TYPE untyped_thing untyped
untyped_thing 1
"""
SCRAPES = 56


def past_page(number: int) -> str:
    rows = [f'requests_total{{code="{code}",method="{method}"}} {number * weight}'
            for weight, (code, method) in enumerate([("200", "get"), ("200", "post"), ("404", "get"), ("500", "get")], 1)]
    return "\n".join([
        "# TYPE requests_total counter", *rows, f'gauge{{shape="saw"}} {number % 5}', f'gauge{{shape="third"}} {number / 3}',
        'odd{text="<a & \\"b\\">",letters="größe 測試"} 1', "endless +Inf", "minus -0", "tiny 1e-310", "big 1.5e300",
        "exact 0.1", "whole 1e21", "small 0.0000001",
        f'latency_bucket{{le="0.1"}} {number}', f'latency_bucket{{le="1"}} {2 * number}',
        f'latency_bucket{{le="+Inf"}} {3 * number}', f"latency_count {3 * number}", f"latency_sum {number / 7}",
        *([f"passing {number}"] if number % 8 < 4 else []), ""])


@contextmanager
def world(workspace: Workspace) -> Iterator[SimpleNamespace]:
    w = SimpleNamespace(workspace=workspace)
    past = Exporter(past_page)
    recorder = Server(workspace, RECORDED.format(past.address), name="recorder")
    recorder.start()
    until(lambda: past.scrapes > SCRAPES, "enough has been scraped")
    samples = recorder.samples('{job="past"}')
    recorder.kill()
    past.close()

    times = {t for values in samples.values() for t in values}
    w.first, w.last = min(times) / 1000, max(times) / 1000
    # Off the times of all samples and of all whole seconds before: 2.42 counts the left edge of
    # a range in.
    taken = {t % 1000 for t in times}
    quiet = next(m for m in range(1, 1000) if m not in taken) / 1000
    # Nor so near the start that a window is not full: 2.42 extrapolates a series' birth otherwise.
    w.start, w.middle, w.end = (int(t) + quiet for t in (w.first + 9, w.first + 11, w.last + 1))

    w.live = Exporter(LIVE_PAGE)
    config = LIVE.format(w.live.address)
    folder = workspace.new_folder("narthex")
    (folder / "rules.yml").write_text(RULES)
    w.server = Server(workspace, config, "--web.enable-lifecycle", folder=folder,
                      data=copy_data(workspace, recorder.data, "ours"))
    w.server.start()
    w.references = []
    if oracle := os.environ.get("NARTHEX_ORACLE"):
        w.references.append(start_reference(w, config, recorder.data, "oracle", oracle))
    try:
        w.debian = start_reference(w, config, recorder.data, "theirs", None)
        w.references.append(w.debian)
    except Skip as why:
        w.debian, w.why_none = None, str(why)
    for server in (w.server, *w.references):
        until(lambda: has_settled(server), f"{server.name} has scraped its target and evaluated its rules")
    yield w


def has_settled(server: ApiClient) -> bool:
    rules = server.api("rules")["groups"][0]["rules"]
    return (all(r["health"] == "ok" for r in rules) and server.target("live")["health"] == "up"
            and server.value("live:up") == 1 and server.value('ALERTS{alertname="AlwaysOn"}') == 1)


def start_reference(w: SimpleNamespace, config: str, data: Path, name: str, binary: str | None) -> Peer:
    folder = w.workspace.new_folder(f"{name}-config")
    shutil.copy(w.server.folder / "rules.yml", folder)
    return start_prometheus(w.workspace, config, copy_data(w.workspace, data, name), binary, config_folder=folder)


def compare(w: SimpleNamespace, asks: list[Ask]) -> None:
    if not w.references:
        raise Skip(w.why_none)
    wrong = []
    for ask in asks:
        for reference in w.references:
            try:
                check_same_answer(ask, w.server, reference, digits=14 if reference is w.debian else None)
            except AssertionError as problem:
                wrong.append(str(problem))
    check(not wrong, f"{len(wrong)} of {len(asks)} answers differ:\n    " + "\n    ".join(wrong[:8]))


INSTANT = (
    "1+1", "1e30", "-1/0", "0/0", "'text'", "requests_total", 'requests_total{code=~"2..|4.."}', 'odd', "endless", "minus", "tiny", "big",
    "exact + 0.2", "whole", "small", "gauge", "nothing", "sum by (code) (requests_total)", "avg without (method) (requests_total)",
    "rate(requests_total[6s])", "irate(requests_total[3s])", "increase(requests_total[5s])", "delta(gauge[4s])",
    "deriv(gauge[6s])", "histogram_quantile(0.5, rate(latency_bucket[6s]))", "latency_sum / latency_count",
    "requests_total / on(method) group_left sum by (method) (requests_total)", 'requests_total{code="500"} or gauge',
    "requests_total and on(code) requests_total{code='404'}", "requests_total unless on(code) requests_total{code='404'}",
    "count_values('v', gauge)", "topk(2, requests_total)", "quantile(0.3, requests_total)", "stddev(requests_total)",
    "max_over_time(gauge[5s])", "quantile_over_time(0.9, gauge[5s])", "count_over_time(passing[8s])", "absent(nothing{a='b'})",
    "absent_over_time(passing[1s])", "label_replace(odd, 'x', '$1', 'letters', '(.).*')", "label_join(gauge, 'j', '-', 'shape', 'job')",
    "requests_total offset 3s", "rate(requests_total[5s] offset 2s)", "max_over_time(rate(requests_total[3s])[5s:700ms])",
    "clamp(gauge, 1, 2)", "round(gauge, 0.5)", "sgn(gauge - 1)", "timestamp(gauge)", "vector(time())", "scalar(exact)",
    "hour(vector(1e9))", "day_of_week()", "requests_total > bool 50", "requests_total > 50", '2 ^ gauge{shape="saw"}', "gauge % 2",
    "gauge atan2 exact", "-gauge", "group(requests_total)", "changes(gauge[6s])", "resets(gauge[6s])", 'up{job="past"}', "passing",
    "predict_linear(gauge[6s], 10)", "sum(requests_total) by (code) > 10", "requests_total[3s]", 'scrape_samples_scraped{job="past"}')
SORTED = ("sort(requests_total)", "sort_desc(requests_total)", "topk(3, requests_total)", "bottomk(2, requests_total)")


@case
def instant_queries_answer_the_same(w: SimpleNamespace) -> None:
    compare(w, [Ask("query", {"query": q, "time": f"{t:.3f}"}) for q in INSTANT for t in (w.middle, w.end)])


@case
def sorted_queries_answer_in_the_same_order(w: SimpleNamespace) -> None:
    compare(w, [Ask("query", {"query": q, "time": f"{w.middle:.3f}"}, ordered=True) for q in SORTED])


@case
def range_queries_answer_the_same(w: SimpleNamespace) -> None:
    drawable = [q for q in INSTANT if q not in ("'text'", "requests_total[3s]", "day_of_week()")]
    compare(w, [Ask("query_range", {"query": q, "start": f"{w.start:.3f}", "end": f"{w.end:.3f}", "step": "1"}, "POST") for q in drawable])


@case
def grafana_saves_and_tests(w: SimpleNamespace) -> None:
    compare(w, [Ask("query", {"query": "1+1", "time": w.end}, method) for method in ("GET", "POST")])
    buildinfo = w.server.api("status/buildinfo")
    check(buildinfo["version"].startswith("3.14"), f"Grafana picks its features by {buildinfo}")
    for member in ("revision", "branch", "buildUser", "buildDate", "goVersion"):
        check(member in buildinfo, f"{member} is in {buildinfo}")


@case
def grafana_asks_for_names_values_and_series(w: SimpleNamespace) -> None:
    span = {"start": f"{w.first:.3f}", "end": f"{w.last:.3f}"}
    one = {"match[]": "requests_total", **span}
    two = [("match[]", 'requests_total{code="200"}'), ("match[]", "gauge"), *span.items()]
    compare(w, [
        Ask("labels"), Ask("labels", span), Ask("labels", span, "POST"), Ask("labels", one), Ask("labels", two, "POST"),
        Ask("labels", {"match[]": "nothing"}), Ask("label/__name__/values", span), Ask("label/__name__/values"),
        Ask("label/code/values", one), Ask("label/job/values"), Ask("label/code/values", two), Ask("label/nothing/values"),
        Ask("label/letters/values", span), Ask("label/code/values", {"match[]": '{__name__=~"requests.*",method="post"}'}),
        Ask("series", one), Ask("series", two), Ask("series", two, "POST"), Ask("series", {"match[]": "nothing"}),
        Ask("series", {"match[]": '{job="past"}', **span}), Ask("series", {"match[]": 'odd{text=~"<.*"}', **span}),
        Ask("series", {"match[]": "requests_total", "start": "0", "end": "1"}), Ask("labels", {"start": "0", "end": "1"})])


@case
def limits_cut_and_say_so(w: SimpleNamespace) -> None:
    for path, params in [("labels", {}), ("label/__name__/values", {}), ("series", {"match[]": '{job="past"}'}),
                         ("query", {"query": "requests_total", "time": w.middle}),
                         ("query_range", {"query": "requests_total", "start": w.start, "end": w.end, "step": 1})]:
        answer = w.server.get(f"/api/v1/{path}", {**params, "limit": 2})
        data = answer.data
        check_equal(len(data["result"] if isinstance(data, dict) else data), 2, f"{path} with limit=2")
        check_equal(answer.json["warnings"], ["results truncated due to limit"], path)
        check(answer.text.index('"data"') < answer.text.index('"warnings"'), "data comes before warnings")
        unlimited = w.server.get(f"/api/v1/{path}", {**params, "limit": 0})
        check("warnings" not in unlimited.json, f"{path} with limit=0: {unlimited.text[:200]}")
        check_equal(w.server.get(f"/api/v1/{path}", {**params, "limit": -1}).status, 400, f"{path} with limit=-1")


@case
def metadata_is_the_same(w: SimpleNamespace) -> None:
    compare(w, [Ask("metadata"), Ask("metadata", {"metric": "queue_length"}), Ask("metadata", {"metric": "nothing"}),
                Ask("metadata", {"limit_per_metric": 1}),
                Ask("targets/metadata", {"metric": "jobs_done_total"}, ignore={"target"})])
    check_equal(len(w.server.api("metadata", {"limit": 1})), 1)


@case
def rules_and_alerts_are_the_same(w: SimpleNamespace) -> None:
    asks = [Ask("rules"), Ask("rules", {"type": "alert"}), Ask("rules", {"type": "record"}), Ask("alerts"),
            Ask("rules", {"type": "wrong"}), Ask("alertmanagers")]
    for ask in asks:  # the folder and what came after 2.42 apart
        ask.ignore |= {"file", "keepFiringSince"}
    compare(w, asks)


@case
def exemplars_are_empty_and_wrong_requests_for_them_refused(w: SimpleNamespace) -> None:
    span = {"start": w.start, "end": w.end}
    answer = w.server.get("/api/v1/query_exemplars", {"query": "requests_total", **span})
    check_equal((answer.status, answer.json), (200, {"status": "success", "data": []}))
    compare(w, [Ask("query_exemplars", {"query": "requests_total", **span}),
                Ask("query_exemplars", {"query": "requests_total", **span}, "POST"),
                Ask("query_exemplars", {"query": "sum((", **span})])


@case
def targets_are_the_same(w: SimpleNamespace) -> None:
    # Labels that tell the scraper how came with later versions.
    ignore = {"droppedTargetCounts"} | {f"__{n}__" for n in ("scrape_native_histograms", "always_scrape_classic_histograms",
                                                            "convert_classic_histograms_to_nhcb")}
    compare(w, [Ask("targets", {"state": s}, ignore=ignore) for s in ("active", "dropped", "any", "wrong")])
    check_equal(w.server.api("targets", {"state": "any"})["droppedTargetCounts"], {"live": 0})
    check_equal(w.server.api("targets", {"scrapePool": "nothing"})["activeTargets"], [])


@case
def queries_are_formatted(w: SimpleNamespace) -> None:
    compare(w, [Ask("format_query", {"query": q}, method) for method in ("GET", "POST")
                for q in ("sum( up )by(job)", "a+b*c", "foo{b='c',a=~\"x\"}[5m] offset 1h", "sum((")])


ERRORS = [
    Ask("query", {"query": "sum("}), Ask("query", {"query": ""}), Ask("query"), Ask("query", {"query": "up", "time": "soon"}),
    Ask("query", {"query": "up", "timeout": "long"}), Ask("query", {"query": "nothing[5m"}), Ask("query", {"query": "{}"}),
    Ask("query", {"query": 'up{job=~"("}'}), Ask("query", {"query": "unknown_function(up)"}), Ask("query", {"query": "rate(up)"}),
    Ask("query", {"query": "requests_total + on(method) requests_total", "time": 0}), Ask("query", {"query": "1 +"}, "POST"),
    Ask("query_range", {"query": "up"}), Ask("query_range", {"query": "up", "start": 0, "end": 11001, "step": 1}),
    Ask("query_range", {"query": "up", "start": 10, "end": 0, "step": 1}), Ask("query_range", {"query": "up", "start": 0, "end": 10, "step": 0}),
    Ask("query_range", {"query": "up", "start": 0, "end": 10, "step": -1}), Ask("query_range", {"query": "up", "start": 0, "end": 10}),
    Ask("query_range", {"query": "up[5m]", "start": 0, "end": 10, "step": 1}), Ask("query_range", {"query": "up", "start": "x", "end": 10, "step": 1}),
    Ask("query_range", {"query": "up", "start": 0, "end": 10, "step": "1y1y"}), Ask("series"), Ask("series", method="POST"),
    Ask("series", {"match[]": "{}"}), Ask("series", {"match[]": '{a=~".*"}'}), Ask("series", {"match[]": "up["}),
    Ask("series", {"match[]": "up", "start": "x"}), Ask("series", {"match[]": "sum(up)"}),
    Ask("labels", {"match[]": "{}"}), Ask("labels", {"end": "x"}), Ask("label/job/values", {"match[]": '{a=""}'}),
    Ask("label/job/values", {"start": "x"}), Ask("metadata", {"limit": "x"}),
]


@case
def errors_have_the_same_status_and_type(w: SimpleNamespace) -> None:
    compare(w, ERRORS)
    clash = Ask("query", {"query": "requests_total * on(method) requests_total", "time": w.middle})
    compare(w, [clash])
    status, answer = clash.of(w.server)
    check_equal((status, answer["errorType"]), (422, "execution"))


@case
def error_texts_are_those_of_the_oracle(w: SimpleNamespace) -> None:
    oracle = next((r for r in w.references if r is not w.debian), None)
    if not oracle:
        raise Skip("NARTHEX_ORACLE names no Prometheus 3.14")
    wrong = []
    for ask in ERRORS:
        try:
            check_same_answer(ask, w.server, oracle, whole_errors=True)
        except AssertionError as problem:
            wrong.append(str(problem))
    check(not wrong, f"{len(wrong)} of {len(ERRORS)} answers differ:\n    " + "\n    ".join(wrong))


@case
def error_texts_are_those_of_3_14(w: SimpleNamespace) -> None:
    for path, params, text in [
        ("query", {"query": "sum("}, 'invalid parameter "query": 1:5: parse error: unclosed left parenthesis'),
        ("query", {"query": ""}, 'invalid parameter "query": unknown position: parse error: no expression found in input'),
        ("query", {"query": "up", "time": "soon"}, 'invalid parameter "time": invalid time value for \'time\': cannot parse "soon" to a valid timestamp'),
        ("query_range", {"query": "up", "start": 0, "end": 11001, "step": 1},
         "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"),
        ("query_range", {"query": "up", "start": 10, "end": 0, "step": 1},
         'invalid parameter "end": end timestamp must not be before start time'),
        ("query_range", {"query": "up", "start": 0, "end": 10, "step": 0},
         'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer'),
        ("query_range", {"query": "up[5m]", "start": 0, "end": 10, "step": 1},
         'invalid parameter "query": invalid expression type "range vector" for range query, must be Scalar or instant Vector'),
        ("series", {}, "no match[] parameter provided"),
        ("series", {"match[]": '{a=~".*"}'}, 'invalid parameter "match[]": match[] must contain at least one non-empty matcher'),
    ]:
        answer = w.server.get(f"/api/v1/{path}", params)
        check_equal((answer.status, answer.json), (400, {"status": "error", "errorType": "bad_data", "error": text}))


@case
def times_and_steps_come_in_all_their_forms(w: SimpleNamespace) -> None:
    compare(w, [
        Ask("query", {"query": "time()", "time": t}) for t in ("1e9", "1234567890.123", "2024-02-29T12:34:56Z", "2024-02-29T12:34:56.789+02:00")])
    compare(w, [Ask("query_range", {"query": "time()", "start": "1970-01-01T00:00:00Z", "end": 10, "step": s}) for s in ("5", "2.5", "5s", "1500ms")])


@case
def empty_results_are_lists(w: SimpleNamespace) -> None:
    check_equal(w.server.get("/api/v1/query", {"query": "nothing"}).text, '{"status":"success","data":{"resultType":"vector","result":[]}}')
    for path, params in [("series", {"match[]": "nothing"}), ("label/nothing/values", {}), ("labels", {"match[]": "nothing"})]:
        check_equal(w.server.get(f"/api/v1/{path}", params).text, '{"status":"success","data":[]}', path)
    answer = w.server.get("/api/v1/query_range", {"query": "nothing", "start": 0, "end": 1, "step": 1})
    check_equal(answer.text, '{"status":"success","data":{"resultType":"matrix","result":[]}}')


@case
def timeouts_end_a_query(w: SimpleNamespace) -> None:
    answer = w.server.get("/api/v1/query", {"query": "sum_over_time((rate(requests_total[5m]))[90d:1s])", "timeout": "10ms"})
    check_equal((answer.status, answer.json["errorType"]), (503, "timeout"))


@case
def stats_are_given_when_asked_for(w: SimpleNamespace) -> None:
    params = {"query": "requests_total", "time": w.middle}
    check("stats" not in w.server.get("/api/v1/query", params).data, "not asked for")
    stats = w.server.get("/api/v1/query", {**params, "stats": "true"}).data["stats"]
    check_equal(sorted(stats["timings"]), ["evalTotalTime", "execQueueTime", "execTotalTime", "innerEvalTime",
                                           "queryPreparationTime", "resultSortTime"])
    check_equal(stats["samples"]["totalQueryableSamples"], 4)


@case
def utf8_label_names_are_escaped_in_paths(w: SimpleNamespace) -> None:
    check_equal(w.server.api("label/U__code/values", {"match[]": "requests_total"}), ["200", "404", "500"])
    check_equal(w.server.get("/api/v1/label/U__a_2e_b/values").status, 200)


@case
def wrong_methods_are_refused_with_those_allowed(w: SimpleNamespace) -> None:
    for method, path, allowed in [("DELETE", "/api/v1/query", {"GET", "OPTIONS", "POST"}), ("POST", "/api/v1/rules", {"GET", "OPTIONS"}),
                                  ("POST", "/api/v1/label/job/values", {"GET", "OPTIONS"})]:
        answer = w.server.request(method, path)
        check_equal(answer.status, 405, f"{method} {path}")
        check_equal(set((answer.headers.get("Allow") or "").split(", ")), allowed, f"{method} {path}")


@case
def lifecycle_actions_want_a_post(w: SimpleNamespace) -> None:
    for path in ("/-/reload", "/-/quit"):
        check_equal(w.server.get(path).status, 405, path)


@case
def options_are_answered_without_a_body(w: SimpleNamespace) -> None:
    answer = w.server.request("OPTIONS", "/api/v1/query", headers={"Origin": "http://grafana.example"})
    check_equal((answer.status, answer.body), (204, b""))
    check(answer.headers.get("Access-Control-Allow-Methods"), "methods are named")


@case
def cors_headers_come_only_with_an_origin(w: SimpleNamespace) -> None:
    plain = w.server.get("/api/v1/query", {"query": "1"})
    check(not [h for h in plain.headers if h.lower().startswith("access-control")], f"{plain.headers.items()}")
    crossing = w.server.get("/api/v1/query", {"query": "1"}, headers={"Origin": "http://grafana.example"})
    check(crossing.headers.get("Access-Control-Allow-Origin") in ("*", "http://grafana.example"), f"{crossing.headers.items()}")


@case
def answers_are_compressed_for_those_who_accept_it(w: SimpleNamespace) -> None:
    plain = w.server.get("/api/v1/series", {"match[]": '{job="past"}'})
    check(plain.headers.get("Content-Encoding") is None, "not asked for")
    zipped = w.server.get("/api/v1/series", {"match[]": '{job="past"}'}, headers={"Accept-Encoding": "gzip"})
    check_equal(zipped.headers.get("Content-Encoding"), "gzip")
    check_equal(sorted(gzip.decompress(zipped.body)), sorted(plain.body))
    check("Accept-Encoding" in ", ".join(zipped.headers.get_all("Vary") or []), "caches are told")
    check_equal(plain.headers.get("Content-Type"), "application/json")


@case
def health_pages_answer_get_and_head(w: SimpleNamespace) -> None:
    for path, text in [("/-/healthy", "Prometheus Server is Healthy.\n"), ("/-/ready", "Prometheus Server is Ready.\n")]:
        check_equal((w.server.get(path).status, w.server.get(path).text), (200, text))
        head = w.server.request("HEAD", path)
        check_equal((head.status, head.body), (200, b""), f"HEAD {path}")


@case
def unknown_paths_are_plain_404(w: SimpleNamespace) -> None:
    for path in ("/api/v1/nothing", "/nothing", "/api/v2/query"):
        answer = w.server.get(path)
        check_equal((answer.status, answer.text), (404, "404 page not found\n"), path)


@case
def the_root_leads_to_the_query_page(w: SimpleNamespace) -> None:
    answer = w.server.get("/")
    check_equal((answer.status, answer.headers.get("Location")), (302, "/query"))
    check_equal(w.server.get("/graph", {"g0.expr": "up"}).headers.get("Location"), "/query?g0.expr=up")


@case
def the_status_pages_have_their_members(w: SimpleNamespace) -> None:
    runtime = w.server.api("status/runtimeinfo")
    for member in ("startTime", "CWD", "hostname", "serverTime", "reloadConfigSuccess", "lastConfigTime", "corruptionCount",
                   "goroutineCount", "GOMAXPROCS", "GOMEMLIMIT", "GOGC", "GODEBUG", "storageRetention"):
        check(member in runtime, f"{member} is in {sorted(runtime)}")
    check_equal((runtime["reloadConfigSuccess"], runtime["storageRetention"]), (True, "15d"))
    check("job_name: live" in w.server.api("status/config")["yaml"], "the configuration is shown")
    check_equal(w.server.api("status/flags")["web.enable-lifecycle"], "true")
    check_equal(w.server.api("status/flags")["query.lookback-delta"], "5m")
    tsdb = w.server.api("status/tsdb")
    check(tsdb["headStats"]["numSeries"] > 20, f"{tsdb['headStats']}")
    for member in ("labelValueCountByLabelName", "memoryInBytesByLabelName", "seriesCountByLabelValuePair", "seriesCountByMetricName"):
        check(tsdb[member] and sorted(tsdb[member][0]) == ["name", "value"], f"{member} is in {tsdb}")
    check_equal(sorted(tsdb["headStats"]), ["chunkCount", "maxTime", "minTime", "numLabelPairs", "numSeries"])


if __name__ == "__main__":
    run_cases(world)
