"""`tracegen status`: how a run stands."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracegen.cli.usage import tokens_text
from tracegen.wording import counted

if TYPE_CHECKING:
    from tracegen.traces.batches import Batch
    from tracegen.traces.status import RunStatus


@click.command("status")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(run: Path, as_json: bool) -> None:
    """Show how RUN, a run file, stands: its rows, how research ended, what it cost, and its batches.

    Reads the file only, also while a run is going on; nothing is asked of any service.
    """
    from tracegen.traces.runfile import RunFile
    from tracegen.traces.status import run_status

    with RunFile.open_run(run) as opened:
        status = run_status(opened)
    click.echo(_json(status) if as_json else _text(status))


def _json(status: "RunStatus") -> str:
    from tracegen.jsonl import dump

    value = status._asdict() | {"usage": status.usage.model_dump(), "batches": [batch._asdict() for batch in status.batches]}
    return dump(value)


def _text(status: "RunStatus") -> str:
    usage = status.usage
    states = {
        "finished": status.finished,
        "in a batch": status.waiting,
        "in the middle": status.started,
        "not begun": status.untouched,
        "no row": status.unusable,
    }
    lines = [f"Teacher  {status.settings.get('teacher')}", f"Lines    {status.lines}"]
    lines += [f"  {name:<14}{count:>8}" for name, count in states.items() if count]
    if status.endings:
        lines.append("Endings")
        lines += [f"  {name:<14}{count:>8}" for name, count in status.endings.items()]
    lines.append(
        f"Answers  {usage.requests:,}, with {tokens_text(usage)}"
        + (f"; {status.superseded:,} of them for research that was done anew" if status.superseded else "")
    )
    if status.batches:
        lines.append("Batches")
        lines += [_batch_line(batch) for batch in status.batches]
    return "\n".join(lines)


def _batch_line(batch: "Batch") -> str:
    asked = counted(batch.requests, "request")
    head = f"  wave {batch.wave}, file {batch.part}: {asked}, {batch.bytes / 1e6:.1f} MB, {batch.state}"
    if batch.state == "collected":
        tail = f" {batch.collected_at} UTC, {batch.answered} answered" + (f", {batch.failed} not" if batch.failed else "")
    else:
        tail = f" {batch.submitted_at or batch.prepared_at} UTC" + (f", {batch.status}" if batch.status else "")
    name = f", {batch.batch_id}" if batch.batch_id else ""
    return head + tail + name + (f" ({batch.note})" if batch.note else "")
