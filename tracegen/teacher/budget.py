"""A hard cap on what a run may cost, in money or in tokens, reserved before each request."""

import re
from typing import NamedTuple, Self

from tracegen.errors import SettingsError


class Price(NamedTuple):
    """What a model costs, in US dollars for a million tokens."""

    prompt: float
    """Tokens sent."""
    completion: float
    """Tokens received."""

    def usd(self, prompt_tokens: float, completion_tokens: float) -> float:
        """Return the price of so many tokens."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1_000_000


class Budget:
    """What may be spent, what is spent, and what is reserved for the requests in flight."""

    def __init__(self, limit: float, price: Price | None = None) -> None:
        """Allow so many US dollars at a price, or so many tokens where there is no price."""
        self.limit = limit
        self._price = price
        self.spent = 0.0
        self._reserved = 0.0

    @classmethod
    def parse(cls, text: str, price: Price | None) -> Self:
        """Return the budget that a text such as `20usd` or `2000000tokens` means.

        Raises SettingsError where it means none, or is money and the price is not known.
        """
        found = re.fullmatch(r"\s*\$?\s*([0-9][0-9_,]*(?:\.[0-9]+)?)\s*(usd|\$|tokens?)\s*", text, re.IGNORECASE)
        if found is None:
            raise SettingsError(f"The budget {text!r} is no amount. Give it as 20usd or 2000000tokens.")
        amount = float(found[1].replace(",", "").replace("_", ""))
        if found[2].lower().startswith("token"):
            return cls(amount)
        if price is None:
            raise SettingsError(
                "A budget in money needs a price, and the price of this teacher is not known. Give --price-in and --price-out "
                "(USD for a million tokens), or a budget in tokens such as 2000000tokens."
            )
        return cls(amount, price)

    def cost(self, tokens: tuple[float, float], share: float = 1.0) -> float:
        """Return what tokens (sent, received) cost in the budget's unit, at this share of the price; tokens are tokens."""
        return sum(tokens) if self._price is None else self._price.usd(*tokens) * share

    def add(self, prompt_tokens: float, completion_tokens: float, share: float = 1.0) -> None:
        """Count what was spent before, at this share of the price."""
        self.spent += self.cost((prompt_tokens, completion_tokens), share)

    def reserve(self, tokens: tuple[float, float], share: float = 1.0) -> bool:
        """Reserve the most that a request can cost; False where there is not that much left."""
        if self.spent + self._reserved + self.cost(tokens, share) > self.limit:
            return False
        self.hold(tokens, share)
        return True

    def hold(self, tokens: tuple[float, float], share: float = 1.0) -> None:
        """Reserve what will have to be paid in any case."""
        self._reserved += self.cost(tokens, share)

    def settle(self, reserved: tuple[float, float], used: tuple[float, float] = (0, 0), share: float = 1.0) -> None:
        """Put what a request really cost in the place of what was reserved for it."""
        self._reserved = max(0.0, self._reserved - self.cost(reserved, share))
        self.spent += self.cost(used, share)

    def sentence(self) -> str:
        """Return what to say when it is reached."""
        return (
            f"The budget is reached: {self.shown(self.spent)} of {self.shown(self.limit)} are spent, and the next request "
            "could go beyond. What was answered is kept: run again with a higher --budget to go on."
        )

    def shown(self, amount: float) -> str:
        """Return an amount in the budget's unit."""
        return f"{amount:,.0f} tokens" if self._price is None else f"{amount:,.4g} USD"
