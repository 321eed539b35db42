"""Counting on disk counts as counting in memory does."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tracegen.dataset.repetitions import Repetitions

DIGESTS = st.lists(
    st.sampled_from(["0" * 16, "f" * 16, "8" + "0" * 15, "7" + "f" * 15]) | st.text("0189abef", min_size=16, max_size=16)
)


@given(DIGESTS)
def test_repetitions_are_counted(digests: list[str]) -> None:
    expected = Counter[str]()
    with Repetitions() as repetitions:
        for digest in digests:
            expected[digest] += 1
            assert repetitions.count(digest) == expected[digest]
