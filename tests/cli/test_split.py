"""`tracegen split`."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Ended

Run = Callable[..., Ended]


def test_a_split_and_its_check(tracegen: Run, dataset: Path, tmp_path: Path) -> None:
    ended = tracegen("split", dataset, "--valid", 0.25, "--json")
    assert ended.code == 0
    report = json.loads(ended.out)
    assert (report["train"]["rows"], report["valid"]["rows"]) == (6, 2)
    assert f"valid       2   25.0%  {tmp_path / 'train.valid.jsonl'}" in ended.err
    assert "largest deviation" in ended.err
    clean = tracegen("split", tmp_path / "train.train.jsonl", "--check", tmp_path / "train.valid.jsonl")
    assert (clean.code, clean.out) == (0, "")
    leaks = tracegen("split", dataset, "--check", tmp_path / "train.valid.jsonl")
    assert leaks.code == 1
    assert len(leaks.out.splitlines()) == 3
    assert f"{tmp_path / 'train.valid.jsonl'}:1 is, or is a variant of, {dataset}:" in leaks.out
    assert len(json.loads(tracegen("split", dataset, "--check", dataset, "--json").out)) == 8


def test_lines_left_out_are_told_and_the_exit_code_is_3(tracegen: Run, dataset: Path) -> None:
    dataset.write_text(dataset.read_text(encoding="utf-8") + "{\n", encoding="utf-8")
    ended = tracegen("split", dataset)
    assert ended.code == 3
    assert f"left out: 1 line, the first {dataset}:9: not JSON" in ended.err


def test_a_missing_file_is_an_error(tracegen: Run, tmp_path: Path) -> None:
    ended = tracegen("split", tmp_path / "none.jsonl")
    assert ended.code == 1
    assert "Cannot read" in ended.err
    assert tracegen("split", tmp_path / "none.jsonl", "--valid", 1.5).code == 2
