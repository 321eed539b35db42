"""Searches of many conversations, off the event loop: what waits goes together, and nobody waits for a batch to fill."""

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tracegen.records import ToolReturn
from tracegen.search_process import NotStartedError, SearchProcess

if TYPE_CHECKING:
    from tracegen.index import Index

ROWS_APART = 512
"""So many conversations are worth processes of their own for their searches, each of which takes 1.0 s of CPU to start. With
an endpoint of 200 ms `tracegen generate` as a whole takes as long either way with 256 and 512 rows, and 7 and 8 % less with
1,024 and 2,048 (2026-11)."""

MOST_PROCESSES = 3
"""Processes that search, at most: at 2.5 to 2.9 ms a search they do 350 conversations of three a second, and one event loop
holds no more (2026-11)."""

SILENT_S = 60.0
"""Whoever waits is told of a process that was asked and has not answered for so long: somebody may have stopped it."""

Waiting = tuple[str, asyncio.Future[ToolReturn]]


class Searcher:
    """An open index, searched beside the event loop, which goes on meanwhile. For one event loop.

    A query is searched for at once where a thread is free. Those that come while all are busy are shared out among the next
    ones that are free: their queries are embedded together, in micro-batches. The threads are of this process, or processes of
    their own, see `expect`.
    """

    def __init__(self, index: "Index") -> None:
        """Take an open index; it stays the caller's."""
        self._index = index
        self._threads = ThreadPoolExecutor(index.searches_at_once, thread_name_prefix="search")
        self._processes: list[SearchProcess] = []
        self._watching: asyncio.TimerHandle | None = None
        self._told = set[int]()
        self.news: Callable[[str], None] = lambda _: None
        """Called with a sentence about a process that does not answer."""
        self._under_way = 0
        self._waiting: deque[Waiting] = deque()
        self._closed = False

    def expect(self, rows: int) -> None:
        """Tell how many conversations are about to begin. Where they are many, processes of their own search for them."""
        apart = self._index.elsewhere
        # A program made of one file, by PyInstaller or its like, would start itself.
        if rows < ROWS_APART or self._processes or apart is None or not sys.executable or getattr(sys, "frozen", False):
            return
        # A reranker is large, and takes all cores by itself.
        wanted = 1 if apart.rerank else min(self._index.searches_at_once, MOST_PROCESSES)
        with contextlib.suppress(OSError, RuntimeError):  # no room for another one: fewer do, or threads
            for _ in range(wanted):
                self._processes.append(SearchProcess(apart))
        self._watch()

    def _watch(self) -> None:
        """Tell once of each process that does not answer, now and again later."""
        for process in self._processes:
            if process.silent_s > SILENT_S and process.pid not in self._told:
                self._told.add(process.pid)
                self.news(
                    f"The process {process.pid}, which searches the index, has not answered for {SILENT_S:g} s, and rows wait "
                    f"for it. If it was stopped: kill -CONT {process.pid}. Else press Ctrl-C and start again: nothing that was "
                    "answered is lost."
                )
        self._watching = asyncio.get_running_loop().call_later(SILENT_S, self._watch)

    def give_up(self) -> None:
        """End searches that wait for somebody else, or for another process: whoever starts again can make them as well."""
        self._index.give_up()
        for process in self._processes:
            process.give_up()

    @property
    def _free(self) -> int:
        """Number of batches that may begin; below 0 where a process has gone.

        Each has one at a time. With a second one to go on with they wait less, but batches are smaller: 4 to 6 % fewer
        conversations a second (2026-11).
        """
        return (len(self._processes) or self._index.searches_at_once) - self._under_way

    def _do_without(self, process: SearchProcess) -> None:
        """Search without a process that could not start: with the others, or in threads of this one, which has the index."""
        if process in self._processes:  # and not gone with another batch of its
            self._processes.remove(process)
            process.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """End threads and process; searches that still wait are dropped."""
        self._closed = True
        if self._watching:
            self._watching.cancel()
        if kind is not None:
            self.give_up()
        self._threads.shutdown(cancel_futures=True)
        for process in self._processes:
            process.close()

    async def __call__(self, query: str) -> ToolReturn:
        """Return what the tool returns for a query. Raises what the search raises for it, or for those embedded with it."""
        future: asyncio.Future[ToolReturn] = asyncio.get_running_loop().create_future()
        self._waiting.append((query, future))
        self._start()
        return await future

    def _start(self) -> None:
        """Share out what waits among the free threads."""
        while self._free > 0 and self._waiting and not self._closed:
            share = min(-(-len(self._waiting) // self._free), self._index.queries_together)
            batch = [self._waiting.popleft() for _ in range(share)]
            self._under_way += 1
            queries = [query for query, _ in batch]
            process = min(self._processes, key=lambda one: one.load, default=None)
            job = process.search(queries) if process else self._search_in_thread(queries)
            job.add_done_callback(partial(self._end, batch, process))

    def _search_in_thread(self, queries: Sequence[str]) -> asyncio.Future[list[ToolReturn]]:
        return asyncio.get_running_loop().run_in_executor(self._threads, self._search, queries)

    def _search(self, queries: Sequence[str]) -> list[ToolReturn]:
        returns = []
        for returned in self._index.call_all(queries):
            if self._closed:  # a reranker may need a second for each
                raise asyncio.CancelledError
            returns.append(returned)
        return returns

    def _end(self, batch: list[Waiting], process: SearchProcess | None, job: asyncio.Future[list[ToolReturn]]) -> None:
        self._under_way -= 1
        error = asyncio.CancelledError() if job.cancelled() else job.exception()
        if isinstance(error, NotStartedError) and process:
            self._do_without(process)
            self._waiting.extendleft(reversed(batch))
            self._start()
            return
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
