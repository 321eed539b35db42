"""The dataset alone: how much there is, what stands twice, what contradicts, which prompts give too little."""

import re
from array import array
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

from tracegen.dataset.similar import near_duplicate_groups
from tracegen.doctor.records import Group, Repetitions, Size, Sizes, SystemPrompt, ThinPrompt
from tracegen.doctor.tasks import shape_of
from tracegen.doctor.texts import asked, first_lines, instructions, squeezed
from tracegen.records import NOTHING_FOUND, Row
from tracegen.review.accumulate import spread
from tracegen.review.figures import Bar
from tracegen.review.text import excerpt
from tracegen.traces.marks import family_of

CHARACTERS_PER_TOKEN = 4
"""Of English prose; code has up to half as many more tokens."""
FEW_WORDS = 4
"""With fewer words, or characters where these are words by themselves, a prompt asks for nothing in particular."""
MISSING_WORDS = 4
"""So many words of an output's texts that its prompt lacks, and more than half of them, cannot have been guessed."""

_STRING = re.compile(r'"((?:\\.|[^"\\\n])*)"|' r"'((?:\\.|[^'\\\n])*)'")
_WORD = re.compile(r"[^\W_]{2,}")
# Scripts that put no spaces between words.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def measure(rows: Sequence[Row]) -> Sizes:
    """Return how much there is to train on."""
    return Sizes(
        rows=len(rows),
        multi_turn=sum(any(message.role == "assistant" for message in row.prompt) for row in rows),
        prompt=_size([sum(len(message.content) for message in row.prompt) for row in rows]),
        output=_size([len(row.desired_output) for row in rows]),
    )


def _size(characters: list[int]) -> Size:
    tokens = [-(-count // CHARACTERS_PER_TOKEN) for count in characters]
    return Size(
        characters=spread(array("q", characters)),
        tokens=spread(array("q", tokens)),
        all_tokens=sum(tokens),
        histogram=tuple(_doubling(tokens)),
    )


def _doubling(values: Sequence[int]) -> Iterator[Bar]:
    """Yield a histogram in steps that double: 0-15, 16-31, 32-63, up to the largest value."""
    first, last = 0, 15
    while first <= max(values, default=-1):
        yield Bar(first=first, last=last, rows=sum(first <= value <= last for value in values))
        first, last = last + 1, 2 * last + 1


def find_repetitions(rows: Sequence[Row]) -> Repetitions:
    """Return what stands twice, and what contradicts itself; what `tracegen variants` made of a row is neither."""
    rows = list(_without_variants(rows))
    prompts, outputs = [asked(row) for row in rows], [row.desired_output for row in rows]
    same = {row.id: (squeezed(instructions(row)), squeezed(asked(row))) for row in rows}
    near_prompt = dict(zip((row.id for row in rows), near_duplicate_groups(prompts), strict=True))
    near_output = dict(zip((row.id for row in rows), near_duplicate_groups(outputs), strict=True))

    def said(row: Row) -> str:
        return squeezed(row.desired_output)

    exact = _grouped(rows, lambda row: (same[row.id], said(row)))
    alike = _grouped(rows, lambda row: (near_prompt[row.id], near_output[row.id]))
    by_prompt = _grouped(rows, lambda row: same[row.id])
    by_near_prompt = _grouped(rows, lambda row: near_prompt[row.id])
    return Repetitions(
        exact=_groups(exact),
        near=_groups(group for group in alike if len({(same[row.id], said(row)) for row in group}) > 1),
        repeated=len({row.id for group in (*exact, *alike) for row in group[1:]}),
        contradictions=_groups(group for group in by_prompt if len({said(row) for row in group}) > 1),
        near_contradictions=_groups(
            group
            for group in by_near_prompt
            if len({same[row.id] for row in group}) > 1 and len({near_output[row.id] for row in group}) > 1
        ),
    )


def _without_variants(rows: Iterable[Row]) -> Iterator[Row]:
    rows = list(rows)
    families = {family_of(row.id) for row in rows if row.variant_of is None}
    for row in rows:
        family = family_of(row.variant_of)
        if row.variant == NOTHING_FOUND or (family is not None and family in families):
            continue
        families.add(family)
        yield row


def _grouped(rows: Iterable[Row], key: Callable[[Row], Hashable]) -> list[list[Row]]:
    """Return the rows that share a key with another one, by group, in order."""
    groups: dict[Hashable, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return [group for group in groups.values() if len(group) > 1]


def _groups(groups: Iterable[Sequence[Row]]) -> tuple[Group, ...]:
    """Return the groups as records, the largest first."""
    made = [Group(lines=tuple(row.line for row in group), start=excerpt(asked(group[0]), 80)) for group in groups]
    return tuple(sorted(made, key=lambda group: (-len(group.lines), group.lines)))


def find_thin_prompts(rows: Iterable[Row]) -> tuple[ThinPrompt, ...]:
    """Return the prompts from which their outputs do not follow.

    Such a prompt has fewer than four words; or its output, where that is code or data, has texts (between quotes) with at least
    four words that the prompt lacks, and these are more than half of all words there: names, messages, values that nobody
    could have guessed.
    """
    found = []
    for row in rows:
        reason = _too_short(asked(row)) or _not_given(row)
        if reason:
            found.append(ThinPrompt(line=row.line, reason=reason))
    return tuple(found)


def _too_short(prompt: str) -> str:
    words = len(prompt.split()) + len(_UNSPACED.findall(prompt))
    return f"it is {excerpt(prompt, 40)!r}, no more" if words < FEW_WORDS else ""


def _not_given(row: Row) -> str:
    if shape_of(row.desired_output) not in ("code", "JSON"):
        return ""
    given = " ".join(message.content for message in row.prompt).lower()
    texts = (match[1] or match[2] or "" for match in _STRING.finditer(row.desired_output))
    words = list(dict.fromkeys(word.lower() for text in texts for word in _WORD.findall(text)))
    missing = [word for word in words if word not in given]
    if len(missing) < MISSING_WORDS or len(missing) <= len(words) / 2:
        return ""
    return f"it does not say {', '.join(missing[:5])}" + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")


def count_system_prompts(rows: Iterable[Row]) -> tuple[SystemPrompt, ...]:
    """Return the different system prompts, by rows; white space counts, because it changes what a model reads."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[instructions(row)].append(row)
    made = [SystemPrompt(start=excerpt(text, 120), rows=len(group), lines=first_lines(group)) for text, group in groups.items()]
    return tuple(sorted(made, key=lambda prompt: (-prompt.rows, prompt.lines)))
