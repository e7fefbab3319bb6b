"""What sums, means, slopes and operators may be off by: the facts of their values, from those of their operands'."""

import math
from dataclasses import replace

from promql_expressions import ULP, Expr

MOST_SERIES, MOST_POINTS = 256, 512  # of any one sum


def summed(of: Expr, count: int) -> Expr:
    size = of.size * count
    never_off = of.exact and of.whole and size < 2.0**53
    return replace(of, named=False, size=size, error=0.0 if never_off else count * of.error + size * ULP, least=0.0, gapless=False, counter=False)


def mean(of: Expr) -> Expr:
    return replace(of, named=False, error=of.error + 64 * of.size * ULP, whole=False, gapless=False, counter=False, least=0.0)


def deviation(of: Expr) -> Expr:
    """A root: half of the digits of the size are lost where values hardly deviate."""
    return replace(mean(of), error=of.size * 1e-7 + math.sqrt(of.error * of.size), distinct=False)


def variance(of: Expr) -> Expr:
    return replace(mean(of), size=of.size**2 + 1, error=64 * (of.size**2 + 1) * ULP + 4 * of.error * of.size, distinct=False)


def slope(of: Expr, factor: float) -> Expr:
    size = of.size * factor * 2
    return replace(of, named=False, size=size, error=64 * factor * (of.error + of.size * ULP), least=0.0, whole=False, gapless=False, counter=False)


def operated(op: str, a: Expr, b: Expr) -> Expr:
    """Of `a op b`: one IEEE operation on what is exact is exact, and the C library's functions are not Go's."""
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
    if op in "+-*" and not (a.exact and b.exact) and math.isfinite(size):
        error += size * ULP
    return Expr(
        a.type, (), error=error, size=size, least=least, whole=whole, odd=odd, blurred=a.blurred or b.blurred, gapless=a.gapless and b.gapless
    )
