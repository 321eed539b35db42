"""Sections -> drafts of chunks: what stands together, and what is cut where it does not fit."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tracegen.corpus.pages import continued
from tracegen.corpus.sections import Section, section_tree
from tracegen.corpus.splitting import Meter, Piece, last_sentence, split_block
from tracegen.records import Block, Document

Words = tuple[tuple[int, str], ...]
"""A heading path: level and text of each heading."""

_LONGEST_RUN = 6
_SHORT_LINE = 120
_LABEL = re.compile(r"\*\*[^*\n]{1,120}\*\*")
_MAKES_CODE = ("code", "table")


@dataclass
class Draft:
    """What becomes one chunk."""

    path: tuple[Section, ...]
    """Sections it stands in, from the first level down."""
    pieces: list[Piece]
    """Its content in reading order."""
    whole: bool = False
    """Whether it is the whole of its last section, with the sections below."""

    @property
    def words(self) -> Words:
        """The heading path."""
        return tuple((each.level, each.heading.text) for each in self.path if each.heading)

    @property
    def text(self) -> str:
        """The text of the chunk."""
        text = self.pieces[0].text
        for piece in self.pieces[1:]:
            text = f"{text}\n\n{piece.text}" if piece.joint is None else continued(text, piece.text, piece.joint)
        return text

    @property
    def tokens(self) -> int:
        """Size of the text."""
        return sum(piece.tokens for piece in self.pieces)


class Packer:
    """Packs one document."""

    def __init__(self, meter: Meter, max_tokens: int, min_tokens: int, context: Callable[[Words], str]) -> None:
        self.meter = meter
        self.max_tokens = max(max_tokens, 1)
        self.min_tokens = min_tokens
        self.context = context
        self._pieces: dict[Block, Piece] = {}
        self._rooms: dict[Words, int] = {}

    def pack(self, document: Document) -> list[Draft]:
        """Return the drafts in reading order, each of which fits."""
        root = section_tree(document)
        return [fitting for draft in self._with_bare_headings(self._pack(root, ())) for fitting in self._fit(draft)]

    def _with_bare_headings(self, drafts: list[Draft]) -> list[Draft]:
        """Return the drafts with headings that have nothing below them put before what follows, where that fits."""
        result: list[Draft] = []
        bare: list[Piece] = []
        for number, draft in enumerate(drafts):
            bare = bare + draft.pieces if draft.pieces else [*bare, self._heading(draft.path[-1])]
            both = Draft(draft.path, bare)
            if draft.pieces and len(bare) > len(draft.pieces) and both.tokens > self._room(draft):
                result += [Draft(draft.path[:-1], bare[: -len(draft.pieces)]), draft]
                bare = []
            elif draft.pieces or number == len(drafts) - 1:
                result.append(both)
                bare = []
        return result

    # --- sections --------------------------------------------------------------------------------------------------------

    def _pack(self, section: Section, path: tuple[Section, ...]) -> list[Draft]:
        """Return the drafts of a section and those below; one that fits whole is one draft."""
        if not section.blocks and len(section.children) == 1:
            return self._pack(section.children[0], (*path, section.children[0]))
        whole = Draft(path, self._content(section), whole=True)
        room = self._room(whole)
        if whole.tokens <= room:
            return [whole] if whole.pieces or path else []
        drafts = [Draft(path, pieces) for pieces in self._pack_blocks(section.blocks, room)]
        for child in section.children:
            drafts += self._pack(child, (*path, child))
        return self._join_tiny(drafts, path, room)

    def _join_tiny(self, drafts: list[Draft], path: tuple[Section, ...], room: int) -> list[Draft]:
        """Join what is too small to be found alone with its neighbour below the same parent, where both fit."""
        joined: list[Draft] = []
        for draft in drafts:
            last = joined[-1] if joined else None
            if last and min(last.tokens, draft.tokens) < self.min_tokens:
                both = Draft(path, self._below(last, path) + self._below(draft, path))
                if self._can_join(last, path) and self._can_join(draft, path) and both.tokens <= room:
                    joined[-1] = both
                    continue
            joined.append(draft)
        return joined

    def _can_join(self, draft: Draft, path: tuple[Section, ...]) -> bool:
        depth = len(draft.path) - len(path)
        return depth == 0 or (depth == 1 and draft.whole)

    def _below(self, draft: Draft, path: tuple[Section, ...]) -> list[Piece]:
        """Return the draft's pieces with the headings that the path does not have."""
        return [self._heading(section) for section in draft.path[len(path) :]] + draft.pieces

    def _content(self, section: Section) -> list[Piece]:
        """Return all below the section's heading, with the headings of the sections below."""
        pieces = [self._piece(block) for block in section.blocks]
        for child in section.children:
            pieces += [self._heading(child), *self._content(child)]
        return pieces

    def _heading(self, section: Section) -> Piece:
        heading = section.heading
        if heading is None:
            raise ValueError("the whole document has no heading")
        return self._piece(heading.model_copy(update={"level": min(section.level, 6)}))

    def _piece(self, block: Block) -> Piece:
        """Return the whole block as a piece; each is counted once."""
        piece = self._pieces.get(block)
        if piece is None:
            text = f"{'#' * block.level} {block.text}" if block.kind == "heading" else block.text
            piece = self.meter.piece(text, block.start_line, block.end_line, block.kind, self.max_tokens)
            self._pieces[block] = piece
        return piece

    def _room(self, draft: Draft) -> int:
        """Return what the heading path leaves for text, half of the whole at least."""
        words = draft.words
        if words not in self._rooms:
            used = self.meter.measure(self.context(words) + "\n\n")
            self._rooms[words] = max(self.max_tokens - used, self.max_tokens // 2, 1)
        return self._rooms[words]

    # --- the blocks of one section ---------------------------------------------------------------------------------------

    def _pack_blocks(self, blocks: list[Block], room: int) -> list[list[Piece]]:
        units: list[list[Piece]] = []
        for run in _runs(blocks):
            units += self._fit_run(run, room)
        return _balance(units, room, self.min_tokens)

    def _fit_run(self, run: list[Block], room: int) -> list[list[Piece]]:
        """Return blocks that belong together as one unit, or as units that fit where they do not fit together."""
        units: list[list[Piece]] = []
        while run:
            pieces = [self._piece(block) for block in run]
            if sum(piece.tokens for piece in pieces) <= room:
                return [*units, pieces]
            after_code = _break_after_code(run)
            if after_code:
                return units + self._fit_run(run[:after_code], room) + self._fit_run(run[after_code:], room)
            if len(run) == 2 and run[0].kind == "prose" and run[1].kind in _MAKES_CODE:
                return units + self._introduced(run[0], run[1], room)
            units += self._alone(run[0], room)
            run = run[1:]
        return units

    def _alone(self, block: Block, room: int) -> list[list[Piece]]:
        piece = self._piece(block)
        if piece.tokens <= room:
            return [[piece]]
        return [[part] for part in split_block(block, room, self.meter)]

    def _introduced(self, introduction: Block, code: Block, room: int) -> list[list[Piece]]:
        """Return a paragraph and its code, too large together, so that the code keeps its last sentence where possible."""
        words, listing = self._piece(introduction), self._piece(code)
        if listing.tokens > room:
            if words.tokens > room // 2:
                return self._alone(introduction, room) + self._alone(code, room)
            first, *others = split_block(code, room, self.meter, first_budget=room - words.tokens)
            return [[words, first], *([other] for other in others)]
        at = last_sentence(introduction.text)
        if at:
            before, sentence = _divide(introduction, at)
            tail = self._piece(sentence)._replace(joint=introduction.text[len(before.text) : at])
            if tail.tokens + listing.tokens <= room:
                return [*self._alone(before, room), [tail, listing]]
        return [*self._alone(introduction, room), [listing]]

    # --- the last word ---------------------------------------------------------------------------------------------------

    def _fit(self, draft: Draft) -> list[Draft]:
        """Return the draft, or drafts of its parts where the sum of the parts misjudged the size of the whole."""
        context = self.context(draft.words)
        limit = max(self.max_tokens, self.meter.measure(context + "\n\n") + self._room(draft))
        if not self.meter.exceeds(f"{context}\n\n{draft.text}", limit):
            return [draft]
        if len(draft.pieces) > 1:
            half = len(draft.pieces) // 2
            parts = [draft.pieces[:half], draft.pieces[half:]]
        else:
            piece = draft.pieces[0]
            kind = piece.kind if piece.kind in _MAKES_CODE else "prose"
            block = Block.model_validate(
                {"kind": kind, "text": piece.text, "start_line": piece.start_line, "end_line": piece.end_line}
            )
            first, *others = split_block(block, max(piece.tokens * 3 // 4, 1), self.meter)
            if not others:
                return [draft]
            parts = [[first._replace(joint=piece.joint)], *([part] for part in others)]
        return [fitted for part in parts for fitted in self._fit(Draft(draft.path, part))]


def _runs(blocks: list[Block]) -> list[list[Block]]:
    """Return the blocks in runs that should stand together.

    Together stand the first two of a section (a signature and what it does), a paragraph and the code or table after it,
    a paragraph that ends in a colon and what follows, and code with what it gives (`The result is:` and the result).
    """
    runs: list[list[Block]] = []
    for number, block in enumerate(blocks):
        run = runs[-1] if runs else []
        if run and len(run) < _LONGEST_RUN and (number == 1 or _belongs(run, block, blocks[number + 1 : number + 2])):
            run.append(block)
        else:
            runs.append([block])
    return runs


def _belongs(run: list[Block], block: Block, after: list[Block]) -> bool:
    # One example has one outcome: what follows that is the next example.
    has_outcome = sum(each.kind == "code" for each in run) > 1
    return _leads_to(run[-1], block) or (not has_outcome and _is_outcome(run[-1], block, after))


def _leads_to(before: Block, block: Block) -> bool:
    if before.kind != "prose":
        return False
    # A line in bold alone is the label of a tab or a note, or the name of an example.
    return block.kind in _MAKES_CODE or before.text.rstrip().endswith(":") or bool(_LABEL.fullmatch(before.text.strip()))


def _is_outcome(code: Block, block: Block, after: list[Block]) -> bool:
    """Tell whether the block is, or leads to, code in another language than the code before: what that code gives."""
    if code.kind == block.kind == "code":
        return code.language != block.language
    leads = block.kind == "prose" and block.text.rstrip().endswith(":") and len(block.text) <= _SHORT_LINE
    return code.kind == "code" and leads and any(each.kind == "code" and each.language != code.language for each in after)


def _break_after_code(run: list[Block]) -> int:
    """Return where a run may break behind its last code but one, 0 where it should lose its first block before that."""
    if len(run) > 1 and run[0].kind == "prose" and not _leads_to(run[0], run[1]):
        return 0
    return next((size for size in range(len(run) - 1, 0, -1) if run[size - 1].kind in _MAKES_CODE), 0)


def _balance(units: list[list[Piece]], room: int, least: int) -> list[list[Piece]]:
    """Return the units in groups within the room, of like size instead of full ones and a crumb."""
    sizes = [sum(piece.tokens for piece in unit) for unit in units]
    left = sum(sizes)
    groups: list[list[Piece]] = []
    used = target = 0
    for unit, size in zip(units, sizes, strict=True):
        if not groups or used + size > room or (used + size // 2 > target and used >= least):
            groups.append([])
            used = 0
            target = left // -(-left // room) if left else 0
        groups[-1] += unit
        used += size
        left -= size
    return groups


def _divide(block: Block, at: int) -> tuple[Block, Block]:
    """Return a paragraph as two."""
    before, after = block.text[:at].rstrip(), block.text[at:]
    line = min(block.start_line + block.text.count("\n", 0, at), block.end_line)
    end = min(block.start_line + before.count("\n"), block.end_line)
    return block.model_copy(update={"text": before, "end_line": end}), block.model_copy(
        update={"text": after, "start_line": line}
    )
