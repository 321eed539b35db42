"""Messy versions of prompts with the same desired output, and a dose of rows that need no search or find nothing.

Joins dataset, teacher, run file and index.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tracegen.dataset import read_rows
from tracegen.dataset.extra import NOT_DOCUMENTED, about_nothing, invented_names, without_search
from tracegen.dataset.messy import RULES, lost, told
from tracegen.dataset.shapes import as_chat
from tracegen.errors import SettingsError, TracegenError
from tracegen.jsonl import dump, replacing
from tracegen.pipeline import BUILTIN, DEFAULT_INDEX, check_output, price_of
from tracegen.prompts import read_prompt
from tracegen.records import NOTHING_FOUND, Chunk, Response, Row, Usage
from tracegen.teacher import Failure
from tracegen.teacher.asking import Asking
from tracegen.teacher.budget import Budget
from tracegen.teacher.chat import ChatTeacher
from tracegen.teacher.pacing import GIVE_UP_AFTER, Pace
from tracegen.traces.runfile import Event, RunFile

MANNERS = {
    "terse": "as short as it can be: no courtesy, no whole sentences, only what is wanted",
    "rambling": "rambling: with beside-the-point talk around and between, the question somewhere in it",
    "premise": "with a wrong premise: the person believes something about the language that is not so, and says it in passing",
    "syntax": "with the syntax of another, well-known language mixed in, as somebody writes it who comes from there",
    "error": "with a pasted error message, as somebody sees it who tried it in a way of their own and failed",
    "context": "without any background: why it is wanted and what it is for are left out, what is wanted is not",
}
"""How a teacher is told to ask, by kind."""
RULE_KINDS = tuple(RULES)
"""The kinds that are made offline."""
TEACHER_KINDS = ("typos", *MANNERS)
"""The kinds with a teacher; `typos` are made by rule there, too."""


class Varied(NamedTuple):
    """What was written."""

    output: Path
    """The file: each row of the dataset, its variants behind it, and the rows that are none at the end."""
    rows: int
    """Rows of the dataset."""
    made: Counter[str]
    """Rows made, by kind."""
    refused: Counter[str]
    """Variants that the teacher made and that were left out, by reason."""
    bare: int
    """Rows that got fewer variants than wanted."""
    missing: Counter[str]
    """Rows without a search or a find that could not be made, by kind: there are too few rows, or too few names in them."""
    unusable: tuple[str, ...]
    """Why lines of the dataset were left out."""
    usage: Usage
    """What this start asked of the teacher."""


class _Job(NamedTuple):
    """A variant that a teacher is asked for."""

    row: Row
    kind: str

    @property
    def id(self) -> str:
        return f"{self.row.id}:{self.kind}"


def variants(dataset: Path | str, output: Path | str, **options: Any) -> Varied:
    """Run `variants_async`, with the same arguments, to its end."""
    return asyncio.run(variants_async(dataset, output, **options))


async def variants_async(
    dataset: Path | str,
    output: Path | str,
    *,
    kinds: Sequence[str] | None = None,
    per_row: int = 1,
    seed: int = 0,
    no_search: float = 0.0,
    nothing_found: float = 0.0,
    not_documented: str = NOT_DOCUMENTED,
    index: Path | str = DEFAULT_INDEX,
    teacher: str | None = None,
    base_url: str | None = None,
    prompt: Path | None = None,
    concurrency: int = 64,
    rpm: float | None = None,
    tpm: float | None = None,
    give_up_after: float = GIVE_UP_AFTER,
    asking: Asking | None = None,
    budget: str | None = None,
    price_in: float | None = None,
    price_out: float | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Varied:
    """Write a dataset with `per_row` messy versions of each row's last prompt, each with the row's own desired output.

    Without a teacher, or with `builtin`, rules make them (`RULE_KINDS`). With the name of a model, it does (`TEACHER_KINDS`),
    and its answers are kept in a run file beside the output (`messy.variants.db`): started again, nothing is asked twice. A
    variant that lost something of the prompt that the desired output has, or tells a name of it, is left out. Each has the
    fields `variant_of`, the id of its row, and `variant`, its kind. Rows that are variants already get none.

    `no_search` and `nothing_found` are shares of the output: rows that are answered from the prompt alone, and rows about names
    that the `index` does not have, with `not_documented` as their desired output. The other arguments are those of
    `tracegen.generate`. The same input and seed give the same output, but for what a teacher says.

    Raises SettingsError where an argument is wrong; what the teacher raises; BudgetError where the budget is reached.
    """
    dataset, output = Path(dataset), Path(output)
    teacher = None if teacher == BUILTIN else teacher
    kinds = _checked(dataset, output, kinds, teacher, per_row, no_search, nothing_found, not_documented)
    entries = [(entry.outcome, entry.raw) for entry in read_rows(dataset)]
    rows = [(outcome, raw) for outcome, raw in entries if isinstance(outcome, Row)]
    parents = [row for row, _ in rows if row.variant_of is None and row.search]
    planned, jobs = _plan(parents, kinds, per_row, seed, asks=teacher is not None)
    refused, usage = Counter[str](), Usage()
    if teacher is not None and jobs:
        chat = ChatTeacher(teacher, base_url=base_url, asking=asking, pace=Pace(concurrency, rpm, tpm, give_up_after))
        try:
            price = price_of(chat, price_in, price_out)
            cap = None if budget is None else Budget.parse(budget, price)
            system = read_prompt(prompt, "variants")
            answers, usage = await _asked(chat, jobs, _run_path(output), system, cap, concurrency, progress)
        finally:
            await chat.close()
        for job in jobs:
            text, reason = _read(job.row, answers[job.id])
            if reason:
                refused[reason] += 1
            else:
                planned[job.row.id].append((job.kind, text))
    made = Counter(kind for each in planned.values() for kind, _ in each)
    extra, missing = _extra(parents, len(rows) + made.total(), no_search, nothing_found, not_documented, Path(index), seed)
    with replacing(output) as file:
        for row, raw in rows:
            file.write(raw + "\n")
            for kind, text in planned.get(row.id, ()):
                file.write(dump(_variant(row, raw, kind, text)) + "\n")
        for value in extra:
            file.write(dump(value) + "\n")
            made[value["variant"]] += 1
    return Varied(
        output=output,
        rows=len(rows),
        made=made,
        refused=refused,
        bare=sum(len(planned[row.id]) < per_row for row in parents),
        missing=missing,
        unusable=tuple(outcome.reason for outcome, _ in entries if not isinstance(outcome, Row)),
        usage=usage,
    )


def _checked(
    dataset: Path,
    output: Path,
    kinds: Sequence[str] | None,
    teacher: str | None,
    per_row: int,
    no_search: float,
    nothing_found: float,
    not_documented: str,
) -> tuple[str, ...]:
    """Return the kinds that are meant. Raises SettingsError where an argument is wrong."""
    known = RULE_KINDS if teacher is None else TEACHER_KINDS
    if wrong := sorted(set(kinds or ()) - set(known)):
        other = " Some need --teacher MODEL." if teacher is None and set(wrong) <= set(TEACHER_KINDS) else ""
        raise SettingsError(f"--kinds: there is no {', '.join(wrong)} here. Give some of {', '.join(known)}.{other}")
    check_output(dataset, output)
    if per_row < 0 or min(no_search, nothing_found) < 0 or no_search + nothing_found > 0.5:
        raise SettingsError(
            "--per-row cannot be less than 0, and --no-search with --nothing-found is at most half of the rows."
        )
    if "{name}" not in not_documented:
        raise SettingsError(f"--not-documented {not_documented!r} says nothing about a name. Write {{name}} where it belongs.")
    return tuple(kinds or known)


def _plan(
    parents: Sequence[Row], kinds: Sequence[str], per_row: int, seed: int, *, asks: bool
) -> tuple[dict[str, list[tuple[str, str]]], list[_Job]]:
    """Return the variants that rules make, by row id, and those that a teacher is to be asked for."""
    planned: dict[str, list[tuple[str, str]]] = {}
    jobs: list[_Job] = []
    for row in parents:
        random = Random(f"{seed}:{row.id}")
        made, wanted = planned.setdefault(row.id, []), per_row
        for kind in random.sample(kinds, len(kinds)):
            if not wanted:
                break
            if asks and kind in MANNERS:
                jobs.append(_Job(row, kind))
                wanted -= 1
            elif (text := _by_rule(row, kind, random)) is not None:
                made.append((kind, text))
                wanted -= 1
    return planned, jobs


def _by_rule(row: Row, kind: str, random: Random) -> str | None:
    prompt = row.messages[-2].content
    # What the other messages name, such as the language, is no word to mistype either.
    others = "\n".join([*(message.content for message in row.messages[:-2]), row.desired_output])
    text = next(rule for name, rule in RULES.items() if name == kind)(prompt, others, random)
    return None if text is None or text == prompt or lost(prompt, row.desired_output, text) else text


def _read(row: Row, answer: Response | Failure) -> tuple[str, str]:
    """Return the variant in an answer, and why it is none, or ""."""
    if isinstance(answer, Failure):
        return "", "the request failed"
    prompt, text = row.messages[-2].content, (answer.content or "").strip()
    if answer.refusal or not text:
        return text, "no answer"
    if answer.finish_reason == "length":
        return text, "cut off"
    if text == prompt.strip():
        return text, "unchanged"
    if lost(prompt, row.desired_output, text):
        return text, "lost what the desired output needs"
    return text, "tells a name of the desired output" if told(prompt, row.desired_output, text) else ""


def _variant(row: Row, raw: str, kind: str, text: str) -> dict[str, Any]:
    """Return the line of a row with another last prompt."""
    value: dict[str, Any] = as_chat(json.loads(raw))
    value["messages"][-2]["content"] = text
    return value | {"variant_of": row.id, "variant": kind}


# --- the teacher ---------------------------------------------------------------------------------------------------------


async def _asked(
    chat: ChatTeacher,
    jobs: Sequence[_Job],
    path: Path,
    prompt: str,
    cap: Budget | None,
    concurrency: int,
    progress: Callable[[int, int], None],
) -> tuple[dict[str, Response | Failure], Usage]:
    """Return what the teacher says, each answer on disk before the next request of the same worker."""
    answers: dict[str, Response | Failure] = {}
    usage, stopped = Usage(), list[TracegenError]()
    settings = {"task": "variants", "teacher": chat.name, "prompt": prompt, "manners": MANNERS, **chat.asking.settings}
    about = {"base_url": chat.base_url, "asking": chat.asking.about}
    with RunFile.create_or_resume(path, settings, about) as run:
        if cap is not None:
            cap.add(*run.spent().tokens)
            chat.gate.budget = cap
        for job in jobs:
            for event in run.events(job.id):
                answers[job.id] = Response.model_validate_json(event.body)
        chat.known = bool(answers)
        waiting = iter([job for job in jobs if job.id not in answers])
        progress(len(answers), len(jobs))

        async def work() -> None:
            nonlocal usage
            while not stopped and (job := next(waiting, None)) is not None:
                try:
                    answer = await chat.reply(_question(job, prompt), [], "auto")
                except TracegenError as error:
                    stopped.append(error)
                    return
                if isinstance(answer, Response):
                    await run.record(job.id, 0, Event("response", answer.model_dump_json()))
                    usage += answer.usage
                answers[job.id] = answer
                progress(len(answers), len(jobs))

        # Where one is stopped, the others still get the answers that are on their way, and have to be paid.
        await asyncio.gather(*(work() for _ in range(min(concurrency, len(jobs)))))
    if stopped:
        raise stopped[0]
    return answers, usage


def _question(job: _Job, prompt: str) -> list[dict[str, Any]]:
    told_before = [message.content for message in job.row.prompt if message.role in ("system", "developer")]
    about = f"\n\nThe assistant's instructions, which you do not repeat: {' '.join(told_before)}" if told_before else ""
    text = f"Ask this {MANNERS[job.kind]}.{about}\n\nThe question:\n\n{job.row.messages[-2].content}"
    return [{"role": "system", "content": prompt}, {"role": "user", "content": text}]


def _run_path(output: Path) -> Path:
    if str(output) == "-":
        raise SettingsError("-o -: the teacher's answers are kept beside the output, for the next start. Give a file.")
    return output.with_name(f"{output.name.removesuffix('.jsonl')}.variants.db")


# --- rows that are no variants -------------------------------------------------------------------------------------------


def _extra(
    parents: Sequence[Row], others: int, no_search: float, nothing_found: float, answer: str, index: Path, seed: int
) -> tuple[list[dict[str, Any]], Counter[str]]:
    """Return rows that need no search and rows whose search finds nothing, by their shares of all rows, and how many lack."""
    random = Random(f"{seed}:extra")
    in_all = others / (1 - no_search - nothing_found)
    unsearched, unfound = round(in_all * no_search), round(in_all * nothing_found)
    values = [without_search(row, random) for row in random.sample(parents, len(parents))[:unsearched]]
    missing = Counter({"no-search": unsearched - len(values)})
    if unfound:
        names = islice(invented_names(parents, frozenset(_words(index)), random), unfound)
        found = [about_nothing(name, parents, answer, random) for name in names]
        missing[NOTHING_FOUND] = unfound - len(found)
        values += found
    return values, +missing


def _words(index: Path) -> Iterator[str]:
    """Yield the words of a documentation, case-folded."""
    from tracegen.index.sidecar import read_sidecar

    for line in read_sidecar(index).lines:
        chunk = Chunk.model_validate_json(line)
        yield from re.findall(r"\w+", "\n".join([chunk.path, *chunk.headings, chunk.text]).casefold())
