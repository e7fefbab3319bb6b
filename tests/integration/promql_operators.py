"""Operators: of generated queries, what stands between two operands, and how their series match.

Most pairs are made to match: two views of one metric, two sums by the same labels, many series and one for each of
their groups. A part of a Generator, which has the operands.
"""

from dataclasses import replace
from typing import Sequence

from promql_expressions import Expr
from promql_rounding import MOST_SERIES, mean, operated, slope, summed
from promql_selectors import RANGES, Selectors

UNLIKELY = ("0.73190271", "2.7182918", "11.3718231", "1234.56789", "-3.14259")  # no value that is off by a bit lies there


class Operators(Selectors):
    def arithmetic(self, lhs: Expr, rhs: Expr, matching: str = "") -> Expr:
        """Of the two, with the facts of the left side where it does not matter."""
        ops = ["+", "-", "*"]
        if lhs.exact and rhs.exact and not (lhs.blurred or rhs.blurred):
            ops += (
                ["/", "/", "%"]
                + (["atan2"] if not (lhs.named or rhs.named) else [])
                + (["^"] if lhs.size <= 2e9 and rhs.size <= 4 and rhs.whole else [])
            )
        elif rhs.least > 0:
            ops.append("/")
        op = str(self.choose(ops))
        facts = operated(op, lhs, rhs)
        return replace(facts, type=lhs.type, parts=("(", lhs, f" {op}{matching} ", rhs, ")"), labels=lhs.labels, unique=lhs.unique)

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
            facts = slope(ranged, 4) if name == "delta" else replace(ranged, counter=False, gapless=False, named=name[0] == "l")
            return self._call(facts, f"{name}(", ranged, f"[{self._duration(RANGES)}])")
        lhs, rhs = side(), side()
        matching = self.choose(("", "", " ignoring (nothing)", f" on ({', '.join(sorted(metric.labels))})"))
        return self.operator_between(lhs, rhs, matching, lhs.labels)

    def grouped_by(self, depth: int, by: Sequence[str]) -> Expr:
        """One series for each value of these labels."""
        of = self.vector(depth - 1, lambda e: not e.histograms and set(by) <= e.labels)
        name = self.choose(("sum", "max", "min", "count", "avg"))
        facts = {"sum": lambda: summed(of, MOST_SERIES), "avg": lambda: mean(of),
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
            facts = replace(
                facts,
                labels=lhs.labels | rhs.labels,
                size=max(lhs.size, rhs.size),
                error=max(lhs.error, rhs.error),
                least=min(lhs.least, rhs.least),
                whole=lhs.whole and rhs.whole,
                odd=lhs.odd or rhs.odd,
                blurred=lhs.blurred or rhs.blurred,
                distinct=False,
                unique=False,
                histograms=lhs.histograms or rhs.histograms,
            )
        return self._call(facts, "(", lhs, f" {op}{matching} ", rhs, ")")
