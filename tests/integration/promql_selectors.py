"""Selectors: the leaves of generated queries, and the choices that all of them are made by."""

from dataclasses import replace
from random import Random
from typing import Any, Callable, Sequence

from promql_data import EVALUATED, METRICS, SPAN_MS, START_MS, Metric
from promql_expressions import Expr

RANGES = ("1m", "90s", "2m", "5m", "10m", "17m", "30m")
STEPS = ("15s", "40s", "1m", "2m", "150s")
OFFSETS = ("10s", "1m", "5m", "13m", "-1m", "-3m")
LARGEST = 1e60  # no product of sizes comes near the end of the doubles

Wanted = Callable[[Expr], bool]


def seconds(milliseconds: int) -> str:
    return f"{milliseconds // 1000}.{milliseconds % 1000:03}"


def anything(_: Expr) -> bool:
    return True


def exact(e: Expr) -> bool:
    return e.exact and not e.histograms


class Selectors:
    def __init__(self, random: Random, metrics: Sequence[Metric] = METRICS, span_ms: int = SPAN_MS):
        self.random = random
        self.metrics = metrics
        self.span_ms = span_ms
        self.ranged = False  # a range query is being made
        self.inner = 0  # depth of subqueries

    # Choices

    def choose(self, from_: Sequence) -> Any:
        return self.random.choice(from_)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def pick(self, *ways: "tuple[float, Callable[[], Expr]]") -> Expr:
        return self.random.choices([way for _, way in ways], [weight for weight, _ in ways])[0]()

    def wanted(self, make: Callable[[], Expr], ok: Wanted, otherwise: Callable[[], Expr]) -> Expr:
        for _ in range(12):
            expr = make()
            if ok(expr) and (expr.exact or expr.size < LARGEST):
                return expr
        return otherwise()

    # When

    def _time(self, first_minute: int, last_minute: int) -> int:
        """Behind the widest window, where every series that lasts has begun."""
        t = START_MS + self.random.randrange(first_minute * 60_000, last_minute * 60_000)
        return t - t % 10 + EVALUATED

    # Selectors

    def selector(self, ok: Wanted = anything) -> Expr:
        if ok is anything and self.chance(0.06):
            return self.nameless_selector()
        metrics = [m for m in self.metrics if ok(self.facts(m))]
        return self.select(self.choose(metrics or [m for m in self.metrics if m.name == "temperature"]))

    def facts(self, m: Metric) -> Expr:
        return Expr(
            "vector",
            (m.name,),
            frozenset(m.labels),
            named=True,
            size=m.size,
            least=m.least,
            whole=m.whole,
            odd=m.odd,
            distinct=m.distinct,
            gapless=m.gapless,
            counter=m.kind in ("counter", "buckets"),
            histograms=m.kind == "histogram",
        )

    def select(self, m: Metric, without_modifiers: bool = False) -> Expr:
        matchers = [
            self.matcher(name, m) for name in self.random.sample(sorted(m.labels), self.random.choices((0, 1, 2), (5, 3, 1))[0] % (len(m.labels) + 1))
        ]
        name = m.name
        if self.chance(0.06):
            name, matchers = "", [self.choose((f'__name__="{m.name}"', f'__name__=~"{m.name[:-1]}."')), *matchers]
        text = name + ("{" + ",".join(matchers) + self.choose(("", ",")) + "}" if matchers else self.choose(("", "", "{}")))
        return replace(self.facts(m), parts=(text + ("" if without_modifiers else self.modifiers()),))

    def nameless_selector(self) -> Expr:
        text = self.choose(('{job="api",code=~".+"}', '{__name__=~"(queue|load|up)"}', '{instance="a:80",job=~"a.*",zone!=""}', '{shape="saw"}'))
        return Expr(
            "vector",
            (text + self.modifiers(),),
            frozenset(("job", "instance", "code", "method", "shape", "zone")),
            named=True,
            unique=False,
            size=1e5,
            odd=False,
        )

    def matcher(self, label: str, m: Metric) -> str:
        values = m.labels[label]
        one = str(self.choose(values))
        escaped = one.replace("\\", "\\\\").replace('"', '\\"')
        pattern = "".join(f"\\\\{c}" if c in ".+*?()[]{}|^$" else c for c in one)
        some = "|".join(str(v).replace("+", "\\\\+").replace(".", "\\\\.") for v in self.random.sample(values, min(2, len(values))))
        return self.pick_text(
            (4, f'{label}="{escaped}"'),
            (2, f'{label}!="{escaped}"'),
            (2, f'{label}=~"{some}"'),
            (1, f'{label}!~"{pattern}"'),
            (1, f'{label}=~".+"'),
            (1, f"{label}!=''"),
            (1, f'{label}=~"{pattern[:1] if pattern[:1] != chr(92) else ""}.*"'),
            (0.5, 'nothing=""'),
            (0.5, f'{label}=~`(?i:{one.upper() if one.isalpha() and one.isascii() else ".*"})`'),
            (0.2, f'{label}="none"'),
            (0.5, f'{label}!~"x|y.z|[0-3]{{4}}"'),
        )

    def pick_text(self, *ways: tuple[float, str]) -> str:
        return self.random.choices([text for _, text in ways], [weight for weight, _ in ways])[0]

    def modifiers(self, over_range: bool = False) -> str:
        texts = []
        if self.chance(0.15):
            texts.append(f"offset {self.choose(OFFSETS)}")
        if self.chance(0.08) and not (over_range and (self.ranged or self.inner)):
            texts.append(f"@ {self.choose(('start()', 'end()', seconds(self._time(100, 179)), seconds(self._time(120, 170))))}")
        self.random.shuffle(texts)
        return "".join(f" {text}" for text in texts)

    def range_selector(self, ok: Wanted = anything) -> Expr:
        metrics = [m for m in self.metrics if ok(replace(self.facts(m), type="matrix"))]
        vector = self.select(self.choose(metrics or [m for m in self.metrics if m.name == "temperature"]), without_modifiers=True)
        return replace(vector, type="matrix", parts=(vector, f"[{self._duration(RANGES)}]{self.modifiers(over_range=True)}"))

    def _duration(self, among: Sequence[str]) -> str:
        """Within subqueries, where evaluation is at multiples of the step, an edge of 5 ms more keeps off the next steps."""
        return f"{self.choose(among)}{'5ms' if self.inner else ''}"

    @staticmethod
    def _is_selector(e: Expr) -> bool:
        return all(isinstance(part, str) for part in e.parts) and not str(e).endswith(")")
