"""A file of chat rows in one page: read once, in bounded memory, however long it is."""

from array import array
from collections.abc import Iterable, Iterator
from math import log
from typing import Any, NamedTuple

from tracegen.jsonl import Line
from tracegen.records import Finding
from tracegen.review.accumulate import Counts, Digests, Top, histogram, spread
from tracegen.review.figures import BadLine, CheckCount, Returns, StrangeRow, Summary
from tracegen.review.text import excerpt
from tracegen.traces.chat import Chat, Turn, compact, estimate_tokens, kind_of, read_chat, visible
from tracegen.traces.findings import CHECKS, check_chat

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
FILE_CHECKS = {
    "duplicate-prompt": "Rows with one prompt weigh double, and contradict each other where their outputs differ.",
    "differing-tools": "Rows of one file should define the same tools: those that the model is served with.",
    "differing-system": "Rows of one task should have the same system prompt: the one that the model is served with.",
    "long-trace": "Far more hops than the median row: the search went round in circles, or the row is another task.",
}
"""The checks that need the whole file, with their reasons; all are warnings."""


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
    """What is kept while reading: some 70 bytes a row, and the few rows that may turn out to be the strangest."""

    def __init__(self) -> None:
        self.lines, self.hops, self.tokens, self.sizes = array("Q"), array("I"), array("Q"), array("Q")
        self.repeated = self.empty = self.errors = self.unusable = 0
        self.bad: list[BadLine] = []
        self.prompts, self.systems, self.toolsets = Digests(), Digests(), Digests()
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
        self.lines.append(number)
        self.hops.append(chat.hops)
        self.tokens.append(estimate_tokens(chat))
        self._count(number, chat)
        self._keep(number, chat, found)

    def _count(self, number: int, chat: Chat) -> None:
        for turn in chat.turns:
            self.roles.add(visible(turn.role, 20) or "(none)")
        for name in chat.tools:
            self.tools.add(visible(name, 64))
        prompt = [[turn.role, turn.text] for turn in _prompt(chat)]
        # Rows without a prompt share nothing: they must not count as repetitions of one another.
        self.prompts.add(compact(prompt) if prompt else f"line {number}")
        self.systems.add(compact([turn.text for turn in chat.turns if turn.role in ("system", "developer")]))
        self.toolsets.add(compact(chat.row.get("tools")))
        seen: set[str] = set()
        for turn, _ in chat.returns:
            text = turn.text or ""
            self.sizes.append(len(text))
            self.empty += not text.strip()
            self.errors += text.startswith("Error:")
            self.repeated += bool(text.strip()) and text in seen
            seen.add(text)

    def _keep(self, number: int, chat: Chat, found: list[Finding]) -> None:
        errors, tokens = _errors(found), self.tokens[-1]
        keys = ((errors, len(found) - errors), chat.hops, tokens, -tokens)
        entries = [(top, key) for top, key in zip(self.tops, keys, strict=True) if top.admits(key)]
        if entries:
            row = StrangeRow(line=number, prompt=_start(chat), hops=chat.hops, tokens=tokens, findings=tuple(found[:100]))
            for top, key in entries:
                top.add(key, _Kept(len(self.lines) - 1, row))

    # --- at the end ------------------------------------------------------------------------------------------------------

    def summary(self) -> Summary:
        tokens = spread(self.tokens)
        over_file = _OverFile(self)
        return Summary(
            rows=len(self.lines),
            first_line=self.lines[0] if self.lines else 0,
            unusable=self.unusable,
            unusable_lines=tuple(self.bad),
            hops=spread(self.hops),
            hops_histogram=histogram(self.hops),
            tokens=tokens,
            # Half as much again, since code has that many more tokens than the estimate; in steps of 1,024.
            max_length=-(-tokens.max * 3 // (2 * 1_024)) * 1_024,
            longer_than={limit: sum(value > limit for value in self.tokens) for limit in CUT_LENGTHS},
            returns=Returns(
                count=len(self.sizes),
                characters=spread(self.sizes),
                repeated=self.repeated,
                empty=self.empty,
                errors=self.errors,
            ),
            roles=self.roles.most_common(),
            tools=self.tools.most_common(),
            system_prompts=self.systems.different(),
            findings=self._check_counts(over_file),
            strangest=self._strangest(over_file, tokens.median),
        )

    def _check_counts(self, over_file: "_OverFile") -> tuple[CheckCount, ...]:
        counts = [
            CheckCount(check=c.name, level=c.level, rows=rows, lines=tuple(lines), reason=c.reason)
            for c in CHECKS
            for rows, lines in [self.struck.get(c.name, (0, []))]
        ]
        for check, reason in FILE_CHECKS.items():
            struck = over_file.rows(check)
            lines = [self.lines[index] for index in struck[:SHOWN_LINES].tolist()]
            counts.append(CheckCount(check=check, level="warning", rows=len(struck), lines=tuple(lines), reason=reason))
        return tuple(sorted((c for c in counts if c.rows), key=lambda c: (c.level, -c.rows)))

    def _strangest(self, over_file: "_OverFile", median: int) -> tuple[StrangeRow, ...]:
        kept = {entry.place: entry.row for top in self.tops for entry in top}
        rows = []
        for index, row in kept.items():
            ratio = (row.tokens + 1) / (median + 1)
            far = f"about {row.tokens:,} tokens; the median row has {median:,}" if not 1 / FAR < ratio < FAR else ""
            findings = (*row.findings, *over_file.findings(index))
            if findings or far:
                judged = row.model_copy(update={"findings": findings, "far": far})
                errors = _errors(findings)
                rows.append(((-errors, errors - len(findings), -abs(log(ratio)), row.line), judged))
        return tuple(row for _, row in sorted(rows, key=lambda entry: entry[0])[:SHOWN_ROWS])


class _OverFile:
    """The findings that need the whole file, when it has been read."""

    def __init__(self, tally: _Tally) -> None:
        import numpy as np

        self._lines, self._hops, self._median = tally.lines, tally.hops, spread(tally.hops).median
        firsts = tally.prompts.firsts()
        hops = np.frombuffer(tally.hops, dtype="I") if tally.hops else np.zeros(0, dtype="I")
        self._firsts = firsts
        self._usual = {"differing-tools": tally.toolsets.usual(), "differing-system": tally.systems.usual()}
        self._masks: dict[str, Any] = {
            "duplicate-prompt": firsts != np.arange(len(firsts)),
            "differing-tools": tally.toolsets.firsts() != self._usual["differing-tools"],
            "differing-system": tally.systems.firsts() != self._usual["differing-system"],
            # Twice the median alone would strike at 2 hops where most rows have 1.
            "long-trace": hops > max(2 * self._median, self._median + 3),
        }

    def rows(self, check: str) -> Any:
        """Return the indices of the rows that a check strikes, as an array of integers."""
        return self._masks[check].nonzero()[0]

    def findings(self, index: int) -> Iterator[Finding]:
        """Yield the findings about one row."""
        for check, mask in self._masks.items():
            if mask[index]:
                yield Finding(check=check, level="warning", message=self._message(check, index))

    def _message(self, check: str, index: int) -> str:
        if check == "duplicate-prompt":
            return f"the same prompt as line {self._lines[self._firsts[index]]}"
        if check == "long-trace":
            return f"{self._hops[index]} hops; the median row has {self._median}"
        what = "tools" if check == "differing-tools" else "system prompt"
        return f"not the {what} of most rows, such as line {self._lines[self._usual[check]]}"


def _prompt(chat: Chat) -> tuple[Turn, ...]:
    """Return the messages before the first call or, without calls, before the last message."""
    first_call = next((index for index, turn in enumerate(chat.turns) if turn.calls), len(chat.turns) - 1)
    return chat.turns[: max(first_call, 0)]


def _start(chat: Chat) -> str:
    asked = [turn.text for turn in _prompt(chat) if turn.role == "user" and turn.text]
    spoken = [turn.text for turn in chat.turns if turn.text]
    return excerpt((asked[-1:] or spoken[:1] or [""])[0])


def _errors(findings: Iterable[Finding]) -> int:
    return sum(finding.level == "error" for finding in findings)
