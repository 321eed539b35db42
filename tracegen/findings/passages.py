"""The passages of a return, for the several checks that look at each."""

from functools import lru_cache

from tracegen.traces.chat import Passage, split_passages


@lru_cache(maxsize=64)
def passages_in(text: str) -> tuple[Passage, ...]:
    """Return the passages of a return, as `split_passages` gives them."""
    return tuple(split_passages(text))
