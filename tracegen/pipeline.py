"""The main job: dataset -> rows -> teacher -> run file -> splice -> files. Here the stages are joined."""

import asyncio
import errno
import itertools
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import tracegen
from tracegen.dataset import read_rows
from tracegen.errors import OutputError, SettingsError
from tracegen.exporting import export
from tracegen.findings.choice import Choice
from tracegen.prompts import read_prompt
from tracegen.records import Tool, Usage
from tracegen.research import Progress, Research, SearchFunction
from tracegen.searcher import Searcher
from tracegen.targets import write_openai
from tracegen.teacher import Teacher
from tracegen.teacher.asking import Asking
from tracegen.teacher.batch_folder import BatchFolder
from tracegen.teacher.batch_service import BatchService
from tracegen.teacher.budget import Budget, Price
from tracegen.teacher.chat import ChatTeacher
from tracegen.teacher.pacing import GIVE_UP_AFTER, Pace
from tracegen.teacher.prices import find_price
from tracegen.teacher.quirks import Quirks
from tracegen.teacher.researcher import Researcher
from tracegen.traces.again import forget_choice, set_aside_chosen
from tracegen.traces.batches import batches_out
from tracegen.traces.below import Below, choose_floor
from tracegen.traces.passes import FURTHER_HOPS, MIN_SUPPORT, Passes
from tracegen.traces.ratings import Figures, Rater, figures
from tracegen.traces.runfile import QUIRKS, RunFile
from tracegen.waves.driver import BATCH_PRICE, BatchOptions, Waves
from tracegen.wording import are, counted

if TYPE_CHECKING:
    from tracegen.index import Index

DEFAULT_INDEX = Path(".tracegen/index")
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
    said: Mapping[str, str]
    """For each of them the first row, and the whole reason."""
    dropped: int
    """Rows that are in neither file, because their support is too low and `below` says so."""
    support: Figures
    """What the support of the rows comes to."""
    kept_failed: int
    """Examples that keep an honest failed search, where their share was set."""
    without_failed: int
    """Examples whose failed searches were left out."""
    resumed: int
    """Rows that were finished before this start."""
    calls: int
    """Searches made since this start."""
    usage: Usage
    """What this start asked of the teacher."""
    usd: float | None
    """What that cost by the price list, in US dollars, estimated tokens among it; None where the price is not known."""
    learned: list[str]
    """What the endpoint refused, and what is sent instead."""
    seconds: float
    """Wall time of this start."""

    @property
    def rejected(self) -> int:
        """Lines of the rejected output."""
        return self.reasons.total()


def generate(dataset: Path | str, output: Path | str, **options: Any) -> Summary:
    """Run `generate_async`, with the same arguments, to its end. Raises SettingsError in a running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(generate_async(dataset, output, **options))
    raise SettingsError(
        "An event loop is running here, as in a notebook: tracegen.generate cannot start another one. "
        "Write `await tracegen.generate_async(...)`, with the same arguments."
    )


async def generate_async(
    dataset: Path | str,
    output: Path | str,
    *,
    limit: int | None = None,
    retry: str | None = None,
    redo: str | None = None,
    min_support: float | None = None,
    below: Below = "keep",
    choice: Choice | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    **options: Any,
) -> Summary:
    """Research every row of a dataset, and write `output` with its rejected rows and its run file beside it.

    `options` are those of `open_job`. `retry` names endings to research again (`failed`, `error,length`), `redo` lines of the
    dataset (`17,23,40-45`). Rows whose retrievable support is below `min_support` are searched on; those that stay below it are
    kept, or left out as `below` says. `choice` is what is done about findings (`tracegen.findings.choice.choose`). A run that
    was killed or interrupted goes on where it was when it is started again with the same arguments. Raises a TracegenError
    where nothing can be done for any row, BudgetError where the budget is reached, FindingsError where a check strikes that
    must not; what was answered until then is in the run file.
    """
    start = time.monotonic()
    dataset, output = Path(dataset), Path(output)
    check_outputs(dataset, output)
    floor = choose_floor(min_support, below)
    async with open_job(dataset, run_path(output), min_support=min_support, progress=progress, **options) as job:
        job.run.set_input(read_rows(dataset, limit))
        set_aside_chosen(job.run, retry, redo)
        research = await job.research()
        exported = export(job.run, write_openai, output, rejected_path(output), choice, floor)
        forget_choice(job.run)
        support = figures(job.run)
    return Summary(
        output=output,
        rejected_output=rejected_path(output),
        run_file=run_path(output),
        teacher=job.teacher.name,
        examples=exported.examples,
        hops=exported.hops,
        reasons=exported.reasons,
        said=exported.said,
        dropped=exported.dropped,
        support=support,
        kept_failed=exported.kept_failed,
        without_failed=exported.without_failed,
        resumed=research.resumed,
        calls=research.calls,
        usage=research.usage,
        usd=None if job.price is None else usd_of(job.price, research.usage, research.usage_in_batches),
        learned=job.teacher.quirks.sentences if isinstance(job.teacher, ChatTeacher) else [],
        seconds=time.monotonic() - start,
    )


@dataclass
class Job:
    """Everything that research needs, open."""

    run: RunFile
    teacher: Teacher
    index: "Index"
    search: Searcher
    prompt: str | None
    max_hops: int
    concurrency: int
    price: Price | None
    progress: Callable[[Progress], None]
    rater: Rater
    passes: Passes | None = None
    batch: BatchOptions | None = None

    async def research(self, most: int | None = None) -> Research:
        """Research the open rows of the run, or the first so many of them, and return how it went."""
        await asyncio.to_thread(self.rater.rate_missing, self.run)
        common: dict[str, Any] = {"prompt": self.prompt, "max_hops": self.max_hops, "progress": self.progress}
        common |= {"rater": self.rater, "passes": self.passes}
        research = make_research(self.run, self.teacher, self.search, self.index.tool, self.batch, **common)
        research.stop_searching, self.search.news = self.search.give_up, research.tell
        self.search.expect(research.to_do if most is None else min(research.to_do, most))
        with remembering(self.run, self.teacher, research):
            await research.run(self.concurrency, None if most is None else itertools.islice(self.run.open_rows(), most))
        return research


@asynccontextmanager
async def open_job(
    dataset: Path,
    run_file: Path,
    *,
    index: Path | str = DEFAULT_INDEX,
    embeddings_url: str | None = None,
    rerank: str | None = None,
    teacher: str | Teacher | None = None,
    base_url: str | None = None,
    prompt: Path | None = None,
    max_hops: int = 8,
    concurrency: int = 64,
    rpm: float | None = None,
    tpm: float | None = None,
    give_up_after: float = GIVE_UP_AFTER,
    asking: Asking | None = None,
    budget: str | None = None,
    price_in: float | None = None,
    price_out: float | None = None,
    batch: BatchOptions | None = None,
    min_support: float | None = None,
    guide: bool = False,
    further_hops: int = FURTHER_HOPS,
    language: str | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> AsyncIterator[Job]:
    """Open teacher, index and run file, and close them at the end of the block.

    `teacher` is a model name, "builtin", or a Teacher; None is the built-in researcher where neither key nor base URL is set.
    `concurrency`, `rpm` and `tpm` are the most requests in flight, requests a minute and tokens a minute; `give_up_after` is
    how many minutes an endpoint that has worked may fail; `asking` is what each request has besides the conversation. `budget`
    is such as `20usd` or `2000000tokens`, for the run in all its starts; prices are in US dollars for a million tokens, and
    those of a price library where they are not given.
    With `batch`, requests go through a batch service, in waves. Rows whose retrievable support is below `min_support` get
    `further_hops` more calls after a nudge, and with `guide` as many again when they are told which topics are missing;
    `language` is that of the outputs, for measuring their support, where Pygments knows it.
    """
    from tracegen.index.search import open_index_async

    chosen = choose_teacher(teacher, base_url, asking, Pace(concurrency, rpm, tpm, give_up_after))
    system_prompt = read_prompt(prompt) if isinstance(chosen, ChatTeacher) else None
    try:
        price = price_of(chosen, price_in, price_out)
        cap = None if budget is None else Budget.parse(budget, price)
        opening = open_index_async(Path(index), embeddings_url=embeddings_url, rerank=rerank)
        with await opening as opened, Searcher(opened) as search:
            # Only what changes requests: a run file refuses other settings, and all that was answered stays good for the rest.
            settings = {
                "teacher": chosen.name,
                "index": opened.id,
                # Without what is as always, so that a run goes on when a later version knows more settings of a tool.
                "tool": opened.tool.model_dump(exclude_defaults=True),
                "prompt": system_prompt,
                "max_hops": max_hops,
            }
            about: dict[str, Any] = {"dataset": str(dataset), "versions": versions()}
            if isinstance(chosen, ChatTeacher):
                settings |= chosen.asking.settings
                about |= {"base_url": chosen.base_url, "asking": chosen.asking.about}
            with RunFile.create_or_resume(run_file, settings, about) as run:
                if cap is not None and isinstance(chosen, ChatTeacher):
                    spent, cheap = run.spent(), run.spent_in_batches()
                    cap.add(*(spent - cheap).tokens)
                    cap.add(*cheap.tokens, BATCH_PRICE)
                    chosen.gate.budget = cap
                rater = Rater(opened.chunks, opened.id, language)
                passes = make_passes(rater, min_support, guide=guide, further_hops=further_hops)
                run.remember(MIN_SUPPORT, min_support)
                yield Job(
                    run, chosen, opened, search, system_prompt, max_hops, concurrency, price, progress, rater, passes, batch
                )
    finally:
        if isinstance(chosen, ChatTeacher):
            await chosen.close()


def make_passes(rater: Rater, min_support: float | None, *, guide: bool, further_hops: int) -> Passes | None:
    """Return what makes short rows go on, or None where no row shall. Raises SettingsError where options do not fit."""
    if min_support is None:
        if guide:
            raise SettingsError("--guide is for rows whose support is too low: say which with --min-support, such as 0.8.")
        return None
    texts = read_prompt(name="nudge"), read_prompt(name="guide") if guide else None
    return Passes(rater, min_support, nudge=texts[0], guide=texts[1], max_hops=further_hops)


def price_of(teacher: Teacher, price_in: float | None = None, price_out: float | None = None) -> Price | None:
    """Return what a teacher costs, or None where that is not known, or it costs nothing."""
    if not isinstance(teacher, ChatTeacher):
        return None
    return find_price(teacher.name, teacher.base_url, price_in, price_out, teacher.asking.service_tier)


def usd_of(price: Price, usage: Usage, in_batches: Usage) -> float:
    """Return what requests cost, of which those in batches cost less."""
    return price.usd(*usage.tokens) - (1 - BATCH_PRICE) * price.usd(*in_batches.tokens)


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


def check_outputs(dataset: Path, output: Path) -> None:
    """Raise, before any work, where one of the files of a run cannot be written, or would replace the dataset or a run."""
    try:
        os.lstat(f"{rejected_path(output)}.123456789.part")  # as long as the longest name there will be
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise OutputError(f"Cannot write {output}: {error.strerror}. Choose a shorter name with -o.") from None
    check_output(dataset, output)
    if dataset.resolve() in (rejected_path(output).resolve(), run_path(output).resolve()):
        raise SettingsError(f"A run with the output {output} writes {dataset}, the dataset. Give another file with -o.")
    if output.name.endswith(".run.db"):
        raise SettingsError(f"The output {output} has the name of a run file. Give another file with -o.")


@contextmanager
def remembering(run: RunFile, teacher: Teacher, research: Research) -> Iterator[None]:
    """Give a chat teacher what the run knows of its endpoint's quirks, and keep what it learns, however the block ends."""
    if not isinstance(teacher, ChatTeacher):
        yield
        return
    teacher.quirks = Quirks(run.meta().get(QUIRKS, ()))
    teacher.gate.notice, teacher.gate.news = research.say, research.tell
    research.hold_back, research.in_flight = teacher.gate.stop, lambda: teacher.gate.pacer.active
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


def make_research(
    run: RunFile, teacher: Teacher, search: SearchFunction, tool: Tool, batch: BatchOptions | None, **common: Any
) -> Research:
    """Return what drives the rows: one by one, or in waves. Raises SettingsError where the run does not go that way."""
    if batch is None:
        if out := batches_out(run):
            how = "--batch" if out[0].via == "service" else "the same --batch-files"
            raise SettingsError(
                f"{counted(len(out), 'batch', 'batches')} of this run {are(len(out))} out, and will have to be paid. "
                f"Run with {how} to go on, and with --cancel-batches to keep only what they have answered."
            )
        return Research(run, teacher, search, tool, **common)
    if not isinstance(teacher, ChatTeacher):
        raise SettingsError("Batches are for chat models: name one with --teacher MODEL.")
    if teacher.asking.api != "chat":
        raise SettingsError("The requests of a batch are chat completions: leave out --api responses, or go without batches.")
    service = BatchService(teacher) if batch.folder is None else BatchFolder(batch.folder)
    return Waves(run, teacher, search, tool, service, batch, **common)


def run_path(output: Path) -> Path:
    """Return the run file of an output: `augmented.run.db` beside `augmented.jsonl`.

    Raises SettingsError where the output is standard output, beside which nothing can stand.
    """
    if str(output) == "-":
        raise SettingsError("-o -: the run file cannot stand beside standard output. Give a file, such as augmented.jsonl.")
    return output.with_name(f"{output.name.removesuffix('.jsonl')}.run.db")


def rejected_path(output: Path) -> Path:
    """Return the file of an output's rejected rows: `augmented.rejected.jsonl` beside `augmented.jsonl`."""
    return output.with_name(f"{output.name.removesuffix('.jsonl')}.rejected.jsonl")


def versions() -> dict[str, str]:
    """Return the versions that a run depends on."""
    packages = ("openai", "chromadb", "sentence-transformers", "pydantic")
    return {"tracegen": tracegen.__version__} | {package: version(package) for package in packages}
