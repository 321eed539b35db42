"""The report as a page for the terminal; what is printed, without printing it."""

from collections.abc import Iterator, Sequence

import click

from tracegen.doctor.records import Advice, Documentation, Report, Retrieval, Size, SupportFigures, Variety
from tracegen.review.text import clip, wrap
from tracegen.traces.chat import visible
from tracegen.wording import counted, named_lines, verb

LABEL = 17
"""Columns of the names on the left."""
CLUSTERS = 8
TERMS = 12
PAGES = 8
COLOURS = {"serious": "red", "worth a look": "yellow", "note": "cyan"}


def render_report(report: Report, *, width: int = 80) -> str:
    """Return the page: what to do, most important first, then the figures, then what was not examined."""
    head = f"{visible(report.dataset)}: {counted(report.sizes.rows, 'row')}, {counted(len(report.unusable), 'line')} not usable"
    blocks = [
        [click.style(line, bold=True) for line in wrap(head, width)],
        [click.style("What to do, most important first", bold=True), *_advice(report.advice, width)],
        [click.style("The dataset", bold=True), *_dataset(report, width)],
        [click.style("The documentation and the retrieval", bold=True), *_documentation(report, width)],
        [click.style("Not examined", bold=True), *_skipped(report, width)] if report.skipped else [],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if len(block) > 1 or block[:1] == blocks[0][:1])


def _advice(advice: Sequence[Advice], width: int) -> Iterator[str]:
    number = 0
    for each in advice:
        if each.importance == "good":
            continue
        number += 1
        head = f"{number:>2}  {each.importance}: {each.check}"
        yield click.style(head, fg=COLOURS[each.importance])
        yield from wrap(f"    {visible(each.problem)}", width, hang=4)
        if each.remedy:
            yield from wrap(f"    -> {visible(each.remedy)}", width, hang=7)
        if each.lines:
            yield from (click.style(line, dim=True) for line in wrap(f"    {named_lines(each.lines)}", width, hang=4))
    good = [each.problem for each in advice if each.importance == "good"]
    if good:
        yield click.style(" +  good", fg="green")
        for sentence in good:
            yield from wrap(f"    {sentence}", width, hang=4)


def _dataset(report: Report, width: int) -> Iterator[str]:
    sizes = report.sizes
    turns = f", {sizes.multi_turn:,} of them with several turns" if sizes.multi_turn else ""
    yield from _fact("rows", f"{sizes.rows:,}{turns}", width)
    yield from _fact("prompt", _size(sizes.prompt), width)
    yield from _fact("output", _size(sizes.output), width)
    tasks = [f"{task.request} ({task.shape}) {task.rows:,}" for task in report.tasks]
    yield from _fact("tasks", ", ".join(tasks), width)
    yield from _fact("system prompts", _system_prompts(report), width)
    if report.checked is not None:
        passed = report.checked.checked - len(report.checked.failures)
        prose = f"; {report.checked.prose:,} are prose" if report.checked.prose else ""
        yield from _fact(
            "outputs", f"{passed:,} of {report.checked.checked:,} pass {visible(report.checked.command)}{prose}", width
        )
        for failure in report.checked.failures[:PAGES]:
            code = "time limit" if failure.code is None else f"code {failure.code}"
            yield from wrap(f"  line {failure.line:<6} {code}: {failure.message}", width, hang=14)
    if report.variety is not None:
        yield from _variety(report.variety, width)


def _variety(variety: Variety, width: int) -> Iterator[str]:
    text = f"{len(variety.clusters):,}, as varied as {variety.effective:.1f} of equal size"
    yield from _fact("clusters", f"{text} ({counted(variety.embedded, 'row')} looked at)", width)
    for cluster in variety.clusters[:CLUSTERS]:
        line = f"  {cluster.rows:>5,} {cluster.share:>4.0%}  {', '.join(cluster.words) or '(no words in common)'}"
        yield clip(f"{line}  (lines {', '.join(map(str, cluster.lines[:3]))})", width)
    if len(variety.clusters) > CLUSTERS:
        yield f"  and {len(variety.clusters) - CLUSTERS:,} more"


def _documentation(report: Report, width: int) -> Iterator[str]:
    documentation, retrieval = report.documentation, report.retrieval
    if documentation is None:
        return
    yield from _fact("index", f"{counted(documentation.chunks, 'chunk')} of {counted(documentation.pages, 'page')}", width)
    needs = f"{counted(documentation.distinct, 'name')}, of which fewer than three rows need {documentation.rare:,}"
    yield from _fact("needed", f"{needs}; {documentation.terms_per_row:.1f} for a row that needs any", width)
    yield clip(f"{'support':<{LABEL}}{'mean':>5}  {'above 0.8':>17}   0.0 to 1.0", width)
    if retrieval is not None:
        yield clip(_support("plain search", retrieval.search), width)
        yield clip(_support("researcher", retrieval.researcher), width)
    yield clip(_support("at best", documentation.best), width)
    yield from _gaps(documentation, width)
    if retrieval is not None:
        yield from _pages(retrieval, width)


def _gaps(documentation: Documentation, width: int) -> Iterator[str]:
    if documentation.undocumented:
        yield from _fact("undocumented", counted(len(documentation.undocumented), "name"), width)
    for term in documentation.undocumented[:TERMS]:
        yield clip(f"  {term.rows:>5,}  {term.text}  ({named_lines(term.lines, 5)})", width)
    if len(documentation.undocumented) > TERMS:
        yield f"  and {len(documentation.undocumented) - TERMS:,} more (--json has them all)"
    if documentation.judged:
        pages, sections = documentation.unused_pages, documentation.unused_sections
        unused = (
            f"{counted(len(pages), 'page')} of {documentation.judged:,}, and {counted(len(sections), 'section')} of other pages"
        )
        yield from _fact("used by no row", unused, width)
        named = (f"{section.path}  {section.heading.split(' > ')[-1]}" for section in sections)
        yield from _listed([visible(name) for name in (*pages, *named)], width)


def _pages(retrieval: Retrieval, width: int) -> Iterator[str]:
    looked = f"{retrieval.sampled:,} of {counted(retrieval.rows, 'row')}"
    sampled = f", drawn with seed {retrieval.seed}" if retrieval.sampled < retrieval.rows else ""
    yield from _fact("searched for", f"{looked}{sampled}; {retrieval.searches:.1f} searches each", width)
    hubs = len(retrieval.hubs)
    yield from _fact("hubs", f"{counted(hubs, 'page')} {verb(hubs, 'come')} up for half of the rows or more", width)
    yield from _listed([f"{page.share:>4.0%}  {visible(page.path)}" for page in retrieval.hubs], width)
    yield from _fact("never found", counted(len(retrieval.never), "page"), width)
    yield from _listed([visible(page) for page in retrieval.never], width)


def _skipped(report: Report, width: int) -> Iterator[str]:
    for part in report.skipped:
        yield from _fact(f"  {part.part}", visible(part.reason), width)


# --- words ---------------------------------------------------------------------------------------------------------------


def _fact(label: str, text: str, width: int) -> list[str]:
    return wrap(f"{label:<{LABEL}}{text}", width, hang=LABEL)


def _listed(names: Sequence[str], width: int) -> Iterator[str]:
    yield from (clip(f"    {name}", width) for name in names[:PAGES])
    if len(names) > PAGES:
        yield f"    and {len(names) - PAGES:,} more"


def _size(size: Size) -> str:
    tokens = size.tokens
    spread = f"min {tokens.min:,}   median {tokens.median:,}   p95 {tokens.p95:,}   max {tokens.max:,}"
    return f"{spread} tokens, {size.all_tokens:,} in all (estimated, 4 characters each)"


def _system_prompts(report: Report) -> str:
    prompts = report.system_prompts
    if len(prompts) == 1:
        return "all the same" if prompts[0].start else "none"
    return f"{len(prompts):,} different: " + ", ".join(f"{prompt.rows:,} {prompt.start[:30]!r}" for prompt in prompts[:4])


def _support(label: str, figures: SupportFigures) -> str:
    if not figures.rows:
        return f"  {label:<{LABEL - 2}}no row needs anything"
    most = max(figures.histogram)
    bars = "".join(" ▁▂▃▄▅▆▇█"[-(-8 * rows // most)] for rows in figures.histogram)
    above = f"{figures.above:,} of {figures.rows:,} ({figures.above / figures.rows:.0%})"
    return f"  {label:<{LABEL - 2}}{figures.mean:>5.2f}  {above:>17}   {bars}"
