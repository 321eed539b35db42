"""Searches of many conversations: each gets its own return, and queries that wait are embedded together."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.errors import EmbedderError
from tracegen.records import ToolReturn
from tracegen.searcher import Searcher

WAIT_S = 30.0


class Gated:
    """An index that notes what it is asked, and answers when it may."""

    def __init__(self, searches_at_once: int = 1, queries_together: int = 4) -> None:
        self.searches_at_once, self.queries_together = searches_at_once, queries_together
        self.prepared: list[list[str]] = []
        self.called: list[str] = []
        self.given_up = False
        self.may_end = threading.Event()
        self.held: str | None = None
        """The one query that has to wait until it may; without it all of them."""

    def prepare(self, queries: Sequence[str]) -> None:
        self.prepared.append(list(queries))
        if "broken" in queries:
            raise EmbedderError("The endpoint is gone.")

    def call_all(self, queries: Sequence[str]) -> Iterator[ToolReturn]:
        if len(queries) > 1:
            self.prepare(queries)
        yield from map(self.call, queries)

    def call(self, query: str) -> ToolReturn:
        self.called.append(query)
        if self.held in (None, query):
            assert self.may_end.wait(WAIT_S)
        return ToolReturn(text=f"found {query}")

    def give_up(self) -> None:
        self.given_up = True
        self.may_end.set()


def searcher(index: Gated) -> Searcher:
    return Searcher(index)  # type: ignore[arg-type]


async def asked(search: Searcher, queries: Sequence[str]) -> list[asyncio.Task[Any]]:
    """Ask all, and return when each has been handed over."""
    tasks = [asyncio.create_task(search(query)) for query in queries]
    await asyncio.sleep(0)
    return tasks


async def texts_of(tasks: Sequence["asyncio.Task[ToolReturn]"]) -> list[str]:
    return [(await asyncio.wait_for(task, WAIT_S)).text for task in tasks]


async def test_what_comes_while_a_search_is_under_way_is_embedded_together_afterwards() -> None:
    index = Gated()
    with searcher(index) as search:
        tasks = await asked(search, "abcdefgh")
        index.may_end.set()
        assert await texts_of(tasks) == [f"found {query}" for query in "abcdefgh"]
    # The first one alone and at once, then four at most.
    assert index.prepared == [list("bcde"), list("fgh")]
    assert index.called == list("abcdefgh")


async def test_what_waits_is_shared_out_among_the_threads() -> None:
    index = Gated(searches_at_once=2, queries_together=100)
    with searcher(index) as search:
        tasks = await asked(search, ["first", "second", *map(str, range(10))])
        index.may_end.set()
        assert await texts_of(tasks) == ["found first", "found second", *(f"found {number}" for number in range(10))]
    assert [query for batch in index.prepared for query in batch] == list(map(str, range(10)))


async def test_what_an_embedding_fails_with_is_raised_for_all_it_was_for_and_for_no_others() -> None:
    index = Gated()
    with searcher(index) as search:
        tasks = await asked(search, ["first", "a", "broken", "b", "c", "later"])
        index.may_end.set()
        assert await texts_of([tasks[0], tasks[5]]) == ["found first", "found later"]
        for task in tasks[1:5]:
            with pytest.raises(EmbedderError, match="The endpoint is gone"):
                await task


async def test_whoever_went_away_holds_nobody_up() -> None:
    index = Gated()
    with searcher(index) as search:
        tasks = await asked(search, "abc")
        for task in tasks[:2]:
            task.cancel()
        index.may_end.set()
        assert await texts_of(tasks[2:]) == ["found c"]


async def test_when_it_ends_by_an_error_the_search_under_way_is_given_up_and_the_rest_dropped() -> None:
    index = Gated(queries_together=1)
    search = searcher(index)
    tasks = await asked(search, "abc")
    search.__exit__(ZeroDivisionError, None, None)
    assert index.given_up
    assert index.called == ["a"]
    for task in tasks:
        task.cancel()


async def test_a_batch_stops_between_two_searches_when_it_ends() -> None:
    index = Gated(queries_together=100)
    index.held = "c"
    search = searcher(index)
    tasks = await asked(search, "abcdef")
    await asyncio.wait_for(tasks[0], WAIT_S)
    while len(index.called) < 3:
        await asyncio.sleep(0.001)
    search.__exit__(ZeroDivisionError, None, None)
    assert index.called == ["a", "b", "c"]
    for task in tasks[1:]:
        task.cancel()


@given(st.lists(st.sampled_from("abcdefgh"), max_size=40), st.integers(1, 4), st.integers(1, 5))
def test_every_query_gets_its_own_return(queries: list[str], at_once: int, together: int) -> None:
    async def run() -> list[str]:
        index = Gated(at_once, together)
        index.may_end.set()
        with searcher(index) as search:
            return await texts_of(await asked(search, queries))

    assert asyncio.run(run()) == [f"found {query}" for query in queries]
