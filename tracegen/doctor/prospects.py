"""What fine-tuning can do with a dataset, and whether retrieval alone might do."""

from collections.abc import Iterator, Sequence

from tracegen.doctor.checking import fails_alike
from tracegen.doctor.records import Checked, Documentation, Importance, Prospects, Repetitions, Retrieval, TaskCount, Verdict
from tracegen.doctor.weighing import Findings, Weighed, weighed
from tracegen.wording import are, counted, in_shell, listed

LEAST_ROWS, FEW_ROWS, SOME_ROWS, ROWS_A_TASK = 10, 50, 100, 1000
"""OpenAI's guide to supervised fine-tuning (developers.openai.com/api/docs/guides/supervised-fine-tuning, 2026-11): at least
10 examples, improvements from 50 to 100 on, start with 50 good ones. 1,000 curated examples are what LIMA was trained on (Zhou
et al. 2023, arXiv:2305.11206)."""
TASK_SHARE = 0.1
"""A task with a smaller share of the rows is an exception, not a task."""
BEST_ENOUGH, REACHED_ENOUGH = 0.9, 0.7
"""For retrieval alone: mean support at best, and share of the rows whose documented needs are found."""
OWN_ROWS, OWN_SHARE, FEW_OWN = 3, 0.05, 3
"""An undocumented term that so many rows, and this share of them, need is an idiom of the dataset; fewer than three are few."""


def prospects(
    rows: int,
    repetitions: Repetitions,
    tasks: Sequence[TaskCount],
    checked: Checked | None,
    documentation: Documentation | None,
    retrieval: Retrieval | None,
) -> Prospects:
    """Return what fine-tuning can do with these rows."""
    bad = {line for group in (*repetitions.exact, *repetitions.near) for line in group.lines[1:]}
    bad |= {line for group in repetitions.contradictions for line in group.lines}
    if checked is not None and not fails_alike(checked):
        bad |= {failure.line for failure in checked.failures}
    return Prospects(
        good_rows=rows - len(bad),
        tasks=sum(task.share >= TASK_SHARE for task in tasks),
        retrieval_alone=_verdict(documentation, retrieval, rows),
    )


def _verdict(documentation: Documentation | None, retrieval: Retrieval | None, rows: int) -> Verdict:
    if documentation is None or retrieval is None:
        return Verdict(answer="cannot say", reasons=("That takes an index of the documentation.",))
    best, reached = documentation.best, retrieval.retrievable
    if not best.rows or not reached.rows:
        return Verdict(answer="cannot say", reasons=("No output needs a name that its prompt does not give.",))
    own = [term.text for term in documentation.undocumented if term.rows >= max(OWN_ROWS, OWN_SHARE * rows)]
    reached_share = reached.above / reached.rows
    reasons = (
        f"The documentation has {best.mean:.0%} of what outputs need; {BEST_ENOUGH:.0%} would be enough.",
        f"The built-in researcher finds enough of what is documented for {reached_share:.0%} of the rows; "
        f"{REACHED_ENOUGH:.0%} would be enough, and a chat model as teacher finds more.",
        _idioms(own),
    )
    if best.mean < BEST_ENOUGH or len(own) >= FEW_OWN:
        return Verdict(answer="unlikely", reasons=reasons)
    return Verdict(answer="may do" if reached_share >= REACHED_ENOUGH else "cannot say", reasons=reasons)


def _idioms(own: Sequence[str]) -> str:
    """Return what there is to learn that no documentation has."""
    if not own:
        return "No undocumented name is needed again and again, so training would teach little that the documentation does not."
    names = f"{counted(len(own), 'undocumented name')} {are(len(own))} needed again and again ({listed(own)})"
    return f"{names}: {'few, but' if len(own) < FEW_OWN else ''} only training, or a page about them, teaches these."


def advise_on_prospects(findings: Findings) -> Iterator[Weighed]:
    """Yield advice on what fine-tuning can do, and on what it costs."""
    prospects = findings.prospects
    yield _rows(prospects)
    verdict = prospects.retrieval_alone
    if findings.documentation is not None:
        heads = {
            "may do": "Retrieval alone may do, without any fine-tuning.",
            "unlikely": "Retrieval alone will hardly do.",
            "cannot say": "Whether retrieval alone would do cannot be said from here.",
        }
        problem = " ".join([heads[verdict.answer], *verdict.reasons])
        remedy = "Try it before you train: give the untuned model the tool (`tracegen serve`), and read twenty of its answers."
        level: Importance = "worth a look" if verdict.answer == "may do" else "note"
        yield weighed("retrieval-alone", level, problem, remedy, 0.0)
    problem = "How many calls and tokens the research of these rows takes, and what it costs, can be known beforehand."
    remedy = f"Ask `tracegen generate {in_shell(findings.dataset)} -o augmented.jsonl --estimate`."
    yield weighed("cost", "note", problem, remedy, -1.0)


def _rows(prospects: Prospects) -> Weighed:
    good, tasks = prospects.good_rows, max(1, prospects.tasks)
    wanted = ROWS_A_TASK * tasks
    usual = (
        f"The usual advice is {FEW_ROWS} to {SOME_ROWS} good rows to see an effect, and about {ROWS_A_TASK:,} for each task "
        f"({counted(tasks, 'task')} here)."
    )
    sound = f"{counted(good, 'sound row')}: neither a repetition nor a contradiction."
    if good >= wanted:
        return weighed("rows", "good", f"{sound} {usual}", "", 0.0)
    if good >= SOME_ROWS:
        remedy = "Enough to begin with. More helps where they differ from these."
        return weighed("rows", "note", f"{sound} {usual}", remedy, 0.5)
    fewest = f" Services refuse fewer than {LEAST_ROWS}." if good < LEAST_ROWS else ""
    remedy = f"Write at least {max(1, FEW_ROWS - good)} more." if good < FEW_ROWS else "Enough for a first try; write more."
    level: Importance = "serious" if good < FEW_ROWS else "worth a look"
    return weighed("rows", level, f"{sound} {usual}{fewest}", remedy, 1.0)
