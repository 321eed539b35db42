"""`tracegen inspect`: a file of chat rows in one page, or one of its rows as a conversation."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracegen.cli.choosing import error_option
from tracegen.cli.pages import page_width, print_page
from tracegen.wording import in_shell

if TYPE_CHECKING:
    from tracegen.traces.runfile import RunFile


@click.command("inspect")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.argument("row", type=int, required=False)
@click.option("--full", is_flag=True, help="Show the returns of a row whole.")
@error_option
@click.option("--json", "as_json", is_flag=True, help="Print the summary as data, or the row as it stands.")
def command(file: Path, row: int | None, full: bool, error: tuple[str, ...], as_json: bool) -> None:
    """Show what is in FILE, a JSONL file of chat rows, or the conversation on line ROW of it.

    FILE is what `tracegen generate` wrote, a run file, or any other JSONL file whose rows have `messages`; - is standard input.
    Without ROW: sizes, support where the run is beside FILE, findings, and the strangest rows first. With ROW: its findings and
    the terms of its support, then message by message, with what is trained on marked in the margin. With --error it is a gate:
    exit code 1 where one of the checks strikes a row.
    """
    with _readable(file) as (path, run):
        if row is None:
            _print_summary(path, str(file), as_json, error, run)
        else:
            if error:
                raise click.UsageError("--error is for the whole file: leave ROW out.")
            print_page(_row_page(path, str(file), row, full, as_json, run))


def _print_summary(path: Path, name: str, as_json: bool, error: tuple[str, ...], run: "RunFile | None") -> None:
    from tqdm import tqdm

    from tracegen.findings import check_names
    from tracegen.findings.choice import refuse_struck
    from tracegen.jsonl import read_lines
    from tracegen.review.summary import summarise
    from tracegen.review.supported import Watch
    from tracegen.review.terminal import render_summary
    from tracegen.review.text import json_page
    from tracegen.traces.marks import marked, marks_of

    gates = check_names(error)
    # Shown on a terminal only, and only where reading takes more than a moment.
    read = tqdm(read_lines(path), desc="reading", unit=" rows", disable=None, delay=2, leave=False)
    lines = marked(read, marks_of(run)) if run else iter(read)
    watch = Watch(run, _least(run)) if run else None
    summary = summarise(watch.along(lines) if watch else lines)
    summary = summary.model_copy(update={"supported": watch.supported()}) if watch else summary
    print_page(json_page(summary.model_dump()) if as_json else render_summary(summary, name=_shown(name), width=page_width()))
    struck = {count.check: (count.rows, count.lines) for count in summary.findings if count.check in gates}
    if "no-messages" in gates and summary.unusable:
        struck["no-messages"] = (summary.unusable, tuple(bad.line for bad in summary.unusable_lines))
    refuse_struck(struck, f"Look at them: tracegen inspect {in_shell(_shown(name))} LINE")


def _row_page(path: Path, name: str, row: int, full: bool, as_json: bool, run: "RunFile | None") -> str:
    from tracegen.review.conversation import render_row
    from tracegen.review.pick import pick_line
    from tracegen.review.supported import first_call
    from tracegen.review.text import json_page
    from tracegen.traces.marks import marked, marks_of
    from tracegen.traces.ratings import TOP, rating_of_call

    line = pick_line(path, row, name=_shown(name))
    if as_json:
        return json_page(line.value, line.text)
    common: dict[str, Any] = {"name": _shown(name), "line": row, "width": page_width(), "full": full}
    if run is not None:
        line = next(marked([line], marks_of(run)))
    call = first_call(line.value) if run else None
    if run is None or call is None:
        return render_row(line.value, **common)
    least = _least(run)
    return render_row(
        line.value, **common, sources=run.sources(call), rating=rating_of_call(run, call), least=TOP if least is None else least
    )


def _least(run: "RunFile") -> float | None:
    """Return the support below which rows are short, as of the last start of a run, or None."""
    from tracegen.traces.passes import MIN_SUPPORT

    least = run.meta().get(MIN_SUPPORT)
    return None if least is None else float(least)


@contextlib.contextmanager
def _readable(file: Path) -> "Iterator[tuple[Path, RunFile | None]]":
    """Yield the rows as a file, and the run that they came from, where that is the file itself or stands beside it."""
    from tracegen.exporting import export
    from tracegen.pipeline import run_path
    from tracegen.targets import write_openai
    from tracegen.traces.runfile import RunFile

    with contextlib.ExitStack() as stack:
        if str(file) != "-" and not _is_run(file):
            beside = run_path(file)
            yield file, stack.enter_context(RunFile.open_run(beside)) if _is_run(beside) else None
            return
        # Kept on disk while it is read: it may be of any size.
        copy = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "rows.jsonl"
        run = None
        if str(file) == "-":
            with copy.open("wb") as target:
                shutil.copyfileobj(sys.stdin.buffer, target)
        else:
            run = stack.enter_context(RunFile.open_run(file))
            export(run, write_openai, copy)
        yield copy, run


def _is_run(file: Path) -> bool:
    """Return whether a file is an SQLite database."""
    from tracegen.jsonl import SQLITE

    if not file.is_file():
        return False
    with contextlib.suppress(OSError), file.open("rb") as opened:
        return opened.read(len(SQLITE)) == SQLITE
    return False


def _shown(name: str) -> str:
    from tracegen.traces.chat import visible

    return visible(name)
