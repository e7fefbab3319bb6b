"""Generator: PromQL queries by its grammar, over the series of promql_data, that any release from 2.42 on answers alike.

    Generator(Random("1:17")).query()

What 2.42 and 3.14 answer differently cannot be generated; each such rule stands in `KNOWN_DIFFERENCES` with the
function that keeps to it. The other constraint is that of `promql_expressions`: where a last bit decides, operands are exact.
"""

import math
from dataclasses import dataclass, replace
from typing import Callable

from promql_data import START_MS
from promql_expressions import ULP, Expr
from promql_operators import Operators
from promql_rounding import MOST_POINTS, MOST_SERIES, deviation, mean, slope, summed, variance
from promql_selectors import RANGES, STEPS, Wanted, anything, exact, seconds

KNOWN_DIFFERENCES = {
    "edges": "2.42 counts the left edge of ranges, lookback and subqueries in: `_time`, `_duration` and `subquery` never "
             "lay one on a sample or a step",
    "birth": "2.42 extrapolates a counter's birth before it looks at the 1.1-interval rule: `over_rates` asks for series "
             "without gaps, or far from zero, and `_time` for full windows",
    "sums": "sum is plain in 2.42, avg an incremental mean: `error` of promql_expressions",
    "zeros": "a sum of -0 is 0 since 2.54, and max takes the first of 0 and -0: `blurred` of promql_expressions, which "
             "`arithmetic` divides by nowhere",
    "stddev": "stddev and stdvar of NaN or infinities: `aggregation` asks for plain numbers",
    "filters": "duplicate matches are an error since 3.9 where the comparison is false, too: `matched` makes unique "
               "sides, and only arithmetic of others",
    "merging": "since 3.9 minus, label_replace and label_join merge series that never meet: `negated` and `relabeled` ask "
               "for unique series",
    "at": "range vectors with @ have a wrong scope in range queries and subqueries of 2.42: `modifiers` leave it out there; a subquery "
          "that covers none of its steps gives @ a point behind its end: `subquery` has wider ranges than steps",
    "topk": "k that is no number, or huge, and ties: `chosen` has small constants and values that differ",
    "count_values": "2.42 loses labels of `by` behind the new one in the alphabet: `counted_values` names it zz_value",
    "atan2": "2.42 keeps the metric name: `arithmetic` has it between nameless operands",
    "names": "functions and syntax that 2.42 does not know are not here; holt_winters is asked for under either name",
}

NUMBERS = ("0", "1", "2", "3", "0.5", "10", "100", "1e3", "-1", "-7.25", "0x1F", ".25", "1e-3", "017", "42.195")
ODD_NUMBERS = ("NaN", "Inf", "-Inf", "-0", "+Inf")
CALENDAR = ("minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year")


@dataclass(frozen=True)
class Query:
    """An expression, when it is evaluated, and whether it has to be refused."""
    expr: Expr
    start: int  # milliseconds
    end: int
    step: int = 0  # 0: an instant query
    broken: bool = False

    def parameters(self, holt_winters: str = "holt_winters") -> dict[str, str]:
        text = str(self.expr).replace("holt_winters", holt_winters)
        if not self.step:
            return {"query": text, "time": seconds(self.start)}
        return {"query": text, "start": seconds(self.start), "end": seconds(self.end), "step": seconds(self.step)}


class Generator(Operators):
    def query(self) -> Query:
        self.ranged = self.random.random() < 0.5
        if self.random.random() < 0.02:
            return self._at_some_time(self.broken(), broken=True)
        if self.ranged:
            expr = self.vector(self.depth()) if self.random.random() < 0.95 else self.scalar(3)
        else:
            expr = self.pick((14, lambda: self.vector(self.depth())), (1, lambda: self.scalar(3)), (1, lambda: self.matrix(2)),
                             (0.2, lambda: Expr("string", (self.choose(("'text'", '"größe \\u00e9\\n"', "`raw\\n`")),))))
        return self._at_some_time(expr)

    def depth(self) -> int:
        return self.random.choices((1, 2, 3, 4, 5), (2, 4, 4, 2, 1))[0]

    def _at_some_time(self, expr: Expr, broken: bool = False) -> Query:
        start = self._time(100, 180)
        if not self.ranged:
            return Query(expr, start, start, broken=broken)
        # Over the border of blocks and head as well as within either.
        step = self.choose((10_000, 15_000, 60_000, 170_000, 600_000))
        end = min(start + step * self.random.randrange(1, 40), START_MS + self.span_ms + 120_007)
        return Query(expr, start, max(start, end), step, broken)

    # Vectors

    def vector(self, depth: int, ok: Wanted = anything) -> Expr:
        return self.wanted(lambda: self.any_vector(depth), ok, lambda: self.selector(ok))

    def any_vector(self, depth: int) -> Expr:
        if depth <= 1:
            return self.pick((6, self.selector), (3, lambda: self.over_time(1)), (2, lambda: self.over_rates(1)))
        return self.pick(*self.ways(depth))

    def ways(self, depth: int) -> "list[tuple[float, Callable[[], Expr]]]":
        return [
            (2, self.selector), (4, lambda: self.over_time(depth)), (4, lambda: self.over_rates(depth)), (7, lambda: self.aggregation(depth)),
            (1.5, lambda: self.chosen(depth)), (3, lambda: self.elementwise(depth)), (2, lambda: self.rounded(depth)),
            (1, lambda: self.calendar(depth)), (4, lambda: self.with_scalar(depth)), (4, lambda: self.compared(depth)),
            (5, lambda: self.matched(depth)), (3, lambda: self.set_operation(depth)), (2, lambda: self.relabeled(depth)),
            (1, lambda: self.sorted(depth)), (1, lambda: self.negated(depth)), (0.7, lambda: self.absent(depth)),
            (1, lambda: self.quantile_of_buckets(depth)), (0.7, lambda: self.from_scalar(depth)), (0.7, lambda: self.counted_values(depth)),
            (0.4, self.in_parentheses)]

    def in_parentheses(self) -> Expr:
        inner = self.selector()
        return replace(inner, parts=("((", inner, "))"))

    # Range vectors

    def matrix(self, depth: int, ok: Wanted = anything) -> Expr:
        if depth > 1 and self.chance(0.4) and self.inner < 2:
            made = self.wanted(lambda: self.subquery(depth), ok, lambda: self.range_selector(ok))
            return made
        return self.range_selector(ok)

    def subquery(self, depth: int, ok: Wanted = anything) -> Expr:
        step = str(self.choose(("", *STEPS)))
        range_ = self._duration(RANGES[1:6] if step in STEPS[:2] else RANGES[3:6])
        self.inner += 1
        inner = self.vector(depth - 1, lambda e: ok(e) and e.unique)
        self.inner -= 1
        text = f"[{range_}:{step}]{self.modifiers(over_range=True)}"
        return replace(inner, type="matrix", parts=("(", inner, ")" + text) if not inner.named or not self._is_selector(inner) else (inner, text),
                       ordered=False)

    def over_time(self, depth: int) -> Expr:
        """Functions over ranges that know nothing of counters."""
        kind = self.random.random()
        if kind < 0.45:
            over = self.matrix(depth)
            name = self.choose(("max", "min", "last", "last", "present"))
            out = replace(over, named=over.named and name == "last", gapless=False, counter=False)
            if name == "present":
                out = replace(out, error=0.0, size=1.0, least=1.0, whole=True, odd=False, distinct=False)
            return self._call(out, f"{name}_over_time(", over, ")")
        if kind < 0.65:
            over = self.matrix(depth, exact)
            name = self.choose(("count_over_time", "changes", "resets"))
            return self._call(
                replace(over, named=False, size=float(MOST_POINTS), least=0, whole=True, odd=False, distinct=False), f"{name}(", over, ")"
            )
        if kind < 0.72:
            over = self.matrix(depth)
            phi, text = self._share()
            return self._call(replace(mean(over), odd=over.odd or not 0 <= phi <= 1, distinct=False), f"quantile_over_time({text}, ", over, ")")
        if kind < 0.82:
            over = self.matrix(depth)
            return self._call(summed(over, MOST_POINTS), "sum_over_time(", over, ")")
        if kind < 0.9:
            over = self.matrix(depth)
            return self._call(mean(over), "avg_over_time(", over, ")")
        over = self.matrix(depth, lambda e: e.plain)
        return self.pick((1, lambda: self._call(deviation(over), "stddev_over_time(", over, ")")),
                         (1, lambda: self._call(variance(over), "stdvar_over_time(", over, ")")))

    def over_rates(self, depth: int) -> Expr:
        """Functions that extrapolate, or look for trends."""
        plain: Wanted = lambda e: e.plain and e.size < 1e12
        steady: Wanted = lambda e: plain(e) and e.exact and (e.gapless or e.least >= 1e4)
        kind = self.random.random()
        if kind < 0.6:
            over = self.matrix(depth, lambda e: steady(e) and (e.counter or self.chance(0.1)))
            # All that was counted, over the shortest window, extrapolated a bit.
            name = self.choose(("rate", "rate", "rate", "increase"))
            return self._call(slope(over, 4 if name == "increase" else 1), f"{name}(", over, ")")
        if kind < 0.68:
            over = self.matrix(depth, steady)
            return self._call(slope(over, 1), "irate(", over, ")")
        if kind < 0.8:
            over = self.matrix(depth, lambda e: plain(e) and e.gapless)
            return self._call(slope(over, 4), self.choose(("delta(", "delta(", "idelta(")), over, ")")
        over = self.matrix(depth, plain)
        if kind < 0.87:
            return self._call(slope(over, 1), "deriv(", over, ")")
        if kind < 0.93:
            return self._call(slope(over, 1000), "predict_linear(", over, f", {self.choose(('60', '600', '-90', '3600'))})")
        return self._call(
            replace(slope(over, 1e3), distinct=False), "holt_winters(", over, f", {self.choose(('0.3', '0.7'))}, {self.choose(('0.2', '0.6'))})"
        )

    def _call(self, facts: Expr, *parts: "str | Expr") -> Expr:
        return replace(facts, type="vector", parts=parts, ordered=False)

    def _share(self) -> tuple[float, str]:
        text = self.choose(("0", "0.5", "0.9", "0.99", "0.25", "1", "0.333", "1.5", "-0.1"))
        return float(text), text

    # Aggregations

    def grouping(self, of: Expr) -> tuple[str, frozenset[str]]:
        names = sorted(of.labels - {"le"}) or ["job"]
        some = self.random.sample(names, self.random.randrange(0, min(3, len(names)) + 1))
        if self.chance(0.05):
            some.append("nothing")
        kind = self.random.random()
        if kind < 0.25 or not some and kind < 0.5:
            return "", frozenset()
        if kind < 0.75:
            return f" by ({', '.join(some)})", frozenset(some) & of.labels
        return f" without ({', '.join(some)})", of.labels - frozenset(some)

    def aggregated(self, facts: Expr, grouping: str, name: str, before: str, of: Expr) -> Expr:
        parts = (f"{name}{grouping} ({before}", of, ")") if self.chance(0.8) else (f"{name}({before}", of, f"){grouping}")
        return self._call(replace(facts, named=False, unique=True, gapless=False, counter=False), *parts)

    def aggregation(self, depth: int) -> Expr:
        name = self.random.choices(("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "quantile"), (6, 3, 2, 3, 3, 1, 1, 1, 1))[0]
        of = self.vector(depth - 1, (lambda e: e.plain) if name.startswith("std") else anything)
        grouping, labels = self.grouping(of)
        facts, before = replace(of, labels=labels, least=0.0, blurred=True), ""
        if name == "sum":
            facts = summed(facts, MOST_SERIES)
        elif name == "avg":
            facts = mean(facts)
        elif name in ("stddev", "stdvar"):
            facts = deviation(facts) if name == "stddev" else variance(facts)
        elif name == "quantile":
            phi, text = self._share()
            facts, before = replace(mean(facts), odd=facts.odd or not 0 <= phi <= 1, distinct=False), f"{text}, "
        elif name in ("count", "group"):
            facts = replace(facts, error=0.0, size=float(MOST_SERIES), least=1.0, whole=True, odd=False, blurred=False, distinct=False,
                            histograms=False)
        return self.aggregated(facts, grouping, name, before, of)

    def chosen(self, depth: int) -> Expr:
        of = self.vector(depth - 1, lambda e: e.exact and e.distinct and e.plain)
        grouping, _ = self.grouping(of)
        name, k = self.choose(("topk", "bottomk")), self.choose(("1", "2", "3", "5", "0", "100"))
        # Groups come in any order.
        facts = replace(of, gapless=False, counter=False)
        return replace(self._call(facts, f"{name}{grouping} ({k}, ", of, ")"), ordered=grouping == "")

    def counted_values(self, depth: int) -> Expr:
        of = self.vector(depth - 1, lambda e: exact(e) and not e.odd and not e.blurred)
        grouping, labels = self.grouping(of)
        facts = replace(of, labels=labels | {"zz_value"}, error=0.0, size=float(MOST_SERIES), whole=True, distinct=False, least=1.0)
        return self.aggregated(facts, grouping, "count_values", '"zz_value", ', of)

    # Functions of one value

    def elementwise(self, depth: int) -> Expr:
        kind = self.random.random()
        if kind < 0.25:
            of = self.vector(depth - 1, lambda e: not e.histograms)
            return self._call(replace(of, named=False, counter=False), "abs(", of, ")")
        if kind < 0.5:
            of = self.vector(depth - 1, lambda e: not e.histograms)
            low, high = sorted(self.random.sample((-20, 0, 1, 5, 30, 1000, 1e6), 2))
            text, size, least = self.choose(
                (
                    (f"clamp({{}}, {low:g}, {high:g})", max(abs(low), abs(high)), low),
                    (f"clamp_min({{}}, {low:g})", of.size + abs(low), low),
                    (f"clamp_max({{}}, {high:g})", of.size + abs(high), 0.0),
                )
            )
            before, after = text.split("{}")
            return self._call(
                replace(of, named=False, size=size, least=max(0.0, least), whole=False, distinct=False, counter=False), before, of, after
            )
        if kind < 0.75:
            of = self.vector(depth - 1, lambda e: exact(e) and e.size < 1e15)
            name = self.choose(("ln", "log2", "log10", "sqrt"))
            size = math.sqrt(of.size) + 750
            return self._call(
                replace(of, named=False, size=size, error=size * ULP, least=0.0, odd=True, whole=False, gapless=False, counter=False),
                f"{name}(",
                of,
                ")",
            )
        if kind < 0.9:
            of = self.vector(depth - 1, lambda e: exact(e) and e.size < 1e12)
            name, size = self.choose((("sin", 1), ("cos", 1), ("tanh", 1), ("atan", 2), ("asinh", 800), ("deg", of.size * 60), ("rad", of.size),
                                      ("acos", 4), ("asin", 2), ("atanh", 40), ("acosh", 800)))
            return self._call(
                replace(
                    of,
                    named=False,
                    size=float(size),
                    error=size * 64 * ULP,
                    least=0.0,
                    odd=True,
                    whole=False,
                    distinct=False,
                    gapless=False,
                    counter=False,
                ),
                f"{name}(",
                of,
                ")",
            )
        of = self.vector(depth - 1, lambda e: exact(e) and e.size < 1e15)
        # Bounded, so that sums of it are.
        name, bound = self.choose((("exp", "20"), ("sinh", "20"), ("cosh", "20"), ("tan", "1.5")))
        return self._call(
            replace(
                of,
                named=False,
                size=math.exp(20),
                error=math.exp(20) * 64 * ULP,
                least=0.0,
                whole=False,
                distinct=False,
                gapless=False,
                counter=False,
            ),
            f"{name}(clamp(",
            of,
            f", -{bound}, {bound}))",
        )

    def rounded(self, depth: int) -> Expr:
        of = self.vector(depth - 1, exact)
        name, after, whole = self.choose(
            (("ceil", "", True), ("floor", "", True), ("round", "", True), ("sgn", "", True), ("round", ", 0.5", False), ("round", ", 10", True))
        )
        return self._call(
            replace(of, named=False, size=of.size + 10, whole=whole, least=0.0, distinct=False, counter=False), f"{name}(", of, f"{after})"
        )

    def calendar(self, depth: int) -> Expr:
        if self.chance(0.3):
            of = self.selector(lambda e: e.unique and not e.histograms)
            return self._call(
                replace(of, named=False, error=0.0, size=2e9, least=1e9, whole=False, odd=False, distinct=False, counter=False), "timestamp(", of, ")"
            )
        name = self.choose(CALENDAR)
        if self.chance(0.2):
            return Expr("vector", (f"{name}()",), size=2500, whole=True)
        of = self.vector(depth - 1, lambda e: exact(e) and e.size < 1e11)
        return self._call(replace(of, named=False, size=2500, least=0.0, whole=True, distinct=False, counter=False), f"{name}(", of, ")")

    def absent(self, depth: int) -> Expr:
        facts = Expr("vector", (), frozenset(("job", "kind")), whole=True, least=1.0)
        if self.chance(0.6):
            text = self.choose(
                (
                    'nothing{job="api",kind=~"a.*"}',
                    'queue{shape="none"}',
                    "nothing",
                    '{job="x",job="y"}',
                    'queue{shape!="saw",shape!="walk",job="web"}',
                )
            )
            return replace(facts, parts=(f"absent({text})",) if self.chance(0.5) else (f"absent_over_time({text}[{self._duration(RANGES)}])",))
        of = self.vector(depth - 1)
        return self._call(facts, "absent(", of, ")")

    def relabeled(self, depth: int) -> Expr:
        of = self.vector(depth - 1, lambda e: e.unique)
        source = self.choose(sorted(of.labels) or ["job"])
        target = self.choose(("made", "made", "other", source))
        # A label that is overwritten, or emptied, may make series equal: only where that cannot be are they written.
        if target == source:
            text = f', "{target}", "x$1", "{source}", "(.*)")'
        else:
            text = self.choose(
                (
                    f', "{target}", "$1", "{source}", "(.).*")',
                    f', "{target}", "$1-${{1}}_$2$$", "{source}", "([a-z]+)(.*)")',
                    f', "{target}", "const", "", "")',
                    f', "{target}", "$whole", "{source}", "(?P<whole>.*)")',
                    f', "{target}", "v", "nothing", "(.+)")',
                    f', "{target}", "$1_b", "{source}", "(.*)")',
                )
            )
        if self.chance(0.3) and target != source:
            others = self.random.sample(sorted(of.labels), min(len(of.labels), self.random.randrange(3)))
            return self._call(
                replace(of, labels=of.labels | {target}),
                "label_join(",
                of,
                "".join(f', "{part}"' for part in (target, self.choose(("-", "", "::")), *others)) + ")",
            )
        return self._call(replace(of, labels=of.labels | {target}), "label_replace(", of, text)

    def sorted(self, depth: int) -> Expr:
        of = self.vector(depth - 1, lambda e: e.exact and e.distinct and e.plain and e.unique)
        return replace(self._call(of, f"{self.choose(('sort', 'sort_desc'))}(", of, ")"), ordered=True)

    def negated(self, depth: int) -> Expr:
        of = self.vector(depth - 1, lambda e: e.unique and not e.histograms)
        facts = replace(of, named=False, counter=False)
        if self._is_selector(of):
            return self._call(facts, "-", of)
        return self._call(facts, self.choose(("-(", "-(", "+(")), of, ")")

    def quantile_of_buckets(self, depth: int) -> Expr:
        buckets = next(m for m in self.metrics if m.kind == "buckets")
        over = self.select(buckets) if depth < 3 or self.chance(0.3) else None
        if over is None:
            ranged = self.select(buckets, without_modifiers=True)
            over = self._call(slope(ranged, 1), "rate(", ranged, f"[{self._duration(RANGES[2:])}])")
        facts = over
        if self.chance(0.6):
            kept = self.random.sample(("job", "instance", "path"), self.random.randrange(3))
            over = self.aggregated(
                replace(summed(over, MOST_SERIES), labels=frozenset(kept) | {"le"}), f" by ({', '.join(('le', *kept))})", "sum", "", over
            )
            facts = over
        phi, text = self._share()
        # Where a bucket's share is near nothing, the place in it is lost; the place is bounded.
        return self._call(
            replace(
                facts,
                labels=facts.labels - {"le"},
                named=False,
                size=2.5,
                error=2.5e-9,
                odd=True,
                whole=False,
                distinct=False,
                gapless=False,
                least=0.0,
                counter=False,
            ),
            f"histogram_quantile({text}, ",
            over,
            ")",
        )

    def from_scalar(self, depth: int) -> Expr:
        of = self.scalar(depth - 1)
        return self._call(replace(of, labels=frozenset()), "vector(", of, ")")

    # Scalars

    def scalar(self, depth: int, ok: Wanted = anything) -> Expr:
        return self.wanted(lambda: self.any_scalar(depth), ok, lambda: self.number("10"))

    def number(self, text: str | None = None) -> Expr:
        text = text or str(self.choose(NUMBERS))
        value = 15.0 if text == "017" else float(int(text, 16)) if text.startswith("0x") else float(text)
        return Expr("scalar", (text,), size=abs(value) if math.isfinite(value) else 1.0, least=abs(value) if math.isfinite(value) else 1.0,
                    whole=value == value and math.isfinite(value) and value == int(value), odd=not math.isfinite(value), distinct=True)

    def any_scalar(self, depth: int) -> Expr:
        if depth <= 1 or self.chance(0.4):
            return self.pick(
                (8, self.number),
                (0.6, lambda: self.number(str(self.choose(ODD_NUMBERS)))),
                (1, lambda: Expr("scalar", ("time()",), size=2e9, least=1e9)),
                (0.5, lambda: Expr("scalar", ("pi()",), size=4, least=3)),
            )
        if self.chance(0.35):
            of = self.vector(depth - 1, lambda e: not e.histograms)
            return replace(
                of, type="scalar", parts=("scalar(", of, ")"), labels=frozenset(), odd=True, named=False, distinct=False, ordered=False, least=0.0
            )
        if self.chance(0.15):
            of = self.scalar(depth - 1)
            return replace(of, parts=("-(", of, ")"))
        if self.chance(0.25):
            lhs, rhs = self.scalar(depth - 1, exact), self.scalar(depth - 1, exact)
            return Expr("scalar", ("(", lhs, f" {self.choose(('==', '!=', '<', '<=', '>', '>='))} bool ", rhs, ")"), whole=True)
        lhs, rhs = self.scalar(depth - 1), self.scalar(depth - 1)
        return replace(self.arithmetic(lhs, rhs), type="scalar")

    # What is refused

    def broken(self) -> Expr:
        vector, scalar, matrix = self.vector(2), self.scalar(2), self.matrix(1)
        ways = (
            ("sum(", scalar, ")"),
            ("rate(", vector, ")"),
            ("abs(", matrix, ")"),
            ("(", matrix, " + ", vector, ")"),
            ("(", vector, " and ", scalar, ")"),
            ("(", scalar, " == ", scalar, ")"),
            ("scalar(", scalar, ")"),
            ("vector(", vector, ")"),
            ("nosuch(", vector, ")"),
            ("abs(", vector),
            ("clamp(", vector, ", 1)"),
            ("time(", scalar, ")"),
            (vector, " + "),
            ("{}",),
            ('{job=~".*"}',),
            ("queue{job=~'(a'}",),
            ("queue{job='a}",),
            ("topk(", vector, ")"),
            ("count_values(1, ", vector, ")"),
            ("label_replace(", vector, ", 'a', 'b', 'c', '(')"),
            (vector, " on (job) ", vector),
            ("(", vector, " + on (job) group_left (job) ", vector, ")"),
            ("(", scalar, " and ", vector, ")"),
            ("-'text'",),
            ("sum by (job, 1) (", vector, ")"),
            ("queue offset",),
            ("queue offset 5m offset 1m",),
            ("queue[5m",),
            ("queue[]",),
            ("queue @",),
            ("sum(1, 2, 3",),
            ("queue{job}",),
            ("queue[5m][5m]",),
            ("(queue)[5m]",),
            ("quantile(", vector, ", 0.5)"),
            ("1 ~ 2",),
            ("",),
            ("'open",),
            ("(", matrix, ")[5m:1m]") if not self.ranged else ("rate(", scalar, "[5m:])"),
            ("(", vector, " + bool ", vector, ")"),
            ("(", vector, " and group_left ", vector, ")"),
        )
        return Expr("vector", self.choose(ways))
