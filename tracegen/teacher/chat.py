"""A chat model behind any OpenAI-compatible endpoint, as a teacher.

Requests go through the `openai` SDK's client (authentication, retries, proxies, timeouts), but as plain JSON: its typed
`chat.completions.create` costs about four times the CPU, because it walks through every message of the growing conversation.
Responses are read tolerantly, since real servers differ in every detail that the format leaves open.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tracegen.errors import TeacherError
from tracegen.records import RawCall, Response, Usage
from tracegen.teacher import Failure, ToolChoice

if TYPE_CHECKING:
    import httpx2
    import openai

TIMEOUT_S = 600.0
"""Limit of one request; long, since a reasoning teacher may think for minutes."""
MAX_RETRIES = 4
"""The SDK's retries of what can pass: connection errors, 408, 409, 429, 5xx; with backoff, Retry-After honoured."""
MALFORMED_TRIES = 3
"""Tries for a 200 whose body is no chat completion, which the SDK does not retry."""
MALFORMED_WAIT_S = 0.1
"""Wait between these tries."""

SECRET_CHARS = 8
"""A shorter key is a word such as `none` or `EMPTY`, and no secret."""
_GOOD_URL = (
    "Give --base-url or OPENAI_BASE_URL in the form http://localhost:8000/v1, without a password or a query; "
    "a key goes into OPENAI_API_KEY."
)
_CONTEXT_WORDS = ("context length", "context_length", "maximum context", "context size", "too long", "context window")


class ChatTeacher:
    """A teacher that is a chat model. Close it when done; its connections are shared by all rows."""

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        max_retries: int = MAX_RETRIES,
        http_client: "httpx2.AsyncClient | None" = None,
    ) -> None:
        """Prepare a client; nothing is sent yet. Key and base URL default to OPENAI_API_KEY and OPENAI_BASE_URL."""
        import os

        import httpx2
        import openai

        # A server of one's own often wants no key, but the SDK insists on one.
        has_url = base_url or os.environ.get("OPENAI_BASE_URL")
        key = (api_key or os.environ.get("OPENAI_API_KEY") or "").strip()
        if not key and not has_url:
            raise TeacherError(
                f"No key for the teacher {model!r}: set OPENAI_API_KEY, or give --base-url for a server of your own, "
                "or use --teacher builtin, which needs neither."
            )
        if not (key.isascii() and key.isprintable()):
            raise TeacherError("The key has a character that no key has, such as a line break or a curly quote: copy it again.")
        self.name = model
        self._key = key
        self._proven = False  # whether the endpoint has answered once: before, a failure concerns all rows
        self._without_required = False
        self._extra: dict[str, Any] = {}
        try:
            self._client = openai.AsyncOpenAI(
                api_key=key or "none",
                base_url=base_url,
                timeout=TIMEOUT_S,
                max_retries=max_retries,
                http_client=http_client or openai.DefaultAioHttpClient(),
            )
            url = httpx2.URL(str(self._client.base_url))
        except httpx2.InvalidURL as error:
            raise TeacherError(f"The base URL is no address ({error}). {_GOOD_URL}") from None
        if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query:
            # Not repeated here: it may hold a password.
            raise TeacherError(f"The base URL is no plain http address. {_GOOD_URL}")

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return str(self._client.base_url)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def reply(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], tool_choice: ToolChoice
    ) -> Response | Failure:
        """Return the model's next message, or why this conversation gets none.

        Raises TeacherError for what is the same for every row: key, model, address, quota, an endpoint without tools.
        """
        import aiohttp
        import openai

        problem = ""
        for _ in range(MALFORMED_TRIES):
            try:
                body = await self._post(messages, tools, tool_choice)
            except openai.APIConnectionError as error:
                raise self._unreachable(error) from None
            except openai.APIStatusError as error:
                return self._refused(error)
            except aiohttp.ClientResponseError as error:
                # An answer that is no HTTP; the SDK lets this exception through as it is.
                problem = error.message
            else:
                try:
                    response = read_completion(body)
                except ValueError as error:
                    problem = str(error)
                else:
                    self._proven = True
                    return response
            await asyncio.sleep(MALFORMED_WAIT_S)
        problem = self._without_key(" ".join(problem.split()))[:300]
        return self._for_this_row(f"{self.base_url} answered with no chat completion: {problem}. Does the URL end in /v1?")

    @property
    def client(self) -> "openai.AsyncOpenAI":
        """The SDK's client, for other services of the same endpoint."""
        return self._client

    def fields(self, tool_choice: ToolChoice) -> dict[str, Any]:
        """Return the fields of a request besides messages and tools, as this endpoint takes them."""
        # "auto" is always said: one server silently drops the tools where tool_choice is missing.
        choice = "auto" if self._without_required else tool_choice
        return {"model": self.name, "tool_choice": choice, **self._extra}

    def body(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], fields: dict[str, Any]) -> bytes:
        """Return the body of a request, the same on every path it takes to the model."""
        return json.dumps({**fields, "messages": messages, "tools": tools}, ensure_ascii=False).encode("utf-8", "replace")

    async def _post(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], tool_choice: ToolChoice
    ) -> bytes:
        """Send one request; what the endpoint refuses of it is learned, and left out from then on."""
        import httpx2
        import openai

        while True:
            fields = self.fields(tool_choice)
            body = {**fields, "messages": messages, "tools": tools}
            try:
                response = await self._client.post("/chat/completions", body=body, cast_to=httpx2.Response)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if not self.learn(self._error_text(error), fields):
                    raise
            else:
                return response.content

    def learn(self, refusal: str, sent: Mapping[str, Any]) -> bool:
        """Change what is sent after a refusal of these fields; False where the refusal is about something else."""
        if "tool_choice" in refusal and sent["tool_choice"] == "required":
            self._without_required = True
            return True
        # Some models take tools on this endpoint only with an explicit effort of "none".
        if "reasoning_effort" in refusal and "reasoning_effort" not in sent:
            self._extra = {**self._extra, "reasoning_effort": "none"}
            return True
        return False

    def _unreachable(self, error: "openai.APIConnectionError") -> TeacherError:
        # The text of a timeout is empty.
        cause = self._without_key(str(error.__cause__ or "") or str(error)).rstrip(".")
        return TeacherError(
            f"No answer from {self.base_url}: {cause}. Is the address right and the server running? "
            "What was answered is kept: run the same command again to go on."
        )

    def _refused(self, error: "openai.APIStatusError") -> Failure:
        """Return a failure of this row, or raise where every row would fail."""
        text = self._error_text(error)
        said = f"{self.base_url} said {error.status_code}: {text[:300]}"
        if error.status_code in (401, 403):
            raise TeacherError(f"The key was not accepted: {said}. Check OPENAI_API_KEY.")
        if error.status_code == 404:
            raise TeacherError(f"No model {self.name!r}, or no chat endpoint there: {said}. Check --teacher and --base-url.")
        if error.status_code == 402 or (error.status_code == 429 and "insufficient_quota" in f"{error.code} {text}"):
            raise TeacherError(f"The quota is spent: {said}. What was answered is kept; run again when there is quota.")
        if error.status_code == 429:
            raise TeacherError(
                f"Too many requests: {said}. What was answered is kept; run again with a lower --concurrency to go on."
            )
        if error.status_code in (502, 503):
            raise TeacherError(f"The server is not available: {said}. What was answered is kept: run again later to go on.")
        if error.status_code == 400 and "content_filter" in f"{error.code} {text}":
            return Failure(detail=f"The endpoint filtered the conversation: {text[:300]}")
        if error.status_code < 500 and any(word in text.lower() for word in _CONTEXT_WORDS):
            return Failure(detail=f"The conversation is too long for the teacher: {text[:300]}")
        if error.status_code < 500 and "tool" in text.lower() and not self._proven:
            raise TeacherError(
                f"The endpoint takes no tools: {said}. Choose a model that can call functions, and a server that is "
                "started with tool calling on."
            )
        return self._for_this_row(f"The request failed: {said}")

    def _for_this_row(self, detail: str) -> Failure:
        """Return a failure of this row; raise where the endpoint has not worked even once."""
        if not self._proven:
            raise TeacherError(f"{detail} It was the first answer, so the run stops here.")
        return Failure(detail=detail)

    def _error_text(self, error: "openai.APIStatusError") -> str:
        """Return what an error response says, on one line; bodies are JSON of several shapes, text or HTML."""
        body = error.body
        said = body.get("message") or body.get("detail") or body if isinstance(body, dict) else error.response.text
        text = str(said)
        return self._without_key(_clean(" ".join(text.split()))) or f"status {error.status_code}, and no text"

    def _without_key(self, text: str) -> str:
        """Return a text without the key, which some servers repeat when they refuse it."""
        return text.replace(self._key, "***") if len(self._key) >= SECRET_CHARS else text


def read_completion(body: bytes) -> Response:
    """Return the response in the body of a chat completion.

    Raises ValueError where it is none: not JSON, an error with status 200, no choice, no message.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError(f"not JSON ({body[:60].decode(errors='replace')!r})") from None
    choices = value.get("choices") if isinstance(value, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        error = value.get("error") if isinstance(value, dict) else None
        said = error.get("message") if isinstance(error, dict) else error
        raise ValueError(f"an error, {str(said)!r}" if said else "no choice with a message in it")
    calls = message.get("tool_calls")
    return Response(
        content=_text(message.get("content")),
        calls=tuple(_read_call(call) for call in calls if isinstance(call, dict)) if isinstance(calls, list) else (),
        finish_reason=_text(choice.get("finish_reason")),
        refusal=_text(message.get("refusal")),
        reasoning=_text(message.get("reasoning_content")) or _text(message.get("reasoning")),
        model=_text(value.get("model")),
        usage=_read_usage(value.get("usage")),
    )


def _read_call(call: Mapping[str, Any]) -> RawCall:
    function = call.get("function")
    function = function if isinstance(function, dict) else {}
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        arguments = "" if arguments is None else json.dumps(arguments)
    return RawCall(name=_text(function.get("name")) or "", arguments=_clean(arguments))


def _read_usage(usage: Any) -> Usage:
    counts = usage if isinstance(usage, dict) else {}
    prompt, completion = counts.get("prompt_tokens"), counts.get("completion_tokens")
    return Usage(
        requests=1,
        prompt_tokens=prompt if isinstance(prompt, int) else 0,
        completion_tokens=completion if isinstance(completion, int) else 0,
    )


def _text(value: Any) -> str | None:
    """Return a text field, or None; content given as parts is joined."""
    if isinstance(value, list):
        texts = (part.get("text") for part in value if isinstance(part, dict))
        value = "".join(text for text in texts if isinstance(text, str))
    return _clean(value) if isinstance(value, str) else None


def _clean(text: str) -> str:
    """Replace lone surrogates, which neither a file nor a request can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
