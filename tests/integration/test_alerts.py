#!/usr/bin/env python3
"""Rules: recording rules, alerts through all their states, and what Alertmanagers get."""

import json
from contextlib import contextmanager
from datetime import datetime
from types import SimpleNamespace
from typing import Iterator

from cases import Skip, case, check, check_equal, run_cases, until
from exporter import Exporter
from peers import start_alertmanager
from server import Server
from workspace import Workspace

CONFIG = """
global:
  scrape_interval: 500ms
  evaluation_interval: 500ms
  external_labels: {{site: lab}}
rule_files: ['rules/*.yml']
alerting:
  alertmanagers:
    - static_configs: [{{targets: [{alertmanagers}]}}]
scrape_configs:
  - job_name: heater
    static_configs: [{{targets: ['{heater}']}}]
"""

RULES = """
groups:
  - name: heat
    rules:
      - record: job:temperature:max
        expr: max by (job) (temperature)
        labels: {kind: recorded}
      - record: job:temperature:max_doubled
        expr: job:temperature:max * 2
      - alert: TooHot
        expr: job:temperature:max{kind="recorded"} > 50
        for: 4s
        labels: {severity: page}
        annotations: {summary: It is too hot, runbook: 'https://runbooks.example/heat'}
      - alert: WarmAtOnce
        expr: temperature > 40
      - alert: Never
        expr: temperature > 1000
  - name: slow
    interval: 1h
    rules:
      - record: once_an_hour
        expr: vector(1)
"""
COLD, WARM, HOT = 'temperature{room="a"} 20\n', 'temperature{room="a"} 45\n', 'temperature{room="a"} 70\n'


@contextmanager
def world(workspace: Workspace) -> Iterator[SimpleNamespace]:
    w = SimpleNamespace(heater=Exporter(COLD), listener=Exporter())
    targets = [w.listener.address]
    try:
        w.alertmanager = start_alertmanager(workspace)
        targets.append(w.alertmanager.url.removeprefix("http://"))
    except Skip as why:
        w.alertmanager = None
        w.why_no_alertmanager = str(why)
    quoted = ", ".join(f"'{t}'" for t in targets)
    w.server = Server(workspace, CONFIG.format(heater=w.heater.address, alertmanagers=quoted), "--rules.alert.resend-delay=1s")
    (w.server.folder / "rules").mkdir()
    (w.server.folder / "rules" / "heat.yml").write_text(RULES)
    w.server.start()
    yield w


def alerts(w: SimpleNamespace, name: str) -> list[dict]:
    return [a for a in w.server.api("alerts")["alerts"] if a["labels"]["alertname"] == name]


def rule(w: SimpleNamespace, name: str) -> dict:
    groups = w.server.api("rules")["groups"]
    return next(r for g in groups for r in g["rules"] if r["name"] == name)


def notified(w: SimpleNamespace, name: str) -> list[dict]:
    """Alerts of that name as the fake Alertmanager got them, oldest first."""
    return [a for _, body in list(w.listener.posts) for a in json.loads(body) if a["labels"]["alertname"] == name]


def seen_in_alertmanager(w: SimpleNamespace, name: str) -> list[dict]:
    return [a for a in w.alertmanager.get("/api/v2/alerts").json if a["labels"]["alertname"] == name]


def instant(text: str) -> float:
    # Python reads no more than microseconds, Go writes nanoseconds.
    whole, _, rest = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(whole + "+00:00").timestamp() + float("0." + (rest or "0"))


@case
def recording_rules_give_series(w: SimpleNamespace) -> None:
    until(lambda: w.server.query("job:temperature:max") != [], "the rule has been evaluated")
    check_equal(w.server.query("job:temperature:max")[0]["metric"],
                {"__name__": "job:temperature:max", "job": "heater", "kind": "recorded"})
    until(lambda: w.server.value("job:temperature:max") == 20, "its value")
    # A rule reads what the rule before it in its group has just written.
    until(lambda: w.server.value("job:temperature:max_doubled") == 40, "the second rule's result")


@case
def rules_are_listed_with_their_health(w: SimpleNamespace) -> None:
    until(lambda: rule(w, "Never")["health"] == "ok", "it was evaluated")
    never = rule(w, "Never")
    check_equal({k: never[k] for k in ("state", "query", "duration", "type", "alerts")},
                {"state": "inactive", "query": "temperature > 1000", "duration": 0, "type": "alerting", "alerts": []})
    recorded = rule(w, "job:temperature:max")
    check_equal((recorded["type"], recorded["health"], recorded["labels"]), ("recording", "ok", {"kind": "recorded"}))
    groups = {g["name"]: g for g in w.server.api("rules")["groups"]}
    check_equal((groups["heat"]["interval"], groups["slow"]["interval"]), (0.5, 3600))
    check(groups["heat"]["file"].endswith("rules/heat.yml"), groups["heat"]["file"])


@case
def only_alerts_or_only_records_can_be_asked_for(w: SimpleNamespace) -> None:
    def kinds(params: dict) -> set[str]:
        return {r["name"] for g in w.server.api("rules", params)["groups"] for r in g["rules"]}

    check_equal(kinds({"type": "alert"}), {"TooHot", "WarmAtOnce", "Never"})
    check_equal(kinds({"type": "record"}), {"job:temperature:max", "job:temperature:max_doubled", "once_an_hour"})
    check_equal(kinds({"rule_name[]": "TooHot"}), {"TooHot"})
    check_equal(kinds({"rule_group[]": "slow"}), {"once_an_hour"})


@case
def alertmanagers_are_listed(w: SimpleNamespace) -> None:
    wanted = f"http://{w.listener.address}/api/v2/alerts"
    until(lambda: wanted in [a["url"] for a in w.server.api("alertmanagers")["activeAlertmanagers"]], "it is listed")


@case
def an_alert_without_for_fires_at_once(w: SimpleNamespace) -> None:
    check_equal(alerts(w, "WarmAtOnce"), [])
    w.heater.page = WARM
    until(lambda: [a["state"] for a in alerts(w, "WarmAtOnce")] == ["firing"], "it fires")
    check_equal(alerts(w, "TooHot"), [])
    until(lambda: notified(w, "WarmAtOnce"), "the Alertmanager gets it")


@case
def an_alert_goes_pending_then_firing(w: SimpleNamespace) -> None:
    w.heater.page = HOT
    until(lambda: [a["state"] for a in alerts(w, "TooHot")] == ["pending"], "it is pending", pause=0.05)
    pending = alerts(w, "TooHot")[0]
    check_equal(notified(w, "TooHot"), [], "a pending alert is not sent")
    until(lambda: [a["state"] for a in alerts(w, "TooHot")] == ["firing"], "it fires")
    alert = alerts(w, "TooHot")[0]
    check_equal(alert["labels"], {"alertname": "TooHot", "job": "heater", "kind": "recorded", "severity": "page"})
    check_equal(alert["annotations"], {"summary": "It is too hot", "runbook": "https://runbooks.example/heat"})
    check_equal(alert["activeAt"], pending["activeAt"])
    check_equal(alert["value"], "7e+01")
    check_equal(rule(w, "TooHot")["state"], "firing")
    check_equal(rule(w, "TooHot")["alerts"][0]["state"], "firing")


@case
def an_alert_is_seen_as_series(w: SimpleNamespace) -> None:
    until(lambda: w.server.value('ALERTS{alertname="TooHot",alertstate="firing"}') == 1, "ALERTS of the firing alert")
    until(lambda: w.server.query('ALERTS{alertname="TooHot",alertstate="pending"}') == [], "the pending one is stale")
    check(w.server.value('count_over_time(ALERTS{alertname="TooHot",alertstate="pending"}[5m])') >= 1, "it was pending")
    metric = w.server.query('ALERTS{alertname="TooHot"}')[0]["metric"]
    check_equal(metric, {"__name__": "ALERTS", "alertname": "TooHot", "alertstate": "firing", "job": "heater",
                         "kind": "recorded", "severity": "page"})
    active_at = instant(alerts(w, "TooHot")[0]["activeAt"])
    check_equal(w.server.value('ALERTS_FOR_STATE{alertname="TooHot"}'), float(int(active_at)))


@case
def an_alertmanager_gets_the_firing_alert(w: SimpleNamespace) -> None:
    alert = until(lambda: notified(w, "TooHot"), "it is sent")[-1]
    check_equal(w.listener.posts[-1][0], "/api/v2/alerts")
    check_equal(alert["labels"], {"alertname": "TooHot", "job": "heater", "kind": "recorded", "severity": "page", "site": "lab"})
    check_equal(alert["annotations"], {"summary": "It is too hot", "runbook": "https://runbooks.example/heat"})
    check("/graph?g0.expr=job%3Atemperature%3Amax" in alert["generatorURL"], alert["generatorURL"])
    # Four times the longer of interval and resend delay after the evaluation that sent it.
    lasts = instant(alert["endsAt"]) - instant(alert["startsAt"])
    check(lasts >= 4, f"it ends {lasts} s after its start")


@case
def a_real_alertmanager_shows_the_firing_alert(w: SimpleNamespace) -> None:
    if not w.alertmanager:
        raise Skip(w.why_no_alertmanager)
    alert = until(lambda: seen_in_alertmanager(w, "TooHot"), "it is there")[0]
    check_equal(alert["labels"]["severity"], "page")
    check_equal(alert["annotations"]["summary"], "It is too hot")
    check_equal(alert["status"]["state"], "active")


@case
def an_alert_is_resolved(w: SimpleNamespace) -> None:
    started = notified(w, "TooHot")[-1]["startsAt"]
    w.heater.page = COLD
    until(lambda: alerts(w, "TooHot") == [], "it is not active any more")
    check_equal(rule(w, "TooHot")["state"], "inactive")
    until(lambda: w.server.query('ALERTS{alertname="TooHot"}') == [], "ALERTS is stale")
    until(lambda: w.server.query('ALERTS_FOR_STATE{alertname="TooHot"}') == [], "ALERTS_FOR_STATE is stale")

    def resolved() -> bool:
        last = notified(w, "TooHot")[-1]
        now = float(w.server.api("query", {"query": "time()"})["result"][1])
        return last["startsAt"] == started and instant(last["endsAt"]) <= now

    until(resolved, "the Alertmanager is told that it has ended")
    if w.alertmanager:
        until(lambda: seen_in_alertmanager(w, "TooHot") == [], "the real Alertmanager lists it no more")


@case
def a_rule_that_fails_says_so_and_the_others_go_on(w: SimpleNamespace) -> None:
    w.heater.page = 'temperature{room="a",odd="1"} 20\ntemperature{room="a",odd="2"} 21\n'
    bad = ('groups: [{name: bad, rules: [{record: broken, expr: "temperature * on(room) temperature"},'
           ' {record: fine, expr: "vector(3)"}]}]\n')
    (w.server.folder / "rules" / "bad.yml").write_text(bad)
    w.server.hang_up()
    until(lambda: any(g["name"] == "bad" for g in w.server.api("rules")["groups"]), "the new file is read")
    until(lambda: rule(w, "broken")["health"] == "err", "it fails")
    check("many-to-many matching not allowed" in rule(w, "broken")["lastError"]
          or "found duplicate series for the match group" in rule(w, "broken")["lastError"], rule(w, "broken")["lastError"])
    until(lambda: w.server.value("fine") == 3, "the next rule of its group is evaluated")
    check(w.server.metric("prometheus_rule_evaluation_failures_total") >= 1, "failures are counted")


if __name__ == "__main__":
    run_cases(world)
