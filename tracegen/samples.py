"""The lines of a dataset or of finished examples, as splitting and selecting see them. Joins dataset and traces."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tracegen.dataset.rows import ADVICE, refuse_array
from tracegen.dataset.shapes import as_chat
from tracegen.errors import InputError
from tracegen.jsonl import Line, read_lines
from tracegen.traces.chat import Chat, read_chat
from tracegen.traces.marks import family_of, key_of, marks_of
from tracegen.traces.runfile import RunFile


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
        if not usable and not unusable:
            refuse_array(path, line)
        sample = _read(line, families)
        if isinstance(sample, Sample):
            usable.append(sample)
        else:
            unusable.append(sample)
    if not usable:
        reason = f" {path.name}:{unusable[0].line}: {unusable[0].reason}." if unusable else ""
        raise InputError(f"{path} has no line with a prompt and a desired output.{reason} {ADVICE}")
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


def _families(run: RunFile) -> dict[str, str]:
    """Return the families of the variants of a run, by key."""
    named = {key: family_of(marks.get("variant_of")) for key, marks in marks_of(run).items()}
    return {key: family for key, family in named.items() if family}


def _read(line: Line, families: dict[str, str]) -> Sample | Unusable:
    if line.error is not None:
        return Unusable(line.number, line.error)
    value = as_chat(line.value)
    chat = read_chat(value)
    if not chat.desired_output.strip():
        return Unusable(line.number, "no desired output at its end")
    prompt = "\n".join(_texts(chat))
    if not prompt.strip():
        return Unusable(line.number, "no user turn")
    key = key_of(value["messages"])
    family = family_of(value.get("variant_of")) or families.get(key) or key
    return Sample(line.number, line.text, prompt, chat.desired_output, key, family)


def _texts(chat: Chat) -> Iterator[str]:
    return (turn.text for turn in chat.turns if turn.role == "user" and turn.text)
