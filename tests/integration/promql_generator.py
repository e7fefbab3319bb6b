"""Generator: PromQL queries by its grammar, over the series of promql_data, that any release from 2.42 on answers alike.

    Generator(Random("1:17")).query()

What 2.42 and 3.14 answer differently cannot be generated; each such rule stands in `KNOWN_DIFFERENCES` with the
function that keeps to it. The other constraint is that of `promql_expressions`: where a last bit decides, operands are exact.
"""

import math
from dataclasses import dataclass, replace
from random import Random
from typing import Callable, Sequence

from promql_data import EVALUATED, METRICS, SPAN_MS, START_MS, Metric
from promql_expressions import ULP, Expr

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

RANGES = ("1m", "90s", "2m", "5m", "10m", "17m", "30m")
STEPS = ("15s", "40s", "1m", "2m", "150s")
OFFSETS = ("10s", "1m", "5m", "13m", "-1m", "-3m")
NUMBERS = ("0", "1", "2", "3", "0.5", "10", "100", "1e3", "-1", "-7.25", "0x1F", ".25", "1e-3", "017", "42.195")
ODD_NUMBERS = ("NaN", "Inf", "-Inf", "-0", "+Inf")
UNLIKELY = ("0.73190271", "2.7182918", "11.3718231", "1234.56789", "-3.14259")  # no value that is off by a bit lies there
CALENDAR = ("minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year")
MOST_SERIES, MOST_POINTS = 256, 512  # of any one sum
LARGEST = 1e60  # no product of sizes comes near the end of the doubles

Wanted = Callable[[Expr], bool]


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


def seconds(milliseconds: int) -> str:
    return f"{milliseconds // 1000}.{milliseconds % 1000:03}"


def anything(_: Expr) -> bool:
    return True


def exact(e: Expr) -> bool:
    return e.exact and not e.histograms


class Generator:
    def __init__(self, random: Random, metrics: Sequence[Metric] = METRICS, span_ms: int = SPAN_MS):
        self.random = random
        self.metrics = metrics
        self.span_ms = span_ms
        self.ranged = False  # a range query is being made
        self.inner = 0  # depth of subqueries

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

    def _time(self, first_minute: int, last_minute: int) -> int:
        """Behind the widest window, where every series that lasts has begun."""
        t = START_MS + self.random.randrange(first_minute * 60_000, last_minute * 60_000)
        return t - t % 10 + EVALUATED

    # Choices

    def choose(self, from_: Sequence) -> object:
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

    def selector(self, ok: Wanted = anything) -> Expr:
        if ok is anything and self.chance(0.06):
            return self.nameless_selector()
        metrics = [m for m in self.metrics if ok(self.facts(m))]
        return self.select(self.choose(metrics or [m for m in self.metrics if m.name == "temperature"]))

    def facts(self, m: Metric) -> Expr:
        return Expr("vector", (m.name,), frozenset(m.labels), named=True, size=m.size, least=m.least, whole=m.whole, odd=m.odd,
                    distinct=m.distinct, gapless=m.gapless, counter=m.kind in ("counter", "buckets"), histograms=m.kind == "histogram")

    def select(self, m: Metric, without_modifiers: bool = False) -> Expr:
        matchers = [self.matcher(name, m) for name in self.random.sample(sorted(m.labels), self.random.choices((0, 1, 2), (5, 3, 1))[0] % (len(m.labels) + 1))]
        name = m.name
        if self.chance(0.06):
            name, matchers = "", [self.choose((f'__name__="{m.name}"', f'__name__=~"{m.name[:-1]}."')), *matchers]
        text = name + ("{" + ",".join(matchers) + self.choose(("", ",")) + "}" if matchers else self.choose(("", "", "{}")))
        return replace(self.facts(m), parts=(text + ("" if without_modifiers else self.modifiers()),))

    def nameless_selector(self) -> Expr:
        text = self.choose(('{job="api",code=~".+"}', '{__name__=~"(queue|load|up)"}', '{instance="a:80",job=~"a.*",zone!=""}', '{shape="saw"}'))
        return Expr("vector", (text + self.modifiers(),), frozenset(("job", "instance", "code", "method", "shape", "zone")), named=True,
                    unique=False, size=1e5, odd=False)

    def matcher(self, label: str, m: Metric) -> str:
        values = m.labels[label]
        one = str(self.choose(values))
        escaped = one.replace("\\", "\\\\").replace('"', '\\"')
        pattern = "".join(f"\\\\{c}" if c in ".+*?()[]{}|^$" else c for c in one)
        some = "|".join(str(v).replace("+", "\\\\+").replace(".", "\\\\.") for v in self.random.sample(values, min(2, len(values))))
        return self.pick_text(
            (4, f'{label}="{escaped}"'), (2, f'{label}!="{escaped}"'), (2, f'{label}=~"{some}"'), (1, f'{label}!~"{pattern}"'),
            (1, f'{label}=~".+"'), (1, f"{label}!=''"), (1, f'{label}=~"{pattern[:1] if pattern[:1] != chr(92) else ""}.*"'),
            (0.5, f'nothing=""'), (0.5, f'{label}=~`(?i:{one.upper() if one.isalpha() and one.isascii() else ".*"})`'), (0.2, f'{label}="none"'),
            (0.5, f'{label}!~"x|y.z|[0-3]{{4}}"'))

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

    # Range vectors

    def matrix(self, depth: int, ok: Wanted = anything) -> Expr:
        if depth > 1 and self.chance(0.4) and self.inner < 2:
            made = self.wanted(lambda: self.subquery(depth), ok, lambda: self.range_selector(ok))
            return made
        return self.range_selector(ok)

    def range_selector(self, ok: Wanted = anything) -> Expr:
        metrics = [m for m in self.metrics if ok(replace(self.facts(m), type="matrix"))]
        vector = self.select(self.choose(metrics or [m for m in self.metrics if m.name == "temperature"]), without_modifiers=True)
        return replace(vector, type="matrix", parts=(vector, f"[{self._duration(RANGES)}]{self.modifiers(over_range=True)}"))

    def _duration(self, among: Sequence[str]) -> str:
        """Within subqueries, where evaluation is at multiples of the step, an edge of 5 ms more keeps off the next steps."""
        return f"{self.choose(among)}{'5ms' if self.inner else ''}"

    def subquery(self, depth: int, ok: Wanted = anything) -> Expr:
        step = str(self.choose(("", *STEPS)))
        range_ = self._duration(RANGES[1:6] if step in STEPS[:2] else RANGES[3:6])
        self.inner += 1
        inner = self.vector(depth - 1, lambda e: ok(e) and e.unique)
        self.inner -= 1
        text = f"[{range_}:{step}]{self.modifiers(over_range=True)}"
        return replace(inner, type="matrix", parts=("(", inner, ")" + text) if not inner.named or not self._is_selector(inner) else (inner, text),
                       ordered=False)

    @staticmethod
    def _is_selector(e: Expr) -> bool:
        return all(isinstance(part, str) for part in e.parts) and not str(e).endswith(")")

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
            return self._call(replace(over, named=False, size=float(MOST_POINTS), least=0, whole=True, odd=False, distinct=False), f"{name}(", over, ")")
        if kind < 0.72:
            over = self.matrix(depth)
            phi, text = self._share()
            return self._call(replace(self._mean(over), odd=over.odd or not 0 <= phi <= 1, distinct=False), f"quantile_over_time({text}, ", over, ")")
        if kind < 0.82:
            over = self.matrix(depth)
            return self._call(self._summed(over, MOST_POINTS), "sum_over_time(", over, ")")
        if kind < 0.9:
            over = self.matrix(depth)
            return self._call(self._mean(over), "avg_over_time(", over, ")")
        over = self.matrix(depth, lambda e: e.plain)
        return self.pick((1, lambda: self._call(self._deviation(over), "stddev_over_time(", over, ")")),
                         (1, lambda: self._call(self._variance(over), "stdvar_over_time(", over, ")")))

    def over_rates(self, depth: int) -> Expr:
        """Functions that extrapolate, or look for trends."""
        plain: Wanted = lambda e: e.plain and e.size < 1e12
        steady: Wanted = lambda e: plain(e) and e.exact and (e.gapless or e.least >= 1e4)
        kind = self.random.random()
        if kind < 0.6:
            over = self.matrix(depth, lambda e: steady(e) and (e.counter or self.chance(0.1)))
            # All that was counted, over the shortest window, extrapolated a bit.
            name = self.choose(("rate", "rate", "rate", "increase"))
            return self._call(self._slope(over, 4 if name == "increase" else 1), f"{name}(", over, ")")
        if kind < 0.68:
            over = self.matrix(depth, steady)
            return self._call(self._slope(over, 1), "irate(", over, ")")
        if kind < 0.8:
            over = self.matrix(depth, lambda e: plain(e) and e.gapless)
            return self._call(self._slope(over, 4), self.choose(("delta(", "delta(", "idelta(")), over, ")")
        over = self.matrix(depth, plain)
        if kind < 0.87:
            return self._call(self._slope(over, 1), "deriv(", over, ")")
        if kind < 0.93:
            return self._call(self._slope(over, 1000), "predict_linear(", over, f", {self.choose(('60', '600', '-90', '3600'))})")
        return self._call(replace(self._slope(over, 1e3), distinct=False), "holt_winters(", over, f", {self.choose(('0.3', '0.7'))}, {self.choose(('0.2', '0.6'))})")

    def _call(self, facts: Expr, *parts: "str | Expr") -> Expr:
        return replace(facts, type="vector", parts=parts, ordered=False)

    def _share(self) -> tuple[float, str]:
        text = self.choose(("0", "0.5", "0.9", "0.99", "0.25", "1", "0.333", "1.5", "-0.1"))
        return float(text), text

    # What sums and means may be off by

    def _summed(self, of: Expr, count: int) -> Expr:
        size = of.size * count
        never_off = of.exact and of.whole and size < 2.0**53
        return replace(of, named=False, size=size, error=0.0 if never_off else count * of.error + size * ULP, least=0.0, gapless=False, counter=False)

    def _mean(self, of: Expr) -> Expr:
        return replace(of, named=False, error=of.error + 64 * of.size * ULP, whole=False, gapless=False, counter=False, least=0.0)

    def _deviation(self, of: Expr) -> Expr:
        """A root: half of the digits of the size are lost where values hardly deviate."""
        return replace(self._mean(of), error=of.size * 1e-7 + math.sqrt(of.error * of.size), distinct=False)

    def _variance(self, of: Expr) -> Expr:
        return replace(self._mean(of), size=of.size**2 + 1, error=64 * (of.size**2 + 1) * ULP + 4 * of.error * of.size, distinct=False)

    def _slope(self, of: Expr, factor: float) -> Expr:
        size = of.size * factor * 2
        return replace(of, named=False, size=size, error=64 * factor * (of.error + of.size * ULP), least=0.0, whole=False, gapless=False, counter=False)

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
            facts = self._summed(facts, MOST_SERIES)
        elif name == "avg":
            facts = self._mean(facts)
        elif name in ("stddev", "stdvar"):
            facts = self._deviation(facts) if name == "stddev" else self._variance(facts)
        elif name == "quantile":
            phi, text = self._share()
            facts, before = replace(self._mean(facts), odd=facts.odd or not 0 <= phi <= 1, distinct=False), f"{text}, "
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
            text, size, least = self.choose(((f"clamp({{}}, {low:g}, {high:g})", max(abs(low), abs(high)), low), (f"clamp_min({{}}, {low:g})", of.size + abs(low), low),
                                            (f"clamp_max({{}}, {high:g})", of.size + abs(high), 0.0)))
            before, after = text.split("{}")
            return self._call(replace(of, named=False, size=size, least=max(0.0, least), whole=False, distinct=False, counter=False), before, of, after)
        if kind < 0.75:
            of = self.vector(depth - 1, lambda e: exact(e) and e.size < 1e15)
            name = self.choose(("ln", "log2", "log10", "sqrt"))
            size = math.sqrt(of.size) + 750
            return self._call(replace(of, named=False, size=size, error=size * ULP, least=0.0, odd=True, whole=False, gapless=False, counter=False), f"{name}(", of, ")")
        if kind < 0.9:
            of = self.vector(depth - 1, lambda e: exact(e) and e.size < 1e12)
            name, size = self.choose((("sin", 1), ("cos", 1), ("tanh", 1), ("atan", 2), ("asinh", 800), ("deg", of.size * 60), ("rad", of.size),
                                      ("acos", 4), ("asin", 2), ("atanh", 40), ("acosh", 800)))
            return self._call(replace(of, named=False, size=float(size), error=size * 64 * ULP, least=0.0, odd=True, whole=False, distinct=False, gapless=False,
                                      counter=False), f"{name}(", of, ")")
        of = self.vector(depth - 1, lambda e: exact(e) and e.size < 1e15)
        # Bounded, so that sums of it are.
        name, bound = self.choose((("exp", "20"), ("sinh", "20"), ("cosh", "20"), ("tan", "1.5")))
        return self._call(replace(of, named=False, size=math.exp(20), error=math.exp(20) * 64 * ULP, least=0.0, whole=False, distinct=False, gapless=False,
                                  counter=False), f"{name}(clamp(", of, f", -{bound}, {bound}))")

    def rounded(self, depth: int) -> Expr:
        of = self.vector(depth - 1, exact)
        name, after, whole = self.choose((("ceil", "", True), ("floor", "", True), ("round", "", True), ("sgn", "", True), ("round", ", 0.5", False), ("round", ", 10", True)))
        return self._call(replace(of, named=False, size=of.size + 10, whole=whole, least=0.0, distinct=False, counter=False), f"{name}(", of, f"{after})")

    def calendar(self, depth: int) -> Expr:
        if self.chance(0.3):
            of = self.selector(lambda e: e.unique and not e.histograms)
            return self._call(replace(of, named=False, error=0.0, size=2e9, least=1e9, whole=False, odd=False, distinct=False, counter=False), "timestamp(", of, ")")
        name = self.choose(CALENDAR)
        if self.chance(0.2):
            return Expr("vector", (f"{name}()",), size=2500, whole=True)
        of = self.vector(depth - 1, lambda e: exact(e) and e.size < 1e11)
        return self._call(replace(of, named=False, size=2500, least=0.0, whole=True, distinct=False, counter=False), f"{name}(", of, ")")

    def absent(self, depth: int) -> Expr:
        facts = Expr("vector", (), frozenset(("job", "kind")), whole=True, least=1.0)
        if self.chance(0.6):
            text = self.choose(('nothing{job="api",kind=~"a.*"}', 'queue{shape="none"}', "nothing", '{job="x",job="y"}', 'queue{shape!="saw",shape!="walk",job="web"}'))
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
            text = self.choose((f', "{target}", "$1", "{source}", "(.).*")', f', "{target}", "$1-${{1}}_$2$$", "{source}", "([a-z]+)(.*)")',
                                f', "{target}", "const", "", "")', f', "{target}", "$whole", "{source}", "(?P<whole>.*)")', f', "{target}", "v", "nothing", "(.+)")',
                                f', "{target}", "$1_b", "{source}", "(.*)")'))
        if self.chance(0.3) and target != source:
            others = self.random.sample(sorted(of.labels), min(len(of.labels), self.random.randrange(3)))
            return self._call(replace(of, labels=of.labels | {target}), "label_join(", of, "".join(f', "{part}"' for part in (target, self.choose(("-", "", "::")), *others)) + ")")
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
            over = self._call(self._slope(ranged, 1), "rate(", ranged, f"[{self._duration(RANGES[2:])}])")
        facts = over
        if self.chance(0.6):
            kept = self.random.sample(("job", "instance", "path"), self.random.randrange(3))
            over = self.aggregated(replace(self._summed(over, MOST_SERIES), labels=frozenset(kept) | {"le"}), f" by ({', '.join(('le', *kept))})", "sum", "", over)
            facts = over
        phi, text = self._share()
        # Where a bucket's share is near nothing, the place in it is lost; the place is bounded.
        return self._call(replace(facts, labels=facts.labels - {"le"}, named=False, size=2.5, error=2.5e-9, odd=True, whole=False, distinct=False, gapless=False,
                                  least=0.0, counter=False), f"histogram_quantile({text}, ", over, ")")

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
            return self.pick((8, self.number), (0.6, lambda: self.number(str(self.choose(ODD_NUMBERS)))), (1, lambda: Expr("scalar", ("time()",), size=2e9, least=1e9)),
                             (0.5, lambda: Expr("scalar", ("pi()",), size=4, least=3)))
        if self.chance(0.35):
            of = self.vector(depth - 1, lambda e: not e.histograms)
            return replace(of, type="scalar", parts=("scalar(", of, ")"), labels=frozenset(), odd=True, named=False, distinct=False, ordered=False, least=0.0)
        if self.chance(0.15):
            of = self.scalar(depth - 1)
            return replace(of, parts=("-(", of, ")"))
        if self.chance(0.25):
            lhs, rhs = self.scalar(depth - 1, exact), self.scalar(depth - 1, exact)
            return Expr("scalar", ("(", lhs, f" {self.choose(('==', '!=', '<', '<=', '>', '>='))} bool ", rhs, ")"), whole=True)
        lhs, rhs = self.scalar(depth - 1), self.scalar(depth - 1)
        return replace(self.arithmetic(lhs, rhs), type="scalar")

    # Binary operators

    def arithmetic(self, lhs: Expr, rhs: Expr, matching: str = "") -> Expr:
        """Of the two, with the facts of the left side where it does not matter."""
        ops = ["+", "-", "*"]
        if lhs.exact and rhs.exact and not (lhs.blurred or rhs.blurred):
            ops += ["/", "/", "%"] + (["atan2"] if not (lhs.named or rhs.named) else []) + (["^"] if lhs.size <= 2e9 and rhs.size <= 4 and rhs.whole else [])
        elif rhs.least > 0:
            ops.append("/")
        op = str(self.choose(ops))
        a, b = lhs, rhs
        odd, whole, least = a.odd or b.odd, a.whole and b.whole, 0.0
        if op in "+-":
            size, error = a.size + b.size, a.error + b.error
        elif op == "*":
            size, error, least = a.size * b.size, a.size * b.error + b.size * a.error + 4 * a.error * b.error, a.least * b.least
        elif op == "/":
            size = a.size / b.least if b.least else math.inf
            error = 0.0 if a.exact and b.exact else a.error / b.least + a.size * b.error / b.least**2
            whole, odd = False, odd or not b.least
        elif op == "%":
            size, error, odd = a.size, 0.0, odd or not b.least
        elif op == "^":
            size = max(1.0, a.size, 1 / a.least if a.least else math.inf) ** max(1.0, b.size)
            error, whole, odd = size * 64 * ULP, False, odd or not a.least
        else:
            size, error, whole = 4.0, 64 * ULP, False
        inexact_sum = op in "+-*" and not (a.exact and b.exact)
        error += size * ULP if inexact_sum and math.isfinite(size) else 0.0
        return Expr(lhs.type, ("(", lhs, f" {op}{matching} ", rhs, ")"), lhs.labels, unique=lhs.unique, error=error, size=size, least=least, whole=whole, odd=odd,
                    blurred=a.blurred or b.blurred, distinct=False, gapless=a.gapless and b.gapless, counter=False)

    def with_scalar(self, depth: int) -> Expr:
        vector, scalar = self.vector(depth - 1, lambda e: not e.histograms), self.scalar(2)
        if self.chance(0.7):
            return replace(self.arithmetic(vector, replace(scalar, gapless=True)), type="vector")
        return replace(self.arithmetic(replace(scalar, gapless=True), vector), type="vector", labels=vector.labels, unique=vector.unique)

    def compared(self, depth: int) -> Expr:
        """A filter by a number, that keeps the name; or 0 and 1."""
        bool_ = self.chance(0.3)
        vector = self.vector(depth - 1, lambda e: not e.histograms)
        ops = ("==", "!=", "<", "<=", ">", ">=") if vector.exact and vector.whole else ("<", ">", "!=", ">=", "<=")
        limit = self.number(str(self.choose(("0", "1", "3", "20", "200") if vector.exact else UNLIKELY)))
        sides = (vector, limit) if self.chance(0.8) else (limit, vector)
        facts = replace(vector, gapless=bool_ and vector.gapless, counter=False)
        if bool_:
            facts = replace(facts, named=False, error=0.0, size=1.0, whole=True, odd=False, distinct=False, least=0.0)
        return self._call(facts, "(", sides[0], f" {self.choose(ops)}{' bool' if bool_ else ''} ", sides[1], ")")

    def matched(self, depth: int) -> Expr:
        return self.pick((3, lambda: self.same_series(depth)), (4, lambda: self.same_groups(depth)), (4, lambda: self.many_to_one(depth)),
                         (1, lambda: self.with_info(depth)), (0.5, lambda: self.any_match(depth)))

    def operator_between(self, lhs: Expr, rhs: Expr, matching: str, labels: frozenset[str]) -> Expr:
        """Arithmetic, or a comparison of what is exact."""
        if self.chance(0.25) and lhs.exact and rhs.exact:
            bool_ = self.chance(0.4)
            op = self.choose(("==", "!=", "<", "<=", ">", ">="))
            facts = replace(lhs, labels=labels, gapless=False, counter=False, named=(lhs.named or rhs.named) and not bool_, distinct=False, least=0.0)
            if bool_:
                facts = replace(facts, size=1.0, whole=True, odd=False)
            return self._call(facts, "(", lhs, f" {op}{' bool' if bool_ else ''}{matching} ", rhs, ")")
        return replace(self.arithmetic(lhs, rhs, matching), type="vector", labels=labels)

    def same_series(self, depth: int) -> Expr:
        """Two views of one metric."""
        metric = self.choose([m for m in self.metrics if m.kind not in ("info", "histogram") and not m.odd])
        def side() -> Expr:
            if self.chance(0.5):
                return self.select(metric)
            ranged = self.select(metric, without_modifiers=True)
            name = self.choose(("max_over_time", "last_over_time", "min_over_time", "delta" if metric.gapless else "max_over_time"))
            facts = self._slope(ranged, 4) if name == "delta" else replace(ranged, counter=False, gapless=False, named=name[0] == "l")
            return self._call(facts, f"{name}(", ranged, f"[{self._duration(RANGES)}])")
        lhs, rhs = side(), side()
        matching = self.choose(("", "", " ignoring (nothing)", f" on ({', '.join(sorted(metric.labels))})"))
        return self.operator_between(lhs, rhs, matching, lhs.labels)

    def grouped_by(self, depth: int, by: Sequence[str]) -> Expr:
        """One series for each value of these labels."""
        of = self.vector(depth - 1, lambda e: not e.histograms and set(by) <= e.labels)
        name = self.choose(("sum", "max", "min", "count", "avg"))
        facts = {"sum": lambda: self._summed(of, MOST_SERIES), "avg": lambda: self._mean(of),
                 "count": lambda: replace(of, error=0.0, size=float(MOST_SERIES), least=1.0, whole=True, odd=False)}.get(name, lambda: of)()
        return self.aggregated(replace(facts, labels=frozenset(by), distinct=False, blurred=name != "count"), f" by ({', '.join(by)})", name, "", of)

    def some_target_labels(self) -> list[str]:
        return self.choose((["job"], ["instance"], ["job", "instance"], ["job", "instance"]))

    def same_groups(self, depth: int) -> Expr:
        by = self.some_target_labels()
        lhs, rhs = self.grouped_by(depth, by), self.grouped_by(depth, by)
        matching = self.choose(("", f" on ({', '.join(by)})", " ignoring (code)"))
        return self.operator_between(lhs, rhs, matching, frozenset(by))

    def many_to_one(self, depth: int) -> Expr:
        by = self.some_target_labels()
        many = self.vector(depth - 1, lambda e: not e.histograms and set(by) <= e.labels and e.unique)
        one = self.grouped_by(depth, by)
        if self.chance(0.5):
            return self.operator_between(many, one, f" on ({', '.join(by)}) group_left ()", many.labels)
        out = self.operator_between(one, many, f" on ({', '.join(by)}) group_right () ", many.labels)
        return replace(out, unique=many.unique)

    def with_info(self, depth: int) -> Expr:
        many = self.vector(depth - 1, lambda e: not e.histograms and {"job", "instance"} <= e.labels and e.unique)
        info = self.select(next(m for m in self.metrics if m.name == "build_info"))
        taken = self.choose(("version", "version, os", "os, nothing"))
        return replace(self.arithmetic(many, info, f" on (job, instance) group_left ({taken})"), type="vector",
                       labels=many.labels | frozenset(taken.split(", ")), unique=False)

    def any_match(self, depth: int) -> Expr:
        """Whatever comes of it, often an error."""
        lhs, rhs = (self.vector(depth - 1, lambda e: e.plain and e.exact) for _ in range(2))
        names = sorted(lhs.labels | rhs.labels) or ["job"]
        some = ", ".join(self.random.sample(names, self.random.randrange(min(3, len(names)) + 1)))
        group = self.choose(("", " group_left ()", " group_right ()"))
        out = self.arithmetic(lhs, rhs, f" {self.choose(('on', 'ignoring'))} ({some}){group}")
        return replace(out, type="vector", labels=lhs.labels | rhs.labels, unique=False)

    def set_operation(self, depth: int) -> Expr:
        lhs, rhs = self.vector(depth - 1), self.vector(depth - 1)
        op = self.choose(("and", "or", "or", "unless"))
        common = sorted(lhs.labels & rhs.labels)
        matching = ""
        if common and self.chance(0.5):
            some = ", ".join(self.random.sample(common, self.random.randrange(1, min(3, len(common)) + 1)))
            matching = f" {self.choose(('on', 'on', 'ignoring'))} ({some})"
        facts = replace(lhs, gapless=False, counter=False, named=lhs.named or op == "or" and rhs.named)
        if op == "or":
            facts = replace(facts, labels=lhs.labels | rhs.labels, size=max(lhs.size, rhs.size), error=max(lhs.error, rhs.error), least=min(lhs.least, rhs.least),
                            whole=lhs.whole and rhs.whole, odd=lhs.odd or rhs.odd, blurred=lhs.blurred or rhs.blurred, distinct=False, unique=False, histograms=lhs.histograms or rhs.histograms)
        return self._call(facts, "(", lhs, f" {op}{matching} ", rhs, ")")

    # What is refused

    def broken(self) -> Expr:
        vector, scalar, matrix = self.vector(2), self.scalar(2), self.matrix(1)
        ways = (("sum(", scalar, ")"), ("rate(", vector, ")"), ("abs(", matrix, ")"), ("(", matrix, " + ", vector, ")"), ("(", vector, " and ", scalar, ")"),
                ("(", scalar, " == ", scalar, ")"), ("scalar(", scalar, ")"), ("vector(", vector, ")"), ("nosuch(", vector, ")"), ("abs(", vector),
                ("clamp(", vector, ", 1)"), ("time(", scalar, ")"), (vector, " + "), ("{}",), ('{job=~".*"}',), ("queue{job=~'(a'}",), ("queue{job='a}",),
                ("topk(", vector, ")"), ("count_values(1, ", vector, ")"), ("label_replace(", vector, ", 'a', 'b', 'c', '(')"), (vector, " on (job) ", vector),
                ("(", vector, " + on (job) group_left (job) ", vector, ")"), ("(", scalar, " and ", vector, ")"), ("-'text'",), ("sum by (job, 1) (", vector, ")"),
                ("queue offset", ), ("queue offset 5m offset 1m",), ("queue[5m",), ("queue[]",), ("queue @",), ("sum(1, 2, 3",), ("queue{job}",),
                ("queue[5m][5m]",), ("(queue)[5m]",), ("quantile(", vector, ", 0.5)"), ("1 ~ 2",), ("",), ("'open",),
                ("(", matrix, ")[5m:1m]") if not self.ranged else ("rate(", scalar, "[5m:])"), ("(", vector, " + bool ", vector, ")"), ("(", vector, " and group_left ", vector, ")"))
        return Expr("vector", self.choose(ways))
