"""`tracegen doctor` as a user meets it."""

import json
import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.conftest import Ended
from tracegen.cli import group
from tracegen.doctor.records import Report

COMPILES = f"{shlex.quote(sys.executable)} -c 'import sys; sys.exit(0)' {{file}}"


def run(*words: object) -> Result:
    """Run the command."""
    # Through the group: a command that was run alone keeps another help option for the rest of the process.
    return CliRunner().invoke(group, ["doctor", *map(str, words)], prog_name="tracegen")


def test_page(dataset: Path, sample_index: Path) -> None:
    result = run(dataset, "--index", sample_index, "--check-cmd", COMPILES)
    assert result.exit_code == 0, result.output
    assert "What to do, most important first" in result.stdout
    assert "8 of 8 pass" in result.stdout
    assert "at best" in result.stdout
    assert "Not examined" not in result.stdout
    assert "\x1b" not in result.stdout


def test_data(dataset: Path, sample_index: Path) -> None:
    result = run(dataset, "--index", sample_index, "--json", "--sample", 3, "--seed", 7)
    report = Report.model_validate(json.loads(result.stdout))
    assert report.retrieval is not None
    assert (report.retrieval.sampled, report.retrieval.seed) == (3, 7)


def test_a_page_with_plots_beside_the_terminal(dataset: Path, tmp_path: Path) -> None:
    page = tmp_path / "doctor.html"
    result = run(dataset, "--html", page)
    assert result.exit_code == 0, result.output
    assert "What to do" in result.stdout
    assert str(page) in result.stderr
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_without_an_index_it_says_what_it_left_out(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(dataset)
    assert result.exit_code == 0
    assert "Not examined" in result.stdout
    assert "without an index" in result.stdout


def test_the_index_at_the_usual_place_is_taken(
    dataset: Path, tmp_path: Path, sample_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".tracegen").mkdir()
    (tmp_path / ".tracegen/index").symlink_to(sample_index)
    report = json.loads(run(dataset, "--json", "--sample", 1).stdout)
    assert report["documentation"]["pages"] == 6


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--check-cmd", "jsonnet"], 2, "does not say where the file goes"),
        (["--check-cmd", "no-such-program {file}"], 2, "there is no program"),
        (["--language", "zorp"], 2, "Pygments knows no language"),
        (["--index", "nowhere"], 1, "There is no index"),
        (["--html", "."], 1, "is a folder"),
        (["--html", "no/such/folder.html"], 1, "there is no folder"),
    ],
)
def test_wrong_settings_are_told_before_any_work(
    tracegen: "object", dataset: Path, words: list[str], code: int, said: str, request: pytest.FixtureRequest
) -> None:
    ended: Ended = request.getfixturevalue("tracegen")("doctor", dataset, *words)
    assert ended.code == code
    assert said in ended.err
    assert ended.out == ""


def test_the_dataset_is_never_replaced(dataset: Path, request: pytest.FixtureRequest) -> None:
    before = dataset.read_bytes()
    ended: Ended = request.getfixturevalue("tracegen")("doctor", dataset, "--html", dataset)
    assert ended.code == 1
    assert dataset.read_bytes() == before
