"""Expr: a PromQL expression as text around its operands, with what can be said of its values; and how a failing one shrinks.

What is said of the values decides where an expression may stand, and how close two answers have to be. `error` is the
greatest difference that releases of Prometheus may have in a value of it, because they add up and round in different
orders: 0 of what is stored, what is chosen among it, and one IEEE operation on that. It grows along the tree with `size`,
the greatest value that may have gone in: a sum of n values is off by n * size * 2^-53, whatever is left of it when they
cancel out. Where a last bit would change an answer as a whole (comparisons, %, floor, count_values, the order of topk, a
counter reset), only operands with `error` 0 may stand.
"""

from dataclasses import dataclass, replace
from typing import Callable, Iterator

ULP = 2.0**-50  # with some room


@dataclass(frozen=True)
class Expr:
    type: str  # scalar, vector, matrix or string
    parts: "tuple[str | Expr, ...]"
    labels: frozenset[str] = frozenset()  # that may be there, without the name
    named: bool = False  # has metric names
    unique: bool = True  # no two series have the same labels, names aside
    error: float = 0.0
    size: float = 1.0
    least: float = 0.0  # no value is closer to 0
    whole: bool = False
    odd: bool = False  # NaN and infinities may be among the values
    blurred: bool = False  # a zero may have lost its sign
    distinct: bool = False  # no two series have equal values
    gapless: bool = False
    counter: bool = False
    histograms: bool = False
    ordered: bool = False  # the order of an instant answer counts

    def __str__(self) -> str:
        return "".join(map(str, self.parts))

    @property
    def exact(self) -> bool:
        return self.error == 0

    @property
    def plain(self) -> bool:
        """Numbers only, without the odd ones."""
        return not self.odd and not self.histograms

    def operands(self) -> "Iterator[Expr]":
        return (part for part in self.parts if isinstance(part, Expr))

    def within(self) -> "Iterator[Expr]":
        """All expressions below, the nearest last."""
        for operand in self.operands():
            yield from operand.within()
            yield operand


def smaller(expr: Expr) -> Iterator[Expr]:
    """Expressions that are shorter than this: what is in it, then itself with a part of it in place of a larger part."""
    yield from sorted((e for e in expr.within() if e.type != "string"), key=lambda e: len(str(e)))
    for at, part in enumerate(expr.parts):
        if isinstance(part, Expr):
            for shorter in smaller(part):
                if shorter.type == part.type:
                    yield replace(expr, parts=expr.parts[:at] + (shorter,) + expr.parts[at + 1:])


def shrunk(expr: Expr, fails: Callable[[Expr], bool], most_tries: int = 400) -> Expr:
    """The smallest expression found that `fails`, as `expr` does."""
    tries = 0
    while True:
        for candidate in smaller(expr):
            tries += 1
            if tries > most_tries:
                return expr
            if len(str(candidate)) < len(str(expr)) and fails(candidate):
                expr = candidate
                break
        else:
            return expr
