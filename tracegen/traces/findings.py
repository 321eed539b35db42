"""Findings about one chat row: a table of named checks, each a small function whose docstring is its reason.

`check_row` runs the table. To add a check, write its function and give it a line in `CHECKS`.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from tracegen.records import Finding
from tracegen.traces.chat import Chat, compact, estimate_tokens, kind_of, quoted, read_chat, split_passages, visible

ROLES = ("system", "developer", "user", "assistant", "tool")
"""The roles of a chat row. OpenAI's older `function` is not among them: no trainer of today renders it."""
VERY_LONG_TOKENS = 8_000
"""8,192 is what trainers are most often set to; what is longer is cut at its end, where the desired output stands."""
COPY_MIN_CHARACTERS = 20
"""A desired output shorter than this (`true`, `[1, 2]`) stands in many a return by chance."""


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


def _with_id(call_id: str | None) -> str:
    return f" (id {visible(call_id, 40)})" if call_id is not None else " (no id)"


def _words(text: str) -> str:
    return " ".join(text.split())
