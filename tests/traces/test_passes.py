"""Searching on: what a teacher is told and when, which topics are named, and what is a leak."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.records import Chunk, Further, Hop, Message, Row, ToolCall, ToolReturn, Trace
from tracegen.traces.leaks import REFUSAL, Leak, leaks_of
from tracegen.traces.passes import Passes
from tracegen.traces.ratings import Rater, Rating, prompt_of
from tracegen.traces.support import Support, Term

GUIDE = "Missing:\n{topics}\nSearch."


def chunk(number: int, path: str, headings: tuple[str, ...], text: str) -> Chunk:
    return Chunk(id=f"{number:016}", path=path, title=headings[0], headings=headings, text=text, start_line=1, end_line=2)


CHUNKS = (
    chunk(0, "std/arrays.md", ("Folding and mapping", "std.foldl"), "`std.foldl(func, arr, init)` goes through the array."),
    chunk(1, "std/arrays.md", ("Folding and mapping", "std.map"), "`std.map(func, arr)` calls the function for each."),
    chunk(2, "std/text.md", ("Text", "Case of letters", "std.asciiLower"), "`std.asciiLower(text)` gives small letters."),
    chunk(3, "news.md", ("News",), "We have std.foldl, std.map and std.asciiLower now."),
    chunk(4, "lists/about.md", ("About",), "Lists hold values."),
    chunk(5, "loops/about.md", ("About",), "Loops use `std.range(from, to)`."),
    chunk(6, "texts/about.md", ("About",), "Texts hold letters."),
)


def row(output: str, prompt: str = "Sum the values.") -> Row:
    return Row(id="row-1", line=1, messages=(Message(role="user", content=prompt), Message(role="assistant", content=output)))


def hop(query: str, text: str = "No passage found.", *, error: bool = False) -> Hop:
    call = ToolCall(id=f"call_{query}", name="search_docs", arguments={"query": query})
    return Hop(call=call, returned=ToolReturn(text=text, error=error))


def trace(*hops: Hop, further: tuple[Further, ...] = (), **fields: object) -> Trace:
    return Trace(hops=hops, ended="answered", further=further, **fields)


def nudge(after: int) -> Further:
    return Further(kind="nudge", message="Again.", max_hops=4, after=after, retrievable=0.1)


@pytest.fixture
def rater() -> Rater:
    return Rater(lambda: CHUNKS, "index")


def passes(rater: Rater, min_support: float = 0.8, guide: str | None = GUIDE) -> Passes:
    return Passes(rater, min_support, nudge="Look again.\n", guide=guide)


ROW = row("std.foldl(add, std.asciiLower(x), 0)")
SHOWN = "[1] std/arrays.md:1-2 Folding and mapping > std.foldl\n`std.foldl(func, arr, init)` goes through the array."


def test_a_nudge_comes_first_and_does_not_say_what_is_missing(rater: Rater) -> None:
    short = trace(hop("sum", SHOWN))
    told = passes(rater).further(short, rater.rate(ROW, short))
    assert told is not None
    assert (told.kind, told.message, told.after, told.topics) == ("nudge", "Look again.", 1, ())
    assert told.retrievable == pytest.approx(rater.rate(ROW, short).support.retrievable)


def test_a_guide_names_topics_and_no_terms_and_then_nothing_follows(rater: Rater) -> None:
    short = trace(hop("sum", SHOWN), further=(nudge(1),))
    told = passes(rater).further(short, rater.rate(ROW, short))
    assert told is not None
    assert (told.kind, told.topics[0]) == ("guide", "Text > Case of letters")
    assert told.message.startswith("Missing:\n- Text > Case of letters\n")
    assert "asciiLower" not in told.message
    assert passes(rater, guide=None).further(short, rater.rate(ROW, short)) is None
    over = trace(hop("sum", SHOWN), further=(nudge(1), told))
    assert passes(rater).further(over, rater.rate(ROW, over)) is None


def test_rows_that_are_long_enough_failed_or_need_nothing_do_not_go_on(rater: Rater) -> None:
    short = trace(hop("sum", SHOWN))
    assert passes(rater, min_support=0.2).further(short, rater.rate(ROW, short)) is None
    refused = short.model_copy(update={"ended": "refused"})
    assert passes(rater).further(refused, rater.rate(ROW, short)) is None
    cut_off = short.model_copy(update={"detail": "The answer was cut off"})
    assert passes(rater).further(cut_off, rater.rate(ROW, short)) is not None
    broken_off = trace(hop("sum", SHOWN), further=(nudge(1),), detail="Searching on failed: too long")
    assert passes(rater).further(broken_off, rater.rate(ROW, short)) is None
    assert passes(rater).further(trace(), rater.rate(ROW, trace())) is None
    plain = row("{ a: 1 }", "an object with a")
    assert passes(rater).further(short, rater.rate(plain, short)) is None


def test_what_ended_because_it_was_enough_goes_on_when_more_is_wanted(rater: Rater) -> None:
    enough = trace(hop("sum", SHOWN), further=(nudge(0),), enough=True)
    rating = rater.rate(ROW, enough)
    assert passes(rater, 0.3).further(enough, rating) is None
    assert passes(rater, 0.3).enough(rating) is not None
    told = passes(rater, 0.9).further(enough, rating)
    assert told is not None
    assert told.kind == "nudge"
    assert passes(rater, 0.9).enough(rating) is None


def test_a_title_that_many_documents_have_is_named_by_its_folder(rater: Rater) -> None:
    short = trace(hop("sum"), further=(nudge(1),))
    told = passes(rater).further(short, rater.rate(row("std.range(1, 2)"), short))
    assert told is not None
    assert told.topics == ("loops",)


@given(
    st.lists(st.sampled_from(["std.foldl", "std.map", "std.asciiLower", "std.range", "Text", "News", "loops"]), min_size=1),
    st.lists(st.sampled_from(["std.foldl", "std.map", "std.asciiLower", "std.range", "Text", "News", "loops"])),
)
def test_no_topic_holds_a_hidden_term(missing: list[str], others: list[str]) -> None:
    terms = tuple(
        Term(text=name, kind="qualified" if "." in name else "name", status=status, weight=1.0)
        for status, names in (("documented", missing), ("undocumented", others))
        for name in names
    )
    support = Support(support=0.0, retrievable=0.0, terms=terms)
    topics = passes(Rater(lambda: CHUNKS, "index")).topics(Rating(support=support, leaks=()))
    words = {word.lower() for topic in topics for word in topic.replace(">", " ").split()}
    assert not words & {part.lower() for term in terms for part in (term.text, term.text.split(".")[-1])}


# --- leaks ---------------------------------------------------------------------------------------------------------------


def leaks(rater: Rater, output: str, *hops: Hop, told_after: int = 0) -> list[Leak]:
    found = trace(*hops, further=(nudge(told_after),))
    of = row(output)
    only = [term for term in rater.rate(of, found).support.terms if term.status != "given"]
    return list(leaks_of(found, only, prompt_of(of)))


def test_a_query_that_holds_what_only_the_output_has_is_a_leak(rater: Rater) -> None:
    output = "std.foldl(add, std.asciiLower(x), 0)"
    found = leaks(rater, output, hop("how to use std.foldl"), hop("asciiLower example"), hop("fold a list"))
    assert [(leak.hop, leak.terms, leak.outcome) for leak in found] == [
        (1, ("std.foldl",), "left in"),
        (2, ("std.asciiLower",), "left in"),
    ]


def test_what_was_returned_before_or_stands_in_the_prompt_is_no_leak(rater: Rater) -> None:
    assert not leaks(rater, "std.foldl(add, x, 0)", hop("sum", SHOWN), hop("std.foldl"))
    given_row = row("std.foldl(add, x, 0)", "What does std.foldl do?")
    assert not rater.leaks(given_row, (), "std.foldl")
    assert rater.leaks(ROW, (), "std.foldl")
    assert not rater.leaks(ROW, (hop("sum", SHOWN),), "std.foldl")
    assert rater.leaks(ROW, (hop("sum", SHOWN, error=True),), "std.foldl")


def test_before_anything_was_told_it_is_knowledge_and_a_refused_one_is_in_no_example(rater: Rater) -> None:
    refused = hop("std.asciiLower").model_copy(update={"returned": REFUSAL})
    found = leaks(rater, "std.foldl(std.asciiLower(x))", hop("std.foldl"), refused, told_after=1)
    assert [leak.outcome for leak in found] == ["known", "refused"]
    assert refused not in trace(refused).good_hops


def test_rare_words_of_prose_are_no_leaks() -> None:
    chunks = [
        *CHUNKS,
        *(chunk(10 + n, f"p{n}.md", ("Other",), f"Something else {n}.") for n in range(30)),
        chunk(50, "u.md", ("Union",), "The union of both sets."),
    ]
    rater = Rater(lambda: chunks, "index")
    asked = row("You should take the union of both, and then it is sorted.", "How do I do that?")
    terms = rater.rate(asked, trace(hop("sets"))).support.terms
    assert [(term.text, term.kind, term.status) for term in terms if term.text == "union"] == [("union", "word", "documented")]
    assert not rater.leaks(asked, (), "union of sets")


def test_rows_without_a_search_or_a_find_have_no_support(rater: Rater) -> None:
    asked = row("std.foldl(add, x, 0)", "Sum these.")
    assert rater.rate(asked, trace()).support.retrievable == 0
    for unrated in (asked.model_copy(update={"search": False}), asked.model_copy(update={"variant": "nothing-found"})):
        rating = rater.rate(unrated, trace())
        assert (rating.support.support, rating.support.retrievable) == (None, None)
        assert not rating.is_below(1)


def test_words_of_sentences_are_no_leaks(rater: Rater, tmp_path: Path) -> None:
    keywords = (chunk(7, "loops.md", ("Keywords",), "`for x in y` and `if a then b`."),)
    assert not Rater(lambda: keywords, "index").leaks(row("[x for x in y if z]", "Make a list."), (), "loops in a list")
