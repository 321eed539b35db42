"""A file of chat rows in one page: read once, in bounded memory, however long it is."""

from array import array
from collections.abc import Iterable
from math import log
from typing import NamedTuple

from tracegen.findings import CHECKS, Rows, check_chat
from tracegen.findings.evidence import evidence_of, honest_failures
from tracegen.findings.output import copied_share
from tracegen.findings.rows import prompt_of
from tracegen.jsonl import Line
from tracegen.records import Finding
from tracegen.review.accumulate import Counts, Top, histogram, spread
from tracegen.review.figures import BadLine, CheckCount, Copied, Returns, Searches, StrangeRow, Summary
from tracegen.review.text import excerpt
from tracegen.traces.chat import Chat, kind_of, read_chat, visible

SHOWN_ROWS = 10
"""Number of strangest rows."""
SHOWN_LINES = 5
"""Number of line numbers beside a check."""
SHOWN_BAD_LINES = 10
"""Number of unusable lines told one by one."""
CUT_LENGTHS = (1_024, 2_048, 4_096, 8_192)
"""Lengths that trainers cut at; the first two are the defaults of TRL and of LLaMA-Factory."""
FAR = 4
"""A row of this many times the median's tokens, or of this part of them, is worth a look."""


def summarise(lines: Iterable[Line]) -> Summary:
    """Read the lines of a file once and say what is in them. A line that is not an object is counted, never raised."""
    tally = _Tally()
    for line in lines:
        if isinstance(line.value, dict):
            tally.add(line.number, read_chat(line.value))
        else:
            tally.refuse(line)
    return tally.summary()


class _Kept(NamedTuple):
    """A row that may turn out to be among the strangest."""

    place: int
    row: StrangeRow


class _Tally:
    """What is kept while reading: some 500 bytes a row, and the few rows that may turn out to be the strangest."""

    def __init__(self) -> None:
        self.seen, self.sizes, self.copied = Rows(), array("Q"), array("B")
        self.repeated = self.empty = self.errors = self.unusable = 0
        self.bad: list[BadLine] = []
        self.failed = self.with_failed = self.with_honest = self.open_book = 0
        self.roles, self.tools = Counts(), Counts()
        self.struck: dict[str, tuple[int, list[int]]] = {}
        # The median is known at the end only, so the extremes on each side are kept until then.
        self.tops: tuple[Top[_Kept], ...] = tuple(Top(SHOWN_ROWS) for _ in range(4))

    def refuse(self, line: Line) -> None:
        self.unusable += 1
        if len(self.bad) < SHOWN_BAD_LINES:
            reason = line.error or f"{kind_of(line.value)}, not an object with `messages`"
            self.bad.append(BadLine(line=line.number, reason=visible(reason, 200)))

    def add(self, number: int, chat: Chat) -> None:
        found = check_chat(chat)
        for check in {finding.check for finding in found}:
            rows, lines = self.struck.get(check, (0, []))
            self.struck[check] = (rows + 1, [*lines, number][:SHOWN_LINES])
            self.open_book += check == "answer-in-return"
        self.seen.add(number, chat)
        self._count(chat)
        self._keep(number, chat, found)

    def _count(self, chat: Chat) -> None:
        for turn in chat.turns:
            self.roles.add(visible(turn.role, 20) or "(none)")
        for name in chat.tools:
            self.tools.add(visible(name, 64))
        evidence = evidence_of(chat)
        failed = sum(found.failed for found in evidence)
        self.failed += failed
        self.with_failed += failed > 0
        self.with_honest += bool(honest_failures(evidence))
        share = copied_share(chat)
        if share is not None:
            self.copied.append(round(100 * share))
        seen: set[str] = set()
        for turn, _ in chat.returns:
            text = turn.text or ""
            self.sizes.append(len(text))
            self.empty += not text.strip()
            self.errors += text.startswith("Error:")
            self.repeated += bool(text.strip()) and text in seen
            seen.add(text)

    def _keep(self, number: int, chat: Chat, found: list[Finding]) -> None:
        errors, tokens = _errors(found), self.seen.tokens[-1]
        keys = ((errors, len(found) - errors), chat.hops, tokens, -tokens)
        entries = [(top, key) for top, key in zip(self.tops, keys, strict=True) if top.admits(key)]
        if entries:
            row = StrangeRow(line=number, prompt=_start(chat), hops=chat.hops, tokens=tokens, findings=tuple(found[:100]))
            for top, key in entries:
                top.add(key, _Kept(len(self.seen) - 1, row))

    # --- at the end ------------------------------------------------------------------------------------------------------

    def summary(self) -> Summary:
        lines, hops, tokens = self.seen.lines, self.seen.hops, spread(self.seen.tokens)
        kept = {entry.place: entry.row for top in self.tops for entry in top}
        over_file: dict[int, list[Finding]] = {place: [] for place in kept}
        counts = self._check_counts(over_file)
        return Summary(
            rows=len(lines),
            first_line=lines[0] if lines else 0,
            unusable=self.unusable,
            unusable_lines=tuple(self.bad),
            hops=spread(hops),
            hops_histogram=histogram(hops),
            tokens=tokens,
            # Half as much again, since code has that many more tokens than the estimate; in steps of 1,024.
            max_length=-(-tokens.max * 3 // (2 * 1_024)) * 1_024,
            longer_than={limit: sum(value > limit for value in self.seen.tokens) for limit in CUT_LENGTHS},
            returns=Returns(
                count=len(self.sizes),
                characters=spread(self.sizes),
                repeated=self.repeated,
                empty=self.empty,
                errors=self.errors,
            ),
            searches=Searches(failed=self.failed, rows_with_failed=self.with_failed, rows_with_honest=self.with_honest),
            copied=Copied(rows=len(self.copied), percent=spread(self.copied), open_book=self.open_book),
            roles=self.roles.most_common(),
            tools=self.tools.most_common(),
            system_prompts=self.seen.systems.different(),
            findings=counts,
            strangest=_strangest(kept, over_file, tokens.median),
        )

    def _check_counts(self, over_file: dict[int, list[Finding]]) -> tuple[CheckCount, ...]:
        """Count by check; of the checks over the whole file, the findings about the rows in `over_file` are put there."""
        counts = []
        for check in CHECKS:
            rows, lines = self.struck.get(check.name, (0, []))
            for place, message in check.find_over(self.seen) if check.find_over else ():
                rows, lines = rows + 1, [*lines, self.seen.lines[place]][:SHOWN_LINES]
                if place in over_file:
                    over_file[place].append(Finding(check=check.name, level=check.level, message=message))
            counts.append(CheckCount(check=check.name, level=check.level, rows=rows, lines=tuple(lines), reason=check.reason))
        return tuple(sorted((count for count in counts if count.rows), key=lambda count: (count.level, -count.rows)))


def _strangest(kept: dict[int, StrangeRow], over_file: dict[int, list[Finding]], median: int) -> tuple[StrangeRow, ...]:
    rows = []
    for place, row in kept.items():
        ratio = (row.tokens + 1) / (median + 1)
        far = f"about {row.tokens:,} tokens; the median row has {median:,}" if not 1 / FAR < ratio < FAR else ""
        findings = (*row.findings, *over_file[place])
        if findings or far:
            judged = row.model_copy(update={"findings": findings, "far": far})
            errors = _errors(findings)
            rows.append(((-errors, errors - len(findings), -abs(log(ratio)), row.line), judged))
    return tuple(row for _, row in sorted(rows, key=lambda entry: entry[0])[:SHOWN_ROWS])


def _start(chat: Chat) -> str:
    asked = [turn.text for turn in prompt_of(chat) if turn.role == "user" and turn.text]
    spoken = [turn.text for turn in chat.turns if turn.text]
    return excerpt((asked[-1:] or spoken[:1] or [""])[0])


def _errors(findings: Iterable[Finding]) -> int:
    return sum(finding.level == "error" for finding in findings)
