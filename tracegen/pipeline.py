"""The main job: dataset -> rows -> teacher -> run file -> splice -> files. Here the stages are joined."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import tracegen
from tracegen.dataset import read_rows
from tracegen.errors import OutputError, SettingsError
from tracegen.exporting import export
from tracegen.prompts import read_prompt
from tracegen.records import ToolReturn, Usage
from tracegen.research import Progress, Research
from tracegen.targets import write_openai
from tracegen.teacher import Teacher
from tracegen.teacher.asking import Asking
from tracegen.teacher.budget import Budget, Price
from tracegen.teacher.chat import ChatTeacher
from tracegen.teacher.pacing import Pace
from tracegen.teacher.prices import find_price
from tracegen.teacher.quirks import Quirks
from tracegen.teacher.researcher import Researcher
from tracegen.traces.runfile import RunFile

if TYPE_CHECKING:
    from tracegen.index import Index

DEFAULT_INDEX = Path(".tracegen/index")
QUIRKS = "quirks"
"""Where the run file keeps what was learned of the endpoint."""
BUILTIN = "builtin"
"""Name of the built-in researcher, as `teacher` takes it."""


class Summary(NamedTuple):
    """What a run came to."""

    output: Path
    """The examples."""
    rejected_output: Path
    """The rejected rows with their reasons."""
    run_file: Path
    """All that was asked and answered."""
    teacher: str
    """Name of the teacher."""
    examples: int
    """Lines of the output."""
    hops: Counter[int]
    """How many examples have how many hops."""
    reasons: Counter[str]
    """How many rows were rejected for which kind of reason."""
    resumed: int
    """Rows that were finished before this start."""
    calls: int
    """Searches made since this start."""
    usage: Usage
    """What this start asked of the teacher."""
    usd: float | None
    """What that cost by the price list, in US dollars; None where the price is not known."""
    learned: list[str]
    """What the endpoint refused, and what is sent instead."""
    seconds: float
    """Wall time of this start."""

    @property
    def rejected(self) -> int:
        """Lines of the rejected output."""
        return self.reasons.total()


def generate(dataset: Path | str, output: Path | str, **options: Any) -> Summary:
    """Run `generate_async`, with the same arguments, to its end."""
    return asyncio.run(generate_async(dataset, output, **options))


async def generate_async(
    dataset: Path | str,
    output: Path | str,
    *,
    limit: int | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    **options: Any,
) -> Summary:
    """Research every row of a dataset, and write `output` with its rejected rows and its run file beside it.

    `options` are those of `open_job`. A run that was killed or interrupted goes on where it was when it is started again with
    the same arguments. Raises a TracegenError where nothing can be done for any row, BudgetError where the budget is reached;
    what was answered until then is in the run file.
    """
    start = time.monotonic()
    dataset, output = Path(dataset), Path(output)
    check_output(dataset, output)
    async with open_job(dataset, run_path(output), progress=progress, **options) as job:
        job.run.set_input(read_rows(dataset, limit))
        research = await job.research()
        exported = export(job.run, write_openai, output, rejected_path(output))
    return Summary(
        output=output,
        rejected_output=rejected_path(output),
        run_file=run_path(output),
        teacher=job.teacher.name,
        examples=exported.examples,
        hops=exported.hops,
        reasons=exported.reasons,
        resumed=research.resumed,
        calls=research.calls,
        usage=research.usage,
        usd=None if job.price is None else job.price.usd(research.usage.prompt_tokens, research.usage.completion_tokens),
        learned=job.teacher.quirks.sentences if isinstance(job.teacher, ChatTeacher) else [],
        seconds=time.monotonic() - start,
    )


@dataclass
class Job:
    """Everything that research needs, open."""

    run: RunFile
    teacher: Teacher
    index: "Index"
    search: "Searcher"
    prompt: str | None
    max_hops: int
    concurrency: int
    price: Price | None
    progress: Callable[[Progress], None]

    async def research(self, most: int | None = None) -> Research:
        """Research the open rows of the run, or the first so many of them, and return how it went."""
        research = Research(
            self.run,
            self.teacher,
            self.search,
            self.index.tool,
            prompt=self.prompt,
            max_hops=self.max_hops,
            progress=self.progress,
        )
        with remembering(self.run, self.teacher, research):
            await research.run(self.concurrency, most)
        return research


@asynccontextmanager
async def open_job(
    dataset: Path,
    run_file: Path,
    *,
    index: Path | str = DEFAULT_INDEX,
    teacher: str | Teacher | None = None,
    base_url: str | None = None,
    prompt: Path | None = None,
    max_hops: int = 8,
    concurrency: int = 64,
    rpm: float | None = None,
    tpm: float | None = None,
    asking: Asking | None = None,
    budget: str | None = None,
    price_in: float | None = None,
    price_out: float | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> AsyncIterator[Job]:
    """Open teacher, index and run file, and close them at the end of the block.

    `teacher` is a model name, "builtin", or a Teacher; None is the built-in researcher where neither key nor base URL is set.
    `concurrency`, `rpm` and `tpm` are the most requests in flight, requests a minute and tokens a minute; `asking` is what each
    request has besides the conversation. `budget` is such as `20usd` or `2000000tokens`, for the run in all its starts; prices
    are in US dollars for a million tokens, and those of a price library where they are not given.
    """
    from tracegen.index import open_index

    chosen = choose_teacher(teacher, base_url, asking, Pace(concurrency, rpm, tpm))
    system_prompt = read_prompt(prompt) if isinstance(chosen, ChatTeacher) else None
    try:
        price = price_of(chosen, price_in, price_out)
        cap = None if budget is None else Budget.parse(budget, price)
        with open_index(Path(index)) as opened, Searcher(opened) as search:
            settings = {
                "teacher": chosen.name,
                "index": opened.id,
                "tool": opened.tool.model_dump(),
                "prompt": system_prompt,
                "max_hops": max_hops,
            }
            about: dict[str, Any] = {"dataset": str(dataset), "versions": versions()}
            if isinstance(chosen, ChatTeacher):
                settings |= chosen.asking.settings
                about |= {"base_url": chosen.base_url, "asking": chosen.asking.about}
            with RunFile.create_or_resume(run_file, settings, about) as run:
                if cap is not None and isinstance(chosen, ChatTeacher):
                    spent = run.spent()
                    cap.add(spent.prompt_tokens, spent.completion_tokens)
                    chosen.gate.budget = cap
                yield Job(run, chosen, opened, search, system_prompt, max_hops, concurrency, price, progress)
    finally:
        if isinstance(chosen, ChatTeacher):
            await chosen.close()


def price_of(teacher: Teacher, price_in: float | None = None, price_out: float | None = None) -> Price | None:
    """Return what a teacher costs, or None where that is not known, or it costs nothing."""
    if not isinstance(teacher, ChatTeacher):
        return None
    return find_price(teacher.name, teacher.base_url, price_in, price_out, teacher.asking.service_tier)


def check_output(dataset: Path, output: Path) -> None:
    """Raise, before any work, where the output cannot be written or would replace the dataset."""
    if output.resolve() == dataset.resolve():
        raise SettingsError(f"The output {output} is the dataset itself. Give another file with -o.")
    if output.is_dir():
        raise OutputError(f"The output {output} is a folder. Give a file with -o, such as {output / 'augmented.jsonl'}.")
    folder = output.absolute().parent
    if not folder.is_dir():
        raise OutputError(f"There is no folder {folder}. Make it, or choose another place with -o.")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"Cannot write into {folder}: permission denied. Choose another place with -o.")


@contextmanager
def remembering(run: RunFile, teacher: Teacher, research: Research) -> Iterator[None]:
    """Give a chat teacher what the run knows of its endpoint's quirks, and keep what it learns, however the block ends."""
    if not isinstance(teacher, ChatTeacher):
        yield
        return
    teacher.quirks = Quirks(run.meta().get(QUIRKS, ()))
    teacher.gate.notice = research.say
    teacher.known = run.has_hops()
    try:
        yield
    finally:
        run.remember(QUIRKS, teacher.quirks.known)


def choose_teacher(
    teacher: str | Teacher | None, base_url: str | None, asking: Asking | None = None, pace: Pace | None = None
) -> Teacher:
    """Return the teacher that is meant. Raises SettingsError where that is not clear, TeacherError where a key is missing."""
    if teacher is None and (base_url or os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_KEY")):
        raise SettingsError(
            "A key or a base URL is set, but no model: name it with --teacher MODEL, "
            f"or use --teacher {BUILTIN} for the built-in researcher."
        )
    if teacher is None or teacher == BUILTIN:
        return Researcher()
    return ChatTeacher(teacher, base_url=base_url, asking=asking, pace=pace) if isinstance(teacher, str) else teacher


def run_path(output: Path) -> Path:
    """Return the run file of an output: `augmented.run.db` beside `augmented.jsonl`."""
    return output.with_name(f"{output.name.removesuffix('.jsonl')}.run.db")


def rejected_path(output: Path) -> Path:
    """Return the file of an output's rejected rows: `augmented.rejected.jsonl` beside `augmented.jsonl`."""
    return output.with_name(f"{output.name.removesuffix('.jsonl')}.rejected.jsonl")


def versions() -> dict[str, str]:
    """Return the versions that a run depends on."""
    packages = ("openai", "chromadb", "sentence-transformers", "pydantic")
    return {"tracegen": tracegen.__version__} | {package: version(package) for package in packages}


class Searcher:
    """An open index, searched in a thread of its own so that the event loop goes on meanwhile."""

    def __init__(self, index: "Index") -> None:
        """Take an open index; it stays the caller's."""
        self._index = index
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="search")

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """End the thread; searches that still wait are dropped."""
        self._thread.shutdown(cancel_futures=True)

    async def __call__(self, query: str) -> ToolReturn:
        """Return what the tool returns for a query."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._index.call, query)
