"""What the findings come to: advice in sentences, most important first.

Each piece of advice is serious, worth a look or a note, by thresholds that stand where it is made; of equally important advice
that which concerns more rows comes first.
"""

from tracegen.doctor.on_dataset import advise_on_dataset
from tracegen.doctor.on_documentation import advise_on_documentation
from tracegen.doctor.prospects import advise_on_prospects
from tracegen.doctor.records import Advice, Importance
from tracegen.doctor.weighing import Findings

_ORDER: tuple[Importance, ...] = ("serious", "worth a look", "note", "good")


def advise(findings: Findings) -> tuple[Advice, ...]:
    """Return all advice, most important first."""
    made = [*advise_on_documentation(findings), *advise_on_dataset(findings), *advise_on_prospects(findings)]
    made.sort(key=lambda each: (_ORDER.index(each.advice.importance), -each.share))
    return tuple(each.advice for each in made)
