"""The retrieval: how much of what the outputs need one plain search finds, and how much the built-in researcher."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from tracegen.doctor.figures import support_figures
from tracegen.doctor.records import PageCount, Retrieval
from tracegen.records import Hop, Row, ToolCall, Trace
from tracegen.teacher import Failure
from tracegen.teacher.loop import Ask, Finish, Loop
from tracegen.teacher.researcher import Researcher
from tracegen.traces.support import Vocabulary, support_of

if TYPE_CHECKING:
    from tracegen.index import Index

MAX_HOPS = 8
"""Most searches of the researcher for a row, as `tracegen generate` has it."""
HUB_SHARE = 0.5
"""A page that comes up for so many of the rows does so whatever they ask."""
HUB_ROWS = 5
"""Fewer rows say nothing."""


def draw(rows: Sequence[Row], sample: int, seed: int) -> list[Row]:
    """Return `sample` of the rows in their order, drawn with `seed`; all of them where there are not more."""
    if len(rows) <= sample:
        return list(rows)
    return [rows[place] for place in sorted(random.Random(seed).sample(range(len(rows)), sample))]


def examine_retrieval(
    rows: Sequence[Row],
    index: "Index",
    pages: Iterable[str],
    vocabulary: Vocabulary,
    *,
    sample: int,
    seed: int,
    language: str | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Retrieval:
    """Return what one plain search and the built-in researcher find for some rows; `pages` are those of the index."""
    chosen = draw(rows, sample, seed)
    plain: list[tuple[int, float | None]] = []
    searched: list[tuple[int, float | None]] = []
    retrievable: list[tuple[int, float | None]] = []
    found: Counter[str] = Counter()
    calls = 0
    for done, row in enumerate(chosen, start=1):
        once, trace = search_once(row, index), research(row, index)
        plain.append((row.line, support_of(row, once, vocabulary, language).support))
        support = support_of(row, trace, vocabulary, language)
        searched.append((row.line, support.support))
        retrievable.append((row.line, support.retrievable))
        found.update({source.path for each in (once, trace) for hop in each.hops for source in hop.returned.sources})
        calls += len(trace.hops)
        progress(done, len(chosen))
    hubs = [PageCount(path=path, rows=count, share=count / len(chosen)) for path, count in found.most_common()]
    return Retrieval(
        sampled=len(chosen),
        rows=len(rows),
        seed=seed,
        search=support_figures(plain),
        researcher=support_figures(searched),
        retrievable=support_figures(retrievable),
        searches=calls / len(chosen) if chosen else 0.0,
        hubs=tuple(page for page in hubs if page.share >= HUB_SHARE and page.rows >= HUB_ROWS),
        never=tuple(page for page in dict.fromkeys(pages) if page not in found),
    )


def search_once(row: Row, index: "Index") -> Trace:
    """Return the trace of one search for the last user turn as it stands."""
    query = row.prompt[-1].content
    call = ToolCall(id="call_plain", name=index.tool.name, arguments={"query": query})
    return Trace(hops=(Hop(call=call, returned=index.call(query)),), ended="answered")


def research(row: Row, index: "Index") -> Trace:
    """Return the trace that the built-in researcher makes for a row."""
    # Not `asyncio.run`: it takes Ctrl-C for itself, to cancel what awaits, and a search that waits for an endpoint does not.
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        return loop.run_until_complete(_research(row, index))


async def _research(row: Row, index: "Index") -> Trace:
    teacher = Researcher()
    loop = Loop(row, index.tool, max_hops=MAX_HOPS, prompt=None)
    while not isinstance(step := loop.step(), Finish):
        if isinstance(step, Ask):
            reply = await teacher.reply(step.messages, [index.tool.definition], step.tool_choice)
            if isinstance(reply, Failure):
                loop.take_failure(reply)
            else:
                loop.take_response(reply)
        else:
            loop.take_return(index.call(step.query))
    return step.trace
