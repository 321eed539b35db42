"""`tracegen inspect`: a file of chat rows in one page, or one of its rows as a conversation."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracegen.cli.choosing import error_option
from tracegen.cli.pages import page_width, print_page

if TYPE_CHECKING:
    from tracegen.records import Source


@click.command("inspect")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.argument("row", type=int, required=False)
@click.option("--full", is_flag=True, help="Show the returns of a row whole.")
@error_option
@click.option("--json", "as_json", is_flag=True, help="Print the summary as data, or the row as it stands.")
def command(file: Path, row: int | None, full: bool, error: tuple[str, ...], as_json: bool) -> None:
    """Show what is in FILE, a JSONL file of chat rows, or the conversation on line ROW of it.

    FILE is what `tracegen generate` wrote, or any other JSONL file whose rows have `messages`; - is standard input. Without
    ROW: sizes, findings, and the strangest rows first. With ROW: its findings, then message by message, with what is
    trained on marked in the margin. With --error it is a gate: exit code 1 where one of the checks strikes a row.
    """
    with _readable(file) as path:
        if row is None:
            _print_summary(path, str(file), as_json, error)
        else:
            if error:
                raise click.UsageError("--error is for the whole file: leave ROW out.")
            print_page(_row_page(path, str(file), row, full, as_json))


def _print_summary(path: Path, name: str, as_json: bool, error: tuple[str, ...]) -> None:
    from tqdm import tqdm

    from tracegen.findings import check_names
    from tracegen.findings.choice import refuse_struck
    from tracegen.jsonl import read_lines
    from tracegen.review.summary import summarise
    from tracegen.review.terminal import render_summary
    from tracegen.review.text import json_page

    gates = check_names(error)
    # Shown on a terminal only, and only where reading takes more than a moment.
    lines = tqdm(read_lines(path), desc="reading", unit=" rows", disable=None, delay=2, leave=False)
    summary = summarise(lines)
    print_page(json_page(summary.model_dump()) if as_json else render_summary(summary, name=_shown(name), width=page_width()))
    struck = {count.check: (count.rows, count.lines) for count in summary.findings if count.check in gates}
    refuse_struck(struck, f"Look at them: tracegen inspect {_shown(name)} LINE")


def _row_page(path: Path, name: str, row: int, full: bool, as_json: bool) -> str:
    from tracegen.review.conversation import render_row
    from tracegen.review.pick import pick_line
    from tracegen.review.text import json_page

    line = pick_line(path, row, name=_shown(name))
    if as_json:
        return json_page(line.value, line.text)
    sources = _sources(path, line.value)
    return render_row(line.value, name=_shown(name), line=row, width=page_width(), full=full, sources=sources)


def _sources(path: Path, row: Any) -> "Mapping[str, tuple[Source, ...]] | None":
    """Return the hits behind a row's returns, where the run file it was made from stands beside the file."""
    from tracegen.pipeline import run_path
    from tracegen.traces.chat import read_chat
    from tracegen.traces.runfile import RunFile

    calls = [call.id for turn in read_chat(row).turns for call in turn.calls if call.id]
    if not calls or not run_path(path).is_file():
        return None
    with RunFile.open_run(run_path(path)) as run:
        return run.sources(calls[-1])


@contextlib.contextmanager
def _readable(file: Path) -> Iterator[Path]:
    if str(file) != "-":
        yield file
        return
    # Standard input is kept on disk while it is read: it may be of any size.
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "stdin.jsonl"
        with copy.open("wb") as target:
            shutil.copyfileobj(sys.stdin.buffer, target)
        yield copy


def _shown(name: str) -> str:
    from tracegen.traces.chat import visible

    return visible(name)
