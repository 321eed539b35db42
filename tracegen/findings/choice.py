"""What is done about findings: rows left out, rows that must not be, and the share of failed searches that is kept.

Failed searches are chosen first, then the checks are run over the examples as they will be written, first those over one row,
then those over the rows that are left. So a row that is dropped for another reason does not take its duplicate with it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from tracegen.errors import FindingsError, SettingsError
from tracegen.findings.evidence import all_honest_failures
from tracegen.findings.rows import Rows
from tracegen.findings.table import CHECKS, check_chat, check_names
from tracegen.records import Finding, Record
from tracegen.traces.chat import Chat

NAMED_ROWS = 10
"""Rows that an error names."""


class Choice(Record):
    """What the user wants done about findings."""

    drop: frozenset[str] = frozenset()
    """Checks whose rows are left out."""
    error: frozenset[str] = frozenset()
    """Checks that must strike no row that is left."""
    keep_failed_searches: float | None = None
    """Largest share of the examples that keep an honest failed search, 0 to 1; None keeps all."""

    def __bool__(self) -> bool:
        return bool(self.drop or self.error) or self.keep_failed_searches is not None


class Candidate(NamedTuple):
    """An example, as checks see it."""

    line: int
    """Line of its row in the dataset."""
    row_id: str
    chat: Chat


class Verdict(NamedTuple):
    """What becomes of the examples."""

    dropped: Mapping[int, Finding]
    """Finding for which the row on a line is left out."""
    left_out: Mapping[int, frozenset[int]]
    """Places of the returns whose hops are left out of the example of a line, counted from 0."""
    kept_failed: frozenset[int]
    """Lines whose examples keep an honest failed search."""


def choose(drop: Iterable[str] = (), error: Iterable[str] = (), keep_failed_searches: float | None = None) -> Choice:
    """Return a choice; checks are named one by one or with commas. Raises SettingsError where there is no such check."""
    if keep_failed_searches is not None and not 0 <= keep_failed_searches <= 1:
        raise SettingsError(
            f"--keep-failed-searches {keep_failed_searches} is no share: give a number from 0 to 1, such as 0.2."
        )
    return Choice(drop=check_names(drop), error=check_names(error), keep_failed_searches=keep_failed_searches)


def judge(candidates: Callable[[Mapping[int, frozenset[int]]], Iterator[Candidate]], choice: Choice) -> Verdict:
    """Return what a choice means for some examples.

    `candidates` yields the examples, without the hops that it is told to leave out, in the same order each time it is called.
    Raises FindingsError where a check of `choice.error` strikes.
    """
    left_out, kept_failed = _failures(candidates({}), choice.keep_failed_searches)
    if not choice.drop and not choice.error:
        return Verdict({}, left_out, kept_failed)
    dropped: dict[int, Finding] = {}
    struck: dict[str, list[int]] = {}
    rows = Rows()
    for candidate in candidates(left_out):
        findings = check_chat(candidate.chat)
        drop = next((finding for finding in findings if finding.check in choice.drop), None)
        if drop is not None:
            dropped[candidate.line] = drop
            continue
        rows.add(candidate.line, candidate.chat)
        for check in {finding.check for finding in findings} & choice.error:
            struck.setdefault(check, []).append(candidate.line)
    for over in CHECKS:
        if over.find_over is None or over.name not in choice.drop | choice.error:
            continue
        for place, message in over.find_over(rows):
            line = rows.lines[place]
            if over.name in choice.drop:
                dropped.setdefault(line, Finding(check=over.name, level=over.level, message=message))
            else:
                struck.setdefault(over.name, []).append(line)
    left = {check: [line for line in lines if line not in dropped] for check, lines in struck.items()}
    refuse_struck(
        {check: (len(lines), lines) for check, lines in left.items()},
        "Nothing was written. Correct these rows, leave them out with --drop, or name fewer checks with --error.",
    )
    return Verdict(dropped, left_out, kept_failed)


def refuse_struck(struck: Mapping[str, tuple[int, Sequence[int]]], advice: str) -> None:
    """Raise FindingsError where checks struck rows; given are the number of rows and the first lines by check."""
    told = []
    for check, (count, lines) in sorted(struck.items()):
        if count:
            named = ", ".join(map(str, lines[:NAMED_ROWS]))
            more = f" and {count - len(lines[:NAMED_ROWS])} more" if count > len(lines[:NAMED_ROWS]) else ""
            told.append(f"{check} strikes {'line' if count == 1 else 'lines'} {named}{more}")
    if told:
        raise FindingsError(f"{'; '.join(told)}. {advice}")


def _failures(candidates: Iterator[Candidate], share: float | None) -> tuple[dict[int, frozenset[int]], frozenset[int]]:
    """Return the returns to leave out by line, and the lines that keep theirs."""
    if share is None:
        return {}, frozenset()
    examples, failed = 0, []
    for candidate in candidates:
        examples += 1
        if places := all_honest_failures(candidate.chat):
            # In an order that has nothing to do with the dataset's, and is the same in every run.
            order = blake2b(candidate.row_id.encode(), digest_size=8, person=b"failed-search").digest()
            failed.append((order, candidate.line, places))
    keep = int(share * examples + 1e-9)
    failed.sort(key=lambda entry: entry[:2])
    return {line: places for _, line, places in failed[keep:]}, frozenset(line for _, line, _ in failed[:keep])
