"""The options of `tracegen generate` that are about batches."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracegen.cli.options import all_of

if TYPE_CHECKING:
    from tracegen.waves.driver import BatchOptions

_OPTIONS = (
    click.option(
        "--batch",
        is_flag=True,
        help="Send the requests in waves through the endpoint's Batch API: half the price, hours for each.",
    ),
    click.option(
        "--batch-files",
        type=click.Path(path_type=Path),
        default=None,
        metavar="DIR",
        help="Write the files of the waves to DIR, and read their answers from there: for other services and offline vLLM.",
    ),
    click.option(
        "--finish-sync",
        is_flag=True,
        help="With --batch: research rows whose request a batch left unanswered, and the last few rows, on the normal path.",
    ),
    click.option("--batch-only", is_flag=True, help="With --batch: send nothing on the normal path, not even the first row."),
    click.option(
        "--no-wait", is_flag=True, help="With --batch: do not wait for answers; exit with 5 and run the same command later."
    ),
    click.option(
        "--cancel-batches", is_flag=True, help="Cancel the batches that are out, keep what they have answered, and go on."
    ),
    click.option(
        "--batch-requests",
        type=click.IntRange(min=1),
        default=50_000,
        show_default=True,
        help="Most requests in a file of a batch; the default is OpenAI's limit.",
    ),
    click.option(
        "--batch-mb",
        type=click.FloatRange(min=0, min_open=True),
        default=200,
        show_default=True,
        help="Most megabytes in a file of a batch; the default is OpenAI's limit.",
    ),
    click.option(
        "--batch-poll",
        type=click.FloatRange(min=0, min_open=True),
        default=15,
        show_default=True,
        metavar="SECONDS",
        help="Time between two looks at a batch, at first; it grows to five minutes while nothing happens.",
    ),
)


batch_options = all_of(_OPTIONS)
"""Adds the options to a command."""


def read_batch_options(options: dict[str, Any], say: Callable[[str], None]) -> "BatchOptions | None":
    """Take the options about batches out of a command's options; None where there are no batches.

    Raises UsageError where they contradict each other.
    """
    names = ("batch", "batch_files", "finish_sync", "batch_only", "no_wait", "cancel_batches")
    given = {name: options.pop(name) for name in (*names, "batch_requests", "batch_mb", "batch_poll")}
    folder = given["batch_files"]
    if given["batch"] and folder:
        raise click.UsageError("--batch and --batch-files exclude each other.")
    if given["finish_sync"] and (folder or given["batch_only"]):
        raise click.UsageError("--finish-sync needs the normal path: it goes with --batch, without --batch-only.")
    launch = given["batch"] or folder is not None
    if not launch and not given["cancel_batches"]:
        if wrong := [name for name in ("finish_sync", "batch_only", "no_wait") if given[name]]:
            raise click.UsageError(f"--{wrong[0].replace('_', '-')} needs --batch.")
        return None

    from tracegen.waves.driver import POLL_S, BatchOptions

    return BatchOptions(
        folder=folder,
        launch=launch,
        cancel=given["cancel_batches"],
        finish_sync=given["finish_sync"],
        batch_only=given["batch_only"],
        wait=not given["no_wait"],
        max_requests=given["batch_requests"],
        max_mb=given["batch_mb"],
        poll_s=(given["batch_poll"], max(given["batch_poll"], POLL_S[1])),
        say=say,
    )
