"""What advice follows from, and advice with its weight."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tracegen.doctor.records import (
    Advice,
    Checked,
    Documentation,
    Importance,
    Prospects,
    Repetitions,
    Retrieval,
    SystemPrompt,
    TaskCount,
    ThinPrompt,
    Variety,
)
from tracegen.review.figures import BadLine


class Findings(NamedTuple):
    """What advice follows from."""

    dataset: str
    rows: int
    unusable: Sequence[BadLine]
    repetitions: Repetitions
    thin_prompts: Sequence[ThinPrompt]
    tasks: Sequence[TaskCount]
    system_prompts: Sequence[SystemPrompt]
    variety: Variety | None
    checked: Checked | None
    documentation: Documentation | None
    retrieval: Retrieval | None
    prospects: Prospects


class Weighed(NamedTuple):
    """Advice, and how many rows it concerns."""

    advice: Advice
    share: float
    """Share of the rows, 0 to 1: of equally important advice that with the larger one comes first, what has none last."""


def weighed(check: str, importance: Importance, problem: str, remedy: str, share: float, lines: Iterable[int] = ()) -> Weighed:
    """Return advice with its weight."""
    return Weighed(Advice(check=check, importance=importance, problem=problem, remedy=remedy, lines=tuple(lines)), share)


def good(check: str, sentence: str) -> Weighed:
    """Return what a check says that found nothing wrong."""
    return weighed(check, "good", sentence, "", 0.0)
