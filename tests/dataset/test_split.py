"""Which rows are held out."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.dataset.split import hold_out, quarters

ROWS = st.integers(2, 60).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, n - 1), min_size=n, max_size=n).filter(lambda groups: len(set(groups)) > 1),
        st.lists(st.integers(0, 4), min_size=n, max_size=n),
        st.lists(st.integers(1, 5000), min_size=n, max_size=n),
    )
)


@given(ROWS, st.floats(0.05, 0.5), st.integers(0, 5))
def test_groups_stay_together_and_both_sides_have_some(
    rows: tuple[list[int], list[int], list[int]], share: float, seed: int
) -> None:
    held = hold_out(*rows, share=share, seed=seed)
    assert len(held) == len(rows[0])
    assert {True, False} == set(held)
    assert len({group for group, is_held in zip(rows[0], held, strict=True) if is_held}) + len(
        {group for group, is_held in zip(rows[0], held, strict=True) if not is_held}
    ) == len(set(rows[0]))
    assert hold_out(*rows, share=share, seed=seed) == held


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_each_topic_and_length_gives_its_share(share: float) -> None:
    clusters = [0] * 200 + [1] * 100 + [2] * 60 + [3] * 40
    lengths = [100 + 37 * number % 4000 for number in range(400)]
    held = hold_out(list(range(400)), clusters, lengths, share=share)
    assert held.count(True) == pytest.approx(400 * share, abs=2)
    for labels in (clusters, quarters(lengths).tolist()):
        for label, count in Counter(labels).items():
            taken = sum(is_held for each, is_held in zip(labels, held, strict=True) if each == label)
            assert taken == pytest.approx(count * share, abs=2)


def test_a_large_group_does_not_draw_the_share_away() -> None:
    groups = [0] * 50 + list(range(1, 51))
    held = hold_out(groups, [0] * 100, [1] * 100, share=0.1)
    assert held.count(True) == 10
    assert not any(held[:50])


def test_another_seed_is_another_split() -> None:
    rows = (list(range(100)), [0] * 100, [5] * 100)
    assert hold_out(*rows, share=0.1, seed=1) != hold_out(*rows, share=0.1, seed=2)


def test_what_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="one group"):
        hold_out([0, 0, 0], [0, 0, 0], [1, 2, 3], share=0.1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        hold_out([0, 1], [0, 0], [1, 2], share=1.0)


def test_quarters() -> None:
    assert quarters([4, 1, 3, 2]).tolist() == [3, 0, 2, 1]
    assert quarters([7]).tolist() == [3]
    assert len(set(quarters([5, 5, 5]).tolist())) == 1
