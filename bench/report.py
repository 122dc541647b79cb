"""How every benchmark says whether it reached what it should."""

from __future__ import annotations


def verdict(what: str, value: float, target: float, *, at_least: bool) -> None:
    met = value >= target if at_least else value <= target
    sign = ">=" if at_least else "<="
    print(f"{what} {value:.4g} (target {sign} {target}) {'met' if met else 'MISSED'}")
