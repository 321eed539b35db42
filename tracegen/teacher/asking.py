"""What a user may set about the requests to a teacher."""

import json
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from tracegen.errors import SettingsError
from tracegen.records import Record

TIMEOUT_S = 600.0
"""Limit of one request; long, since a reasoning teacher may think for minutes."""
_OURS = {"model", "messages", "input", "tools", "tool_choice", "stream", "n", "store", "background"}
_SECRET = re.compile(r"api.?key|secret|passw|authorization|credential|access.?token", re.IGNORECASE)


class Asking(Record):
    """How a teacher is asked."""

    api: Literal["chat", "responses"] = "chat"
    """OpenAI's Chat Completions, which every server speaks, or its Responses."""
    temperature: float | None = None
    """Sampling temperature; None for the model's own."""
    max_tokens: int | None = None
    """Most tokens of one message; None for the server's own limit."""
    service_tier: str | None = None
    """Such as `flex`: half the price, slower."""
    extra_body: dict[str, Any] = Field(default_factory=dict)
    """Further fields of each request."""
    extra_headers: dict[str, str] = Field(default_factory=dict)
    """Further headers of each request; their values are never stored."""
    timeout_s: float = TIMEOUT_S
    """Limit of one request, in seconds."""

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of each request that are set."""
        own = {"temperature": self.temperature, "max_tokens": self.max_tokens, "service_tier": self.service_tier}
        return {name: value for name, value in own.items() if value is not None} | self.extra_body

    @property
    def settings(self) -> dict[str, Any]:
        """What changes the answers, and so belongs to the settings of a run; None where it is as it always was."""
        return {
            "api": None if self.api == "chat" else self.api,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "extra_body": without_secrets(self.extra_body) or None,
        }

    @property
    def about(self) -> dict[str, Any]:
        """What does not change the answers, for people who read the run file."""
        return {"service_tier": self.service_tier, "extra_headers": sorted(self.extra_headers), "timeout_s": self.timeout_s}


def without_secrets(value: Any) -> Any:
    """Return a JSON value with *** in the place of what stands under a name such as `api_key`."""
    if isinstance(value, dict):
        return {name: "***" if _SECRET.search(name) else without_secrets(inner) for name, inner in value.items()}
    return [without_secrets(inner) for inner in value] if isinstance(value, list) else value


def read_extra_body(text: str) -> dict[str, Any]:
    """Return the further fields that a JSON object, or a file with one, gives.

    Raises SettingsError where it is none, or sets what tracegen sets itself.
    """
    source = "--extra-body"
    if not text.lstrip().startswith("{"):
        source = text
        try:
            text = Path(text).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise SettingsError(f"Cannot read --extra-body {source}: {error}. Give a JSON object or a file with one.") from None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"{source} is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise SettingsError(f"{source} is no JSON object.")
    if ours := sorted(_OURS & set(value)):
        raise SettingsError(f"{source} sets {', '.join(ours)}, which tracegen sets itself. Leave it out.")
    return value


def read_extra_headers(texts: tuple[str, ...]) -> dict[str, str]:
    """Return the further headers that texts such as `X-Title=tracegen` give. Raises SettingsError where one gives none."""
    headers = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if (
            not equals
            or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name)
            or not (value.isascii() and value.isprintable())
        ):
            raise SettingsError(f"The header {name[:40]!r} is none. Give --extra-header NAME=VALUE.")
        headers[name] = value
    return headers
