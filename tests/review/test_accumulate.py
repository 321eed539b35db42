"""Accumulators for one pass over a file."""

from array import array

from tracegen.findings import Digests
from tracegen.review.accumulate import Counts, Top, histogram, spread
from tracegen.review.figures import Bar, Spread


def test_spread_gives_values_that_occur() -> None:
    assert spread(array("I", [3, 1, 2, 10])) == Spread(min=1, median=2, p95=10, max=10)
    assert spread(array("I")) == Spread(min=0, median=0, p95=0, max=0)


def test_histogram_has_a_bar_per_value_or_per_step() -> None:
    assert histogram(array("I", [1, 3, 3])) == (
        Bar(first=1, last=1, rows=1),
        Bar(first=2, last=2, rows=0),
        Bar(first=3, last=3, rows=2),
    )
    bars = histogram(array("I", [0, 100, 4_000_000_000]))
    assert len(bars) <= 12
    assert sum(bar.rows for bar in bars) == 3
    assert histogram(array("I")) == ()


def test_top_keeps_the_largest_and_of_equals_the_first() -> None:
    top: Top[str] = Top(2)
    for key, item in [(1, "a"), (5, "b"), (5, "c"), (5, "d")]:
        top.add(key, item)
    assert list(top) == ["b", "c"]
    assert not top.admits(5)


def test_counts_are_bounded() -> None:
    counts = Counts(limit=2)
    for name in "abcdb":
        counts.add(name)
    assert counts.most_common() == {"b": 2, "(others)": 2, "a": 1}


def test_digests_find_what_is_shared() -> None:
    digests = Digests()
    for text in ["x", "y", "x", "\ud800", "y", "y"]:
        digests.add(text)
    assert digests.firsts().tolist() == [0, 1, 0, 3, 1, 1]
    assert digests.usual() == 1
    assert digests.different() == 3
    assert Digests().firsts().tolist() == []
    assert (Digests().usual(), Digests().different()) == (0, 0)
