"""What a failed request means: whether it can pass, concerns every row, or this conversation alone.

Error bodies are JSON of several shapes, text or HTML, with a `code` that is a number, a word, "None" or missing (five real
servers, 2026-11): so status and words decide, in one place.
"""

import contextlib
import json
import math
import re
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    import httpx2

Kind = Literal["overload", "broken", "refused"]

_CONTEXT_WORDS = (
    "context length",
    "context_length",
    "maximum context",
    "context size",
    "too long",
    "context window",
    "too many tokens",
    "token limit exceeded",
    "reduce the length",
    "max_model_len",
    "maximum model length",
    "maximum number of tokens",
    "maximum prompt length",
    "exceeds max length",
    "model token limit",
    "input length should be",
    "`inputs` tokens",
)
"""OpenAI's, Anthropic's, llama.cpp's, vLLM's, Gemini's, xAI's, Z.ai's, Moonshot's, Alibaba's and TGI's words (2026-11)."""
_QUOTA_WORDS = (
    "insufficient_quota",
    "insufficient balance",
    "credit balance",
    "billing_hard_limit",
    "out of credits",
    "exceeded_current_quota",
    "all available credits",
)
_CONTENT_WORDS = ("moderation", "flagged", "content_policy", "content policy", "content_filter", "safety")
_STATUS_OF_WORDS = (
    (("rate_limit", "too_many_requests"), 429),
    (("invalid_api_key", "authentication"), 401),
    (("overloaded",), 529),
    (("model_not_found",), 404),
)
"""Words that stand for a status in the code of an error."""
_LIMITS = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("ratelimit-remaining", "ratelimit-reset"),
    *(
        (f"anthropic-ratelimit-{what}-remaining", f"anthropic-ratelimit-{what}-reset")
        for what in ("requests", "tokens", "input-tokens", "output-tokens")
    ),
)
"""Headers that say what remains of a limit, and when it is whole again."""
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Fault(NamedTuple):
    """A request that brought no answer."""

    kind: Kind
    """`overload`: the server has too much to do; `broken`: it, or the way to it, fails; `refused`: once more is useless."""
    text: str
    """What was said, on one line."""
    status: int | None = None
    """HTTP status, or None where there was no HTTP answer."""
    code: str = ""
    """The error's own code and type."""
    pause_s: float | None = None
    """How long the server asks to wait."""
    sent: bool = False
    """Whether the server may have worked on it all the same, and want to be paid."""
    unreached: bool = False
    """Whether there was no way to the server."""

    @property
    def context(self) -> bool:
        """Whether the conversation is too long for the model."""
        said = f"{self.code} {self.text}".lower()
        # vLLM also complains with these words about a max_tokens that no conversation of this length has room for. 413 is said
        # of bodies that a proxy finds too large, and by Groq of more tokens than it takes in a minute.
        # OpenAI says the same with 429, though no pause helps.
        if self.status == 413 or (self.status == 429 and "request too large" in said):
            return True
        # Elsewhere such words about a max_tokens mean that setting alone.
        words = [word for word in _CONTEXT_WORDS if word in said]
        return (
            self.status in (400, 422) and bool(words) and not ("max_tokens" in said and words == ["maximum number of tokens"])
        )

    @property
    def filtered(self) -> bool:
        """Whether a filter took offence at the conversation: status 400 at OpenAI and Azure, 403 at OpenRouter."""
        return is_filtered(self.status, f"{self.code} {self.text}")

    @property
    def quota(self) -> bool:
        """Whether the money is spent."""
        said = f"{self.code} {self.text}".lower()
        return self.status == 402 or (self.status in (400, 403, 429) and any(word in said for word in _QUOTA_WORDS))

    @property
    def away(self) -> bool:
        """Whether the service is away, which cannot be the fault of a single conversation."""
        return self.unreached or self.kind == "overload" or self.status == 502

    @property
    def model(self) -> bool:
        """Whether it is the model, or the path, that does not exist."""
        return self.status == 404 or "model_not_found" in self.code


def is_filtered(status: int | None, said: str) -> bool:
    """Return whether a status, and what was said with it, is the refusal of one conversation by a filter.

    A 403 is the key's, the country's or the account's at most services, but OpenRouter's for an input that was flagged
    (openrouter.ai/docs/errors, 2026-11), so its words decide.
    """
    said = said.lower()
    return (status == 400 and "content_filter" in said) or (status == 403 and any(word in said for word in _CONTENT_WORDS))


def fault_of_status(response: "httpx2.Response") -> Fault:
    """Return what an HTTP error means."""
    status, headers = response.status_code, response.headers
    error = _error_in(response.text)
    said = error.get("message") or error.get("detail") or error or response.text
    text = clean(" ".join(str(said).split())) or f"status {status}, and no text"
    return _fault(status, text, f"{error.get('code') or ''} {error.get('type') or ''}".strip(), headers)


def fault_of_answer(error: "ErrorAnswer", headers: Mapping[str, str]) -> Fault | None:
    """Return what an error means that came with status 200, or None where it does not say which.

    Gateways that begin to answer before they know how it ends send errors so; the `code` is then the HTTP status it would have
    had (openrouter.ai/docs/errors, 2026-11), or a word (OpenAI's Responses).
    """
    status = error.status or next((status for words, status in _STATUS_OF_WORDS if any(w in error.code for w in words)), None)
    if status is None and any(word in f"{error.code} {error}".lower() for word in _QUOTA_WORDS):
        status = 429
    return None if status is None else _fault(status, clean(str(error)), error.code, headers)


class ErrorAnswer(ValueError):
    """The body of an answer holds an error in the place of a message; its text is what was said."""

    def __init__(self, said: Any, finish_reason: str = "") -> None:
        """Read an error, in whatever form."""
        inner = said if isinstance(said, dict) else {}
        text = inner.get("message") or said or f"finish_reason {finish_reason!r}"
        super().__init__(" ".join(str(text).split()))
        code = inner.get("code") or inner.get("status") or ""
        number = int(code) if isinstance(code, int | str) and re.fullmatch(r"[45][0-9][0-9]", str(code)) else None
        self.status = number
        """The HTTP status that it would have had, or None."""
        self.code = "" if number else f"{code} {inner.get('type') or ''}".strip()
        """Its own code and type."""


def _fault(status: int, text: str, code: str, headers: Mapping[str, str]) -> Fault:
    now = datetime.now(UTC)
    asked_s = pause_s(headers, now)
    fault = Fault("refused", text, status, code, exhausted_s(headers, now) if asked_s is None else asked_s)
    if fault.quota or fault.context:
        return fault
    if status in (429, 503, 529):
        return fault._replace(kind="overload")
    # Groq refuses to pass on a call that is none: the model's slip, which the same request need not bring again.
    # 424: Hugging Face's and Amazon's for a model that failed; 499: a gateway's for a connection that it has lost.
    if status in (408, 409, 424, 425, 499) or status >= 500 or "tool_use_failed" in code:
        return fault._replace(kind="broken")
    return fault


def _error_in(text: str) -> dict[str, Any]:
    """Return the object that describes the error in a body: the one under `error`, or the whole; empty where there is none."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if isinstance(body, list) and body:  # Gemini's
        body = body[0]
    error = body.get("error", body) if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def fault_of_connection(error: "httpx2.RequestError | ssl.SSLError") -> Fault:
    """Return what it means that there was no HTTP answer."""
    import aiohttp
    import httpx2

    timed_out = isinstance(error, httpx2.TimeoutException)
    # The text of a timeout is empty.
    text = " ".join(str(error).split()).rstrip(".") or ("Request timed out" if timed_out else "Connection error")
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(cause):
            return Fault("refused", text, code="certificate")
    # The transport calls much a time limit of connecting that is none; what aiohttp said is among the causes.
    theirs = [cause for cause in causes if isinstance(cause, aiohttp.ClientError)]
    kinds = (
        (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
        if theirs
        else (httpx2.ConnectError, httpx2.ConnectTimeout)
    )
    unreached = any(isinstance(cause, kinds) for cause in causes)
    return Fault("broken", text, sent=not unreached, unreached=unreached)


def pause_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how many seconds an answer's headers ask to wait, or None: Retry-After in its three forms."""
    with contextlib.suppress(ValueError):
        return (
            max(0.0, float(headers["retry-after-ms"]) / 1000) if "retry-after-ms" in headers else _retry_after_s(headers, now)
        )
    return None


def _retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    said = headers.get("retry-after", "").strip()
    if not said:
        return None
    with contextlib.suppress(ValueError):
        seconds = float(said)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(said) - _now_at(headers, now)).total_seconds())
    return None


def exhausted_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how many seconds until a rate limit is reset of which nothing remains, as an answer's headers say; else None.

    `x-ratelimit-remaining-requests: 0` with `x-ratelimit-reset-requests: 1m0.5s`, or with tokens: OpenAI, Azure, Groq.
    `x-ratelimit-remaining` or `ratelimit-remaining` with its `-reset`, in seconds or as a point in time: gateways.
    `anthropic-ratelimit-requests-remaining` with its `-reset`, a date (github.com/spring-projects/spring-ai/pull/6176).
    """
    waits = []
    for remaining, reset in _LIMITS:
        with contextlib.suppress(ValueError):
            if remaining in headers and float(headers[remaining]) <= 0:
                waits.append(_until_s(headers.get(reset, ""), _now_at(headers, now)))
    known = [wait for wait in waits if wait is not None]
    return max(known) if known else None


def _now_at(headers: Mapping[str, str], now: datetime) -> datetime:
    """Return the time by the clock of whoever sent the headers, else `now`: the clock of this machine may be wrong, or jump."""
    with contextlib.suppress(ValueError, TypeError):
        return parsedate_to_datetime(headers["date"]) if "date" in headers else now
    return now


def _until_s(text: str, now: datetime) -> float | None:
    """Return the seconds of `250ms`, `6m0s`, `1.5s` or `12`, or those until a date or a point in time; else None."""
    text = text.strip()
    parts = re.findall(r"([0-9.]+)(ms|s|m|h|d)", text)
    with contextlib.suppress(ValueError):
        if parts and "".join(number + unit for number, unit in parts) == text:
            return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
    with contextlib.suppress(ValueError, OverflowError):
        seconds = float(text)
        if 0 <= seconds < 86400:
            return seconds
        # A point in time, in seconds or milliseconds since 1970.
        return _ahead_s(seconds / (1000 if seconds >= 1e11 else 1) - now.timestamp())
    with contextlib.suppress(ValueError, TypeError):
        return _ahead_s((datetime.fromisoformat(text) - now).total_seconds())
    return None


def _ahead_s(seconds: float) -> float | None:
    """Return the seconds until a point in time, None where it is none that a rate limit would name."""
    return max(0.0, seconds) if seconds < 86400 else None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def clean(text: str) -> str:
    """Replace lone surrogates, which neither a file nor a request can hold."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
