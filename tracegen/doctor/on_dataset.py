"""Advice on the dataset alone."""

from collections.abc import Iterable, Iterator, Sequence

from tracegen.doctor.checking import fails_alike
from tracegen.doctor.prospects import ROWS_A_TASK, TASK_SHARE
from tracegen.doctor.records import Checked, Group, Importance, Repetitions, SystemPrompt, TaskCount, ThinPrompt, Variety
from tracegen.doctor.weighing import Findings, Weighed, good, weighed
from tracegen.wording import counted, do, have, of, verb

LOPSIDED_SHARE, VERY_LOPSIDED_SHARE = 0.3, 0.6
"""Share of the largest cluster; that of the sample has 0.12, that of the gleam case 0.18."""
LOPSIDED_ROWS = 20
"""Of fewer rows no cluster is large."""


def advise_on_dataset(findings: Findings) -> Iterator[Weighed]:
    """Yield advice on the dataset alone."""
    if findings.unusable:
        bad = len(findings.unusable)
        problem = f"{counted(bad, 'line')} cannot be used: line {findings.unusable[0].line}: {findings.unusable[0].reason}."
        lines = [line.line for line in findings.unusable]
        total = findings.rows + bad
        yield weighed("unusable", "worth a look", problem, "Mend them, or drop them.", bad / total, lines)
    if findings.checked is not None:
        yield from _failures(findings.checked)
    yield from _repetitions(findings.repetitions, findings.rows)
    yield from _thin(findings.thin_prompts, findings.rows)
    if findings.variety is not None:
        yield from _lopsided(findings.variety)
    yield from _tasks(findings.tasks)
    yield from _system_prompts(findings.system_prompts, findings.rows)


def _failures(checked: Checked) -> Iterator[Weighed]:
    if not checked.failures:
        if checked.checked:
            yield good("outputs", f"Of {counted(checked.checked, 'output')} all pass `{checked.command}`.")
        return
    messages = [failure.message for failure in checked.failures]
    share = len(messages) / checked.checked
    first = checked.failures[0]
    problem = f"{of(len(messages), checked.checked, 'output')} {do(len(messages))} not pass `{checked.command}`, such as line "
    problem += f"{first.line}: {first.message}."
    remedy = "Mend or drop them: a model learns what it is shown."
    if fails_alike(checked):
        remedy = "All fail alike, so look at the command first. It runs in a temporary folder: give paths from the root."
    level: Importance = "serious" if share >= 0.05 else "worth a look"
    yield weighed("outputs", level, problem, remedy, share, [failure.line for failure in checked.failures])


def _repetitions(found: Repetitions, rows: int) -> Iterator[Weighed]:
    if found.contradictions:
        lines = _lines_of(found.contradictions)
        problem = (
            f"{counted(len(found.contradictions), 'prompt')} {have(len(found.contradictions))} different outputs, in "
            f"{counted(len(lines), 'row')}: {_groups(found.contradictions)}. A model learns neither."
        )
        share = len(lines) / rows
        level: Importance = "serious" if share >= 0.02 else "worth a look"
        remedy = "Keep the right output of each, or say in the prompt what tells them apart."
        yield weighed("contradictions", level, problem, remedy, share, lines)
    else:
        yield good("contradictions", "No prompt has two different outputs.")
    if found.repeated:
        share = found.repeated / rows
        problem = (
            f"{of(found.repeated, rows)} {verb(found.repeated, 'repeat')} an earlier one, or nearly: "
            f"{_groups((*found.exact, *found.near))}. They weigh double in training, and leak into a validation file."
        )
        lines = sorted({line for group in (*found.exact, *found.near) for line in group.lines[1:]})
        level = "serious" if share >= 0.1 else "worth a look"
        yield weighed("duplicates", level, problem, "Keep one of each group.", share, lines)
    else:
        yield good("duplicates", "No row repeats another one.")
    if found.near_contradictions:
        lines = _lines_of(found.near_contradictions)
        problem = (
            f"{counted(len(lines), 'row')} {have(len(lines))} nearly the same prompt as another one, and clearly another "
            f"output: {_groups(found.near_contradictions)}."
        )
        remedy = "Look whether the difference between the prompts explains that between the outputs."
        yield weighed("near-contradictions", "worth a look", problem, remedy, len(lines) / rows, lines)


def _thin(prompts: Sequence[ThinPrompt], rows: int) -> Iterator[Weighed]:
    if not prompts:
        yield good("thin-prompts", "Every prompt says enough.")
        return
    share = len(prompts) / rows
    shown = "; ".join(f"line {prompt.line}: {prompt.reason}" for prompt in prompts[:3])
    problem = f"{of(len(prompts), rows)} {have(len(prompts))} a prompt that its output does not follow from: {shown}."
    remedy = "Say in the prompt what the output contains; a model that cannot know it learns to invent."
    level: Importance = "serious" if share >= 0.1 else "worth a look"
    yield weighed("thin-prompts", level, problem, remedy, share, [prompt.line for prompt in prompts])


def _lopsided(variety: Variety) -> Iterator[Weighed]:
    largest = variety.clusters[0]
    figures = (
        f"{counted(len(variety.clusters), 'cluster')} of prompts, as varied as {variety.effective:.1f} of equal size; "
        f"the largest ({_words(largest.words)}) has {variety.largest_share:.0%} of {counted(variety.embedded, 'row')}"
    )
    if variety.embedded < LOPSIDED_ROWS:
        return
    if variety.largest_share < LOPSIDED_SHARE:
        yield good("lopsided", f"The prompts are varied: {figures}.")
        return
    problem = (
        f"The prompts are lopsided: {figures}, such as those named here. The model will be good at these, and guess elsewhere."
    )
    remedy = "Add prompts on other topics, or keep fewer of this cluster."
    level: Importance = "serious" if variety.largest_share >= VERY_LOPSIDED_SHARE else "worth a look"
    yield weighed("lopsided", level, problem, remedy, variety.largest_share, largest.lines)


def _tasks(tasks: Sequence[TaskCount]) -> Iterator[Weighed]:
    main = [task for task in tasks if task.share >= TASK_SHARE]
    if len(main) < 2:
        yield good("tasks", "The rows have one task.")
        return
    named = ", ".join(f"{task.share:.0%} {task.request} ({task.shape}, such as line {task.lines[0]})" for task in main)
    problem = f"The rows have {len(main)} tasks: {named}. A model that cannot tell from the prompt which is meant mixes them."
    remedy = f"Have a system prompt for each task, and rows enough for each (about {ROWS_A_TASK:,}); or train for one alone."
    yield weighed("tasks", "worth a look", problem, remedy, 1 - main[0].share)


def _system_prompts(prompts: Sequence[SystemPrompt], rows: int) -> Iterator[Weighed]:
    if len(prompts) < 2:
        text = "All rows have the same system prompt." if prompts and prompts[0].start else "No row has a system prompt."
        yield good("system-prompts", text)
        return
    most, others = prompts[0], prompts[1:]
    deviating = sum(prompt.rows for prompt in others)
    without = next((prompt for prompt in prompts if not prompt.start), None)
    if without and len(prompts) == 2:
        problem = f"{of(without.rows, rows)} {have(without.rows)} no system prompt; the others have one, all the same."
    else:
        named, none = len(prompts) - bool(without), f", {without.rows:,} have none" if without else ""
        problem = (
            f"There are {named} different system prompts; {of(deviating, rows)} {have(deviating)} another one than the most "
            f"frequent ({most.rows:,} rows){none}."
        )
    remedy = "Use one for each task, and the same one in production, to the letter."
    lines = sorted(line for prompt in others for line in prompt.lines)
    yield weighed("system-prompts", "worth a look", problem, remedy, deviating / rows, lines)


def _words(words: Sequence[str]) -> str:
    return ", ".join(words) or "without words in common"


def _lines_of(groups: Iterable[Group]) -> list[int]:
    return sorted({line for group in groups for line in group.lines})


def _groups(groups: Sequence[Group]) -> str:
    """Return the lines of the first few groups: `lines 3 = 17 = 40, 5 = 9 and 4 more groups`."""
    shown = ", ".join(
        " = ".join(map(str, group.lines[:4])) + (" = ..." if len(group.lines) > 4 else "") for group in groups[:3]
    )
    more = len(groups) - 3
    return f"lines {shown}" + (f" and {counted(more, 'more group')}" if more > 0 else "")
