"""The documentation against the dataset: what outputs need and no page says, and which parts no output needs."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tracegen.declaring import declared_name, declared_operator
from tracegen.doctor.figures import support_figures
from tracegen.doctor.records import Documentation, NeededTerm, Part
from tracegen.records import Chunk, Row
from tracegen.traces.support import Support, Term, Vocabulary, passage_of, rate, shows
from tracegen.traces.terms import symbols_in

RARE_ROWS = 3
"""A term that fewer rows need is one that a model meets too seldom to remember."""
LINES = 10
"""Lines named of each undocumented term."""

_SEPARATOR = re.compile(r"\.|::?|/|#")
# A heading that is one name, with or without arguments: `fold`, `std.foldl(func, arr, init)`.
_NAME_HEADING = re.compile(r"`?(?P<name>[^\W\d]\w*(?:(?:\.|::|/|#)[^\W\d]\w*)*[?!]?)(?:\(.*\))?`?")
# A heading that is a signature: `foldl(Fun, Acc, List) -> Acc`, `lines :: String -> [String]`, `(hash-ref hash key) → any`,
# `[det]setof(+Template, +Goal, -Set)`.
_SIGNATURE = re.compile(
    r"(?:\[[\w, ]+\])?(?:\((?P<lisp>[^\W\d][^\s()]*)(?:\s.*)?\)(?:\s.*)?|"
    r"(?P<name>[^\W\d]\w*(?:(?:\.|::?|/)[^\W\d]\w*)*['?!]?)(?:\(.*\)|\(.*\)\s+(?:->|→|::?|=)\s.*|\s+::?\s.*))"
)
_HEADING_INSIDE = re.compile(r"^#{2,6} (.+?)\s*$", re.M)
# What makes a word a name: it is called, or belongs to something.
_NAME_IN_USE = re.compile(r"(?:\.|::)([^\W\d]\w*)|([^\W\d]\w*[?!]?)\(")


class Needs(NamedTuple):
    """What the desired output of a row needs."""

    line: int
    """Where the row stands."""
    support: Support
    """Its terms: given, documented or undocumented, as nothing was retrieved."""

    @property
    def not_given(self) -> tuple[Term, ...]:
        """The terms that the prompt does not give."""
        return tuple(term for term in self.support.terms if term.status != "given")

    @property
    def best(self) -> float | None:
        """Support if every chunk of the documentation were retrieved; None where nothing is needed."""
        documented = sum(term.weight for term in self.support.of("documented"))
        undocumented = sum(term.weight for term in self.support.of("undocumented"))
        return documented / (documented + undocumented) if documented + undocumented else None


def needs_of(
    rows: Sequence[Row], vocabulary: Vocabulary, language: str | None, progress: Callable[[int, int], None] = lambda *_: None
) -> list[Needs]:
    """Return what each row's output needs. Raises SettingsError where Pygments does not know the language."""
    found = []
    for done, row in enumerate(rows, start=1):
        prompt = passage_of("\n".join(message.content for message in row.prompt))
        found.append(Needs(row.line, rate(row.desired_output, prompt, (), vocabulary, language)))
        progress(done, len(rows))
    return found


def examine_documentation(index_id: str, chunks: Sequence[Chunk], needs: Sequence[Needs]) -> Documentation:
    """Return what the documentation lacks, and what of it no output needs."""
    needing = [each for each in needs if each.not_given]
    rows_of = _rows_of_terms(needing)
    judged, unused_pages, unused_sections = _unused(chunks, {term.text for each in needs for term in each.support.terms})
    return Documentation(
        index=index_id,
        pages=len({chunk.path for chunk in chunks}),
        chunks=len(chunks),
        needing=len(needing),
        terms_per_row=sum(len(each.not_given) for each in needing) / len(needing) if needing else 0.0,
        distinct=len(rows_of),
        rare=sum(len(lines) < RARE_ROWS for lines in rows_of.values()),
        undocumented=_undocumented(needing),
        best=support_figures((each.line, each.best) for each in needs),
        judged=judged,
        unused_pages=unused_pages,
        unused_sections=unused_sections,
    )


def _rows_of_terms(needs: Iterable[Needs]) -> Mapping[str, list[int]]:
    rows: dict[str, list[int]] = defaultdict(list)
    for each in needs:
        for term in each.not_given:
            rows[term.text].append(each.line)
    return rows


def _undocumented(needs: Iterable[Needs]) -> tuple[NeededTerm, ...]:
    rows: dict[str, list[int]] = defaultdict(list)
    for each in needs:
        for term in each.support.of("undocumented"):
            rows[term.text].append(each.line)
    made = [NeededTerm(text=text, rows=len(lines), lines=tuple(lines[:LINES])) for text, lines in rows.items()]
    return tuple(sorted(made, key=lambda term: (-term.rows, term.text)))


def _unused(chunks: Sequence[Chunk], needed: Iterable[str]) -> tuple[int, tuple[str, ...], tuple[Part, ...]]:
    """Return how many pages have sections that are named for a term, which of them, and which sections, no output needs.

    Whether a page without such sections is used cannot be seen from names: guides speak of what every program has. Nor can it
    where a page has operators that are no terms, such as `==` or `[]=`: it counts as unused no more than as used.
    """
    by_last: dict[str, list[str]] = defaultdict(list)
    qualifiers: set[str] = set()
    for term in needed:
        *before, last = _parts(term)
        by_last[last].append(term)
        qualifiers.update(before)
    in_use = {name for chunk in chunks for match in _NAME_IN_USE.findall(chunk.text) for name in match if name}
    used: dict[tuple[str, tuple[str, ...]], bool] = {}
    unseen: set[str] = set()
    for chunk in chunks:
        if any(map(_is_unseen, [*chunk.headings, *_HEADING_INSIDE.findall(chunk.text)])):
            unseen.add(chunk.path)
        for headings, last in _named(chunk, in_use):
            section = (chunk.path, headings)
            used[section] = used.get(section, False) or last in qualifiers or _is_needed(chunk, last, by_last.get(last, ()))
    pages = Counter(path for path, _ in used)
    used_pages = {path for (path, _), needed_here in used.items() if needed_here}
    sections = [
        Part(path=path, heading=" > ".join(headings))
        for (path, headings), needed_here in used.items()
        if not needed_here and path in used_pages
    ]
    return len(pages), tuple(path for path in pages if path not in used_pages | unseen), tuple(sections)


def _named(chunk: Chunk, in_use: set[str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the sections of a chunk that are named for something, as their headings and that name.

    These are the deepest such one that it stands in, and the short ones that are put together in it.
    """
    for depth in range(len(chunk.headings), 0, -1):
        heading = chunk.headings[depth - 1]
        # A page without headings is headed by the name of its file.
        if not chunk.path.endswith(heading) and (name := _name_of(heading, in_use)):
            yield chunk.headings[:depth], name
            break
    for heading in _HEADING_INSIDE.findall(chunk.text):
        if name := _name_of(heading, in_use):
            yield (*chunk.headings, heading), name


def _name_of(heading: str, in_use: set[str]) -> str | None:
    """Return the last part of the name that a heading is or declares, or the operator, or None."""
    if declared := _declared(heading):
        return None if _is_unseen(heading) else _parts(declared)[-1]
    if match := _SIGNATURE.fullmatch(heading):
        return match["lisp"] or str(_SEPARATOR.split(match["name"])[-1])
    match = _NAME_HEADING.fullmatch(heading)
    last = _SEPARATOR.split(match["name"])[-1] if match else ""
    return last if last in in_use else None


def _parts(term: str) -> list[str]:
    """Return the parts of a qualified name; an operator such as `=..` is one."""
    return _SEPARATOR.split(term) if re.search(r"\w", term) else [term]


def _declared(heading: str) -> str | None:
    return declared_name(heading) or declared_operator(heading)


def _is_unseen(heading: str) -> bool:
    """Return whether a heading is for an operator that is no term of an output: `==`, `[]=`, or `^` where nothing marks it."""
    operator = _declared(heading)
    if operator is None or re.search(r"\w", operator):
        return False
    return operator not in symbols_in(operator) or (len(operator) == 1 and f"`{operator}`" not in heading)


def _is_needed(chunk: Chunk, name: str, terms: Sequence[str]) -> bool:
    """Return whether one of the terms, which all end in the section's name, means this section and not a namesake."""
    if name in terms:
        return True
    passage = passage_of(chunk.text, chunk.path, (chunk.title, *chunk.headings))
    return any(shows(passage, term, "qualified") for term in terms)
