"""Findings about one chat row: a table of named checks, each a small function whose docstring is its reason.

A row is a JSON value as it was read from a file, in OpenAI's shape (arguments as a string) or in that of TRL and Axolotl
(arguments as an object, ids often missing). `read_chat` reads it without ever failing, so that a check sees one shape and no
surprises; `check_row` runs the table. To add a check, write its function and give it a line in `CHECKS`.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from tracegen.records import Finding

ROLES = ("system", "developer", "user", "assistant", "tool")
"""The roles of a chat row. OpenAI's older `function` is not among them: no trainer of today renders it."""
VERY_LONG_TOKENS = 8_000
"""8,192 is what trainers are most often set to; what is longer is cut at its end, where the desired output stands."""
COPY_MIN_CHARACTERS = 20
"""A desired output shorter than this (`true`, `[1, 2]`) stands in many a return by chance."""


# --- reading a row without failing ---------------------------------------------------------------------------------------


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
        text=_read_text(fields.get("content")),
        calls=tuple(map(_read_call, calls)) if role == "assistant" and isinstance(calls, list) else (),
        answers=_text(fields, "tool_call_id"),
        message=message,
    )


def _text(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) else None


def _read_text(content: Any) -> str | None:
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


# --- the checks ----------------------------------------------------------------------------------------------------------


def _no_messages(chat: Chat) -> Iterator[str]:
    """Without a `messages` list there is nothing to train on."""
    if chat.turns:
        return
    if not isinstance(chat.row, dict):
        yield f"the row is {kind_of(chat.row)}, not an object with `messages`"
    elif "messages" in chat.row:
        messages = chat.row["messages"]
        yield "`messages` is empty" if messages == [] else f"`messages` is {kind_of(messages)}, not a list"
    else:
        keys = ", ".join(f"`{visible(key, 20)}`" for key in list(chat.row)[:4])
        yield f"no `messages`; the row has {keys}" if keys else "no `messages`; the row is empty"


def _bad_role(chat: Chat) -> Iterator[str]:
    """Templates know system, developer, user, assistant and tool; another role raises or is dropped in training."""
    for turn in chat.turns:
        if not isinstance(turn.message, dict):
            yield f"message {turn.number} is {kind_of(turn.message)}, not an object"
        elif turn.role not in ROLES:
            role = turn.message.get("role")
            yield f"message {turn.number} has " + (f"the role {quoted(compact(role))}" if "role" in turn.message else "no role")


def _unanswered_call(chat: Chat) -> Iterator[str]:
    """Every call needs its return right after it; services refuse the row, and a model would learn to go on without."""
    for turn, call in chat.unanswered:
        yield f"message {turn.number} calls {quoted(call.name)}{_with_id(call.id)}, and no return follows"


def _orphan_return(chat: Chat) -> Iterator[str]:
    """Every return needs the call it answers right before it; services refuse the row."""
    for turn, call in chat.returns:
        if call is None:
            yield f"message {turn.number} is a return{_with_id(turn.answers)} that no call before it asked for"


def _repeated_call_id(chat: Chat) -> Iterator[str]:
    """Ids tie returns to calls; one that is used twice makes it unclear which return answers which call."""
    seen: dict[str, int] = {}
    for turn in chat.turns:
        for call in turn.calls:
            if call.id is not None and seen.setdefault(call.id, turn.number) != turn.number:
                yield f"message {turn.number} uses the call id {quoted(call.id)} of message {seen[call.id]} again"
        ids = [call.id for call in turn.calls if call.id is not None]
        if len(set(ids)) < len(ids):
            yield f"message {turn.number} uses one call id for several calls"


def _unknown_tool(chat: Chat) -> Iterator[str]:
    """To call a function that `tools` does not define teaches the model to call what is not there."""
    for turn in chat.turns:
        for call in turn.calls:
            if call.name not in chat.tools:
                defined = ", ".join(visible(name, 30) for name in list(chat.tools)[:4]) or "nothing"
                yield f"message {turn.number} calls {quoted(call.name)}; `tools` defines {defined}"


def _bad_arguments(chat: Chat) -> Iterator[str]:
    """Arguments have to be a JSON object that fits the tool's schema, or the model learns calls that fail."""
    for turn in chat.turns:
        for call in turn.calls:
            problem = call.problem or _misfit(call.arguments or {}, chat.tools.get(call.name, {}))
            if problem:
                yield f"message {turn.number}, arguments of {quoted(call.name)}: {problem}"


def _misfit(arguments: dict[str, Any], schema: dict[str, Any]) -> str:
    required, properties = schema.get("required"), schema.get("properties")
    names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    missing = [name for name in names if name not in arguments]
    if missing:
        return f"{quoted(missing[0])} is missing"
    closed = schema.get("additionalProperties") is False
    extra = [name for name in arguments if name not in (properties if isinstance(properties, dict) else {})]
    return f"{quoted(extra[0])} is not in the tool's schema" if closed and extra else ""


def _no_desired_output(chat: Chat) -> Iterator[str]:
    """Every row has to end in the text of the assistant that it teaches: the desired output."""
    if chat.turns and not chat.desired_output.strip():
        last = chat.turns[-1]
        if last.role != "assistant":
            yield f"the last message is from {quoted(last.role)}, not the assistant's"
        else:
            yield "the last message is " + ("a tool call" if last.calls else "empty")


def _content_not_text(chat: Chat) -> Iterator[str]:
    """Services and templates take content as plain text; parts and null are refused or rendered wrong."""
    for turn in chat.turns:
        if isinstance(turn.message, dict):
            content = turn.message.get("content")
            if not isinstance(content, str) and not (content is None and turn.calls):
                has = "no content" if content is None else f"content that is {kind_of(content)}, not text"
                yield f"message {turn.number} ({visible(turn.role, 20) or 'no role'}) has {has}"


def _empty_return(chat: Chat) -> Iterator[str]:
    """Empty returns teach nothing, and some services refuse them."""
    for turn, _ in chat.returns:
        if turn.text is not None and not turn.text.strip():
            yield f"message {turn.number} is an empty return"


def _no_search(chat: Chat) -> Iterator[str]:
    """Having tools and calling none teaches the model to answer from memory."""
    if chat.tools and chat.turns and not chat.hops:
        yield "the row has tools, and no message calls one"


def _repeated_query(chat: Chat) -> Iterator[str]:
    """Asking the same again brings the same; a model that learns it goes round in circles."""
    seen: dict[tuple[str, str], int] = {}
    for turn in chat.turns:
        for call in turn.calls:
            asked = compact(call.arguments) if call.arguments is not None else call.raw
            key = (call.name, _words(asked).casefold())
            if key in seen:
                yield f"message {turn.number} asks what message {seen[key]} asked: {visible(asked, 60)}"
            seen.setdefault(key, turn.number)


def _nothing_new(chat: Chat) -> Iterator[str]:
    """Passages that were all shown before cost tokens and add nothing."""
    shown: set[tuple[str, str]] = set()
    for turn, _ in chat.returns:
        text = turn.text or ""
        if not text.strip() or text.startswith("Error:"):
            continue
        passages = split_passages(text)
        keys = {(p.place, _words(p.text)) for p in passages if p.rank or len(passages) == 1}
        if keys <= shown:
            yield f"message {turn.number} returns only what earlier messages returned"
        shown |= keys


def _error_return(chat: Chat) -> Iterator[str]:
    """Errors come from wrong calls; trained on them, the model learns to make them."""
    for turn, _ in chat.returns:
        if (turn.text or "").startswith("Error:"):
            yield f"message {turn.number} is an error: {visible((turn.text or '')[6:].strip(), 60)}"


def _parallel_calls(chat: Chat) -> Iterator[str]:
    """Several calls in one message: some templates raise on them, others keep only the first."""
    for turn in chat.turns:
        if len(turn.calls) > 1:
            yield f"message {turn.number} makes {len(turn.calls)} calls at once"


def _two_assistant_turns(chat: Chat) -> Iterator[str]:
    """Two assistant messages in a row are refused by some services and merged by some templates."""
    for before, turn in zip(chat.turns, chat.turns[1:], strict=False):
        if before.role == turn.role == "assistant":
            yield f"messages {before.number} and {turn.number} are both the assistant's"


_TEMPLATE_TOKENS = re.compile(
    r"<\|(?:im_start|im_end|im_sep|endoftext|begin_of_text|end_of_text|start_header_id|end_header_id|eot_id|eom_id"
    r"|python_tag|start|end|message|channel|call|return|system|user|assistant|observation)\|>"
    r"|</s>|\[/?INST\]|<</?SYS>>|\[/?TOOL_CALLS\]|</?(?:start|end)_of_turn>|</?tool_(?:call|response)>"
    r"|<｜[^｜\s]{1,40}｜>"
)


def _chat_template_tokens(chat: Chat) -> Iterator[str]:
    """Text that tokenizers read as the end of a message or the start of another breaks the conversation apart."""
    for turn in chat.turns:
        for text in (turn.text or "", *(call.raw for call in turn.calls)):
            match = _TEMPLATE_TOKENS.search(text)
            if match:
                yield f"message {turn.number} ({visible(turn.role, 20) or 'no role'}) holds {match[0]}"
                break


_ONE_FENCE = re.compile(r"\s*(```+|~~~+)[^\n]*\n(.*)\n\1\s*", re.DOTALL)


def _answer_in_return(chat: Chat) -> Iterator[str]:
    """Desired outputs that stand word for word in a return teach copying; a few such rows do no harm."""
    fenced = _ONE_FENCE.fullmatch(chat.desired_output)
    output = _words(fenced[2] if fenced else chat.desired_output)
    if len(output) >= COPY_MIN_CHARACTERS:
        for turn, _ in chat.returns:
            if output in _words(turn.text or ""):
                yield f"message {turn.number} returns the desired output word for word"


def _very_long(chat: Chat) -> Iterator[str]:
    """Trainers are most often set to 8,192 tokens and cut at the end, where the desired output stands."""
    tokens = estimate_tokens(chat)
    if tokens > VERY_LONG_TOKENS:
        yield f"about {tokens:,} tokens (estimated)"


class Check(NamedTuple):
    """One line of the table."""

    name: str
    level: Literal["error", "warning"]
    find: Callable[[Chat], Iterator[str]]
    """Yields a message for each place where the check strikes."""

    @property
    def reason(self) -> str:
        """Why the check exists, in a sentence."""
        return (self.find.__doc__ or "").strip()


CHECKS = (
    Check("no-messages", "error", _no_messages),
    Check("bad-role", "error", _bad_role),
    Check("unanswered-call", "error", _unanswered_call),
    Check("orphan-return", "error", _orphan_return),
    Check("repeated-call-id", "error", _repeated_call_id),
    Check("unknown-tool", "error", _unknown_tool),
    Check("bad-arguments", "error", _bad_arguments),
    Check("no-desired-output", "error", _no_desired_output),
    Check("content-not-text", "error", _content_not_text),
    Check("empty-return", "error", _empty_return),
    Check("no-search", "warning", _no_search),
    Check("repeated-query", "warning", _repeated_query),
    Check("nothing-new", "warning", _nothing_new),
    Check("error-return", "warning", _error_return),
    Check("parallel-calls", "warning", _parallel_calls),
    Check("two-assistant-turns", "warning", _two_assistant_turns),
    Check("chat-template-tokens", "warning", _chat_template_tokens),
    Check("answer-in-return", "warning", _answer_in_return),
    Check("very-long", "warning", _very_long),
)


def check_row(row: Any) -> list[Finding]:
    """Return the findings about one row, errors first; any JSON value is a row."""
    return check_chat(read_chat(row))


def check_chat(chat: Chat) -> list[Finding]:
    """Return the findings about one row that was read already, in the order of `CHECKS`."""
    return [Finding(check=c.name, level=c.level, message=message) for c in CHECKS for message in c.find(chat)]


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


def _with_id(call_id: str | None) -> str:
    return f" (id {visible(call_id, 40)})" if call_id is not None else " (no id)"


def _words(text: str) -> str:
    return " ".join(text.split())
