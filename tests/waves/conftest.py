"""What the tests of batches share: the endpoint, and a run that is driven in waves without an index."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from bench.batch_endpoint import BatchEndpoint, start_batch
from tracegen.dataset import read_rows
from tracegen.records import Tool, ToolReturn
from tracegen.research import Research
from tracegen.teacher.batch_folder import BatchFolder
from tracegen.teacher.batch_service import BatchService
from tracegen.teacher.chat import ChatTeacher
from tracegen.traces.batches import Batch, all_batches
from tracegen.traces.runfile import RunFile
from tracegen.waves.driver import BatchOptions, Waves

TOOL = Tool(
    name="search_docs",
    description="Search.",
    parameters={"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    k=3,
    rendering=1,
)
ROWS = 8


@pytest.fixture(scope="session")
def batch_process() -> Iterator[BatchEndpoint]:
    """Return a fake endpoint with a Batch API, a process of its own."""
    with start_batch(hops=2) as endpoint:
        yield endpoint


@pytest.fixture
def batch_endpoint(batch_process: BatchEndpoint) -> BatchEndpoint:
    """Return the endpoint with nothing asked and nothing wrong."""
    batch_process.reset()
    batch_process.fault(None)
    return batch_process


class Run:
    """One run, which can be started again and again as the command line would."""

    def __init__(self, path: Path, dataset: Path, endpoint: BatchEndpoint, http_client: Any = None) -> None:
        self.path, self.dataset, self.endpoint = path, dataset, endpoint
        self.http_client = http_client or openai.DefaultAioHttpClient()
        self.max_hops = 8
        self.returned_chars = 0
        """A return has at least so many characters."""
        self.said: list[str] = []
        self.searched: list[str] = []

    async def search(self, query: str) -> ToolReturn:
        self.searched.append(query)
        return ToolReturn(text=f"[1] about {query}".ljust(self.returned_chars, "."))

    @contextlib.contextmanager
    def opened(self, redo: str | None = None) -> Iterator[RunFile]:
        from tracegen.traces.again import set_aside_chosen

        with RunFile.create_or_resume(self.path, {"teacher": "scripted"}, {}) as run:
            run.set_input(read_rows(self.dataset))
            set_aside_chosen(run, None, redo)
            yield run

    def options(self, **options: Any) -> BatchOptions:
        return BatchOptions(**{"poll_s": (0.0, 0.0), "say": self.said.append, "batch_only": True, **options})

    def waves(self, run: RunFile, teacher: ChatTeacher, options: BatchOptions) -> Waves:
        service = BatchFolder(options.folder) if options.folder else BatchService(teacher)
        return Waves(run, teacher, self.search, TOOL, service, options, prompt="Look it up.", max_hops=self.max_hops)

    async def start(self, *, redo: str | None = None, **options: Any) -> Waves:
        """Start the run in waves, and return the driver at its end."""
        with self.opened(redo) as run:
            waves = self.waves(run, self.teacher(), self.options(**options))
            await waves.run(concurrency=4)
            return waves

    def teacher(self) -> ChatTeacher:
        """Return a teacher that knows nothing yet; the connections are shared, since they are slow to make."""
        return ChatTeacher("scripted", base_url=self.endpoint.base_url, http_client=self.http_client)

    async def start_row_by_row(self) -> None:
        """Start the run on the normal path."""
        with self.opened() as run:
            await Research(run, self.teacher(), self.search, TOOL, prompt="Look it up.", max_hops=8).run(4)

    def batches(self) -> list[Batch]:
        with RunFile.open_run(self.path) as run:
            return all_batches(run)

    def hops(self) -> list[list[tuple[str, str]] | None]:
        """Return the queries and returns of every row, in the order of the dataset; None for a row that is not finished."""
        with RunFile.open_run(self.path) as run:
            traces = [result.trace for result in run.results()]
        return [
            None if trace is None else [(str(hop.call.arguments), hop.returned.text) for hop in trace.hops] for trace in traces
        ]

    def endings(self) -> list[str | None]:
        with RunFile.open_run(self.path) as run:
            return [None if result.trace is None else result.trace.ended for result in run.results()]

    def asked_twice(self) -> int:
        """Return how many requests were answered more than once."""
        asked = self.endpoint.asked()
        return len(asked) - len(set(asked))


@pytest.fixture
async def run(tmp_path: Path, dataset: Path, batch_endpoint: BatchEndpoint) -> AsyncIterator[Run]:
    """Return a run of eight rows that has not begun."""
    run = Run(tmp_path / "out.run.db", dataset, batch_endpoint)
    yield run
    await run.http_client.aclose()
