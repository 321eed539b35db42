"""Numbers as words of a sentence."""

import pytest

from tracegen.wording import counted, verb


@pytest.mark.parametrize(
    ("number", "says"), [(0, "0 batches wait"), (1, "1 batch waits"), (2, "2 batches wait"), (1200, "1,200 batches wait")]
)
def test_a_number_with_its_noun_and_verb(number: int, says: str) -> None:
    assert f"{counted(number, 'batch', 'batches')} {verb(number, 'wait')}" == says


def test_a_noun_alone_takes_an_s() -> None:
    assert [counted(1, "row"), counted(2, "row")] == ["1 row", "2 rows"]
