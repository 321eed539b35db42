"""What a failed request means: whether it can pass, concerns every row, or this conversation alone.

Error bodies are JSON of several shapes, text or HTML, with a `code` that is a number, a word, "None" or missing (five real
servers, 2026-11): so status and words decide, in one place.
"""

import contextlib
import json
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
)
_QUOTA_WORDS = ("insufficient_quota", "insufficient balance", "credit balance", "billing_hard_limit", "out of credits")
_CONTENT_WORDS = ("moderation", "flagged", "content_policy", "content policy", "content_filter", "safety")
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

    @property
    def context(self) -> bool:
        """Whether the conversation is too long for the model."""
        said = self.text.lower()
        # vLLM also complains with these words about a max_tokens that no conversation of this length has room for.
        return self.status in (400, 413, 422) and any(word in said for word in _CONTEXT_WORDS)

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
    code = f"{error.get('code') or ''} {error.get('type') or ''}".strip()
    asked_s = pause_s(headers, datetime.now(UTC))
    fault = Fault("refused", text, status, code, exhausted_s(headers) if asked_s is None else asked_s)
    if fault.quota:
        return fault
    if status in (429, 503, 529):
        return fault._replace(kind="overload")
    if status in (408, 409, 425) or status >= 500:
        return fault._replace(kind="broken")
    return fault


def _error_in(text: str) -> dict[str, Any]:
    """Return the object that describes the error in a body: the one under `error`, or the whole; empty where there is none."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    error = body.get("error", body) if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def fault_of_connection(error: "httpx2.RequestError | ssl.SSLError") -> Fault:
    """Return what it means that there was no HTTP answer."""
    import httpx2

    timed_out = isinstance(error, httpx2.TimeoutException)
    # The text of a timeout is empty.
    text = " ".join(str(error).split()).rstrip(".") or ("Request timed out" if timed_out else "Connection error")
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(cause):
            return Fault("refused", text, code="certificate")
    return Fault("broken", text, sent=timed_out or "connect" not in text.lower())


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
        return max(0.0, seconds) if seconds == seconds else None  # not for nan
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(said) - now).total_seconds())
    return None


def exhausted_s(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds until a rate limit is reset of which nothing remains, as x-ratelimit-* headers say; else None.

    OpenAI's form: `x-ratelimit-remaining-requests: 0` with `x-ratelimit-reset-requests: 1m0.5s`, and the same with tokens.
    """
    waits = []
    for what in ("requests", "tokens"):
        if headers.get(f"x-ratelimit-remaining-{what}", "").strip() == "0":
            waits.append(_duration_s(headers.get(f"x-ratelimit-reset-{what}", "")))
    known = [wait for wait in waits if wait is not None]
    return max(known) if known else None


def _duration_s(text: str) -> float | None:
    """Return the seconds of `250ms`, `6m0s`, `1.5s` or `12`; None for anything else, such as a date."""
    parts = re.findall(r"([0-9.]+)(ms|s|m|h|d)", text)
    try:
        if parts and "".join(number + unit for number, unit in parts) == text.strip():
            return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds < 86400 else None  # larger: a point in time


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def clean(text: str) -> str:
    """Replace lone surrogates, which neither a file nor a request can hold."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
