"""Answers of two servers to one request, brought into a form in which they can be compared."""

from dataclasses import dataclass, field
from typing import Any

from api_client import ApiClient, Params
from cases import check_equal

# What may differ between two servers, or two moments.
CHANGING = {"evaluationTime", "lastEvaluation", "lastScrape", "lastScrapeDuration", "globalUrl", "activeAt"}


@dataclass
class Ask:
    path: str
    params: Params = None
    method: str = "GET"
    ignore: set[str] = field(default_factory=set)  # members, at any depth
    ordered: bool = False  # the order of an instant vector counts

    def of(self, client: ApiClient) -> tuple[int, Any]:
        path = f"/api/v1/{self.path}"
        answer = client.post(path, self.params) if self.method == "POST" else client.get(path, self.params)
        return answer.status, answer.json

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.params}"


def check_same_answer(ask: Ask, ours: ApiClient, theirs: ApiClient, whole_errors: bool = False,
                      digits: int | None = None) -> None:
    """Status and parsed JSON are equal; of an error its type only, unless `whole_errors`.

    With `digits`, sample values are equal when so many of their digits are: releases of Prometheus
    add up and round in different orders.
    """
    got, want = (comparable(ask, *ask.of(client), whole_errors, digits) for client in (ours, theirs))
    check_equal(got, want, f"{ask} of {ours.name} against {theirs.name}")


def comparable(ask: Ask, status: int, answer: Any, whole_errors: bool, digits: int | None = None) -> Any:
    if answer["status"] == "error" and not whole_errors:
        return status, answer["errorType"]
    data = answer.get("data")
    # The sorting functions promise the order of an instant vector, nothing that of series.
    if isinstance(data, dict) and data.get("resultType") == "vector" and not ask.ordered:
        data["result"].sort(key=lambda one: sorted(one["metric"].items()))
    if ask.path == "series" and isinstance(data, list):
        data.sort(key=lambda labels: sorted(labels.items()))
    if digits is not None and isinstance(data, dict):
        _round_values(data.get("result"), digits)
    return status, _without(answer, CHANGING | ask.ignore)


def _round_values(result: Any, digits: int) -> None:
    def rounded(number: str) -> str:
        return f"{float(number):.{digits}g}"

    for series in result if isinstance(result, list) else []:
        if not isinstance(series, dict):
            continue
        for sample in series.get("values", [series["value"]] if "value" in series else []):
            sample[1] = rounded(sample[1])
        for _, histogram in series.get("histograms", [series["histogram"]] if "histogram" in series else []):
            histogram["count"], histogram["sum"] = rounded(histogram["count"]), rounded(histogram["sum"])
            histogram["buckets"] = [[kind, *map(rounded, numbers)] for kind, *numbers in histogram.get("buckets", [])]


def _without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {n: _without(v, names) for n, v in value.items() if n not in names}
    if isinstance(value, list):
        return [_without(v, names) for v in value]
    return value
