"""What the answers of a run have cost, summed by SQLite."""

from tracegen.records import Usage

_FIELDS = tuple(name for name in Usage.model_fields if name != "requests")

SUMS = ", ".join(["count(*)", *(f"coalesce(sum(json_extract(body, '$.usage.{name}')), 0)" for name in _FIELDS)])
"""Columns of a query over responses, in `body`, that `summed` takes."""


def summed(row: tuple[int, ...]) -> Usage:
    """Return the usage that a row of `SUMS` holds."""
    return Usage(requests=row[0], **dict(zip(_FIELDS, row[1:], strict=True)))


def tokens(direction: str) -> str:
    """Return what SQLite reads as the tokens of one response, `prompt` or `completion`, estimated ones among them."""
    return (
        f"(coalesce(json_extract(body, '$.usage.{direction}_tokens'), 0)"
        f" + coalesce(json_extract(body, '$.usage.estimated_{direction}_tokens'), 0))"
    )
