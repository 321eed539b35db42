"""Selecting rows of files."""

from collections.abc import Callable
from pathlib import Path

import pytest

import tracegen
from tests.conftest import ROOT, Ended, database, read_jsonl
from tracegen.errors import InputError, SettingsError, StoreError

LINES = (ROOT / "examples/train.jsonl").read_text(encoding="utf-8").splitlines()
STRINGS = [line for line in LINES if "string" in line][:12]


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_a_varied_part_is_selected_and_copied_as_it_stands(tmp_path: Path) -> None:
    dataset = write(tmp_path / "rows.jsonl", [LINES[0]] * 20 + LINES[:10])
    found = tracegen.select(dataset, tmp_path / "best.jsonl", 10)
    selected = (tmp_path / "best.jsonl").read_text(encoding="utf-8").splitlines()
    assert set(selected) == set(LINES[:10])
    assert found.chosen.rows == 10
    assert found.chosen.topics > found.all.topics
    assert found.all.support is None
    tracegen.select(dataset, tmp_path / "fewer.jsonl", 4)
    assert (tmp_path / "fewer.jsonl").read_text(encoding="utf-8").splitlines() == selected[:4]


def test_better_supported_rows_are_preferred(tmp_path: Path, sample_index: Path) -> None:
    dataset = write(tmp_path / "rows.jsonl", STRINGS)
    tracegen.generate(dataset, tmp_path / "augmented.jsonl", index=sample_index, teacher="builtin", max_hops=1)
    for source in (tmp_path / "augmented.jsonl", dataset):
        run = None if source != dataset else tmp_path / "augmented.run.db"
        found = tracegen.select(source, tmp_path / "best.jsonl", 4, run=run, index=sample_index)
        assert found.all.support is not None
        assert found.chosen.support is not None
        assert found.chosen.support > found.all.support
        selected = (tmp_path / "best.jsonl").read_text(encoding="utf-8").splitlines()
        assert set(selected) <= set(source.read_text(encoding="utf-8").splitlines())
    plain = tracegen.select(tmp_path / "augmented.jsonl", tmp_path / "best.jsonl", 4, by_support=False)
    assert plain.all.support is None


def test_what_cannot_be_selected_is_refused(tmp_path: Path, sample_index: Path) -> None:
    dataset = write(tmp_path / "rows.jsonl", LINES[:3])
    with pytest.raises(SettingsError, match="the dataset itself"):
        tracegen.select(dataset, dataset, 2)
    with pytest.raises(SettingsError, match="number of rows"):
        tracegen.select(dataset, tmp_path / "best.jsonl", 0)
    with pytest.raises(InputError, match="no run file"):
        tracegen.select(dataset, tmp_path / "best.jsonl", 2, run=tmp_path / "none.run.db")
    tracegen.generate(dataset, tmp_path / "augmented.jsonl", index=sample_index, teacher="builtin")
    with pytest.raises(StoreError):
        tracegen.select(tmp_path / "augmented.jsonl", tmp_path / "best.jsonl", 2, index=tmp_path / "nowhere", language="python")
    assert not (tmp_path / "best.jsonl").exists()


def test_stored_support_needs_no_index(tmp_path: Path, sample_index: Path) -> None:
    examples = tmp_path / "augmented.jsonl"
    tracegen.generate(write(tmp_path / "rows.jsonl", STRINGS), examples, index=sample_index, teacher="builtin", max_hops=1)
    with_index = tracegen.select(examples, tmp_path / "best.jsonl", 4, index=sample_index)
    assert tracegen.select(examples, tmp_path / "best.jsonl", 4, index=tmp_path / "gone") == with_index
    with database(tmp_path / "augmented.run.db") as run:
        run.execute("UPDATE support SET measure = 1 WHERE row_id = (SELECT row_id FROM input WHERE line = 2)")
    with pytest.raises(StoreError):
        tracegen.select(examples, tmp_path / "best.jsonl", 4, index=tmp_path / "gone")
    assert tracegen.select(examples, tmp_path / "best.jsonl", 4, index=sample_index) == with_index


def test_the_command(tracegen: Callable[..., Ended], dataset: Path, tmp_path: Path) -> None:
    ended = tracegen("select", dataset, "--best", 3, "-o", tmp_path / "best.jsonl")
    assert ended.code == 0
    assert "3 of 8 rows" in ended.err
    assert "variety alone" in ended.err
    assert len(read_jsonl(tmp_path / "best.jsonl")) == 3
    dataset.write_text(dataset.read_text(encoding="utf-8") + "{\n", encoding="utf-8")
    assert tracegen("select", dataset, "--best", 300, "-o", tmp_path / "best.jsonl").code == 3
    assert len((tmp_path / "best.jsonl").read_text(encoding="utf-8").splitlines()) == 8
    assert tracegen("select", dataset, "-o", tmp_path / "best.jsonl").code == 2
