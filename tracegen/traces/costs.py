"""What the finished research of a run has come to, pass by pass: what an estimate of further rows follows from.

A row's events belong to the pass that they are in: `research` until the teacher is told to search on, then `nudge` or `guide`.
"""

from typing import Literal, NamedTuple

from tracegen.jsonl import dump
from tracegen.traces.runfile import RunFile
from tracegen.traces.splice import KEPT_ENDINGS
from tracegen.traces.usage import tokens

PassKind = Literal["research", "nudge", "guide"]

_PASSES = f"""
WITH told AS (SELECT row_id, kind, body, at, {tokens("prompt")} AS prompt, {tokens("completion")} AS completion,
                     sum(kind = 'further') OVER (PARTITION BY row_id ORDER BY seq) AS pass
              FROM events WHERE row_id IN (SELECT row_id FROM traces)),
     kinds AS (SELECT row_id, pass, json_extract(body, '$.kind') AS kind FROM told WHERE kind = 'further'),
     each AS (SELECT coalesce(kinds.kind, 'research') AS kind, sum(told.kind = 'return') AS searches,
                     count(*) AS events, sum(told.kind = 'response') AS requests,
                     sum(prompt) FILTER (WHERE told.kind = 'response') AS sent,
                     sum(completion) FILTER (WHERE told.kind = 'response') AS received,
                     max(prompt) FILTER (WHERE told.kind = 'response') AS longest,
                     min(prompt) FILTER (WHERE told.kind = 'response') AS shortest,
                     (julianday(max(at)) - julianday(min(at))) * 86400.0 AS seconds
              FROM told LEFT JOIN kinds USING (row_id, pass) GROUP BY told.row_id, pass)
SELECT kind, count(*), sum(searches), sum(requests), coalesce(sum(sent), 0), coalesce(sum(received), 0),
       coalesce(avg(longest), 0), coalesce(avg((longest - shortest) * 1.0 / max(requests - 1, 1)), 0),
       coalesce(avg(CASE WHEN seconds < 3600 THEN seconds * events / max(events - 1, 1) / max(requests, 1) END), 0)
FROM each GROUP BY kind"""

_SHORT = """
SELECT count(*), coalesce(sum(kept AND first < ?1), 0),
       coalesce(sum(second IS NOT NULL), 0), coalesce(sum(second < ?1), 0)
FROM (SELECT ended IN (SELECT value FROM json_each(?2)) AND hops > 0 AS kept,
             coalesce(json_extract(trace, '$.further[0].retrievable'), retrievable) AS first,
             CASE WHEN json_array_length(trace, '$.further') > 0
                  THEN coalesce(json_extract(trace, '$.further[1].retrievable'), retrievable) END AS second
      FROM traces LEFT JOIN support USING (row_id))"""


class PassCost(NamedTuple):
    """What one pass came to in the rows that had it."""

    rows: int
    """Rows that had it."""
    searches: float
    """Searches for a row, on average; so are all that follow."""
    requests: float
    """Answers of the teacher for a row."""
    prompt_tokens: float
    """Tokens sent for a row."""
    completion_tokens: float
    """Tokens received for a row."""
    longest: float
    """Tokens of a row's longest request, the last one of the pass."""
    growth: float
    """Tokens by which each request was longer than the one before."""
    request_s: float
    """Seconds for a request, with the search after it; pauses between starts left out."""


class ShortRows(NamedTuple):
    """How many of the researched rows are short of support, each as it was when its teacher first stopped."""

    rows: int
    """Rows that are researched."""
    short: int
    """Those that were short then, and may go on."""
    nudged: int
    """Rows that were told to search on."""
    short_after: int
    """Those of them that were short after it, too."""


def pass_costs(run: RunFile) -> dict[PassKind, PassCost]:
    """Return what each pass came to, for the kinds of passes that finished research has."""
    costs: dict[PassKind, PassCost] = {}
    for kind, rows, searches, requests, sent, received, longest, growth, request_s in run.fetch(_PASSES):
        each = (searches / rows, requests / rows, sent / rows, received / rows)
        costs[kind] = PassCost(rows, *each, longest, growth, request_s)
    return costs


def count_short(run: RunFile, least: float) -> ShortRows:
    """Return how many rows are short of this retrievable support; those without a stored rating are not."""
    return ShortRows(*run.fetch(_SHORT, least, dump(KEPT_ENDINGS))[0])
