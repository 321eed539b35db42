"""Figures over rows."""

from collections.abc import Iterable

from tracegen.doctor.records import SupportFigures

ENOUGH = 0.8
"""Support from which on a row is taken to show what its output needs."""
STEPS = 10
WORST = 20
"""So many of the least supported rows are named."""


def support_figures(supports: Iterable[tuple[int, float | None]]) -> SupportFigures:
    """Return the figures of some rows, each with its line and its support; rows without any are left out."""
    rated = sorted((support, line) for line, support in supports if support is not None)
    histogram = [0] * STEPS
    for support, _ in rated:
        histogram[min(STEPS - 1, int(support * STEPS))] += 1
    return SupportFigures(
        rows=len(rated),
        mean=sum(support for support, _ in rated) / len(rated) if rated else 0.0,
        above=sum(support > ENOUGH for support, _ in rated),
        histogram=tuple(histogram),
        worst=tuple((line, support) for support, line in rated[:WORST] if support <= ENOUGH),
    )
