"""Rows whose support stays too low: kept and marked, or left out of the files, by what the run file has stored."""

from typing import Literal, NamedTuple

from tracegen.errors import SettingsError
from tracegen.records import Finding
from tracegen.traces.ratings import Rating, read_rating
from tracegen.traces.runfile import RunFile
from tracegen.traces.support import MEASURE
from tracegen.wording import counted, have, in_shell

Below = Literal["keep", "drop", "reject"]
"""What becomes of a row that is too short: it is kept, in neither file, or among the rejected ones."""
LOW_SUPPORT = "low-support"
LEAK = "leak"
TERMS_NAMED = 6
"""Missing terms that a reason names."""


class Floor(NamedTuple):
    """From which retrievable support on rows are examples, and what becomes of the others."""

    least: float
    below: Below


def choose_floor(min_support: float | None, below: Below) -> Floor | None:
    """Return the floor, or None where every row is kept. Raises SettingsError where options do not fit."""
    if below == "keep":
        return None
    if min_support is None:
        raise SettingsError(f"--below {below} needs to know below what: give --min-support, such as 0.8.")
    return Floor(min_support, below)


def short_rows(run: RunFile, floor: Floor) -> dict[str, float]:
    """Return the retrievable support of the rows that are below a floor, by their ids.

    Raises SettingsError where finished rows of the input have no support that this version has measured.
    """
    unrated = (
        run.fetch(
            """SELECT count(*) FROM traces JOIN input ON input.row_id = traces.row_id
           WHERE traces.row_id NOT IN (SELECT row_id FROM support WHERE measure = ?)""",
            MEASURE,
        )
        if run.format >= 3
        else [(run.counts()["finished"],)]
    )
    if unrated[0][0]:
        raise SettingsError(
            f"{counted(unrated[0][0], 'row')} of {run.path} {have(unrated[0][0])} no stored support that this version has "
            f"measured. Measure it first: tracegen support {in_shell(run.path)}"
        )
    # A row that nothing was to be searched for has no hops, and is not short of any.
    query = """SELECT support.row_id, retrievable FROM support JOIN traces ON traces.row_id = support.row_id
               WHERE retrievable < ? AND hops > 0"""
    return dict(run.fetch(query, floor.least))


def reason_of(run: RunFile, row_id: str, floor: Floor) -> str:
    """Return why a row is below a floor, as a sentence for the rejected rows."""
    rating = read_rating(run, row_id)
    return f"{LOW_SUPPORT}: {describe(rating, floor.least)}" if rating else LOW_SUPPORT


def describe(rating: Rating, least: float) -> str:
    """Return how a rating falls short, in words."""
    missing = [term.text for term in rating.lacking()]
    more = f" and {len(missing) - TERMS_NAMED} more" if len(missing) > TERMS_NAMED else ""
    return (
        f"Retrievable support is {rating.support.retrievable or 0:.2f}, below {least:g}; documented but not shown, or only "
        f"mentioned: {', '.join(missing[:TERMS_NAMED])}{more}"
    )


def findings_of(rating: Rating, least: float) -> list[Finding]:
    """Return what a person should know about the support of a row."""
    found = []
    if rating.is_below(least):
        found.append(Finding(check=LOW_SUPPORT, level="warning", message=describe(rating, least)))
    for leak in rating.leaks:
        if leak.outcome == "left in":
            message = f"the query of hop {leak.hop} holds {', '.join(leak.terms)}, which only the desired output has"
            found.append(Finding(check=LEAK, level="error", message=message))
    return found
