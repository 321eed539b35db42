"""Calls that a server has left in the text of a message, as `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`.

Seen in 10 of 600 answers of vLLM and 3 of llama.cpp's server (2026-11): the model has made its call in the form it was trained
on (Hermes', which Qwen and others share), and the server's parser has not recognised it. Such a call is taken as one: it is
what the model wanted, word for word, and asking again would cost a request and may get the same text. One that is not whole, as
when the message was cut off, is taken as a malformed call: the model is told, and can make it again.

Only a call at the end of a message counts, where a model stops for its return; an answer may speak of such tags in the middle.
"""

import json
import re

from tracegen.records import RawCall, Response

_CALLS = re.compile(r"(?:<tool_call>(?:(?!</?tool_call>).)*</tool_call>\s*)+\Z|<tool_call>(?:(?!</?tool_call>).)*\Z", re.DOTALL)
_CALL = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)


def calls_of(response: Response, tool_name: str) -> tuple[tuple[RawCall, ...], str | None]:
    """Return the calls of a message, those left in its text among them, and the text without them.

    A call of which not even the name can be read gets that of the tool: what is wrong with it are its arguments.
    """
    found = None if response.calls or not response.content else _CALLS.search(response.content)
    if found is None or response.content is None:
        return response.calls, response.content
    calls = tuple(_read(match[1], tool_name) for match in _CALL.finditer(found[0]))
    return calls, response.content[: found.start()].strip() or None


def _read(text: str, tool_name: str) -> RawCall:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return RawCall(name=tool_name, arguments=text.strip())
    name = value.get("name") if isinstance(value, dict) else None
    if not isinstance(name, str):
        return RawCall(name=tool_name, arguments=json.dumps(value))
    arguments = value.get("arguments", value.get("parameters"))
    return RawCall(name=name, arguments=arguments if isinstance(arguments, str) else json.dumps(arguments))
