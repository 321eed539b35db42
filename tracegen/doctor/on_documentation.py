"""Advice on the documentation and the retrieval."""

from collections.abc import Iterator

from tracegen.doctor.records import Documentation, Importance, Retrieval
from tracegen.doctor.weighing import Findings, Weighed, good, weighed
from tracegen.wording import NAMED, are, counted, listed, of, verb

FEW_PAGES = 10
"""Of fewer pages, such as a manual on one, some come up for half of the rows whatever these ask."""


def advise_on_documentation(findings: Findings) -> Iterator[Weighed]:
    """Yield advice on the documentation and the retrieval."""
    documentation, retrieval = findings.documentation, findings.retrieval
    if documentation is not None:
        yield from _knowledge(documentation, findings.rows)
        yield from _gaps(documentation)
        yield from _unused(documentation)
    if retrieval is not None and documentation is not None:
        yield from _reach(retrieval, documentation)
        if documentation.pages >= FEW_PAGES:
            yield from _hubs(retrieval)


def _knowledge(documentation: Documentation, rows: int) -> Iterator[Weighed]:
    if not documentation.needing:
        return
    share = documentation.needing / rows
    rare = documentation.rare
    seldom = f", of which {rare:,} {are(rare)} needed by fewer than three rows, too few to remember them by" if rare else ""
    problem = (
        f"The outputs of {of(documentation.needing, rows)} need names that their prompts do not give: "
        f"{documentation.terms_per_row:.1f} each on average, {documentation.distinct:,} different ones{seldom}. A model "
        "trained on these rows alone learns to make names up."
    )
    remedy = "Teach it to look them up: `tracegen generate` puts real searches between each prompt and its output."
    yield weighed("knowledge", "serious" if share >= 0.5 else "worth a look", problem, remedy, share)


def _gaps(documentation: Documentation) -> Iterator[Weighed]:
    best = documentation.best
    if not documentation.undocumented:
        yield good("undocumented", "Every name that outputs need is documented.")
        return
    short = best.rows - best.above
    share = short / best.rows if best.rows else 0.0
    total = len(documentation.undocumented)
    top = documentation.undocumented[:NAMED]
    names = listed([f"`{term.text}` ({counted(term.rows, 'row')})" for term in top], total)
    problem = (
        f"{counted(total, 'name')} that outputs need {are(total)} documented nowhere: {names}. "
        f"Even with perfect retrieval the mean support would be {best.mean:.2f}, and {of(short, best.rows)} "
        "would see less than they need (0.8)."
    )
    remedy = "Write pages about these names, most frequent first, and index them; or leave the rows out that need them."
    level: Importance = "serious" if share >= 0.2 else "worth a look" if short else "note"
    lines = [line for line, _ in best.worst]
    yield weighed("undocumented", level, problem, remedy, share, lines)


def _unused(documentation: Documentation) -> Iterator[Weighed]:
    pages, sections = documentation.unused_pages, documentation.unused_sections
    if not documentation.judged or not (pages or sections):
        return
    whole = f"{counted(len(pages), 'page')} ({listed(pages)})" if pages else ""
    some = counted(len(sections), "section") + (" of the others" if pages else "") if sections else ""
    problem = (
        f"Of the {counted(documentation.judged, 'page')} with sections named for what they explain, no output uses anything of "
        f"{' and '.join(filter(None, (whole, some)))}."
    )
    remedy = "The model will not see these topics in training. Add rows for those that your users will ask about."
    yield weighed("unused-documentation", "note", problem, remedy, 0.0)


def _reach(retrieval: Retrieval, documentation: Documentation) -> Iterator[Weighed]:
    reached = retrieval.retrievable
    if not reached.rows:
        return
    looked = (
        f"a sample of {retrieval.sampled:,} of {counted(retrieval.rows, 'row')} (seed {retrieval.seed})"
        if retrieval.sampled < retrieval.rows
        else "all rows"
    )
    problem = (
        f"One plain search of the prompt shows {retrieval.search.mean:.0%} of what an output needs; the built-in researcher "
        f"shows {retrieval.researcher.mean:.0%} with {retrieval.searches:.1f} searches; perfect retrieval would show "
        f"{documentation.best.mean:.0%}. Of what is documented, enough (0.8) is found for {of(reached.above, reached.rows)}. "
        f"Looked at: {looked}."
    )
    short = reached.rows - reached.above
    share = short / reached.rows
    if share <= 0.2:
        yield weighed("retrieval", "good", problem, "", 0.0)
        return
    remedy = (
        "Let a chat model search (`--teacher`), which asks better; look at what the worst rows get with `tracegen search`; and "
        "leave pages out of the index that only stand in the way."
    )
    lines = [line for line, _ in reached.worst]
    yield weighed("retrieval", "serious" if share > 0.5 else "worth a look", problem, remedy, share, lines)


def _hubs(retrieval: Retrieval) -> Iterator[Weighed]:
    if not retrieval.hubs:
        yield good("hubs", "No page comes up whatever is asked.")
        return
    pages = listed([f"{page.path} ({page.share:.0%})" for page in retrieval.hubs[:NAMED]], len(retrieval.hubs))
    problem = (
        f"{counted(len(retrieval.hubs), 'page')} {verb(len(retrieval.hubs), 'come')} up for half of the rows or more: {pages}."
    )
    remedy = (
        "Good where most rows need it; else it takes the place of what they need: leave it out of the index (.tracegenignore), "
        "or split it into pages on one topic each."
    )
    yield weighed("hubs", "note", problem, remedy, 0.0)
