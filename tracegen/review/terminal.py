"""The summary of a file as a page for the terminal; what is printed, without printing it."""

from collections.abc import Sequence

import click

from tracegen.records import Finding
from tracegen.review.figures import Bar, CheckCount, Spread, StrangeRow, Summary
from tracegen.review.text import clip, pad, wrap
from tracegen.wording import counted, in_shell

LABEL = 17
"""Columns of the names on the left."""
SHOWN_REASONS = 3
"""Checks told of one strange row."""
COLOURS = {"error": "red", "warning": "yellow"}


def render_summary(summary: Summary, *, name: str, width: int = 80) -> str:
    """Return the page: what is in the file, what is wrong with it, which rows to look at, what to do next."""
    usable = f"{counted(summary.rows, 'row')}, {counted(summary.unusable, 'line')} not usable"
    blocks = [
        [click.style(f"{name}: {usable}", bold=True)],
        _bad_lines(summary, width),
        _figures(summary, width) if summary.roles else [],
        _supported(summary, width),
        _findings(summary, width),
        _strangest(summary, width),
        _next(summary, name),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def finding_lines(finding: Finding, width: int, label: int = 0) -> list[str]:
    """Return a finding as lines: its level, its check (at least `label` columns wide) and its message."""
    head = f"{finding.level:<8} {pad(finding.check, label)}  "
    first, *rest = wrap(head + finding.message, width, hang=9)
    return [click.style(first[:8], fg=COLOURS[finding.level]) + first[8:], *rest]


# --- blocks --------------------------------------------------------------------------------------------------------------


def _bad_lines(summary: Summary, width: int) -> list[str]:
    if not summary.unusable:
        return []
    lines = [click.style("Lines that are not usable", bold=True)]
    for bad in summary.unusable_lines:
        lines += wrap(f"  line {bad.line:<6} {bad.reason}", width, hang=14)
    more = summary.unusable - len(summary.unusable_lines)
    lines += [f"  and {more:,} more"] if more else []
    # A file that is one JSON array fails on every line; the reader should be told once what it is.
    if not summary.rows:
        lines += wrap("  A file has one JSON object per line. One JSON array is made into that by: jq -c '.[]' FILE", width)
    return lines


def _figures(summary: Summary, width: int) -> list[str]:
    lines = []
    if summary.returns.count or summary.hops.max:
        lines += fact("hops per row", spread_text(summary.hops), width)
        lines += histogram_lines(summary.hops_histogram)
    else:
        lines += fact("hops per row", "none: no row calls a tool", width)
    lines += ["", *_tokens(summary, width), ""]
    lines += _returns(summary, width)
    lines += fact("messages", ", ".join(f"{name} {number:,}" for name, number in summary.roles.items()), width)
    lines += fact("system prompts", _system_prompts(summary), width)
    tools = ", ".join(f"{name} in {counted(rows, 'row')}" for name, rows in summary.tools.items())
    lines += fact("tools", tools or "none", width)
    return lines


def _system_prompts(summary: Summary) -> str:
    if not (summary.roles.keys() & {"system", "developer"}):
        return "none"
    return f"{summary.system_prompts:,} different" if summary.system_prompts > 1 else "all the same"


def fact(label: str, text: str, width: int) -> list[str]:
    """Return a figure as lines: its name on the left, its text beside it."""
    return wrap(f"{label:<{LABEL}}{text}", width, hang=LABEL)


def spread_text(spread: Spread, p95: bool = False) -> str:
    """Return how a number is distributed as one line."""
    high = f"   p95 {spread.p95:,}" if p95 else ""
    return f"min {spread.min:,}   median {spread.median:,}{high}   max {spread.max:,}"


def histogram_lines(bars: Sequence[Bar]) -> list[str]:
    """Return one line for each bar, the longest 40 columns wide."""
    most = max((bar.rows for bar in bars), default=0)
    lines: list[str] = []
    for before, bar in zip((None, *bars), bars, strict=False):
        if before is not None and not before.rows and not bar.rows:
            continue  # of a gap one line is enough
        label = str(bar.first) if bar.first == bar.last else f"{bar.first}-{bar.last}"
        drawn = "█" * max(round(bar.rows / most * 40), bool(bar.rows))
        lines.append(f"{label:>{LABEL - 2}}  {drawn + ' ' if drawn else ''}{bar.rows:,}")
    return lines


def _tokens(summary: Summary, width: int) -> list[str]:
    notes = ["Estimated: about 4 characters a token. Code has up to half as many more."]
    notes.append(f"To be safe, set the trainer's max_length to {summary.max_length:,}.")
    cut = [f"{rows:,} at {limit:,}" for limit, rows in summary.longer_than.items() if rows]
    if cut:
        notes.append(f"Shorter ones cut rows at their end, where the desired output stands: {', '.join(cut)}.")
    lines = fact("tokens per row", spread_text(summary.tokens, p95=True), width)
    for note in notes:
        lines += [click.style(line, dim=True) for line in wrap(" " * LABEL + note, width, hang=LABEL)]
    return lines


def _returns(summary: Summary, width: int) -> list[str]:
    returns = summary.returns
    if not returns.count:
        return fact("returns", "none", width)
    text = f"{returns.count:,}, median {returns.characters.median:,} characters, longest {returns.characters.max:,}"
    kinds = {"repeated in their row": returns.repeated, "empty": returns.empty, "in error": returns.errors}
    lines = fact("returns", f"{text}; {', '.join(f'{count:,} {kind}' for kind, count in kinds.items())}", width)
    return lines + _searches(summary, width) + _copied(summary, width)


def _searches(summary: Summary, width: int) -> list[str]:
    searches = summary.searches
    if not searches.failed:
        return fact("failed searches", "none", width)
    text = f"{searches.failed:,} in {_share(searches.rows_with_failed, summary.rows)} of the rows; "
    honest = _share(searches.rows_with_honest, summary.rows)
    return fact("failed searches", f"{text}honest ones, after which another found what was used, in {honest}", width)


def _copied(summary: Summary, width: int) -> list[str]:
    copied = summary.copied
    if not copied.rows:
        return []
    text = f"of the output median {copied.percent.median} %, most {copied.percent.max} %"
    return fact("copied", f"{text}; open-book copies: {_share(copied.open_book, summary.rows)} of the rows", width)


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({part / whole:.0%})" if whole else f"{part:,}"


def _supported(summary: Summary, width: int) -> list[str]:
    supported = summary.supported
    if supported is None:
        return []
    lines = [click.style("Support", bold=True)]
    if supported.needing:
        share = f"{supported.above / supported.needing:.1%}"
        text = f"mean {supported.mean:.2f}; above 0.8: {supported.above:,} of {counted(supported.needing, 'row')} ({share})"
        lines += fact("retrievable", text, width)
        steps, most = len(supported.histogram), max(supported.histogram)
        for step, rows in enumerate(supported.histogram):
            label = f"{step / steps:.1f}-{(step + 1) / steps:.1f}"
            drawn = "█" * max(round(rows / most * 40), bool(rows))
            lines.append(f"{label:>{LABEL - 2}}  {drawn + ' ' if drawn else ''}{rows:,}")
    lines += fact(
        "leaks", f"{supported.leaks:,}; {counted(supported.refused, 'leaking query', 'leaking queries')} refused", width
    )
    lines += fact(
        f"below {supported.least:g}", counted(supported.below, "row") + (", least first" if supported.short else ""), width
    )
    for row in supported.short:
        head = f"  line {row.line:<6} {row.retrievable:.2f}  "
        lines.append(click.style(head, bold=True) + clip("not shown: " + ", ".join(row.missing), width - len(head)))
    return lines


def _findings(summary: Summary, width: int) -> list[str]:
    if not summary.findings:
        return [click.style("Findings", bold=True), "  none"] if summary.rows else []
    lines = [click.style("Findings", bold=True)]
    for check in summary.findings:
        lines += _check_lines(check, width)
    return lines


def _check_lines(check: CheckCount, width: int) -> list[str]:
    more = ", ..." if check.rows > len(check.lines) else ""
    where = f"{'line' if check.rows == 1 else 'lines'} {', '.join(map(str, check.lines))}{more}"
    head = click.style(f"  {check.level:<8}", fg=COLOURS[check.level])
    reason = wrap(" " * 11 + check.reason, width, hang=11)
    return [
        f"{head} {check.check:<21} {counted(check.rows, 'row')}: {where}",
        *(click.style(line, dim=True) for line in reason),
    ]


def _strangest(summary: Summary, width: int) -> list[str]:
    if not summary.strangest:
        return []
    lines = [click.style("Strangest rows first", bold=True)]
    for row in summary.strangest:
        head = f"  line {row.line:<6} "
        lines.append(click.style(head, bold=True) + clip(row.prompt or "(no prompt)", width - len(head)))
        lines += ["    " + line for line in _reasons(row, width - 4)]
    return lines


def _reasons(row: StrangeRow, width: int) -> list[str]:
    by_check: dict[str, list[Finding]] = {}
    for finding in row.findings:
        by_check.setdefault(finding.check, []).append(finding)
    lines: list[str] = []
    for first, *others in list(by_check.values())[:SHOWN_REASONS]:
        again = f" (and {counted(len(others), 'more place')})" if others else ""
        lines += finding_lines(first.model_copy(update={"message": first.message + again}), width)
    more = len(by_check) - SHOWN_REASONS
    lines += [f"and {counted(more, 'more check')}"] if more > 0 else []
    return lines + ([f"size     {row.far}"] if row.far else [])


def _next(summary: Summary, name: str) -> list[str]:
    if not summary.rows:
        return []
    line = summary.strangest[0].line if summary.strangest else summary.first_line
    command = f"tracegen inspect {in_shell(name)} {line}"
    notes = {command: "one row as a conversation", f"{command} --json": "the same row as it stands"}
    longest = max(map(len, notes))
    return [click.style("Next", bold=True), *(f"  {pad(words, longest)}   {note}" for words, note in notes.items())]
