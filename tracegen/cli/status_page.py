"""What `tracegen index --status` shows."""

from array import array
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from tracegen.index.models import short
from tracegen.review.accumulate import histogram, spread
from tracegen.review.terminal import fact, histogram_lines, spread_text
from tracegen.review.text import wrap
from tracegen.traces.chat import visible

if TYPE_CHECKING:
    from tracegen.index.status import IndexStatus

SKIPPED_SHOWN = 10
WIDTH = 100


def status_data(status: "IndexStatus") -> dict[str, Any]:
    """Return the status as data: instead of every chunk's length how they are distributed, None where they are not known."""
    data = status.model_dump(exclude={"lengths"})
    lengths = None if status.lengths is None else array("I", status.lengths)
    data["tokens"] = None if lengths is None else spread(lengths).model_dump()
    data["tokens_histogram"] = None if lengths is None else [bar.model_dump() for bar in histogram(lengths)]
    return data


def status_page(status: "IndexStatus", name: str, all_skipped: bool) -> str:
    """Return the status as a page; `name` says what of."""
    budget = f"at most {status.budget} tokens"
    asked = f" ({status.max_tokens} were asked for, the model reads no more)" if status.budget < status.max_tokens else ""
    facts = {
        "documents": f"{status.documents:,} from {', '.join(map(visible, status.roots))}",
        "chunks": f"{status.chunks:,}, {budget}{asked}",
        "model": f"{visible(status.model)}, {status.dimension} numbers a vector, weights {short(status.fingerprint)}",
        "built": f"{status.built} by tracegen {status.version}",
    }
    if status.bytes is not None:
        facts["size on disk"] = ", ".join(f"{part} {_size(size)}" for part, size in status.bytes.items())
    lines = [click.style(f"{name}: {status.id}", bold=True)]
    lines += [line for label, text in facts.items() for line in fact(label, text, WIDTH)]
    if status.lengths is not None:
        lengths = array("I", status.lengths)
        lines += [
            "",
            *fact("tokens per chunk", spread_text(spread(lengths), p95=True), WIDTH),
            *histogram_lines(histogram(lengths)),
        ]
    return "\n".join([*lines, "", *_skipped_lines(status, all_skipped)])


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def _skipped_lines(status: "IndexStatus", all_skipped: bool) -> list[str]:
    """Return what was left out: how much for which reason, and the first files."""
    if not status.skipped:
        return fact("left out", "nothing", WIDTH)
    reasons = Counter(skipped.reason for skipped in status.skipped)
    lines = fact("left out", f"{len(status.skipped):,}", WIDTH)
    lines += [f"{count:>15,}  {visible(reason)}" for reason, count in reasons.most_common()]
    shown = status.skipped if all_skipped else status.skipped[:SKIPPED_SHOWN]
    for skipped in shown:
        lines += wrap(f"  {visible(skipped.path)}: {visible(skipped.reason)}", WIDTH, hang=4)
    if len(shown) < len(status.skipped):
        lines.append(f"  ... and {len(status.skipped) - len(shown):,} more (--all-skipped lists them)")
    return lines
