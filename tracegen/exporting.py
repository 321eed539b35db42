"""Run file -> training files: the splice, the target's format, and what was rejected. Free, offline, repeatable."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tracegen.findings.choice import Candidate, Choice, Verdict, judge
from tracegen.jsonl import dump, is_json, replacing
from tracegen.records import Example, Tool
from tracegen.targets import Target, write_openai
from tracegen.traces.below import LOW_SUPPORT, Floor, reason_of, short_rows
from tracegen.traces.chat import read_chat
from tracegen.traces.marks import marks_in
from tracegen.traces.runfile import Result, RunFile
from tracegen.traces.splice import splice


class Outcome(NamedTuple):
    """What became of one line of the dataset."""

    line: int
    """Line in the dataset file, counted from 1."""
    raw: str
    """The line as it stood there."""
    example: Example | None
    """The example, or None where the row was rejected or is not finished."""
    kind: str | None
    """Kind of reason, for counting: an ending of the research, `unusable row`, `low-support`, `finding very-long`, or None."""
    reason: str | None
    """Why the row was rejected, or None."""
    dropped: bool = False
    """Whether the row is left out of both files."""


class Exported(NamedTuple):
    """What was written."""

    examples: int
    """Lines of the output."""
    unfinished: int
    """Rows whose research is not finished; they are in neither file."""
    hops: Counter[int]
    """How many examples have how many hops."""
    reasons: Counter[str]
    """How many rows were rejected for which kind of reason."""
    dropped: int = 0
    """Rows that are in neither file, because their support is too low."""
    kept_failed: int = 0
    """Examples that keep an honest failed search, where their share was set."""
    without_failed: int = 0
    """Examples whose failed searches were left out."""
    said: Mapping[str, str] = {}
    """For each kind of reason the first row that was rejected for it, and the whole reason."""

    @property
    def rejected(self) -> int:
        """Lines of the rejected output."""
        return self.reasons.total()


def outcomes(run: RunFile, floor: Floor | None = None) -> Iterator[Outcome]:
    """Yield what became of each line of the dataset, in its order.

    Raises SettingsError where there is a floor, but rows without a stored support.
    """
    tool = Tool.model_validate(run.meta()["settings"]["tool"])
    short = short_rows(run, floor) if floor else {}
    for result in run.results():
        outcome = _outcome(result, tool)
        if floor and result.row and outcome.example and result.row.id in short:
            outcome = _below(run, outcome, result.row.id, floor)
        yield outcome


def _outcome(result: Result, tool: Tool) -> Outcome:
    if result.row is None:
        return Outcome(result.line, result.raw, None, "unusable row", result.reason)
    if result.trace is None:
        return Outcome(result.line, result.raw, None, None, None)
    example = splice(result.row, result.trace, tool)
    if isinstance(example, Example):
        return Outcome(result.line, result.raw, example, None, None)
    return Outcome(result.line, result.raw, None, result.trace.ended, example)


def _below(run: RunFile, outcome: Outcome, row_id: str, floor: Floor) -> Outcome:
    if floor.below == "drop":
        return outcome._replace(example=None, dropped=True)
    return outcome._replace(example=None, kind=LOW_SUPPORT, reason=reason_of(run, row_id, floor))


def judge_examples(run: RunFile, choice: Choice, floor: Floor | None = None) -> Verdict:
    """Return what a choice about findings means for the examples of a run, those that are below a floor left out.

    Raises FindingsError where a check strikes that must not.
    """

    def candidates(left_out: Mapping[int, frozenset[int]]) -> Iterator[Candidate]:
        for outcome in outcomes(run, floor):
            if outcome.example is not None:
                example = _without(outcome.example, left_out.get(outcome.line, frozenset()))
                yield Candidate(outcome.line, example.row.id, read_chat(write_openai(example) | marks_in(outcome.raw)))

    return judge(candidates, choice) if choice else Verdict({}, {}, frozenset())


def chosen_outcomes(run: RunFile, verdict: Verdict, floor: Floor | None = None) -> Iterator[Outcome]:
    """Yield what became of each line of the dataset, after what was decided about support and findings."""
    for outcome in outcomes(run, floor):
        if outcome.example is None:
            yield outcome
        elif finding := verdict.dropped.get(outcome.line):
            reason = f"{finding.check}: {finding.message}. Left out by --drop {finding.check}."
            yield outcome._replace(example=None, kind=f"finding {finding.check}", reason=reason)
        else:
            yield outcome._replace(example=_without(outcome.example, verdict.left_out.get(outcome.line, frozenset())))


def _without(example: Example, places: frozenset[int]) -> Example:
    hops = tuple(hop for place, hop in enumerate(example.hops) if place not in places)
    return example.model_copy(update={"hops": hops}) if places else example


def export(
    run: RunFile,
    target: Target,
    output: Path,
    rejected: Path | None = None,
    choice: Choice | None = None,
    floor: Floor | None = None,
) -> Exported:
    """Write the examples of a run in a target's format, in the order of the input, and the rejected rows to `rejected`.

    Rows below the `floor` are left out as it says, then those that `choice` drops. Each file appears whole or not at all.
    Raises OutputError where one cannot be written, SettingsError where there is a floor, but rows without a stored support,
    and FindingsError, before anything is written, where a check strikes that `choice` does not allow to.
    """
    verdict = judge_examples(run, choice or Choice(), floor)
    examples, unfinished, dropped, hops, reasons, said = 0, 0, 0, Counter[int](), Counter[str](), dict[str, str]()
    with contextlib.ExitStack() as stack:
        rejected_file = stack.enter_context(replacing(rejected)) if rejected else None
        output_file = stack.enter_context(replacing(output))
        for outcome in chosen_outcomes(run, verdict, floor):
            if outcome.example is not None:
                output_file.write(dump(target(outcome.example)) + "\n")
                examples += 1
                hops[len(outcome.example.hops)] += 1
            elif outcome.reason is not None:
                kind = str(outcome.kind)
                reasons[kind] += 1
                said.setdefault(kind, f"line {outcome.line}: {outcome.reason.removeprefix(f'{kind}: ')}")
                if rejected_file is not None:
                    rejected_file.write(rejected_line(outcome) + "\n")
            elif outcome.dropped:
                dropped += 1
            else:
                unfinished += 1
    kept, left_out = verdict.kept_failed - verdict.dropped.keys(), verdict.left_out.keys() - verdict.dropped.keys()
    return Exported(examples, unfinished, hops, reasons, dropped, len(kept), len(left_out), said)


def rejected_line(outcome: Outcome) -> str:
    """Return the line of a rejected row: the reason beside the whole row, character for character."""
    row = outcome.raw.strip() if is_json(outcome.raw) else dump(outcome.raw)
    return f'{{"line": {outcome.line}, "reason": {dump(outcome.reason)}, "row": {row}}}'
