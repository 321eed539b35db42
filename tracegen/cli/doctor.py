"""`tracegen doctor`: what is wrong with a dataset, before anything is spent."""

from pathlib import Path

import click

from tracegen.cli.options import (
    chroma_url_option,
    collection_option,
    embeddings_url_option,
    index_folder,
    quiet_option,
)
from tracegen.cli.pages import page_width, print_page
from tracegen.cli.progress import Bar

DEFAULT_INDEX = Path(".tracegen/index")


@click.command("doctor", short_help="Say why a model trained on a dataset would be junk, and what to do.")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option(
    "--index",
    type=click.Path(path_type=Path),
    default=None,
    help="Folder of the index.  [default: .tracegen/index, where there is one]",
)
@chroma_url_option
@collection_option
@embeddings_url_option
@click.option(
    "--check-cmd",
    default=None,
    metavar="COMMAND",
    help="Run on every output, such as 'jsonnet {file}', without a shell. Any exit code but 0 says that it does not parse.",
)
@click.option("--check-suffix", default=".txt", show_default=True, help="Suffix of that file, such as .jsonnet.")
@click.option(
    "--check-timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=10,
    show_default=True,
    metavar="SECONDS",
    help="Time limit of the command for one output.",
)
@click.option(
    "--check-jobs", type=click.IntRange(1, 256), default=4, show_default=True, help="Most commands that run at a time."
)
@click.option(
    "--language", default=None, help="Language of the outputs, where Pygments knows it; else a general rule reads them."
)
@click.option(
    "--sample", type=click.IntRange(min=1), default=200, show_default=True, metavar="N", help="Search for at most N rows."
)
@click.option("--seed", type=int, default=0, show_default=True, help="What samples are drawn with.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option(
    "--html", type=click.Path(path_type=Path), default=None, metavar="FILE", help="Write the report as a page with plots, too."
)
@quiet_option
def command(
    dataset: Path,
    index: Path | None,
    chroma_url: str | None,
    collection: str | None,
    embeddings_url: str | None,
    check_cmd: str | None,
    check_suffix: str,
    check_timeout: float,
    check_jobs: int,
    language: str | None,
    sample: int,
    seed: int,
    as_json: bool,
    html: Path | None,
    quiet: bool,
) -> None:
    """Say why a model trained on DATASET would be junk, and what to do: the most important first.

    Looks at the dataset (sizes, repetitions, contradictions, variety, prompts that say too little, outputs that do not parse),
    at the documentation against it (names that no page has, pages that no row needs), at what the search finds, and at what
    fine-tuning can do. Asks nothing of any model. docs/doctor.md says what each part means.
    """
    from tracegen.doctor.checking import CheckCommand
    from tracegen.doctor.examination import examine
    from tracegen.doctor.terminal import render_report

    if html is not None:
        from tracegen.doctor.webpage import check_place

        check_place(html, dataset)
    check = CheckCommand(check_cmd, check_suffix, check_timeout, check_jobs) if check_cmd is not None else None
    with Bar(quiet=quiet, unit="row") as progress:
        report = examine(
            dataset,
            _index(index, chroma_url, collection),
            check=check,
            language=language,
            sample=sample,
            seed=seed,
            embeddings_url=embeddings_url,
            progress=progress.show,
        )
    if html is not None:
        from tracegen.doctor.webpage import write_page

        write_page(report, html)
    if as_json:
        from tracegen.review.text import json_page

        print_page(json_page(report.model_dump(mode="json")))
    else:
        print_page(render_report(report, width=page_width()))
    if html is not None and not quiet:
        click.echo(f"The page with plots: {html}", err=True)


def _index(index: Path | None, chroma_url: str | None, collection: str | None) -> Path | None:
    """Return the index that is meant, or None where none is named and none is at the usual place."""
    if index is None and chroma_url is None and collection is None:
        return DEFAULT_INDEX if DEFAULT_INDEX.exists() else None
    return index_folder(index or DEFAULT_INDEX, chroma_url, collection)
