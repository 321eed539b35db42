"""Options about a judge model, and how what it says is shown."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracegen.cli.asking import asking_options, give_up_option, read_asking
from tracegen.cli.stopping import run_stoppable
from tracegen.cli.usage import money_text, tokens_text
from tracegen.wording import counted, were

if TYPE_CHECKING:
    from tracegen.cli.progress import Bar
    from tracegen.judging import Judged, Verdict

DISAGREEMENTS_SHOWN = 8
REASON_CHARS = 100

_OPTIONS = (
    click.option(
        "--judge",
        default=None,
        metavar="MODEL",
        help="Have this model rate the same, 1 to 5 with reasons, and say how far it agrees. Costs what the model costs.",
    ),
    click.option(
        "--judge-prompt", type=click.Path(path_type=Path), default=None, help="File with the judge's system prompt, not ours."
    ),
    click.option("--limit", type=click.IntRange(min=1), default=None, help="Only N rows for the judge; more can follow later."),
    click.option(
        "--base-url", default=None, help="Address of the judge's endpoint.  [default: OPENAI_BASE_URL, else OpenAI's]"
    ),
    click.option("--concurrency", type=click.IntRange(1, 4096), default=16, show_default=True, help="Most rows at a time."),
    click.option("--rpm", type=click.FloatRange(min=0, min_open=True), default=None, help="Most requests a minute."),
    click.option("--tpm", type=click.FloatRange(min=0, min_open=True), default=None, help="Most tokens a minute."),
    give_up_option,
    click.option(
        "--budget", default=None, metavar="5usd|500000tokens", help="A hard cap for this judge on this run, in all its starts."
    ),
    click.option("--price-in", type=click.FloatRange(min=0), default=None, help="USD for a million tokens sent."),
    click.option("--price-out", type=click.FloatRange(min=0), default=None, help="USD for a million tokens received."),
)


def judge_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command."""
    function = asking_options(function)
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def ask_judge(run: Path, supports: Mapping[int, float | None], options: dict[str, Any], progress: "Bar") -> "Verdict | None":
    """Return what the judge says that the options name, or None where they name none."""
    asking = read_asking(options)
    model = options["judge"]
    if model is None:
        only = ("judge_prompt", "limit", "base_url", "rpm", "tpm", "budget", "price_in", "price_out")
        if given := [name for name in only if options[name] is not None]:
            raise click.UsageError(f"--{given[0].replace('_', '-')} goes with --judge.")
        return None
    from tracegen.judging import judge_run
    from tracegen.teacher.pacing import Pace

    coming = judge_run(
        run,
        supports,
        model,
        prompt=options["judge_prompt"],
        asking=asking,
        pace=Pace(*(options[name] for name in ("concurrency", "rpm", "tpm", "give_up_after"))),
        progress=lambda done, total, note: progress.show("judge", done, total, note),
        **{name: options[name] for name in ("base_url", "budget", "price_in", "price_out", "limit")},
    )
    return run_stoppable(coming)


def judge_page(verdict: "Verdict", model: str) -> str:
    """Return what a judge came to, for people."""
    from tracegen.judging import HIGH_SCORE, HIGH_SUPPORT, disagreements

    rated, agreement = verdict.rated, verdict.agreement
    weighted = sum(each.judgement is not None and each.judgement.weighted for each in rated)
    mean = f", {sum(each.score or 0 for each in rated) / len(rated):.2f} on average" if rated else ""
    lines = [
        f"{model}: {counted(len(rated), 'row')} rated{mean}; {weighted} weighted by probabilities of tokens",
        f"  not rated   {len(verdict.judged) - len(rated)}",
        f"  agreement   on {counted(agreement.rows, 'row')} with support and score: "
        f"Spearman's rho {_shown(agreement.spearman)}, Kendall's tau {_shown(agreement.kendall)}, "
        f"Cohen's kappa {_shown(agreement.kappa)} (support above {HIGH_SUPPORT:g}, score {HIGH_SCORE:g} and more)",
        f"  this start  {_tokens(verdict, this=True)}; {counted(verdict.resumed, 'row')} {were(verdict.resumed)} judged before",
        f"  all starts  {_tokens(verdict, this=False)}",
    ]
    if differing := disagreements(rated, DISAGREEMENTS_SHOWN):
        lines += ["", "  line  support  score  where they differ most"]
        lines += [
            f"  {each.case.line:>4}  {each.case.support:7.2f}  {each.score:5.2f}  {_reason(each)}" for _, each in differing
        ]
    for each in verdict.judged:
        if each.score is None:
            said = "no answer" if each.judgement is None else each.judgement.form
            lines.append(f"  line {each.case.line} is not rated: {_one_line(said)}")
    return "\n".join(lines)


def judgement_json(judged: "Judged | None") -> dict[str, Any] | None:
    """Return a row's judgement as JSON; None where it has none."""
    if judged is None or judged.judgement is None:
        return None
    judgement = judged.judgement
    return {name: getattr(judgement, name) for name in ("score", "stated", "weighted", "form")}


def _tokens(verdict: "Verdict", *, this: bool) -> str:
    usage = verdict.usage if this else verdict.spent
    usd = None if verdict.price is None else verdict.price.usd(*usage.tokens)
    return f"{counted(usage.requests, 'answer')}, {tokens_text(usage)}, {money_text(usage, usd)}"


def _reason(each: "Judged") -> str:
    form = each.judgement.form if each.judgement else ""
    fields = dict(line.split(":", 1) for line in form.splitlines() if ":" in line)
    return _one_line(fields.get("Missing") or fields.get("Reason") or form)


def _one_line(text: str) -> str:
    from tracegen.traces.chat import visible

    return visible(" ".join(text.split()), REASON_CHARS)


def _shown(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.2f}"
