"""`tracegen generate`: dataset -> augmented dataset."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracegen.cli.asking import asking_options, budget_options, pace_options, read_asking
from tracegen.cli.batch import batch_options, read_batch_options
from tracegen.cli.choosing import choice_options, read_choice
from tracegen.cli.options import (
    EXIT_WITH_REJECTED,
    chroma_url_option,
    collection_option,
    embeddings_url_option,
    index_folder,
    index_option,
    quiet_option,
    rerank_option,
)
from tracegen.cli.progress import Bar
from tracegen.cli.searching_on import searching_on_options
from tracegen.cli.stopping import run_stoppable
from tracegen.cli.usage import money_text, tokens_text
from tracegen.traces.chat import visible
from tracegen.wording import counted, in_shell, were

if TYPE_CHECKING:
    from tracegen.estimating import Estimate
    from tracegen.pipeline import Summary
    from tracegen.research import Progress


@click.command("generate")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="File of the examples, such as augmented.jsonl."
)
@index_option
@chroma_url_option
@collection_option
@embeddings_url_option
@rerank_option
@click.option(
    "--teacher",
    default=None,
    metavar="MODEL",
    help="Model that researches, at any OpenAI-compatible endpoint; or `builtin`, the built-in researcher, which needs no "
    "model and is the default where neither key nor base URL is set.",
)
@click.option("--base-url", default=None, help="Address of the endpoint.  [default: OPENAI_BASE_URL, else OpenAI's own]")
@click.option(
    "--prompt", type=click.Path(path_type=Path), default=None, help="File with the teacher's system prompt, instead of ours."
)
@click.option("--max-hops", type=click.IntRange(min=1), default=8, show_default=True, help="Most calls for one row.")
@pace_options
@asking_options
@budget_options
@click.option("--estimate", is_flag=True, help="Only say what it will come to: calls, tokens, money, time. Nothing is asked.")
@click.option(
    "--estimate-with",
    type=click.IntRange(min=1),
    default=None,
    metavar="N",
    help="The same, measured: N rows are really researched, and kept in the run.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=None, help="Only the first N rows, for a first look; more can follow later."
)
@click.option(
    "--retry",
    default=None,
    metavar="ENDINGS",
    help="Research again the finished rows that ended so: `failed` for all that make no example, or some of error, length, "
    "no_calls, refused, with commas.",
)
@click.option(
    "--redo",
    default=None,
    metavar="LINES",
    help="Research again the rows on these lines of DATASET, such as 17,23,40-45. What is replaced stays in the run file.",
)
@searching_on_options
@choice_options
@batch_options
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    dataset: Path,
    output: Path,
    index: Path,
    quiet: bool,
    estimate: bool,
    estimate_with: int | None,
    **options: Any,
) -> None:
    """Research every row of DATASET and put the calls and returns between its prompt and its own, untouched output.

    Writes OUTPUT in OpenAI's chat format, the rejected rows with their reasons beside it (.rejected.jsonl), and the run file
    (.run.db), which holds all that was asked and answered. Stopped at any moment and started again with the same words, it goes
    on where it was and asks nothing twice; batches that are out go on meanwhile.
    """
    from tracegen.pipeline import generate_async

    index = index_folder(index, options.pop("chroma_url"), options.pop("collection"))
    asking = read_asking(options)
    choice = read_choice(options)
    again = {name: options.pop(name) for name in ("retry", "redo")}
    if not quiet and options["teacher"] in (None, "builtin"):
        note = "Teacher: the built-in researcher. It needs no model, and asks less cleverly than one: see --teacher."
    else:
        note = f"Teacher: {options['teacher']}"
    if not quiet:
        click.echo(note, err=True)
    with Bar(quiet=quiet, unit="row") as progress:

        def report(state: "Progress") -> None:
            if state.stopping:
                progress.say_once("Stopping: waiting for the answers on their way, a minute at most. Ctrl-C again: at once.")
            if state.news:
                progress.say(f"{datetime.now():%H:%M} {state.news}")
            progress.show("research", state.finished, state.rows, _progress_note(state))

        batch = read_batch_options(options, progress.say)
        if estimate or estimate_with:
            options.pop("below")
            from tracegen.estimating import estimate_async

            options |= again | {"index": index, "asking": asking, "batch": batch, "progress": report}
            click.echo(_estimate_text(run_stoppable(estimate_async(dataset, output, research=estimate_with or 0, **options))))
            return
        try:
            options |= {"index": index, "asking": asking, "progress": report, "batch": batch, "choice": choice}
            summary = run_stoppable(generate_async(dataset, output, **again, **options))
        except KeyboardInterrupt:
            if batch is not None:
                progress.say("Batches that are out go on at the service; `tracegen status` shows them.")
            raise
    if not quiet:
        click.echo(_summary_text(summary), err=True)
    if summary.rejected:
        ctx.exit(EXIT_WITH_REJECTED)


def _progress_note(state: "Progress") -> str:
    tokens = sum(state.usage.tokens)
    about = "about " if state.usage.is_estimated else ""
    note = counted(state.calls, "call") + (f", {about}{counted(tokens, 'token')}" if tokens else "")
    note += f", {state.in_flight} in flight" if state.in_flight else ""
    return f"{note}, {state.note}" if state.note else note


def _estimate_text(estimate: "Estimate") -> str:
    usd = "price not known: give --price-in and --price-out" if estimate.usd is None else f"about {estimate.usd:,.2f} USD"
    tokens = f"{counted(round(estimate.prompt_tokens), 'token')} sent, {estimate.completion_tokens:,.0f} received"
    hours, minutes = divmod(round(estimate.seconds / 60), 60)
    time = f"{hours:.0f} h {minutes:.0f} min" if hours else f"{max(minutes, 1):.0f} min"
    lines = [f"rows      {estimate.rows:,} to research" + (f", {estimate.finished:,} finished" if estimate.finished else "")]
    if estimate.nudged:
        guided = f", {estimate.guided:,.0f} of them with a guide" if estimate.guided else ""
        lines.append(f"further   about {counted(max(round(estimate.nudged), 1), 'row')} searched on{guided}")
    if estimate.calls and not estimate.requests:
        lines += [
            f"calls     about {estimate.calls:,.0f}, of the built-in researcher",
            "money     none",
            f"time      about {time}",
        ]
        return "\n".join([*lines, estimate.basis])
    lines += [
        f"calls     about {estimate.calls:,.0f}, in {counted(round(estimate.requests), 'request')} to the teacher",
        f"tokens    about {tokens}",
        f"money     {usd}",
    ]
    if estimate.waves is None:
        lines.append(f"time      about {time}, if the endpoint takes what --concurrency, --rpm and --tpm allow")
    else:
        lines.append(f"time      at most {counted(estimate.waves, 'wave')}; a service may take 24 hours for each")
    return "\n".join([*lines, estimate.basis])


def _summary_text(summary: "Summary") -> str:
    usage = summary.usage
    hops = ", ".join(f"{count} with {number}" for number, count in sorted(summary.hops.items())) or "none"
    lines = [
        f"Done in {summary.seconds:.1f} s with {summary.teacher}.",
        f"  examples    {summary.examples:>6}  {summary.output}",
        f"  rejected    {summary.rejected:>6}  {summary.rejected_output}",
        f"  run file            {summary.run_file}",
        f"  hops        {hops}",
        f"  this start  {counted(summary.calls, 'call')}, {counted(usage.requests, 'answer')} of the teacher, "
        f"{tokens_text(usage)}",
    ]
    # The built-in researcher answers too, and uses nothing that has a price.
    if any(usage.tokens):
        lines.append(f"  cost        {money_text(usage, summary.usd)}")
    lines += _support_lines(summary)
    if summary.resumed:
        lines.append(f"  resumed     {counted(summary.resumed, 'row')} {were(summary.resumed)} finished before")
    lines += [f"  endpoint    {sentence}" for sentence in summary.learned]
    for reason, count in summary.reasons.most_common():
        lines += [f"  rejected because of {reason}: {count}", f"    such as {visible(summary.said[reason], 240)}"]
    if summary.kept_failed or summary.without_failed:
        lines.append(
            f"  failed searches kept in {counted(summary.kept_failed, 'example')}, left out of {summary.without_failed}"
        )
    lines.append(f"Look at it: tracegen inspect {in_shell(summary.output)}")
    return "\n".join(lines)


def _support_lines(summary: "Summary") -> list[str]:
    support = summary.support
    if not support.needing:
        return []
    share = support.above / support.needing
    lines = [
        f"  support     {support.retrievable:.2f} retrievable on average, above 0.8 for {support.above:,} of "
        f"{counted(support.needing, 'row')} ({share:.1%})",
    ]
    if support.searched_on:
        lines.append(
            f"  searched on {counted(support.searched_on, 'row')}; leaks {support.left_in:,}, "
            f"{counted(support.refused, 'leaking query', 'leaking queries')} refused"
        )
    if summary.dropped:
        lines.append(f"  dropped     {counted(summary.dropped, 'row')} below --min-support, in neither file")
    return lines
