"""Answers of two servers to one request, brought into a form in which they can be compared."""

import math
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
                      digits: int | None = None, scale: float = 0.0) -> None:
    """Status and parsed JSON are equal; of an error its type only, unless `whole_errors`.

    With `digits`, sample values are equal when they differ by less than the last of so many digits of
    the greater one, of the greatest value of their series, or of `scale`, the size of what went in:
    releases of Prometheus add up and round in different orders, which shows most where the parts of a
    sum nearly cancel out.
    """
    got, want = (comparable(ask, *ask.of(client), whole_errors) for client in (ours, theirs))
    if digits is not None:
        got = _with_close_values_of(got, want, 10.0 ** (1 - digits), scale)
    check_equal(got, want, f"{ask} of {ours.name} against {theirs.name}")


def comparable(ask: Ask, status: int, answer: Any, whole_errors: bool) -> Any:
    if answer["status"] == "error" and not whole_errors:
        return status, answer["errorType"]
    data = answer.get("data")
    # The sorting functions promise the order of an instant vector, nothing that of series.
    if isinstance(data, dict) and data.get("resultType") == "vector" and not ask.ordered:
        data["result"].sort(key=lambda one: sorted(one["metric"].items()))
    if ask.path == "series" and isinstance(data, list):
        data.sort(key=lambda labels: sorted(labels.items()))
    return status, _without(answer, CHANGING | ask.ignore)


def _with_close_values_of(got: Any, want: Any, tolerance: float, scale: float) -> Any:
    """`got`, where each number written as text that is close to its counterpart in `want` is the counterpart."""
    if isinstance(got, dict) and isinstance(want, dict):
        if "metric" in want:
            scale = max([scale, *map(abs, _finite_values(want))])
        return {n: v if n == "metric" else _with_close_values_of(v, want.get(n), tolerance, scale) for n, v in got.items()}
    if isinstance(got, (list, tuple)) and isinstance(want, (list, tuple)) and len(got) == len(want):
        return type(got)(_with_close_values_of(g, w, tolerance, scale) for g, w in zip(got, want))
    if isinstance(got, str) and isinstance(want, str) and got != want:
        g, w = _number(got), _number(want)
        if g is not None and w is not None and abs(g - w) <= tolerance * max(abs(g), abs(w), scale):
            return want
    return got


def _finite_values(series: Any) -> list[float]:
    """Every finite number that a series of an answer writes as text, its labels aside."""
    if isinstance(series, dict):
        return [v for name, part in series.items() if name != "metric" for v in _finite_values(part)]
    if isinstance(series, list):
        return [v for part in series for v in _finite_values(part)]
    number = _number(series) if isinstance(series, str) else None
    return [] if number is None else [number]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {n: _without(v, names) for n, v in value.items() if n not in names}
    if isinstance(value, list):
        return [_without(v, names) for v in value]
    return value
