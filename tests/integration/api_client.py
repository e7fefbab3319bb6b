"""ApiClient: asks a Prometheus-like server over HTTP, and hides nothing of the answer."""

import gzip
import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

TIMEOUT_SECONDS = 60

# Names may repeat (match[]): a list of pairs, or a dictionary whose values may be lists.
Params = dict[str, Any] | list[tuple[str, Any]] | None


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        body = gzip.decompress(self.body) if self.headers.get("Content-Encoding") == "gzip" else self.body
        return body.decode(errors="replace")

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.text)
        except ValueError:
            raise AssertionError(f"not JSON (status {self.status}): {self.text[:300]!r}") from None

    @property
    def data(self) -> Any:
        """Of a successful answer of the v1 API."""
        parsed = self.json
        if self.status != 200 or parsed.get("status") != "success":
            raise AssertionError(f"status {self.status}: {self.text[:500]}")
        return parsed["data"]


class ApiClient:
    def __init__(self, port: int, name: str = "server"):
        self.port = port
        self.name = name
        self.url = f"http://127.0.0.1:{port}"

    def request(self, method: str, path: str, params: Params = None, form: Params = None,
                headers: dict[str, str] | None = None, body: bytes | None = None) -> Answer:
        """`params` go into the URL, `form` into the body. Each request has its own connection."""
        headers = dict(headers or {})
        target = path + ("?" + urlencode(params, doseq=True) if params else "")
        if form is not None:
            body = urlencode(form, doseq=True).encode()
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, target, body=body, headers=headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        except http.client.HTTPException as problem:
            raise OSError(f"{method} {self.url}{target}: {problem!r}") from problem
        finally:
            connection.close()

    def get(self, path: str, params: Params = None, headers: dict[str, str] | None = None) -> Answer:
        return self.request("GET", path, params, headers=headers)

    def post(self, path: str, form: Params = None, params: Params = None) -> Answer:
        return self.request("POST", path, params, form=form or {})

    def api(self, path: str, params: Params = None) -> Any:
        """`data` of GET /api/v1/<path>."""
        return self.get(f"/api/v1/{path}", params).data

    def query(self, expr: str, time: float | str | None = None) -> list[Any]:
        """`result` of an instant query."""
        params = {"query": expr} if time is None else {"query": expr, "time": time}
        return self.api("query", params)["result"]

    def value(self, expr: str, time: float | str | None = None) -> float | None:
        """The one value of an instant query; None if there is no series."""
        result = self.query(expr, time)
        if len(result) > 1:
            raise AssertionError(f"{expr} has {len(result)} series, not one")
        return float(result[0]["value"][1]) if result else None

    def samples(self, selector: str, span: str = "1h", time: float | str | None = None) -> "SamplesBySeries":
        """Every sample (but staleness markers) of the last `span`: {series: {milliseconds: text}}."""
        found: SamplesBySeries = {}
        for series in self.query(f"{selector}[{span}]", time):
            found[series_key(series["metric"])] = {milliseconds(t): v for t, v in series["values"]}
        return found

    def target(self, job: str) -> dict[str, Any]:
        """The one active target of a job."""
        targets = [t for t in self.api("targets", {"state": "active"})["activeTargets"] if t["scrapePool"] == job]
        if len(targets) != 1:
            raise AssertionError(f"job {job} has {len(targets)} active targets, not one")
        return targets[0]


SeriesKey = tuple[tuple[str, str], ...]
SamplesBySeries = dict[SeriesKey, dict[int, str]]


def series_key(labels: dict[str, str]) -> SeriesKey:
    return tuple(sorted(labels.items()))


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
