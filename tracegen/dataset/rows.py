"""Chat JSONL -> Row, or the reason why a line is none.

A row holds system (optional), user and assistant turns, and ends in a user turn and the desired output. What is read is kept as
it stands, with two exceptions that no trainer minds: keys whose value is null are dropped, and a content given as text parts
becomes the string of its text.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from tracegen.dataset.repetitions import Repetitions
from tracegen.dataset.shapes import as_chat
from tracegen.errors import InputError
from tracegen.jsonl import Line, dump, read_lines
from tracegen.records import Message, Rejected, Row, content_digest
from tracegen.wording import in_shell

ROLES = ("system", "developer", "user", "assistant")
ADVICE = "Give a JSON object per line, with `messages` that end in the desired output, or in another shape of docs/datasets.md."
"""What to do where no line of a file is a row."""
MAX_SHOWN = 40
"""So many characters of a key, role or type are quoted in a reason."""
MAX_DEPTH = 64
"""Readers of JSON give up at some depth, the strictest of those in use at about 200."""


class Entry(NamedTuple):
    """One line of a dataset: the row, or why it is none, and the line as it stood in the file."""

    outcome: Row | Rejected
    raw: str


class _Unusable(Exception):
    """A line is not a row; its text is the reason."""


def read_rows(path: Path, limit: int | None = None) -> Iterator[Entry]:
    """Yield the rows of a chat JSONL file in order, the unusable lines among them; `limit` counts lines that are not empty.

    Raises InputError where nothing can be done with the file: it cannot be read, is empty, is one JSON array, or no line of it
    is a row.
    """
    first_reason: str | None = None
    usable = False
    lines = read_lines(path)
    with Repetitions() as repetitions:
        for line in lines if limit is None else islice(lines, limit):
            if not usable and first_reason is None:
                refuse_array(path, line)
            try:
                row = parse_row(line, repetitions)
            except _Unusable as reason:
                # A reason may quote the line or the file's name, and neither need be text that a file can hold.
                message = f"{path.name}:{line.number}: {reason}".encode(errors="backslashreplace").decode()
                first_reason = first_reason or message
                yield Entry(Rejected(line=line.number, reason=message, row=line.text if line.error else line.value), line.text)
            else:
                usable = True
                yield Entry(row, line.text)
    if not usable and first_reason is None:
        raise InputError(f"{path} is empty. {ADVICE}")
    if not usable:
        lines_read = f"No line of {path}" if limit is None else f"No line among the first {limit:,} of {path}"
        raise InputError(f"{lines_read} is a usable row. {first_reason}. {ADVICE}")


def parse_row(line: Line, repetitions: Repetitions) -> Row:
    """Return the row of a line; `repetitions` counts the rows with equal messages seen before, and is updated.

    Raises an exception whose text is the reason where the line is not a row.
    """
    if line.error is not None:
        raise _Unusable(line.error)
    messages = tuple(_messages(as_chat(line.value)))
    _check_turns(messages)
    digest = content_digest([message.model_dump() for message in messages])
    variant_of, variant = line.value.get("variant_of"), line.value.get("variant")
    return Row(
        id=f"{digest}-{repetitions.count(digest)}",
        line=line.number,
        messages=messages,
        variant_of=variant_of if isinstance(variant_of, str) else None,
        variant=variant if isinstance(variant, str) else None,
        search=line.value.get("search") is not False,
    )


def refuse_array(path: Path, line: Line) -> None:
    """Raise InputError where the file as a whole is one JSON array instead of JSON lines."""
    if not line.text.lstrip().startswith("["):
        return
    if line.error is not None or (isinstance(line.value, list) and all(isinstance(item, dict) for item in line.value)):
        raise InputError(
            f"{path}:{line.number}: the file is a JSON array, not JSON lines. Turn it into one object per line, "
            f"for example with: jq -c '.[]' {in_shell(path)} > {in_shell(f'{path.stem}.jsonl')}"
        )


def _messages(value: Any) -> Iterator[Message]:
    if not isinstance(value, dict):
        raise _Unusable(f"the line is a JSON {_json_type(value)}, not an object with `messages`")
    if "messages" not in value:
        keys = ", ".join(f"`{key[:MAX_SHOWN]}`" for key in list(value)[:5]) or "no key at all"
        raise _Unusable(f"no `messages` list in the row (it has {keys})")
    messages = value["messages"]
    if not isinstance(messages, list):
        raise _Unusable(f"`messages` is a JSON {_json_type(messages)}, not a list")
    if not messages:
        raise _Unusable("`messages` is empty")
    for number, message in enumerate(messages, start=1):
        yield _message(number, message)


def _message(number: int, message: Any) -> Message:
    if not isinstance(message, dict):
        raise _Unusable(f"message {number} is a JSON {_json_type(message)}, not an object")
    role = message.get("role")
    if message.get("tool_calls") or message.get("function_call") or role in ("tool", "function"):
        raise _Unusable(f"message {number} belongs to a tool call; tracegen adds traces to rows that have none")
    if role not in ROLES:
        raise _Unusable(f"message {number} has the role {_shown(role)}; known are {', '.join(ROLES)}")
    kept = {key: value for key, value in message.items() if value is not None}
    kept["content"] = _text(number, message.get("content"))
    _refuse_unwritable(number, kept)
    return Message.model_validate(kept)


def _text(number: int, content: Any) -> str:
    """Return a message's content as one string; parts that are all text are joined as chat templates join them."""
    if isinstance(content, str):
        return content
    if content is None:
        raise _Unusable(f"message {number} has no content")
    if not isinstance(content, list):
        raise _Unusable(f"message {number} has a JSON {_json_type(content)} as content, not a text")
    texts = []
    for part in content:
        text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else part
        if not isinstance(text, str):
            kind = _shown(part.get("type")) if isinstance(part, dict) else _json_type(part)
            raise _Unusable(f"message {number} has a content part that is not text ({kind})")
        texts.append(text)
    return "".join(texts)


def _refuse_unwritable(number: int, message: dict[str, Any]) -> None:
    """Refuse what Python reads from JSON, but what cannot be written and read again as it is."""
    if all(isinstance(value, str) and value.isascii() for value in message.values()):
        return
    if _is_deep(message, MAX_DEPTH):
        raise _Unusable(f"message {number} has values nested more than {MAX_DEPTH} deep")
    try:
        dump(message).encode()
    except UnicodeEncodeError:
        raise _Unusable(
            f"message {number} has half a character (a lone surrogate such as \\ud83d), which no UTF-8 file can hold"
        ) from None
    except ValueError:
        raise _Unusable(f"message {number} has a number that is too large for a JSON reader") from None


def _is_deep(value: Any, levels: int) -> bool:
    """Return whether a JSON value nests more than so many levels."""
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(_is_deep(child, levels - 1) for child in children)


def _check_turns(messages: tuple[Message, ...]) -> None:
    last = messages[-1]
    if last.role != "assistant":
        raise _Unusable(f"no desired output: the last message is from {last.role}, not from assistant")
    if not last.content.strip():
        raise _Unusable("the desired output is empty")
    if not any(message.role == "user" for message in messages):
        raise _Unusable("no user turn")
    before = messages[-2]
    if before.role != "user":
        raise _Unusable(f"the message before the desired output is from {before.role}, not from user")
    if not before.content.strip():
        raise _Unusable("the last user turn is empty")


def _shown(value: Any) -> str:
    """Return a value as a reason quotes it."""
    return dump(value[:MAX_SHOWN]) if isinstance(value, str) else f"JSON {_json_type(value)}"


def _json_type(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")
