"""`tracegen inspect`: the support of rows, from the run beside their file."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ended, database

Run = Callable[..., Ended]


@pytest.fixture
def output(tracegen: Run, dataset: Path, tmp_path: Path, sample_index: Path) -> Path:
    """Return an output whose run is beside it, of research that is kept too short on purpose."""
    output = tmp_path / "out.jsonl"
    options = ["--min-support", 1, "--max-hops", 1, "--further-hops", 1]
    assert tracegen("generate", dataset, "-o", output, "--index", sample_index, *options).code == 0
    return output


def test_the_summary_has_the_distribution_and_the_short_rows_first(tracegen: Run, output: Path) -> None:
    page = tracegen("inspect", output).out
    supported = json.loads(tracegen("inspect", output, "--json").out)["supported"]
    assert supported["rated"] == 8
    assert sum(supported["histogram"]) == supported["needing"]
    assert (supported["least"], supported["leaks"]) == (1, 0)
    shown = [row["retrievable"] for row in supported["short"]]
    assert shown == sorted(shown)
    assert f"above 0.8: {supported['above']} of {supported['needing']} rows" in page
    for row in supported["short"]:
        assert f"line {row['line']:<6} {row['retrievable']:.2f}  not shown: {row['missing'][0]}"[:40] in page


def test_a_run_file_is_shown_as_its_output_is(tracegen: Run, output: Path) -> None:
    of_output = json.loads(tracegen("inspect", output, "--json").out)
    assert json.loads(tracegen("inspect", output.with_name("out.run.db"), "--json").out) == of_output
    # Before that stands the file's name, which may need a line of its own.
    of_run, of_file = (
        tracegen("inspect", file, 3).out.partition(" messages, ")[2] for file in (output.with_name("out.run.db"), output)
    )
    assert of_run == of_file != ""


def test_one_row_shows_its_terms_by_status(tracegen: Run, output: Path) -> None:
    with database(output.with_name("out.run.db")) as run:
        query = "SELECT line, rating FROM support JOIN input ON input.row_id = support.row_id WHERE retrievable < 1"
        rows = [(line, json.loads(rating)["support"]) for line, rating in run.execute(query)]
    assert rows
    for line, support in rows:
        page = tracegen("inspect", output, line).out
        assert f"support {support['support']:.2f}, retrievable {support['retrievable']:.2f}" in page
        assert "warning  low-support" in page
        missing = [term["text"] for term in support["terms"] if term["status"] == "documented"]
        assert not missing or f"  not shown    {missing[0]}" in page


def test_other_files_show_nothing_of_it(tracegen: Run, output: Path, tmp_path: Path, dataset: Path) -> None:
    elsewhere = tmp_path / "elsewhere.jsonl"
    elsewhere.write_bytes(output.read_bytes())
    assert json.loads(tracegen("inspect", elsewhere, "--json").out)["supported"] is None
    assert "Support" not in tracegen("inspect", elsewhere).out
    # Beside the run, but none of its examples.
    output.write_bytes(dataset.read_bytes())
    assert json.loads(tracegen("inspect", output, "--json").out)["supported"] is None
    assert tracegen("inspect", output, 1).code == 0


def test_what_another_measure_has_stored_is_not_shown(tracegen: Run, output: Path, sample_index: Path) -> None:
    run_file = output.with_name("out.run.db")
    with database(run_file) as run:
        run.execute("UPDATE support SET measure = 0, retrievable = 0.123")
    assert json.loads(tracegen("inspect", output, "--json").out)["supported"] is None
    tracegen("support", run_file, "--index", sample_index)
    assert json.loads(tracegen("inspect", output, "--json").out)["supported"]["rated"] == 8
