"""NewestGenerator: queries in the whole language of Prometheus 3.14, to be held against one of its kind.

Nothing is kept away here: samples lie on edges, series begin and end within windows, histograms meet floats, and operands
stand where they give annotations and errors. An oracle of the same release has to answer the same to the last bit, the
functions of its C library aside.
"""

import re
from dataclasses import replace
from random import Random
from typing import Callable, Sequence

import promql_data
import promql_histograms
from promql_data import SPAN_MS, START_MS, Metric
from promql_expressions import Expr
from promql_generator import Generator, Query
from promql_selectors import Wanted, anything

# Go's own algorithms, whose last bits are not the C library's.
OF_THE_LIBRARY = re.compile(
    r"\b(exp|ln|log2|log10|(a?(sin|cos|tan)h?)|atan2)\b|\^|histogram_(quantile|stddev|stdvar|fraction)|</|>/|smoothed|(rad|deg)\("
)
FEATURES = ("promql-experimental-functions", "promql-duration-expr", "promql-extended-range-selectors", "promql-binop-fill-modifiers")
METRICS = (*promql_data.METRICS, *promql_histograms.METRICS, *promql_histograms.METRICS)


class NewestGenerator(Generator):
    def __init__(self, random: Random, metrics: Sequence[Metric] = METRICS, span_ms: int = SPAN_MS):
        super().__init__(random, metrics, span_ms)
        self.strict = False  # what is being made has to be as wanted

    def wanted(self, make: Callable[[], Expr], ok: Wanted, otherwise: Callable[[], Expr]) -> Expr:
        """What would matter between releases is heeded half of the time only, so that most answers hold something."""
        return super().wanted(make, anything if not self.strict and self.chance(0.4) else ok, otherwise)

    def chosen(self, depth: int) -> Expr:
        """Of values that differ: among equal ones a range query of 3.14 chooses by chance."""
        was, self.strict = self.strict, True
        made = super().chosen(depth)
        self.strict = was
        return made

    def _time(self, first_minute: int, last_minute: int) -> int:
        t = START_MS + self.random.randrange(-2 * 60_000, self.span_ms + 10 * 60_000)
        return t - t % self.choose((1, 10, 1000, 15_000, 60_000))

    def _at_some_time(self, expr: Expr, broken: bool = False) -> Query:
        query = super()._at_some_time(expr, broken)
        # What 2.42 refuses may have a meaning by now.
        return replace(query, end=max(query.start, query.end), broken=False)

    def select(self, m: Metric, without_modifiers: bool = False) -> Expr:
        made = super().select(m, without_modifiers)
        text = str(made)
        if not m.name.isascii():
            inner = re.search(r"\{(.*)\}", text)
            rest = text.split("}")[-1] if inner else text.removeprefix(m.name)
            text = '{"' + m.name + '"' + (f",{inner[1]}" if inner and inner[1] else "") + "}" + (rest if not without_modifiers else "")
            text = text.replace("label name", '"label name"')
        return replace(made, parts=(text,))

    def nameless_selector(self) -> Expr:
        if self.chance(0.5):
            return super().nameless_selector()
        text = self.choose(
            ('{__name__=~"latency|sizes"}', '{__name__=~"steps|up"}', '{what=~".+"}', '{path="/"}', '{__type__="counter"}', '{"größe.bytes"}')
        )
        return Expr("vector", (text + self.modifiers(),), frozenset(("job", "instance", "path")), named=True, unique=False, histograms=True)

    def modifiers(self, over_range: bool = False) -> str:
        text = super().modifiers(over_range)
        if self.chance(0.03):
            text += (
                self.choose((" offset (1m + 30s)", " offset -30", " offset step()", " offset -(2 * 15)", " offset 1m30s", " offset 0s"))
                if "offset" not in text
                else ""
            )
        if over_range and self.chance(0.12):
            text = self.choose((" anchored", " smoothed")) + text
        elif not over_range and self.chance(0.02):
            text = " smoothed" + text
        return text

    def _duration(self, among: Sequence[str]) -> str:
        if self.chance(0.1):
            return str(
                self.choose(
                    (
                        "300",
                        "15s",
                        "4m + 1m",
                        "30s",
                        "2 * 60",
                        "5m / 2",
                        "max_of(1m, step())",
                        "step() + 1m",
                        "min_of(range() + 1, 5m)",
                        "1m30s",
                        "0.5",
                        "45",
                        "2m ^ 1",
                        "(1m + 5s) * 2",
                        "7m % 5m",
                        "-(-1m)",
                        "1h",
                        "15s1ms",
                    )
                )
            )
        return str(self.choose(among))

    def ways(self, depth: int) -> "list[tuple[float, Callable[[], Expr]]]":
        return [
            *super().ways(depth),
            (4, lambda: self.of_histograms(depth)),
            (2, lambda: self.limited(depth)),
            (2, lambda: self.newer_over_time(depth)),
            (2, lambda: self.informed(depth)),
            (1, lambda: self.sorted_by_label(depth)),
            (2, lambda: self.filled(depth)),
            (1, lambda: self.trimmed(depth)),
            (0.5, lambda: self.of_query(depth)),
            (0.5, lambda: self.any_call(depth)),
            (2, lambda: self.any_binary(depth)),
        ]

    def histograms(self, depth: int) -> Expr:
        """Most of the time a vector that has some."""
        kind = self.random.random()
        metric = self.choose([m for m in self.metrics if m.kind == "histogram"])
        if kind < 0.3 or depth <= 1:
            return self.select(metric)
        if kind < 0.7:
            ranged = self.select(metric, without_modifiers=True)
            name = self.choose(
                ("rate", "rate", "increase", "delta", "last_over_time", "sum_over_time", "avg_over_time", "irate", "idelta", "first_over_time")
            )
            return self._call(
                replace(ranged, named="last" in name or "first" in name),
                f"{name}(",
                ranged,
                f"[{self._duration(('1m', '2m', '5m', '10m'))}]{self.modifiers(True)})",
            )
        if kind < 0.9:
            of = self.histograms(depth - 1)
            grouping, labels = self.grouping(of)
            return self.aggregated(replace(of, labels=labels), grouping, self.choose(("sum", "avg", "sum", "max", "count")), "", of)
        return self.vector(depth - 1)

    def of_histograms(self, depth: int) -> Expr:
        of = self.histograms(depth - 1)
        facts = replace(of, histograms=False, named=False, odd=True, error=1e-9, size=100.0, whole=False, distinct=False)
        share = self._share()[1]
        bound = lambda: self.choose(("0", "1", "-1", "0.5", "3", "Inf", "-Inf", "NaN", "0.001"))
        return self.pick(
            (3, lambda: self._call(facts, f"histogram_{self.choose(('count', 'sum', 'avg', 'stddev', 'stdvar'))}(", of, ")")),
            (2, lambda: self._call(facts, f"histogram_quantile({share}, ", of, ")")),
            (2, lambda: self._call(facts, f"histogram_fraction({bound()}, {bound()}, ", of, ")")),
            (1, lambda: self._call(facts, "histogram_quantiles(", of, f', "{self.choose(("q", "quantile", "le"))}", {share}, {self._share()[1]})')),
            (1, lambda: of), (0.5, lambda: self._call(facts, f"{self.choose(('abs', 'timestamp', 'sort', 'ceil', 'start_timestamp'))}(", of, ")")))

    def limited(self, depth: int) -> Expr:
        of = self.vector(depth - 1)
        grouping, _ = self.grouping(of)
        return self.pick(
            (1, lambda: self._call(of, f"limit_ratio{grouping} ({self.choose(('0.5', '-0.5', '0.1', '-0.9', '1', '0', '1.5', '-2'))}, ", of, ")")),
            (
                1,
                lambda: self._call(
                    of, f"limitk{grouping} ({self.choose(('1', '2', '5', '0', '-1', '100'))}, ", self.aggregated(replace(of), "", "sum", "", of), ")"
                ),
            ),
            (1, lambda: self._call(of, f"count(limitk{grouping} ({self.choose(('1', '2', '5', '1.9'))}, ", of, "))")),
        )

    def newer_over_time(self, depth: int) -> Expr:
        over = self.matrix(depth)
        facts = replace(over, named=False, whole=False, distinct=False, gapless=False)
        return self.pick(
            (
                3,
                lambda: self._call(
                    facts, f"{self.choose(('mad', 'first', 'ts_of_first', 'ts_of_last', 'ts_of_max', 'ts_of_min'))}_over_time(", over, ")"
                ),
            ),
            (
                1,
                lambda: self._call(
                    facts, "double_exponential_smoothing(", over, f", {self.choose(('0.5', '1.5', '0', '0.1'))}, {self.choose(('0.5', '0.9', '-1'))})"
                ),
            ),
            (
                2,
                lambda: self._call(
                    facts,
                    f"{self.choose(('rate', 'increase', 'delta', 'changes', 'resets', 'irate', 'count_over_time', 'max_over_time'))}(",
                    over,
                    ")",
                ),
            ),
        )

    def informed(self, depth: int) -> Expr:
        of = self.vector(depth - 1)
        selector = self.choose(
            (
                "",
                "",
                ', {region=~".+"}',
                ', {data=~".*"}',
                ', {__name__="build_info"}',
                ', {__name__=~".+_info",version!=""}',
                ', {region="north"}',
                ', {none=~".+"}',
                ', {__name__!="target_info"}',
                ', {data=""}',
            )
        )
        return self._call(replace(of, gapless=False), "info(", of, f"{selector})")

    def sorted_by_label(self, depth: int) -> Expr:
        of = self.vector(depth - 1)
        names = self.random.sample(sorted(of.labels) or ["job"], min(len(of.labels) or 1, self.random.randrange(1, 3)))
        return replace(
            self._call(of, f"sort_by_label{self.choose(('', '_desc'))}(", of, "".join(f', "{name}"' for name in names) + ")"), ordered=True
        )

    def filled(self, depth: int) -> Expr:
        by = self.some_target_labels()
        lhs, rhs = self.grouped_by(depth, by), self.grouped_by(depth, by)
        fill = self.choose((" fill (0)", " fill (-1.5)", " fill_left (2)", " fill_right (3)", " fill_left (1) fill_right (2)", " fill (NaN)"))
        matching = self.choose((f" on ({', '.join(by)})", f" on ({', '.join(by)}) group_left ()", f" on ({', '.join(by)}) group_right ()", ""))
        op = self.choose(("+", "-", "/", "*", "<", "> bool", "==", "atan2"))
        return self._call(replace(lhs, gapless=False), "(", lhs, f" {op}{matching}{fill} ", rhs, ")")

    def trimmed(self, depth: int) -> Expr:
        of = self.histograms(depth - 1)
        return self._call(
            replace(of, named=False),
            "(",
            of,
            f" {self.choose(('</', '>/'))} {self.choose(('0', '0.5', '1', '2', '-1', 'Inf', '-Inf', 'NaN', '3.3'))})",
        )

    def of_query(self, depth: int) -> Expr:
        return Expr(
            "vector",
            (
                "vector("
                + str(self.choose(("start()", "end()", "step()", "range()", "max_of(step(), 5)", "min_of(1, time())", "end() - start()")))
                + ")",
            ),
        )

    def any_call(self, depth: int) -> Expr:
        """A function or aggregation of whatever comes."""
        of = self.histograms(depth - 1) if self.chance(0.6) else self.vector(depth - 1)
        name = self.choose(
            (
                "sum",
                "avg",
                "min",
                "max",
                "count",
                "group",
                "stddev",
                "stdvar",
                "ceil",
                "round",
                "ln",
                "sgn",
                "sort_desc",
                "scalar",
                "absent",
                "hour",
                "timestamp",
                "clamp_min",
                "quantile",
                "topk",
                "bottomk",
                "count_values",
            )
        )
        if name == "scalar":
            return self._call(of, "vector(scalar(", of, "))")
        before, after = {
            "clamp_min": ("", ", 1"),
            "quantile": ("0.5, ", ""),
            "topk": ("2, ", ""),
            "bottomk": ("2, ", ""),
            "count_values": ('"v", ', ""),
        }.get(str(name), ("", ""))
        return self._call(replace(of, named=False), f"{name}({before}", of, f"{after})")

    def any_binary(self, depth: int) -> Expr:
        sides = [self.histograms(depth - 1) if self.chance(0.6) else self.vector(depth - 1) if self.chance(0.5) else self.scalar(2) for _ in range(2)]
        if all(side.type == "scalar" for side in sides):
            sides[0] = self.histograms(depth - 1)
        vector = next(side for side in sides if side.type == "vector")
        op = self.choose(("+", "-", "*", "/", "==", "!=", "> bool", "<", "% ", "^"))
        return self._call(replace(vector, gapless=False), "(", sides[0], f" {op} ", sides[1], ")")
