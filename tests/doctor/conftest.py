"""Rows and datasets for the tests of the doctor."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tracegen.jsonl import dump
from tracegen.records import Message, Row

SYSTEM = "You write Zorp. Answer with one program and nothing else."


def row(line: int, prompt: str, output: str, system: str | None = SYSTEM) -> Row:
    """Return a row."""
    messages = [Message(role="user", content=prompt), Message(role="assistant", content=output)]
    if system is not None:
        messages.insert(0, Message(role="system", content=system))
    return Row(id=f"row-{line}", line=line, messages=tuple(messages))


def lines_of(rows: Sequence[Row]) -> str:
    """Return rows as the text of a dataset."""
    return "".join(dump({"messages": [message.model_dump() for message in each.messages]}) + "\n" for each in rows)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Sequence[Row]], Path]:
    """Return a function that writes a dataset."""

    def write_rows(rows: Sequence[Row]) -> Path:
        path = tmp_path / "train.jsonl"
        path.write_text(lines_of(rows), encoding="utf-8")
        return path

    return write_rows
