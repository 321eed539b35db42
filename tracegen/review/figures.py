"""The records of a summary: what there is to know about a file of chat rows."""

from typing import Literal

from tracegen.records import Finding, Record


class Spread(Record):
    """How a number is distributed over the rows."""

    min: int
    """Smallest value."""
    median: int
    """Middle value."""
    p95: int
    """95 of 100 values are at most this."""
    max: int
    """Largest value."""


class Bar(Record):
    """One line of a histogram."""

    first: int
    """Smallest value counted."""
    last: int
    """Largest value counted."""
    rows: int
    """Number of rows."""


class BadLine(Record):
    """A line that is no row at all."""

    line: int
    """Line in the file, counted from 1."""
    reason: str
    """What is wrong with it."""


class Returns(Record):
    """The returns of all rows."""

    count: int
    """Number of returns."""
    characters: Spread
    """Their sizes."""
    repeated: int
    """Those whose text an earlier return of the same row has already."""
    empty: int
    """Those without text."""
    errors: int
    """Those that begin with `Error:`."""


class Searches(Record):
    """What became of the searches of all rows."""

    failed: int
    """Returns that say that nothing was found, or of which nothing was used."""
    rows_with_failed: int
    """Rows with such a return."""
    rows_with_honest: int
    """Rows with such a return after which a later search found something that was used."""


class Copied(Record):
    """How much of the desired outputs stands in the returns of their rows."""

    rows: int
    """Rows with returns and an output that is long enough to tell."""
    percent: Spread
    """Percent of the output in runs of at least 8 words and signs that a return has, over these rows."""
    open_book: int
    """Rows whose output is such a copy, by the check `answer-in-return`."""


class CheckCount(Record):
    """One check, and where in the file it struck."""

    check: str
    """Name of the check."""
    level: Literal["error", "warning"]
    """Its level."""
    rows: int
    """Number of rows."""
    lines: tuple[int, ...]
    """The first few lines."""
    reason: str
    """Why the check exists, in a sentence."""


class StrangeRow(Record):
    """A row that a person should look at first."""

    line: int
    """Line in the file, counted from 1."""
    prompt: str
    """Start of the last user message before the first answer, as one line."""
    hops: int
    """Number of assistant messages with calls."""
    tokens: int
    """Estimated."""
    findings: tuple[Finding, ...]
    """What the checks say, those over the whole file among them."""
    far: str = ""
    """How the row's size differs from the median row's, where it does so by much."""


class Summary(Record):
    """What there is to know about a file of chat rows."""

    rows: int
    """Lines that hold a JSON object."""
    first_line: int
    """Line of the first of them, or 0."""
    unusable: int
    """Lines that do not."""
    unusable_lines: tuple[BadLine, ...]
    """The first few of them."""
    hops: Spread
    """Hops per row."""
    hops_histogram: tuple[Bar, ...]
    """Rows by hops."""
    tokens: Spread
    """Tokens per row, estimated at 4 characters each."""
    max_length: int
    """Sequence length to set in a trainer: the longest row and half of it again, as estimates can be that low, rounded up."""
    longer_than: dict[int, int]
    """Rows above the lengths that trainers cut at, estimated."""
    returns: Returns
    """The returns."""
    searches: Searches
    """What became of the searches."""
    copied: Copied
    """How much of the desired outputs was there to copy."""
    roles: dict[str, int]
    """Messages by role."""
    tools: dict[str, int]
    """Rows by tool defined."""
    system_prompts: int
    """Number of different ones; rows without one count as one more."""
    findings: tuple[CheckCount, ...]
    """By check, errors first, then by rows."""
    strangest: tuple[StrangeRow, ...]
    """Most errors first, then most warnings, then farthest from the median."""
