"""Passages are chosen and grown quickly: what comes of it is held against the plainest way to do the same."""

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.index.conftest import index_of, paragraph
from tracegen.index import Index
from tracegen.index.passages import SAME_COSINE, SAME_SHINGLES, Passage, _beside, _grown, _Seen
from tracegen.index.ranking import DEFINITION, Found, Scores
from tracegen.index.reader import Reader
from tracegen.index.tool import LONGEST_PASSAGE


@pytest.fixture(scope="module")
def like_index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Build an index of sections of one to four chunks that are like each other: some with one other word, some the same."""
    parts = [paragraph(number % 3, words=45).replace("x7 ", f"y{number // 3 % 3} ") for number in range(20)]
    pages = {
        f"page{page}.md": f"# Page {page}\n\n"
        + "\n\n".join(
            f"## part {section}\n\n"
            + "\n\n".join(parts[(page * 5 + section + place * 4) % 20] for place in range(1 + (page + section) % 4))
            for section in range(4)
        )
        for page in range(6)
    }
    return index_of(tmp_path_factory.mktemp("like"), pages)


@given(
    found=st.lists(st.tuples(st.integers(0, 63), st.sampled_from([0.0, 0.0, DEFINITION])), min_size=1, max_size=6),
    scores=st.lists(st.sampled_from([-np.inf, -0.1, 0.0, 0.2, 0.20001, 0.9]), min_size=64, max_size=64),
    share=st.floats(50, 1500),
    left=st.integers(0, 6000),
)
@settings(max_examples=200)
def test_passages_grow_as_if_all_that_is_beside_them_were_weighed_at_each_step(
    like_index: Index, found: list[tuple[int, float]], scores: list[float], share: float, left: int
) -> None:
    assert like_index._readers
    reader, count = like_index._readers[0], len(like_index)
    every = np.array(scores[:count], dtype=np.float32)
    chosen = [
        Passage(Found(number, 0.5, None, 0, None, 0, bonus), reader.section(number), range(number, number + 1))
        for number, bonus in dict(found).items()
        if number < count
    ]
    assert _grown(chosen, every, reader, share, left) == _plainly_grown(chosen, every, reader, share, left)


def _plainly_grown(chosen: list[Passage], scores: Scores, reader: Reader, share: float, left: int) -> list[Passage]:
    """Return passages grown one chunk at a time, by the best of all that may come next, weighed anew each time."""
    passages = list(chosen)
    while True:
        steps = []
        for place, passage in enumerate(passages):
            length = reader.sizes(passage.shown)
            for number in _beside(passage, reader) if passage.found.bonus >= passages[0].found.bonus else ():
                cost = reader.sizes(range(number, number + 1))
                shown = range(min(number, passage.shown.start), max(number + 1, passage.shown.stop))
                is_free = all(number not in other.shown for other in passages)
                if is_free and cost <= left and length + cost <= LONGEST_PASSAGE * share:
                    completes = number in passage.section and length + cost <= share
                    speaks_for_it = completes, float(scores[number]) / cost, number > passage.shown.start, -place
                    steps.append((speaks_for_it, cost, place, shown))
        if not steps:
            return passages
        _, cost, place, shown = max(steps, key=lambda step: step[0])
        passages[place] = passages[place]._replace(shown=shown)
        left -= cost


@given(numbers=st.lists(st.integers(0, 63), min_size=1, max_size=30, unique=True))
def test_what_is_said_already_is_what_one_of_those_before_says(like_index: Index, numbers: list[int]) -> None:
    assert like_index._readers
    reader, seen, before = like_index._readers[0], _Seen(like_index._readers[0]), list[Passage]()
    for number in (number for number in numbers if number < len(like_index)):
        found = Found(number, 0.5, None, 0, None, 0, 0)
        passage = Passage(found, reader.section(number), range(number, number + 1))
        assert seen.says(passage) == any(_says_the_same(reader, passage, better) for better in before)
        seen.add(passage)
        before.append(passage)


def _says_the_same(reader: Reader, passage: Passage, better: Passage) -> bool:
    one, other = passage.found.number, better.found.number
    near = range(max(better.section.start, other - 2), min(better.section.stop, other + 3))
    enough = 1.0 if reader.same_document(one, other) else SAME_SHINGLES
    mine = reader.shingles(range(one, one + 1))
    cosine = max(float(reader.vectors[one] @ reader.vectors[number]) for number in near)
    return cosine >= SAME_COSINE and len(mine & reader.shingles(near)) >= enough * len(mine)


def test_a_reader_says_of_all_chunks_what_a_walk_over_them_says(pages_index: Index) -> None:
    assert pages_index._readers
    reader, chunks = pages_index._readers[0], list(pages_index.chunks())
    assert reader.chunks(range(len(chunks))) == chunks
    for number, chunk in enumerate(chunks):
        same = [place for place, one in enumerate(chunks) if (one.path, one.headings) == (chunk.path, chunk.headings)]
        assert list(reader.section(number)) == same
        first = not number or chunks[number - 1].path != chunk.path  # of its page: nothing stands before it in a passage
        heading = f"## {chunk.headings[-1]}\n\n" if number == same[0] and not first else ""
        for _ in range(2):  # measured, and remembered
            assert reader.size(number) == len(f"{heading}{chunk.text}\n\n")
            line = f"[1] {chunk.path}:{chunk.start_line}-{chunk.end_line} {' > '.join(chunk.headings)}\n"
            assert reader.cost(range(number, number + 1)) == len(line) + reader.size(number)
        cost = reader.cost(range(number, len(chunks)))
        assert reader.fits(range(number, len(chunks)), cost)
        assert not reader.fits(range(number, len(chunks)), cost - 1)
        assert not any(reader.same_section(number, other) for other in (-1, len(chunks)))


def test_a_closed_index_lets_go_of_what_it_read(tmp_path: Path) -> None:
    index = index_of(tmp_path, {"page.md": "# Page\n\nAll about joining.\n"})
    index.search("joining")
    assert index._readers
    gone = [weakref.ref(reader) for reader in index._readers]
    gc.disable()
    try:
        index.close()
        assert [reader() for reader in gone] == [None, None]
    finally:
        gc.enable()
