"""Chunks that say the same as an earlier one."""

from hypothesis import given
from hypothesis import strategies as st

from tracegen.corpus import mark_duplicates
from tracegen.records import Chunk


def chunk(id: str, text: str, heading: str = "List") -> Chunk:
    return Chunk(id=id, path=f"{id}.md", title=heading, headings=("Top", heading), text=text, start_line=1, end_line=1)


def marked(*chunks: Chunk) -> list[str | None]:
    return [each.duplicate_of for each in mark_duplicates(lambda: chunks)]


LONG = " ".join(f"word{number} is told about here." for number in range(60))


def test_copies_and_near_copies_refer_to_the_first() -> None:
    changed = LONG.replace("word30", "other")
    assert marked(chunk("a", LONG), chunk("b", LONG), chunk("c", changed), chunk("d", changed)) == [None, "a", "a", "a"]


def test_white_space_and_case_make_no_difference() -> None:
    assert marked(chunk("a", "Returns  the\nlist."), chunk("b", "returns the list.")) == [None, "a"]


def test_what_differs_in_a_tenth_or_more_is_no_duplicate() -> None:
    half = LONG.replace("is told about here", "stands in another book", 30)
    assert marked(chunk("a", LONG), chunk("b", half), chunk("c", "short"), chunk("d", "shorter"), chunk("e", "")) == [None] * 5


def test_the_same_words_below_other_headings_say_something_else() -> None:
    assert marked(chunk("a", LONG, "map"), chunk("b", LONG, "fold")) == [None, None]
    assert marked(chunk("a", LONG, "Manual 1.6"), chunk("b", LONG, "Manual v1.7")) == [None, "a"]


def test_versions_of_a_manual() -> None:
    sections = {number: LONG.replace("word", f"topic{number}word") for number in range(5)}
    chunks = [
        chunk(f"{version}-{number}", text + f" Version 1.{version}.", f"Part {'abcde'[number]}")
        for version in range(23)
        for number, text in sections.items()
    ]
    originals = [each.id for each in mark_duplicates(lambda: chunks) if each.duplicate_of is None]
    assert originals == [f"0-{number}" for number in range(5)]


def test_marks_of_before_are_made_anew() -> None:
    (one,) = mark_duplicates(lambda: [chunk("a", LONG).model_copy(update={"duplicate_of": "gone"})])
    assert one.duplicate_of is None


@given(st.lists(st.sampled_from(["one", "two words", LONG, LONG + " more", ""]), max_size=12))
def test_no_mark_leads_to_a_marked_one(texts: list[str]) -> None:
    given = [chunk(str(number), text) for number, text in enumerate(texts)]
    chunks = list(mark_duplicates(lambda: given))
    originals = {each.id for each in chunks if each.duplicate_of is None}
    assert all(each.duplicate_of is None or each.duplicate_of in originals for each in chunks)
    assert [each.id for each in chunks] == [str(number) for number in range(len(texts))]
