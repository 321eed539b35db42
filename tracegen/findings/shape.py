"""Checks of a row's shape: what trainers and services refuse, or render wrong. All are errors."""

from collections.abc import Iterator
from typing import Any

from tracegen.traces.chat import Chat, compact, kind_of, quoted, visible

ROLES = ("system", "developer", "user", "assistant", "tool")
"""The roles of a chat row. OpenAI's older `function` is not among them: no trainer of today renders it."""


def no_messages(chat: Chat) -> Iterator[str]:
    """Without a `messages` list there is nothing to train on.

    Example: a row of another format: `{"prompt": ..., "completion": ...}`.

    To do: make chat rows of it: `{"messages": [{"role": "user", ...}, {"role": "assistant", ...}]}`.
    """
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


def bad_role(chat: Chat) -> Iterator[str]:
    """Templates know system, developer, user, assistant and tool; another role raises or is dropped in training.

    Example: `{"role": "bot", "content": "..."}`, or the role `function` of OpenAI's older format.

    To do: write `assistant` and `tool`; a row of this kind is not fit for training as it stands.
    """
    for turn in chat.turns:
        if not isinstance(turn.message, dict):
            yield f"message {turn.number} is {kind_of(turn.message)}, not an object"
        elif turn.role not in ROLES:
            role = turn.message.get("role")
            yield f"message {turn.number} has " + (f"the role {quoted(compact(role))}" if "role" in turn.message else "no role")


def unanswered_call(chat: Chat) -> Iterator[str]:
    """Every call needs its return right after it; services refuse the row, and a model would learn to go on without.

    Example: an assistant message with two calls, and one tool message after it.

    To do: leave the call out, or give its return. Rows of `tracegen generate` never have this.
    """
    for turn, call in chat.unanswered:
        yield f"message {turn.number} calls {quoted(call.name)}{_with_id(call.id)}, and no return follows"


def orphan_return(chat: Chat) -> Iterator[str]:
    """Every return needs the call it answers right before it; services refuse the row.

    Example: a tool message right after the user's.

    To do: leave the return out, or put the call that asked for it before it.
    """
    for turn, call in chat.returns:
        if call is None:
            yield f"message {turn.number} is a return{_with_id(turn.answers)} that no call before it asked for"


def repeated_call_id(chat: Chat) -> Iterator[str]:
    """Ids tie returns to calls; one that is used twice makes it unclear which return answers which call.

    Example: `call_1` in message 3 and again in message 5.

    To do: give each call an id of its own, such as `call_` and 24 hex digits.
    """
    seen: dict[str, int] = {}
    for turn in chat.turns:
        for call in turn.calls:
            if call.id is not None and seen.setdefault(call.id, turn.number) != turn.number:
                yield f"message {turn.number} uses the call id {quoted(call.id)} of message {seen[call.id]} again"
        ids = [call.id for call in turn.calls if call.id is not None]
        if len(set(ids)) < len(ids):
            yield f"message {turn.number} uses one call id for several calls"


def unknown_tool(chat: Chat) -> Iterator[str]:
    """To call a function that `tools` does not define teaches the model to call what is not there.

    Example: a call of `grep` in a row whose `tools` define `search_docs`, or that has no `tools`.

    To do: define the tool in the row, with the schema that the model will be served with.
    """
    for turn in chat.turns:
        for call in turn.calls:
            if call.name not in chat.tools:
                defined = ", ".join(visible(name, 30) for name in list(chat.tools)[:4]) or "nothing"
                yield f"message {turn.number} calls {quoted(call.name)}; `tools` defines {defined}"


def bad_arguments(chat: Chat) -> Iterator[str]:
    """Arguments have to be a JSON object that fits the tool's schema, or the model learns calls that fail.

    Example: arguments `"{"` that are not JSON, or without the required `query`.

    To do: leave the hop out: a model trained on it makes calls that fail.
    """
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


def no_desired_output(chat: Chat) -> Iterator[str]:
    """Every row has to end in the text of the assistant that it teaches: the desired output.

    Example: the last message is a call, or empty.

    To do: give the row its output, or leave it out: it teaches nothing but calls.
    """
    if chat.turns and not chat.desired_output.strip():
        last = chat.turns[-1]
        if last.role != "assistant":
            yield f"the last message is from {quoted(last.role)}, not the assistant's"
        else:
            yield "the last message is " + ("a tool call" if last.calls else "empty")


def content_not_text(chat: Chat) -> Iterator[str]:
    """Services and templates take content as plain text; parts and null are refused or rendered wrong.

    Example: `"content": [{"type": "text", ...}]`, or `null` in a message without calls.

    To do: join the parts to one text.
    """
    for turn in chat.turns:
        if isinstance(turn.message, dict):
            content = turn.message.get("content")
            if not isinstance(content, str) and not (content is None and turn.calls):
                has = "no content" if content is None else f"content that is {kind_of(content)}, not text"
                yield f"message {turn.number} ({visible(turn.role, 20) or 'no role'}) has {has}"


def empty_return(chat: Chat) -> Iterator[str]:
    """Empty returns teach nothing, and some services refuse them.

    Example: a tool message with `"content": ""`.

    To do: say what happened: tracegen's tool returns `No passage found.`
    """
    for turn, _ in chat.returns:
        if turn.text is not None and not turn.text.strip():
            yield f"message {turn.number} is an empty return"


def _with_id(call_id: str | None) -> str:
    return f" (id {visible(call_id, 40)})" if call_id is not None else " (no id)"
