"""Searches of many conversations, off the event loop: what waits goes together, and nobody waits for a batch to fill."""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tracegen.records import ToolReturn

if TYPE_CHECKING:
    from tracegen.index import Index

Waiting = tuple[str, asyncio.Future[ToolReturn]]


class Searcher:
    """An open index, searched in threads of its own so that the event loop goes on meanwhile. For one event loop.

    A query goes to a thread at once where one is free. Those that come while all are busy are shared out among the next ones
    that are free: their queries are embedded together, in micro-batches.
    """

    def __init__(self, index: "Index") -> None:
        """Take an open index; it stays the caller's."""
        self._index = index
        self._free = index.searches_at_once
        self._threads = ThreadPoolExecutor(self._free, thread_name_prefix="search")
        self._waiting: deque[Waiting] = deque()
        self._closed = False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """End the threads; searches that still wait are dropped."""
        self._closed = True
        if kind is not None:
            self._index.give_up()
        self._threads.shutdown(cancel_futures=True)

    async def __call__(self, query: str) -> ToolReturn:
        """Return what the tool returns for a query. Raises what the search raises for it, or for those embedded with it."""
        future: asyncio.Future[ToolReturn] = asyncio.get_running_loop().create_future()
        self._waiting.append((query, future))
        self._start()
        return await future

    def _start(self) -> None:
        """Share out what waits among the free threads."""
        while self._free and self._waiting and not self._closed:
            share = min(-(-len(self._waiting) // self._free), self._index.queries_together)
            batch = [self._waiting.popleft() for _ in range(share)]
            self._free -= 1
            job = asyncio.get_running_loop().run_in_executor(self._threads, self._search, [query for query, _ in batch])
            job.add_done_callback(partial(self._end, batch))

    def _search(self, queries: list[str]) -> list[ToolReturn]:
        if len(queries) > 1:
            self._index.prepare(queries)
        returns = []
        for query in queries:
            if self._closed:  # a reranker may need a second for each
                raise asyncio.CancelledError
            returns.append(self._index.call(query))
        return returns

    def _end(self, batch: list[Waiting], job: asyncio.Future[list[ToolReturn]]) -> None:
        self._free += 1
        error = asyncio.CancelledError() if job.cancelled() else job.exception()
        returns = [None] * len(batch) if error else job.result()
        for (_, future), returned in zip(batch, returns, strict=True):
            if future.done():  # whoever asked has gone
                continue
            if isinstance(error, asyncio.CancelledError):
                future.cancel()
            elif error:
                future.set_exception(error)
            elif returned:
                future.set_result(returned)
        self._start()
