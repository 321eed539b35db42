"""Text that is too long for one chunk -> pieces that fit, cut where it hurts least; linear in the text's length."""

import math
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tracegen.corpus.pages import unfence
from tracegen.records import Block

CHARACTERS_PER_TOKEN = 16
"""Text counts as at least a token per so many characters: some tokenizers make one token of a word of any length."""

_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_LINE_END = re.compile(r"\n")
_SPACE = re.compile(r"\s+")
_BLANK_START = re.compile(r"(?:[ \t]*\n)*")
_SENTENCE_END = re.compile(r"""(?<=[.!?…])["')\]*_]*\s+|(?<=[。！？])""")
_ITEM = re.compile(r"\n(?=[ \t]*(?:[-*+]|\d+[.)])[ \t])")
_DEFINITION = re.compile(r"\n[ \t]*\n(?=[^\s})\]])")

_PROSE_CUTS = (_BLANK_LINE, _ITEM, _SENTENCE_END, _LINE_END, _SPACE)
_CODE_CUTS = (_DEFINITION, _BLANK_LINE, _LINE_END, _SPACE)


class Piece(NamedTuple):
    """A block or a part of one."""

    text: str
    """As it stands in a chunk."""
    start_line: int
    """First line in the file."""
    end_line: int
    """Last line in the file, inclusive."""
    kind: str
    """Kind of the block."""
    tokens: int
    """Size, with the empty line after it."""
    joint: str | None = None
    """What stood between it and the part before; None where it does not go on with a block."""


class Meter:
    """Measures text in tokens."""

    def __init__(self, count_tokens: Callable[[str], int]) -> None:
        self._count_tokens = count_tokens

    def measure(self, text: str) -> int:
        """Return the size of text that is at the end of a chunk."""
        return max(self._count_tokens(text), math.ceil(len(text) / CHARACTERS_PER_TOKEN))

    def exceeds(self, text: str, budget: int) -> bool:
        """Tell whether text is larger than the budget; very long text is not counted at all."""
        return len(text) > budget * CHARACTERS_PER_TOKEN or self.measure(text) > budget

    def piece(self, text: str, start_line: int, end_line: int, kind: str, limit: int) -> Piece:
        """Return a piece with its size; of one that is beyond the limit for sure the size is a lower bound."""
        tokens = math.ceil(len(text) / CHARACTERS_PER_TOKEN)
        if tokens <= limit:
            tokens = self.measure(text + "\n\n")
        return Piece(text, start_line, end_line, kind, tokens)


def split_block(block: Block, budget: int, meter: Meter, first_budget: int | None = None) -> list[Piece]:
    """Return the block in pieces within the budget (the first one within another, where given).

    Code is cut at empty lines, else at lines, else anywhere, each part in its fence; tables by rows below their header;
    prose at paragraphs, list items, sentences, lines, words, else anywhere.
    """
    if block.kind == "code":
        return list(_split_code(block, budget, meter, first_budget or budget))
    if block.kind == "table":
        pieces = list(_split_table(block, budget, meter))
        if pieces:
            return pieces
    return list(_split_prose(block, budget, meter, first_budget or budget))


def last_sentence(text: str) -> int:
    """Return where the last sentence of a paragraph begins, 0 where there is but one."""
    end = len(text.rstrip())
    return max((match.end() for match in _SENTENCE_END.finditer(text, 0, end) if match.end() < end), default=0)


def _even(text: str, budget: int, meter: Meter) -> int:
    """Return a smaller budget where it gives parts of like size instead of full ones and a crumb."""
    if len(text) > 8 * budget * CHARACTERS_PER_TOKEN:
        return budget
    tokens = meter.measure(text)
    return min(budget, int(tokens / math.ceil(tokens / budget) * 1.2) + 1)


def _split_prose(block: Block, budget: int, meter: Meter, first_budget: int) -> Iterator[Piece]:
    even = _even(block.text, budget, meter)
    for part in _cut(block.text, even, meter, _PROSE_CUTS, min(first_budget, even)):
        piece = _piece(block, part, part.text, block.start_line, part.tokens)
        # Code within prose: one listing does not go on with another one.
        yield piece._replace(joint=None) if unfence(piece.text).opening else piece


def _split_code(block: Block, budget: int, meter: Meter, first_budget: int) -> Iterator[Piece]:
    code = unfence(block.text)
    fences = meter.measure(code.wrap("") + "\n\n") if code.opening else 2
    # Source files have fences of our making, which are no lines of the file.
    lines_in_file = block.end_line - block.start_line + 1
    first_line = block.start_line + (1 if code.opening and lines_in_file > code.body.count("\n") + 1 else 0)
    inner = _even(code.body, max(budget - fences, budget // 2, 1), meter)
    for part in _cut(code.body, inner, meter, _CODE_CUTS, min(max(first_budget - fences, 1), inner)):
        yield _piece(block, part, code.wrap(part.text), first_line, part.tokens + fences)


def _split_table(block: Block, budget: int, meter: Meter) -> Iterator[Piece]:
    """Yield the table by rows; nothing where its header leaves no room for rows."""
    lines = block.text.split("\n")
    header = "\n".join(lines[:2])
    if len(lines) < 3 or meter.exceeds(header + "\n", budget // 2):
        return
    head = meter.measure(header + "\n\n")
    room = budget - head
    rows: list[str] = []
    used, first, joint = 0, 2, None
    for number, row in enumerate(lines[2:], start=2):
        too_long = len(row) > room * CHARACTERS_PER_TOKEN
        size = room + 1 if too_long else meter.measure(row + "\n")
        if rows and used + size > room:
            yield _table_piece(block, header, _Part("\n".join(rows), first, used, joint), head)
            rows, used, first, joint = [], 0, number, "\n"
        if size > room:
            for part in _cut(row, room, meter, _PROSE_CUTS, room):
                whole = part._replace(line=number, joint=joint if part.joint is None else part.joint)
                yield _table_piece(block, header, whole, head)
            first, joint = number + 1, "\n"
        else:
            rows.append(row)
            used += size
    if rows:
        yield _table_piece(block, header, _Part("\n".join(rows), first, used, joint), head)


def _table_piece(block: Block, header: str, rows: "_Part", head: int) -> Piece:
    return _piece(block, rows, f"{header}\n{rows.text}", block.start_line, head + rows.tokens)


def _piece(block: Block, part: "_Part", text: str, start_line: int, tokens: int) -> Piece:
    """Return a part as it stands in a chunk; the text that it is of begins on a line of the file."""
    first = min(start_line + part.line, block.end_line)
    return Piece(text, first, min(first + part.text.count("\n"), block.end_line), block.kind, tokens, part.joint)


# --- cutting -------------------------------------------------------------------------------------------------------------


class _Part(NamedTuple):
    """A part of a text, without the empty lines around it."""

    text: str
    line: int  # lines of the text before it
    tokens: int  # its size, estimated from that of a slightly longer part
    joint: str | None = None  # what stands between it and the part before it


def _cut(text: str, budget: int, meter: Meter, cuts: tuple[re.Pattern[str], ...], first_budget: int) -> Iterator[_Part]:
    """Yield the text in parts within the budget."""
    position, line, per_token, room = 0, 0, 4.0, first_budget
    cut_at = -1
    while position < len(text):
        reach, tokens = _reach(text, position, room, meter, per_token)
        end = _best_cut(text, position, reach, cuts) if reach < len(text) else reach
        shown = text[position:end].rstrip()
        blank = _BLANK_START.match(shown)
        skipped = blank.end() if blank else 0
        if shown[skipped:]:
            size = math.ceil(tokens * (end - position) / (reach - position)) + 1
            joint = text[cut_at : position + skipped] if cut_at >= 0 else None
            yield _Part(shown[skipped:], line + shown.count("\n", 0, skipped), size, joint)
            room, cut_at = budget, position + len(shown)
        line += text.count("\n", position, end)
        per_token = max((reach - position) / max(tokens, 1) * 0.95, 0.5)
        position = end


def _reach(text: str, start: int, budget: int, meter: Meter, per_token: float) -> tuple[int, int]:
    """Return how far the budget reaches, and the tokens until there.

    The reach is guessed from the part before and corrected: a count or two of text of a chunk's size, not one per word.
    """
    # `low` characters fit, or are taken all the same; `high` may.
    low, high, size = 1, min(budget * CHARACTERS_PER_TOKEN, len(text) - start), budget
    guess = min(max(int(budget * per_token), 1), high)
    for _ in range(12):
        tokens = meter.measure(text[start : start + guess])
        if tokens > budget:
            high = guess - 1
        else:
            low, size = guess, tokens
        if low >= high or budget * 0.8 <= tokens <= budget:
            break
        by_rate = int(guess * budget / max(tokens, 1) * 0.95)
        guess = by_rate if low < by_rate <= high else (low + high + 1) // 2
    return start + low, size


def _best_cut(text: str, start: int, end: int, cuts: tuple[re.Pattern[str], ...]) -> int:
    """Return where to cut before the end: at the first kind of place that is found behind the first third."""
    earliest = start + (end - start) // 3
    for cut in cuts:
        best = 0
        # One character more shows whether a line or a word ends exactly here.
        for match in cut.finditer(text, earliest, min(end + 1, len(text))):
            if earliest < match.end() <= end:
                best = match.end()
            elif match.start() <= end < match.end() and match.start() > earliest:
                best = match.start()
        if best:
            return best
    return end
