"""What an examination finds: the records of `tracegen doctor`, and the schema of its `--json`.

Lines are lines of the dataset file, counted from 1; shares are 0 to 1. Within `version` 1 fields are added, never renamed or
taken away.
"""

from typing import Literal

from tracegen.records import Record
from tracegen.review.figures import BadLine, Bar, Spread

Shape = Literal["code", "JSON", "prose", "prose with code"]
Request = Literal["write", "fix", "explain"]
Importance = Literal["serious", "worth a look", "note", "good"]


class Group(Record):
    """Rows that belong together, such as repetitions of one row."""

    lines: tuple[int, ...]
    """Their lines, in order; two at least."""
    start: str
    """Start of the first one's prompt, as one line."""


class Size(Record):
    """How long one side of the rows is."""

    characters: Spread
    """Characters per row."""
    tokens: Spread
    """Tokens per row, estimated at four characters each."""
    all_tokens: int
    """Their sum over all rows, estimated."""
    histogram: tuple[Bar, ...]
    """Rows by tokens, in steps that double."""


class Sizes(Record):
    """How much there is to train on."""

    rows: int
    """Usable rows."""
    multi_turn: int
    """Rows with an assistant turn before the desired output."""
    prompt: Size
    """All messages before the desired output, system prompt included."""
    output: Size
    """The desired outputs."""


class Repetitions(Record):
    """Rows that stand more than once, and prompts with more than one output."""

    exact: tuple[Group, ...]
    """Rows with the same prompt and the same output, but for white space."""
    near: tuple[Group, ...]
    """Rows whose prompts are nearly the same, and whose outputs are, too."""
    repeated: int
    """Rows that could go: those of `exact` and `near` but the first of each group."""
    contradictions: tuple[Group, ...]
    """Rows with the same prompt and different outputs."""
    near_contradictions: tuple[Group, ...]
    """Rows with nearly the same prompt and clearly different outputs; some have a reason in the prompt."""


class ThinPrompt(Record):
    """A prompt from which its output does not follow."""

    line: int
    """Where it stands."""
    reason: str
    """What is missing, as a phrase."""


class SystemPrompt(Record):
    """One of the dataset's system prompts."""

    start: str
    """Its start, as one line; "" for rows that have none."""
    rows: int
    """Rows that have it."""
    lines: tuple[int, ...]
    """The first few of them."""


class TaskCount(Record):
    """Rows of one task: the same kind of request, answered in the same shape."""

    request: Request
    """What is asked for."""
    shape: Shape
    """What the answer looks like."""
    rows: int
    """Number of rows."""
    share: float
    """Their share of all rows."""
    lines: tuple[int, ...]
    """The first few."""


class Failure(Record):
    """A desired output that the check command refuses."""

    line: int
    """Where it stands."""
    code: int | None
    """Exit code, negative for a signal; None where the time limit was reached."""
    message: str
    """First line that the command printed, or what happened."""


class Checked(Record):
    """What the check command says of the desired outputs."""

    command: str
    """The command as given."""
    checked: int
    """Outputs it was run on."""
    prose: int
    """Outputs left out, because they are prose without code."""
    failures: tuple[Failure, ...]
    """The refused ones, by line."""


class Point(Record):
    """A row on the map of prompts."""

    line: int
    """Its line."""
    x: float
    """First principal component of its prompt's embedding."""
    y: float
    """Second one."""
    cluster: int
    """Number of its cluster, from 1."""


class Cluster(Record):
    """Rows whose prompts are about the same thing."""

    number: int
    """From 1, the largest first."""
    rows: int
    """Rows in it, of those that were embedded."""
    share: float
    """Their share."""
    words: tuple[str, ...]
    """A few words that its prompts have and the others have not."""
    lines: tuple[int, ...]
    """The rows closest to its middle, closest first."""


class Variety(Record):
    """How lopsided the prompts are."""

    embedded: int
    """Rows looked at: all, or a sample where there are many."""
    clusters: tuple[Cluster, ...]
    """The largest first."""
    largest_share: float
    """Share of the largest."""
    effective: float
    """exp of the entropy of the shares: as varied as so many clusters of equal size."""
    points: tuple[Point, ...]
    """The map, a point for each row looked at."""


class SupportFigures(Record):
    """How much of what outputs need is there, over some rows."""

    rows: int
    """Rows that need something their prompt does not give."""
    mean: float
    """Mean support."""
    above: int
    """Rows above 0.8."""
    histogram: tuple[int, ...]
    """Rows by support, in ten steps of 0.1; 1.0 counts in the last."""
    worst: tuple[tuple[int, float], ...]
    """The least supported rows: line and support."""


class NeededTerm(Record):
    """A term that outputs need."""

    text: str
    """The term."""
    rows: int
    """Rows whose outputs need it and whose prompts do not give it."""
    lines: tuple[int, ...]
    """The first few."""


class Part(Record):
    """A part of the documentation."""

    path: str
    """Its file."""
    heading: str
    """Its heading path, or "" for the whole page."""


class Documentation(Record):
    """The documentation against the dataset."""

    index: str
    """Id of the index."""
    pages: int
    """Files in it."""
    chunks: int
    """Chunks in it."""
    needing: int
    """Rows whose output needs at least one term that its prompt does not give."""
    terms_per_row: float
    """Such terms per row, on average over those rows."""
    distinct: int
    """Different terms that are needed."""
    rare: int
    """Those that fewer than three rows need."""
    undocumented: tuple[NeededTerm, ...]
    """Needed terms that are documented nowhere, by rows."""
    best: SupportFigures
    """Support if retrieval were perfect: over all chunks."""
    judged: int
    """Pages that have a term of their own, one that few pages show: only of those it can be said whether a row uses them."""
    unused_pages: tuple[str, ...]
    """Those of them of whose own terms no output needs any."""
    unused_sections: tuple[Part, ...]
    """Sections that are named for a term, none of which any output needs, on pages that are used otherwise."""


class PageCount(Record):
    """A page, and for how many of the rows it came up."""

    path: str
    """Its file."""
    rows: int
    """Rows for which it was returned."""
    share: float
    """Their share of the rows looked at."""


class Retrieval(Record):
    """What retrieval brings."""

    sampled: int
    """Rows looked at."""
    rows: int
    """Rows of the dataset."""
    seed: int
    """What the sample was drawn with."""
    search: SupportFigures
    """Support after one plain search of the prompt."""
    researcher: SupportFigures
    """Support after the built-in researcher."""
    searches: float
    """Searches that the researcher makes for a row, on average."""
    retrievable: SupportFigures
    """After the researcher, counting only what is documented at all."""
    hubs: tuple[PageCount, ...]
    """Pages that came up for many rows, whatever these ask."""
    never: tuple[str, ...]
    """Pages that came up for none."""


class Verdict(Record):
    """Whether retrieval alone might do, without fine-tuning. A heuristic: see docs/doctor.md."""

    answer: Literal["may do", "unlikely", "cannot say"]
    """The answer."""
    reasons: tuple[str, ...]
    """Why, as sentences."""


class Prospects(Record):
    """What fine-tuning can do with these rows."""

    good_rows: int
    """Rows that neither repeat nor contradict another one, and that the check command does not refuse."""
    tasks: int
    """Tasks with at least a tenth of the rows."""
    retrieval_alone: Verdict
    """Whether retrieval alone might do."""


class Advice(Record):
    """Something to do, and why."""

    check: str
    """Short stable name, such as `contradictions`."""
    importance: Importance
    """How much it matters."""
    problem: str
    """What was found, with its numbers, as sentences."""
    remedy: str
    """What to do, as sentences; "" where nothing needs doing."""
    lines: tuple[int, ...] = ()
    """Rows concerned: all of them."""


class Skipped(Record):
    """A part that was not examined."""

    part: str
    """Its name."""
    reason: str
    """Why, and how to have it, as a sentence."""


class Report(Record):
    """All that the examination found."""

    version: Literal[1] = 1
    """Version of this schema."""
    dataset: str
    """The file."""
    advice: tuple[Advice, ...]
    """Most important first."""
    unusable: tuple[BadLine, ...]
    """Lines that are no rows."""
    sizes: Sizes
    """How much there is."""
    repetitions: Repetitions
    """Duplicates and contradictions."""
    thin_prompts: tuple[ThinPrompt, ...]
    """Prompts that give too little."""
    tasks: tuple[TaskCount, ...]
    """What is asked for, by rows."""
    system_prompts: tuple[SystemPrompt, ...]
    """The different ones, by rows."""
    variety: Variety | None
    """How lopsided the prompts are; None where skipped."""
    checked: Checked | None
    """What the check command says; None without one."""
    documentation: Documentation | None
    """The documentation against the dataset; None without an index."""
    retrieval: Retrieval | None
    """What retrieval brings; None without an index."""
    prospects: Prospects
    """What fine-tuning can do."""
    skipped: tuple[Skipped, ...]
    """What was not examined."""
