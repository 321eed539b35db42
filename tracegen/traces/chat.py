"""A chat row read without ever failing, in any of the shapes that trainers use.

A row is a JSON value as it was read from a file, in OpenAI's shape (arguments as a string) or in that of TRL and Axolotl
(arguments as an object, ids often missing). What is wrong with it is a value in the Chat, for the checks to find.
"""

import json
import re
import unicodedata
from typing import Any, NamedTuple


class Call(NamedTuple):
    """A tool call as a row carries it, well-formed or not."""

    id: str | None
    name: str
    arguments: dict[str, Any] | None
    """The arguments as an object, or None where they are not one."""
    raw: str
    """The arguments as text, as they stand."""
    problem: str
    """Why `arguments` is None, or ""."""


class Turn(NamedTuple):
    """One message of a row."""

    number: int
    """Place in `messages`, counted from 1."""
    role: str
    """The role, or "" where it is not text."""
    text: str | None
    """The content where it is text, the text of its parts where it is parts, else None."""
    calls: tuple[Call, ...]
    """Tool calls of an assistant message."""
    answers: str | None
    """`tool_call_id` of a tool message."""
    message: Any
    """The message as it stands."""


class Return(NamedTuple):
    """A tool message, and the call it answers."""

    turn: Turn
    call: Call | None
    """The call right before it with its id (or, without ids, in the same order), or None."""


class Chat(NamedTuple):
    """A row, read."""

    row: Any
    turns: tuple[Turn, ...]
    tools: dict[str, dict[str, Any]]
    """JSON schema of the arguments, by function name."""
    returns: tuple[Return, ...]
    unanswered: tuple[tuple[Turn, Call], ...]
    """Calls without a tool message right after theirs."""

    @property
    def hops(self) -> int:
        """Number of assistant messages with tool calls."""
        return sum(bool(turn.calls) for turn in self.turns)

    @property
    def desired_output(self) -> str:
        """Text of the last message where it is an assistant's without calls, else ""."""
        last = self.turns[-1] if self.turns else None
        return last.text or "" if last is not None and last.role == "assistant" and not last.calls else ""


class Passage(NamedTuple):
    """One passage of a return."""

    rank: int
    """The number in its first line, or 0 where it has none."""
    place: str
    """`std/arrays.md:41-63`, or ""."""
    headings: str
    """`Arrays > std.foldl`, or ""."""
    text: str
    """The text below the first line."""


def read_chat(row: Any) -> Chat:
    """Read any JSON value as a chat row; what is not there is empty."""
    messages = row.get("messages") if isinstance(row, dict) else None
    turns = tuple(_read_turn(n, m) for n, m in enumerate(messages, start=1)) if isinstance(messages, list) else ()
    returns, unanswered = _pair(turns)
    return Chat(row, turns, _read_tools(row), returns, unanswered)


def _read_turn(number: int, message: Any) -> Turn:
    fields = message if isinstance(message, dict) else {}
    role = _text(fields, "role") or ""
    calls = fields.get("tool_calls")
    return Turn(
        number=number,
        role=role,
        text=read_text(fields.get("content")),
        calls=tuple(map(_read_call, calls)) if role == "assistant" and isinstance(calls, list) else (),
        answers=_text(fields, "tool_call_id"),
        message=message,
    )


def _text(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) else None


def read_text(content: Any) -> str | None:
    """Return the content of a message as one text, or None where it has none."""
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        return "\n".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else None


def _read_call(value: Any) -> Call:
    fields = value if isinstance(value, dict) else {}
    nested = fields.get("function")
    function = nested if isinstance(nested, dict) else fields
    raw = function.get("arguments")
    parsed, problem = raw, "" if "arguments" in function else "there are none"
    if isinstance(raw, str):
        try:
            parsed = json.loads(raw)
        except (ValueError, RecursionError):
            problem = "they are not JSON"
    if not isinstance(parsed, dict):
        parsed, problem = None, problem or "they are not a JSON object"
    return Call(
        id=_text(fields, "id"),
        name=_text(function, "name") or "",
        arguments=parsed,
        raw=raw if isinstance(raw, str) else "" if raw is None else compact(raw),
        problem=problem,
    )


def _read_tools(row: Any) -> dict[str, dict[str, Any]]:
    tools = row.get("tools") if isinstance(row, dict) else None
    if isinstance(tools, str):  # older versions of `datasets` need the list as text
        try:
            tools = json.loads(tools)
        except (ValueError, RecursionError):
            return {}
    read = {}
    for tool in tools if isinstance(tools, list) else ():
        function = tool.get("function", tool) if isinstance(tool, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            schema = function.get("parameters")
            read[function["name"]] = schema if isinstance(schema, dict) else {}
    return read


def _pair(turns: tuple[Turn, ...]) -> tuple[tuple[Return, ...], tuple[tuple[Turn, Call], ...]]:
    returns: list[Return] = []
    unanswered: list[tuple[Turn, Call]] = []
    waiting: list[tuple[Turn, Call]] = []
    for turn in turns:
        if turn.role == "tool":
            place = next((i for i, (_, call) in enumerate(waiting) if call.id == turn.answers), None)
            returns.append(Return(turn, None if place is None else waiting.pop(place)[1]))
            continue
        unanswered += waiting
        waiting = [(turn, call) for call in turn.calls]
    return tuple(returns), tuple(unanswered + waiting)


_PLACED = re.compile(r"\[(\d+)\] +(\S.*?:\d+(?:-\d+)?)(?:\s+(.*))?")
_NUMBERED = re.compile(r"\[(\d+)\] (.*)")


def split_passages(text: str) -> list[Passage]:
    """Split a return at first lines such as `[1] std/arrays.md:41-63 Arrays > std.foldl`, or else at `[1] text`.

    A first line stands at the beginning or below an empty line, and ranks follow one another, so that a `[3]` inside a passage
    does not split it. Text before the first passage, and a return without such lines, is a passage of rank 0.
    """
    lines = text.split("\n")
    starts = _starts(lines, _PLACED)
    placed = bool(starts)
    if not placed and lines[0].startswith("["):
        starts = _starts(lines, _NUMBERED)
    before = "\n".join(lines[: starts[0][0]] if starts else lines).strip("\n")
    passages = [Passage(0, "", "", before)] if before.strip() or not starts else []
    ends = [*(start for start, _ in starts), len(lines)][1:]
    for (start, match), end in zip(starts, ends, strict=True):
        body = lines[start + 1 : end] if placed else [match[2], *lines[start + 1 : end]]
        place, headings = (match[2], match[3] or "") if placed else ("", "")
        passages.append(Passage(int(match[1]), place, headings, "\n".join(body).strip("\n")))
    return passages


def _starts(lines: list[str], pattern: re.Pattern[str]) -> list[tuple[int, re.Match[str]]]:
    starts: list[tuple[int, re.Match[str]]] = []
    following = ""  # any number may begin: a return can go on where the one before it stopped
    for index, line in enumerate(lines):
        begins = line.startswith("[") and (index == 0 or not lines[index - 1].strip())
        match = pattern.fullmatch(line) if begins else None
        if match is not None and len(match[1]) <= 9 and (not following or match[1] == following):
            starts.append((index, match))
            following = str(int(match[1]) + 1)
    return starts


# --- words ---------------------------------------------------------------------------------------------------------------


def estimate_tokens(chat: Chat) -> int:
    """Return about how many tokens the row has: its characters, tool definitions among them, divided by 4.

    Good for English prose; code has up to half as many more, Chinese or Japanese several times as many.
    """
    characters = sum(len(turn.text or "") + sum(len(c.name) + len(c.raw) for c in turn.calls) for turn in chat.turns)
    if isinstance(chat.row, dict) and chat.row.get("tools"):
        characters += len(compact(chat.row["tools"]))
    return -(-characters // 4)


def kind_of(value: Any) -> str:
    """Return what a JSON value is, in words: `an array`, `null`."""
    names = {dict: "an object", list: "an array", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def compact(value: Any) -> str:
    """Return a JSON value as one line, or a note where it is nested too deeply to write."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply)"


def visible(text: str, limit: int | None = None) -> str:
    r"""Return the text as one line that a terminal can be given: what is not printable is escaped, the rest cut at `limit`.

    Escapes, control characters, lone surrogates and marks that turn the reading direction come out as `\x1b` or `\u202e`.
    Spaces of other scripts and the joiners that these need stay.
    """
    shown = text if limit is None else text[: limit + 1]
    if not shown.isprintable():
        shown = "".join(c if harmless(c) else c.encode("unicode_escape").decode("ascii") for c in shown)
    return shown if limit is None or len(shown) <= limit else shown[: limit - 1] + "…"


def harmless(character: str) -> bool:
    """Say whether a terminal only draws the character: printable, a space of any script, or a joiner that scripts need."""
    return character.isprintable() or unicodedata.category(character) == "Zs" or character in "\u200c\u200d"


def quoted(text: str) -> str:
    """Return the start of a text in quotes, for a message."""
    return f'"{visible(text, 40)}"'
