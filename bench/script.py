"""The scripted teacher of the fake endpoint: what it reads in a request, what it says, and what can go wrong on purpose."""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]


# --- what a request says -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Turn:
    """One request, as the scripted teacher sees it."""

    model: str
    tools: tuple[str, ...]
    """Names of the tools offered."""
    choice: Any
    """`tool_choice` as sent."""
    topic: str
    """Text of the last user message."""
    case: str
    """Text of the first user message."""
    hop: int
    """Number of tool returns after it."""
    hops: int
    """Number of tool returns after which the teacher answers."""
    digest: str
    """Hash of the body: what ids are made from, so that equal requests get equal replies."""
    size: int
    """Bytes of the body."""
    fields: Json
    """The body without messages and tools."""

    @property
    def can_call(self) -> bool:
        return bool(self.tools) and self.choice != "none"

    @property
    def wants_call(self) -> bool:
        forced = self.choice == "required" or isinstance(self.choice, dict)
        return self.can_call and (forced or self.hop < self.hops)


def read_turn(body: Json, raw: bytes, hops: int) -> Turn:
    """Return what the teacher needs to know of a request."""
    messages = body["messages"]
    last_user = max((place for place, message in enumerate(messages) if message["role"] == "user"), default=0)
    first_user = next((place for place, message in enumerate(messages) if message["role"] == "user"), 0)
    content, case = messages[last_user].get("content"), messages[first_user].get("content")
    return Turn(
        model=str(body.get("model")),
        tools=tuple(tool["function"]["name"] for tool in body.get("tools") or ()),
        choice=body.get("tool_choice"),
        topic=content if isinstance(content, str) else json.dumps(content),
        case=case if isinstance(case, str) else json.dumps(case),
        hop=sum(message["role"] == "tool" for message in messages[last_user:]),
        hops=hops,
        digest=digest_of(raw),
        size=len(raw),
        fields={name: value for name, value in body.items() if name not in ("messages", "tools")},
    )


def digest_of(raw: bytes) -> str:
    """Return the hash by which a repeated body is recognised."""
    return hashlib.blake2b(raw, digest_size=16).hexdigest()


def history_problem(messages: Any) -> str | None:
    """Return what a strict server would refuse in these messages, or None."""
    if not isinstance(messages, list) or not messages:
        return "Invalid 'messages': expected a non-empty array."
    unanswered: set[Any] = set()
    for place, message in enumerate(messages):
        if not isinstance(message, dict):
            return f"messages[{place}]: expected an object."
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in unanswered:
                return f"messages[{place}]: a message with role 'tool' must be a response to a preceding 'tool_calls'."
            unanswered.remove(message["tool_call_id"])
            continue
        if unanswered:
            return f"messages[{place}]: 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'."
        calls = message.get("tool_calls") or []
        if problem := calls_problem(calls):
            return f"messages[{place}]: {problem}"
        unanswered = {call["id"] for call in calls}
    return "The last 'tool_calls' have not been responded to." if unanswered else None


def calls_problem(calls: list[Json]) -> str | None:
    """Return what is wrong with the tool calls of one assistant message, or None."""
    ids = [call.get("id") for call in calls]
    if not all(ids) or len(set(ids)) < len(ids):
        return "every tool call needs an 'id' of its own."
    for call in calls:
        if not holds_object(call.get("function", {}).get("arguments")):
            return "'function.arguments' must be a string that holds a JSON object."
    return None


def holds_object(arguments: Any) -> bool:
    """Return whether arguments are a string that holds a JSON object."""
    try:
        return isinstance(arguments, str) and isinstance(json.loads(arguments), dict)
    except ValueError:
        return False


# --- what a reply says ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reply:
    """What goes over the wire."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    answers: bool = False
    """Whether it holds a message: a client that got it has no reason to send the same request again."""
    cut: bool = False
    """Whether the connection is reset in the middle of the body."""
    wait_s: float = 0
    """Wait before the first byte."""
    trickle_s: float = 0
    """Wait between single bytes of the body."""


def error(status: int, message: str, code: str | None = None, kind: str = "invalid_request_error", **headers: str) -> Reply:
    """Return an error in OpenAI's shape; underscores in header names become dashes."""
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return Reply(json.dumps(body).encode(), status, headers={name.replace("_", "-"): value for name, value in headers.items()})


def embedded(body: Json) -> Reply:
    """Return the embeddings of some texts: of their words, so that texts with the same words are near to each other."""
    data = []
    for number, text in enumerate(body["input"]):
        vector = [0.0] * 64
        for word in text.lower().split():
            for place, byte in enumerate(hashlib.sha512(word.encode()).digest()):
                vector[place] += byte - 127.5
        data.append({"object": "embedding", "index": number, "embedding": vector})
    return Reply(json.dumps({"object": "list", "model": body["model"], "data": data}).encode())


def completion(turn: Turn, message: Json | None, finish_reason: str = "stop") -> Reply:
    """Return a chat completion with this message, or without choices for None."""
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}
    prompt_tokens, completion_tokens = turn.size // 4, len(json.dumps(message)) // 4
    body = {
        "id": f"chatcmpl-{turn.digest[:24]}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": turn.model,
        "choices": [choice] if message else [],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
        "system_fingerprint": "fp_bench",
    }
    return Reply(json.dumps(body).encode(), answers=message is not None)


def text_message(turn: Turn, **fields: Any) -> Json:
    """Return the message of a final answer."""
    content = f"From {turn.hop} searches: an answer to {turn.topic[:60]!r}."
    return {"role": "assistant", "content": content, "refusal": None} | fields


def query_of(topic: str, hop: int) -> str:
    """Return what is searched for at a hop: an item of the prompt's list, or the prompt where it has no more."""
    items = [line[2:] for line in topic.splitlines() if line.startswith("- ")]
    return items[hop] if hop < len(items) else f"{topic[:80]} (part {hop + 1})"


def tool_call(turn: Turn, number: int = 0) -> Json:
    """Return the call for the hop that comes `number` after this one; its query differs by hop, and by prompt."""
    name = turn.choice["function"]["name"] if isinstance(turn.choice, dict) else turn.tools[0]
    arguments = json.dumps({"query": query_of(turn.topic, turn.hop + number)})
    call_id = "call_" + digest_of(f"{turn.digest}{number}".encode())[:24]
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def call_message(*calls: Json, **fields: Any) -> Json:
    """Return an assistant message with these calls."""
    return {"role": "assistant", "content": None, "refusal": None, "tool_calls": list(calls)} | fields


def scripted(turn: Turn, **fields: Any) -> Reply:
    """Return what the teacher says when nothing is wrong, with `fields` set in its message."""
    if turn.wants_call:
        return completion(turn, call_message(tool_call(turn), **fields), "tool_calls")
    return completion(turn, text_message(turn, **fields))


# --- the Responses API: the same teacher, in other words -----------------------------------------------------------------


def chat_of(body: Json) -> Json:
    """Return a request of the Responses API as one for a chat completion."""
    messages: list[Json] = []
    for item in body["input"]:
        if item.get("type") == "function_call":
            call = {"id": item["call_id"], "function": {"name": item["name"], "arguments": item["arguments"]}}
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        elif item.get("type") == "function_call_output":
            messages.append({"role": "tool", "tool_call_id": item["call_id"], "content": item["output"]})
        else:
            messages.append({"role": item["role"], "content": item["content"]})
    tools = [{"type": "function", "function": tool} for tool in body.get("tools", ())]
    rest = {name: value for name, value in body.items() if name not in ("input", "tools")}
    return rest | {"messages": messages, "tools": tools}


def response_of(reply: Reply) -> Reply:
    """Return a reply with a chat completion as one of the Responses API; all others as they are."""
    if not reply.answers:
        return reply
    whole = json.loads(reply.body)
    choice, usage = whole["choices"][0], whole.get("usage", {})
    message = choice["message"]
    parts: list[Json] = []
    if message.get("content") is not None:
        parts.append({"type": "output_text", "text": message["content"], "annotations": []})
    if message.get("refusal"):
        parts.append({"type": "refusal", "refusal": message["refusal"]})
    output: list[Json] = []
    if message.get("reasoning_content"):
        summary = [{"type": "summary_text", "text": message["reasoning_content"]}]
        output.append({"type": "reasoning", "id": "rs_1", "summary": summary})
    if parts:
        output.append({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": parts})
    for number, call in enumerate(message.get("tool_calls", ())):
        function = {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
        output.append({"type": "function_call", "id": f"fc_{number}", "call_id": call.get("id"), **function})
    cut = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(str(choice.get("finish_reason")))
    body = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1700000000,
        "model": whole.get("model"),
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": cut} if cut else None,
        "error": None,
        "output": output,
        "usage": {"input_tokens": usage.get("prompt_tokens"), "output_tokens": usage.get("completion_tokens")},
    }
    return replace(reply, body=json.dumps(body).encode())


# --- what can go wrong ---------------------------------------------------------------------------------------------------

Fault = Callable[[Turn], Reply]


def refuses(when: Callable[[Turn], bool], refusal: Reply) -> Fault:
    """Return the fault that refuses some requests and is well-behaved for the others."""
    return lambda turn: refusal if when(turn) else scripted(turn)


def ends(finish_reason: str, **fields: Any) -> Fault:
    """Return the fault that ends every conversation at once, for this reason."""
    return lambda turn: completion(turn, text_message(turn, **fields), finish_reason)


def alters_call(change: Callable[[Json], Json]) -> Fault:
    """Return the fault that changes each call; final answers stay as they are."""

    def fault(turn: Turn) -> Reply:
        if not turn.wants_call:
            return scripted(turn)
        return completion(turn, call_message(change(tool_call(turn))), "tool_calls")

    return fault


def alters_arguments(change: Callable[[str], Any]) -> Fault:
    """Return the fault that changes the arguments of each call."""

    def altered(call: Json) -> Json:
        function = call["function"]
        return call | {"function": function | {"arguments": change(function["arguments"])}}

    return alters_call(altered)


def without_id(call: Json) -> Json:
    return {key: value for key, value in call.items() if key != "id"}


def renamed(call: Json) -> Json:
    return call | {"function": call["function"] | {"name": "no_such_tool"}}


def parallel(number_of_calls: int, finish_reason: str = "tool_calls") -> Fault:
    """Return the fault that makes so many calls in one message."""

    def fault(turn: Turn) -> Reply:
        if not turn.wants_call:
            return scripted(turn)
        return completion(turn, call_message(*(tool_call(turn, number) for number in range(number_of_calls))), finish_reason)

    return fault


def leaked(turn: Turn) -> Reply:
    """Leave the call in the text, in the words of the model's own template."""
    if not turn.wants_call:
        return scripted(turn)
    function = tool_call(turn)["function"]
    call = json.dumps({"name": function["name"], "arguments": json.loads(function["arguments"])})
    return completion(turn, text_message(turn, content=f"<tool_call>\n{call}\n</tool_call>"))


def same_query(turn: Turn) -> Reply:
    if not turn.can_call:
        return scripted(turn)
    call = tool_call(turn)
    call["function"]["arguments"] = '{"query": "the same for ever"}'
    return completion(turn, call_message(call), "tool_calls")


def changes_body(change: Callable[[Json], Json]) -> Fault:
    """Return the fault that changes the body of each completion."""

    def fault(turn: Turn) -> Reply:
        reply = scripted(turn)
        return Reply(json.dumps(change(json.loads(reply.body))).encode(), answers=True)

    return fault


def waits(wait_s: float = 0, trickle_s: float = 0) -> Fault:
    """Return the fault that is slow."""
    return lambda turn: replace(scripted(turn), wait_s=wait_s, trickle_s=trickle_s)


def quirky(turn: Turn) -> Reply:
    """Refuse what some models refuse, one thing after the other, each in its maker's words."""
    if turn.fields.get("tool_choice") == "required":
        return error(400, "Invalid value for 'tool_choice': 'required' is not supported.", "unsupported_value")
    if turn.tools and turn.fields.get("reasoning_effort") != "none":
        return error(400, "Function tools with reasoning_effort are not supported; set reasoning_effort to 'none'.")
    if "temperature" in turn.fields:
        return error(400, "Unsupported value: 'temperature' does not support 0.2 with this model.", "unsupported_value")
    if "max_tokens" in turn.fields:
        return error(400, "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.")
    if "parallel_tool_calls" in turn.fields:
        return error(400, "Unsupported parameter: 'parallel_tool_calls' is not supported with this model.")
    return scripted(turn)


def never_ends(turn: Turn) -> Reply:
    if not turn.can_call:
        return scripted(turn)
    return completion(turn, call_message(tool_call(turn)), "tool_calls")


def cut_off(turn: Turn) -> Reply:
    # The body is longer than one segment, so that the part before the reset is really on its way when the reset comes.
    whole = completion(turn, text_message(turn, content="word " * 4000))
    return Reply(whole.body, cut=True)


def half_a_body(turn: Turn) -> Reply:
    whole = scripted(turn).body
    return Reply(whole[: len(whole) // 2])


HTML = Reply(b"<!doctype html><html><body><h1>Please log in</h1></body></html>", content_type="text/html")


def rewords(turn: Turn) -> Reply:
    """Ask what comes last in the message once more, in other words: what a teacher of variants does."""
    question = turn.topic.partition("The question:\n\n")[2] or turn.topic
    return completion(turn, text_message(turn, content=f"hey, quick one for you.\n{question}\nany idea?"))


FAULTS: dict[str, Fault] = {
    # no fault, but another task
    "rewords": rewords,
    # the server refuses
    "no_tools": refuses(lambda turn: bool(turn.tools), error(400, "This model does not support tools.")),
    "refuse_required": refuses(
        lambda turn: turn.choice == "required",
        error(400, "Invalid value for 'tool_choice': 'required' is not supported.", "unsupported_value"),
    ),
    "context_length": lambda turn: error(400, "This model's maximum context length is 8192 tokens.", "context_length_exceeded"),
    "context_small": refuses(
        lambda turn: turn.size > 11_000, error(400, "The request exceeds the available context size (3072 tokens).")
    ),
    "refuse_returns": refuses(lambda turn: turn.hop > 1, error(400, "Messages of this role need a signature.")),
    "forbid_returns": refuses(lambda turn: turn.hop > 1, error(403, "Forbidden.")),
    "error_500": lambda turn: error(500, "The server had an error.", kind="server_error"),
    "error_502": lambda turn: Reply(b"<h1>Bad Gateway</h1>", 502, "text/html"),
    "error_503": lambda turn: error(503, "The model is loading.", kind="unavailable_error"),
    "error_504": lambda turn: Reply(b"upstream request timeout", 504, "text/plain"),
    "error_529": lambda turn: error(529, "Overloaded.", kind="overloaded_error"),
    "flagged": refuses(
        lambda turn: "POISON" in turn.topic, error(403, "Your chosen model requires moderation and your input was flagged.")
    ),
    "forbidden": refuses(lambda turn: "POISON" in turn.topic, error(403, "Forbidden.")),
    "poison": refuses(lambda turn: "POISON" in turn.topic, error(500, "The parser failed.", kind="server_error")),
    "rate_limit_bare": lambda turn: error(429, "Rate limit reached.", "rate_limit_exceeded", "requests"),
    "quirky": quirky,
    "rate_limit": lambda turn: error(429, "Rate limit reached.", "rate_limit_exceeded", "requests", retry_after="1"),
    "quota": lambda turn: error(429, "You exceeded your current quota.", "insufficient_quota", kind="insufficient_quota"),
    # the reply is no answer
    "empty_choices": lambda turn: completion(turn, None),
    "html": lambda turn: HTML,
    "reset": cut_off,
    "truncated": half_a_body,
    "hang": waits(wait_s=3600),
    "trickle": waits(trickle_s=0.05),
    # the model ends the conversation, or does not
    "ignore_tools": ends("stop"),
    "refusal": ends("stop", content=None, refusal="I cannot help with that."),
    "content_filter": ends("content_filter", content=""),
    "length": ends("length", content="An answer that stops in the mid"),
    "answer_cut": lambda turn: scripted(turn) if turn.wants_call else completion(turn, text_message(turn), "length"),
    "never_ends": never_ends,
    # the calls are not what a client expects
    "parallel": parallel(3),
    "parallel_30": parallel(30),
    "stop_with_calls": parallel(1, "stop"),
    "leaked_calls": leaked,
    "same_query": same_query,
    "long_query": alters_arguments(lambda arguments: json.dumps({"query": "why " * 12_500})),
    "surrogates": alters_arguments(lambda arguments: '{"query": "half a \\ud83d smile"}'),
    "extra_arguments": alters_arguments(lambda arguments: json.dumps(json.loads(arguments) | {"k": 3, "why": None})),
    "missing_arguments": alters_arguments(lambda arguments: "{}"),
    "unknown_tool": alters_call(renamed),
    "broken_arguments": alters_arguments(lambda arguments: arguments[:-2]),
    "object_arguments": alters_arguments(json.loads),
    "double_encoded": alters_arguments(json.dumps),
    "empty_query": alters_arguments(lambda arguments: '{"query": ""}'),
    "repeated_ids": alters_call(lambda call: call | {"id": "call_0"}),
    "missing_ids": alters_call(without_id),
    # the message has more or less in it than a client expects
    "content_with_calls": lambda turn: scripted(turn, content="Let me look that up."),
    "null_content": lambda turn: scripted(turn, content=None),
    "missing_usage": changes_body(lambda body: {key: value for key, value in body.items() if key != "usage"}),
    "extra_fields": changes_body(lambda body: body | {"timings": {"predicted_ms": 1}, "provider_specific_fields": None}),
    "least_fields": changes_body(lambda body: {"choices": [{"message": body["choices"][0]["message"]}]}),
    "reasoning": lambda turn: scripted(turn, reasoning_content="The user wants to know; I should search."),
}
"""Every fault by its name: a function from the request to the reply."""
