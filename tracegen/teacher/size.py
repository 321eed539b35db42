"""How many tokens a request will need: estimated before it is sent, learned from the answers."""

from tracegen.records import Response, Usage

BYTES_PER_TOKEN = 3.0
"""At first: fewer than English text has (about 4.5), so that the first estimates are rather too high."""
ANSWER_TOKENS = 1000
"""A first guess at the longest message; a call needs about 40."""


_MESSAGE = {"content", "calls", "refusal", "reasoning"}


def with_estimate(response: Response, prompt_tokens: int) -> Response:
    """Return a response with an estimate of the tokens that its server did not count; `prompt_tokens` is the request's."""
    usage = response.usage
    if usage.prompt_tokens and usage.completion_tokens:
        return response
    # With the names of its fields, which stand for what is around a call: rather too many, as with requests.
    message = response.model_dump_json(include=_MESSAGE, exclude_defaults=True)
    estimated = usage.model_copy(
        update={
            "estimated_prompt_tokens": 0 if usage.prompt_tokens else prompt_tokens,
            "estimated_completion_tokens": 0 if usage.completion_tokens else int(len(message.encode()) / BYTES_PER_TOKEN) + 1,
        }
    )
    return response.model_copy(update={"usage": estimated})


class Size:
    """The estimate, and what it learns."""

    def __init__(self, max_tokens: int | None) -> None:
        """Start with a guess; `max_tokens` is the limit of an answer, where one is set."""
        self._max_tokens = max_tokens
        self._bytes_per_token = BYTES_PER_TOKEN
        self._longest = 0

    def prompt_tokens(self, body: bytes) -> int:
        """Return how many tokens this body has, about."""
        return int(len(body) / self._bytes_per_token) + 1

    @property
    def answer_tokens(self) -> int:
        """The most an answer may have, about: its limit, or twice the longest so far."""
        return self._max_tokens or max(ANSWER_TOKENS, 2 * self._longest)

    def learn(self, body: bytes, usage: Usage) -> None:
        """Learn from what an answered request needed."""
        if usage.prompt_tokens > 0:
            # A tenth of each new figure: rows differ.
            self._bytes_per_token += (min(20.0, len(body) / usage.prompt_tokens) - self._bytes_per_token) / 10
        self._longest = max(self._longest, usage.completion_tokens)
