"""The lines of a dataset or of finished examples, as splitting and selecting see them. Joins dataset and traces."""

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tracegen.dataset.rows import content_digest
from tracegen.errors import InputError
from tracegen.jsonl import Line, read_lines
from tracegen.records import Row
from tracegen.traces.chat import Chat, read_chat, read_text
from tracegen.traces.runfile import RunFile

_ROW_ID = re.compile(r"([0-9a-f]{16})-\d+")


class Sample(NamedTuple):
    """A line that has a prompt and a desired output."""

    line: int
    """Line in the file, counted from 1."""
    text: str
    """The line as it stands, without its end."""
    prompt: str
    """The user turns."""
    output: str
    """The desired output."""
    key: str
    """Digest of the messages without the trace: the same for a row and for the example made of it."""
    family: str
    """What a row shares with its variants alone: the parent's key."""

    @property
    def length(self) -> int:
        """Characters of prompt and output."""
        return len(self.prompt) + len(self.output)


class Unusable(NamedTuple):
    """A line that has none."""

    line: int
    """Line in the file, counted from 1."""
    reason: str
    """A phrase for a person."""


class Samples(NamedTuple):
    """A file, read."""

    path: Path
    """The file."""
    usable: tuple[Sample, ...]
    """Its lines in order."""
    unusable: tuple[Unusable, ...]
    """The lines left out."""


def read_samples(path: Path, run: RunFile | None = None) -> Samples:
    """Read a chat JSONL file; `run` says which of its examples are variants, where the file does not.

    Raises InputError where the file cannot be read or no line of it can be used.
    """
    families = {} if run is None else _families(run)
    usable: list[Sample] = []
    unusable: list[Unusable] = []
    for line in read_lines(path):
        sample = _read(line, families)
        if isinstance(sample, Sample):
            usable.append(sample)
        else:
            unusable.append(sample)
    if not usable:
        reason = f" {path.name}:{unusable[0].line}: {unusable[0].reason}." if unusable else ""
        raise InputError(f"{path} has no line with a prompt and a desired output.{reason} Give chat JSONL with `messages`.")
    return Samples(path, tuple(usable), tuple(unusable))


@contextlib.contextmanager
def opened_run(file: Path, run: Path | str | None) -> Iterator[RunFile | None]:
    """Open the run file that is named, or else the one beside a file of examples, where there is one, for reading.

    Raises InputError where the one named is none.
    """
    beside = file.with_name(f"{file.name.removesuffix('.jsonl')}.run.db")
    path = Path(run) if run is not None else beside
    if run is None and not beside.is_file():
        yield None
        return
    with RunFile.open_run(path) as opened:
        yield opened


def key_of(messages: Iterable[Any]) -> str:
    """Return the digest of messages without their trace; it is the first part of the id of the row that they are."""
    kept = []
    for message in messages:
        fields = message if isinstance(message, dict) else {}
        if fields.get("role") != "tool" and not fields.get("tool_calls"):
            set_fields = {name: value for name, value in fields.items() if value is not None}
            kept.append(set_fields | {"content": read_text(fields.get("content"))})
    return content_digest(kept)


def keys_of(row: Row) -> Iterator[str]:
    """Yield the keys that a row's line may have: in its dataset, and as an example of one of the targets."""
    messages = [message.model_dump() for message in row.messages]
    yield key_of(messages)
    # No target has the role `developer`.
    yield key_of([message | {"role": "system"} if message["role"] == "developer" else message for message in messages])


def family_of(variant_of: Any) -> str | None:
    """Return the family that the field `variant_of` of a row names, or None where it names none."""
    if not isinstance(variant_of, str):
        return None
    found = _ROW_ID.fullmatch(variant_of)
    return found[1] if found else variant_of


def _families(run: RunFile) -> dict[str, str]:
    """Return the families of the variants of a run, by key."""
    rows = [result.row for result in run.results() if result.row is not None and result.row.variant_of is not None]
    return {key: family for row in rows if (family := family_of(row.variant_of)) for key in keys_of(row)}


def _read(line: Line, families: dict[str, str]) -> Sample | Unusable:
    if line.error is not None:
        return Unusable(line.number, line.error)
    chat = read_chat(line.value)
    if not chat.desired_output.strip():
        return Unusable(line.number, "no desired output at its end")
    prompt = "\n".join(_texts(chat))
    if not prompt.strip():
        return Unusable(line.number, "no user turn")
    key = key_of(line.value["messages"])
    family = family_of(line.value.get("variant_of")) or families.get(key) or key
    return Sample(line.number, line.text, prompt, chat.desired_output, key, family)


def _texts(chat: Chat) -> Iterator[str]:
    return (turn.text for turn in chat.turns if turn.role == "user" and turn.text)
