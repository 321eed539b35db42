"""What requests cost, in words."""

from typing import TYPE_CHECKING

from tracegen.wording import counted

if TYPE_CHECKING:
    from tracegen.records import Usage


def tokens_text(usage: "Usage") -> str:
    """Return the tokens of some requests, and which of them nobody counted."""
    said = f"{counted(usage.prompt_tokens, 'token')} sent, {usage.completion_tokens:,} received"
    if not usage.is_estimated:
        return said
    sent, received = usage.estimated_prompt_tokens, usage.estimated_completion_tokens
    return f"{said}; estimated, since the endpoint did not count them: about {sent:,} sent, {received:,} received"


def money_text(usage: "Usage", usd: float | None) -> str:
    """Return the price of some requests, None where it is not known."""
    if usd is None:
        return "price not known (--price-in, --price-out)"
    said = f"{usd:,.4f} USD by the price list"
    return f"about {said}, by an estimate of the tokens that the endpoint did not count" if usage.is_estimated else said
