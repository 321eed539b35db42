"""The data model: the records that move between the stages.

All are frozen pydantic models: a stage returns new records and never edits those it was given. Wire names (`messages`,
`tool_calls`, `tool_call_id`, `weight`) are those of OpenAI's chat format; inside tracegen a call's arguments are an object, and
each target writes the shape it needs.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Base of all records: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# --- documentation -------------------------------------------------------------------------------------------------------


class Block(Record):
    """One block of a document, in reading order: a heading, a paragraph, a list, a code block, a table."""

    kind: Literal["heading", "prose", "code", "table"]
    """What the block is; lists, quotes and definitions are prose."""
    text: str
    """The block's text; of a heading the words alone, of a code block with its fence, so that it can be shown as it stands."""
    start_line: int
    """First line in the file, counted from 1."""
    end_line: int
    """Last line in the file, inclusive."""
    level: int = 0
    """Depth of a heading, 1 to 6; 0 for every other kind."""
    language: str = ""
    """Language of a code block as its fence names it, or "" where it names none."""
    anchor: str = ""
    """The id by which links lead to a heading, or "" where the file gives it none."""


class Document(Record):
    """A file of documentation, read."""

    path: str
    """Path relative to the indexed folder, with forward slashes: what a reader of a search return sees."""
    title: str
    """Title from front matter, first heading, HTML title or file name with its folder, in that order."""
    sha256: str
    """Digest of the file's bytes, and of the files that it includes."""
    blocks: tuple[Block, ...]
    """The content in reading order."""


class Skipped(Record):
    """A file or folder that was left out, and why."""

    path: str
    """Path relative to the indexed folder."""
    reason: str
    """A phrase for a person: `binary content`, `empty`, `cannot be read: Permission denied`."""


class Chunk(Record):
    """A piece of a document that can be read alone."""

    id: str
    """16 hex digits, from the path, heading path, text and the repetition of these in the document."""
    path: str
    """Path of its document."""
    title: str
    """Title of its document."""
    headings: tuple[str, ...]
    """Heading path from the document's first level down to the section the chunk stands in."""
    text: str
    """The chunk's own text, without its heading path."""
    start_line: int
    """First line in the file, counted from 1."""
    end_line: int
    """Last line in the file, inclusive."""
    duplicate_of: str | None = None
    """Id of the first chunk of the corpus that says the same, or nearly; None where there is none."""
    anchor: str | None = None
    """The id by which links lead to its section, or to the nearest one above it that has one; None where none has."""
    joint: str | None = None
    """What stood between it and the chunk before, where it goes on with the last block of that one; None where it does not."""


# --- retrieval -----------------------------------------------------------------------------------------------------------


class Hit(Record):
    """A passage that a search returned, with the reasons."""

    chunk: Chunk
    """The chunk found; its text and lines are those of the whole passage, where that has several chunks."""
    rank: int
    """Place in the result, counted from 1."""
    score: float
    """The fused score that the rank follows from; larger is better, comparable within one search only."""
    dense_rank: int | None = None
    """Place among the nearest embeddings, or None where it was not among them."""
    dense_score: float | None = None
    """Cosine similarity of query and chunk, -1 to 1."""
    lexical_rank: int | None = None
    """Place among the BM25 results, or None."""
    lexical_score: float | None = None
    """BM25 score, 0 and up."""
    named: bool = False
    """True where its section has a name of the query as its heading: those come first."""
    parts: tuple[str, ...] = ()
    """Ids of the chunks joined in the passage, in reading order, where there are several."""

    def source(self) -> "Source":
        """Return what the run file keeps of the hit: everything but the text, which the return holds already."""
        chunk = self.chunk
        return Source(
            chunk_id=chunk.id,
            path=chunk.path,
            headings=chunk.headings,
            start_line=chunk.start_line,
            end_line=chunk.end_line,
            anchor=chunk.anchor,
            rank=self.rank,
            score=self.score,
            parts=self.parts,
        )


class Source(Record):
    """Where one passage of a return came from."""

    chunk_id: str
    """Id of the chunk in the index."""
    path: str
    """File of the documentation."""
    headings: tuple[str, ...]
    """Heading path."""
    start_line: int
    """First line in the file, counted from 1."""
    end_line: int
    """Last line in the file, inclusive."""
    anchor: str | None = None
    """The id by which links lead there, where the file has one."""
    rank: int
    """Place in the return, counted from 1."""
    score: float
    """Fused score of the search."""
    parts: tuple[str, ...] = ()
    """Ids of the chunks joined in the passage, in reading order, where there are several."""


class Tool(Record):
    """The retrieval function as the model sees it; the same in training and in production."""

    name: str
    """Function name, `[a-zA-Z0-9_-]{1,64}`."""
    description: str
    """What the model is told about it."""
    parameters: dict[str, Any]
    """JSON schema of the arguments; its one required string property is `query`."""
    k: int
    """Number of passages in a return."""
    rendering: int
    """Version of the way hits become the text of a return; a new one when that text changes."""
    max_chars: int | None = None
    """Most characters of a return, or None."""
    max_tokens: int | None = None
    """Most tokens of a return, as the embedding model counts them, or None."""
    nothing_found: str = "No passage found."
    """Text of a return without any passage."""
    rerank: str | None = None
    """Cross-encoder that puts what was found in a new order: its name and the first digits of its weights' digest."""

    @property
    def definition(self) -> dict[str, Any]:
        """The definition as requests and examples carry it, in OpenAI's format."""
        function = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function}


class ToolReturn(Record):
    """What one call of the retrieval function gave back."""

    text: str
    """The text the model sees, and the example is trained with."""
    sources: tuple[Source, ...] = ()
    """Where its passages came from, by rank."""
    error: bool = False
    """True where the call was wrong and the text tells the model so (`Error: ...`)."""


# --- dataset -------------------------------------------------------------------------------------------------------------


NOTHING_FOUND = "nothing-found"
"""The `variant` of rows that ask about names which are documented nowhere."""


class Message(BaseModel):
    """One message of a row, in OpenAI's chat format; fields that tracegen does not know are kept as they are."""

    model_config = ConfigDict(frozen=True, extra="allow")

    role: str
    """`system`, `developer`, `user` or `assistant`."""
    content: str
    """The text, never changed."""


class Row(Record):
    """One line of the user's dataset: messages that end in the desired output."""

    id: str
    """Hash of the messages and the number of its repetition: stable when the file is reordered."""
    line: int
    """Line in the dataset file, counted from 1."""
    messages: tuple[Message, ...]
    """System (optional), user and assistant turns; the last is the desired output, the one before it a user turn."""
    variant_of: str | None = None
    """Id of the row that this one says in other words, as `tracegen variants` marks it; such rows stay together in a split."""
    variant: str | None = None
    """How it came about, where `tracegen variants` made it: `typos`, `no-search`, `nothing-found`."""
    search: bool = True
    """False for a row that is answered from its prompt alone: it is not researched, and its example has no hop."""

    @property
    def prompt(self) -> tuple[Message, ...]:
        """The messages before the desired output."""
        return self.messages[:-1]

    @property
    def is_rated(self) -> bool:
        """Whether its support says anything: not where nothing is to be searched for, or nothing is to be found."""
        return self.search and self.variant != NOTHING_FOUND

    @property
    def desired_output(self) -> str:
        """The content of the last message; never changed, not one byte."""
        return self.messages[-1].content


def content_digest(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the digest of messages that a row's id begins with, 16 hex digits."""
    return hashlib.sha256(json.dumps(messages, sort_keys=True).encode()).hexdigest()[:16]


class Rejected(Record):
    """A row that did not become an example, whole, with the reason."""

    line: int
    """Line in the dataset file, counted from 1."""
    reason: str
    """A sentence: what is wrong and, where it can be said, what to do."""
    row: Any
    """The row as it was read: the JSON value, or the line's text where it is not JSON."""


# --- research ------------------------------------------------------------------------------------------------------------


class ToolCall(Record):
    """A call of the retrieval function, as examples carry it."""

    id: str
    """`call_` and 24 hex digits of our own making: servers give ids that are missing, repeated or too long."""
    name: str
    """Name of the function called."""
    arguments: dict[str, Any]
    """The arguments, as an object."""


class RawCall(Record):
    """A call as the teacher made it, well-formed or not."""

    name: str
    """Function name as received."""
    arguments: str
    """Arguments as received, JSON or not."""
    signature: str | None = None
    """Google's signature of the thoughts before it, which goes back with it."""


class Usage(Record):
    """What requests cost."""

    requests: int = 0
    """Answered requests."""
    prompt_tokens: int = 0
    """Tokens sent, as the server counted them; 0 where it does not say."""
    completion_tokens: int = 0
    """Tokens received, as the server counted them; 0 where it does not say."""
    estimated_prompt_tokens: int = 0
    """Tokens sent that the server did not count, by the size of the request."""
    estimated_completion_tokens: int = 0
    """Tokens received that the server did not count, by the size of the message."""

    @property
    def tokens(self) -> tuple[int, int]:
        """Tokens sent and received, those that are only estimated among them: what a budget counts."""
        return self.prompt_tokens + self.estimated_prompt_tokens, self.completion_tokens + self.estimated_completion_tokens

    @property
    def is_estimated(self) -> bool:
        """Whether some of the tokens are only estimated."""
        return self.estimated_prompt_tokens + self.estimated_completion_tokens > 0

    def __add__(self, other: "Usage") -> "Usage":
        """Return the sum of both."""
        return Usage(
            requests=self.requests + other.requests,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            estimated_prompt_tokens=self.estimated_prompt_tokens + other.estimated_prompt_tokens,
            estimated_completion_tokens=self.estimated_completion_tokens + other.estimated_completion_tokens,
        )

    def __sub__(self, other: "Usage") -> "Usage":
        """Return what is left without a part."""
        return Usage(**{name: getattr(self, name) - getattr(other, name) for name in type(self).model_fields})


class Response(Record):
    """The teacher's next message, and what came with it."""

    content: str | None = None
    """Text of the message."""
    calls: tuple[RawCall, ...] = ()
    """Tool calls in the order made."""
    finish_reason: str | None = None
    """As the server gave it; informative only, servers disagree: whether there are calls decides."""
    refusal: str | None = None
    """Refusal text, where the server gives one."""
    reasoning: str | None = None
    """Reasoning text, where the server gives one; kept in the run, part of an example only where that is asked for."""
    model: str | None = None
    """Model that answered, as the server names it."""
    usage: Usage = Usage(requests=1)
    """Tokens of this request."""


class Hop(Record):
    """One assistant message with one tool call, and its return."""

    call: ToolCall
    """The call."""
    returned: ToolReturn
    """The return."""
    content: str | None = None
    """Text the teacher wrote beside the call; kept in the run, left out of examples."""
    reasoning: str | None = None
    """What the teacher thought before the call, where the server tells; of several calls at once the first has it."""


class Further(Record):
    """What a teacher was told after it stopped, so that it searches on: part of the run, never of an example."""

    kind: Literal["nudge", "guide"]
    """A nudge does not say what is missing; a guide names topics."""
    message: str
    """The text of the user message."""
    max_hops: int
    """Most calls that may follow."""
    after: int
    """Hops made before it."""
    retrievable: float
    """Retrievable support at that time, 0 to 1."""
    topics: tuple[str, ...] = ()
    """Topics that a guide names: headings of the documentation."""


class Enough(Record):
    """What ends searching on before the teacher does: its row's support has become what is wanted."""

    retrievable: float
    """Retrievable support, 0 to 1."""


Ending = Literal["answered", "max_hops", "no_calls", "length", "refused", "error"]


class Trace(Record):
    """The research of one row: its hops, and how it ended."""

    hops: tuple[Hop, ...]
    """All hops in order, those with errors among them."""
    ended: Ending
    """How the research ended; `answered` and `max_hops` make an example, the others a rejected row."""
    detail: str = ""
    """A sentence that says what happened: for an ending that is no example, where searching on failed, and what is odd."""
    answer: str | None = None
    """The teacher's final answer, which is thrown away: kept in the run for the curious only."""
    model: str | None = None
    """Model that answered, as the server names it."""
    usage: Usage = Usage()
    """Sum over the requests."""
    further: tuple[Further, ...] = ()
    """What the teacher was told after it had stopped, in order."""
    enough: bool = False
    """Whether searching on ended because the row's support had become enough."""

    @property
    def good_hops(self) -> tuple[Hop, ...]:
        """The hops that examples carry: those whose return is not an error."""
        return tuple(hop for hop in self.hops if not hop.returned.error)


# --- examples ------------------------------------------------------------------------------------------------------------


class Example(Record):
    """A row with its trace spliced in: what is trained on."""

    row: Row
    """The row, untouched."""
    hops: tuple[Hop, ...]
    """The hops between the row's prompt and its desired output."""
    tools: tuple[dict[str, Any], ...]
    """Definitions of the tools called, in OpenAI's format."""


class Finding(Record):
    """Something a person should know about a row, a trace or an example."""

    check: str
    """Short stable name of the check, such as `repeated-query`."""
    level: Literal["error", "warning"]
    """An error makes the example unfit for training; a warning is a reason to look."""
    message: str
    """One line for a person."""
