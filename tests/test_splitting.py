"""Splitting files: what stays together, what is copied, what is reported."""

import json
from pathlib import Path

import pytest

import tracegen
from tests.conftest import ROOT, read_jsonl
from tracegen.dataset import read_rows
from tracegen.errors import InputError, OutputError, SettingsError
from tracegen.records import Row
from tracegen.splitting import Leak

LINES = (ROOT / "examples/train.jsonl").read_text(encoding="utf-8").splitlines()[:30]


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def with_prompt(line: str, prompt: str, **fields: object) -> str:
    """Return a line with another last prompt, and further fields."""
    row = json.loads(line)
    row["messages"][-2]["content"] = prompt
    return json.dumps(row | fields, ensure_ascii=False)


def other_words(number: int) -> str:
    """Return a text that shares nothing with that of another number."""
    return " ".join(f"w{number}x{each}" for each in range(20))


def ids(path: Path) -> list[str]:
    return [entry.outcome.id for entry in read_rows(path) if isinstance(entry.outcome, Row)]


def test_lines_are_copied_as_they_stand_in_their_order(tmp_path: Path) -> None:
    odd = LINES[3].replace('{"messages"', '{  "note": "caf\\u00e9 \\ud83d\\ude00 ☕", "n": 1.0E5, "messages"', 1)
    lines = [*LINES[:3], odd, *LINES[4:]]
    dataset = write(tmp_path / "rows.jsonl", lines)
    found = tracegen.split(dataset, share=0.2)
    train, valid = ((tmp_path / f"rows.{name}.jsonl").read_text(encoding="utf-8").splitlines() for name in ("train", "valid"))
    assert (len(train), len(valid)) == (found.train, found.valid)
    assert found.valid == pytest.approx(6, abs=1)
    assert sorted(train + valid) == sorted(lines)
    assert [line for line in lines if line in train] == train
    assert [line for line in lines if line in valid] == valid


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    dataset = write(tmp_path / "rows.jsonl", LINES)
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        tracegen.split(dataset, tmp_path / f"{name}.t", tmp_path / f"{name}.v", seed=seed)
    a, b, c = ((tmp_path / f"{name}.v").read_bytes() for name in "abc")
    assert a == b != c


def test_near_duplicates_of_prompt_or_output_and_variants_are_on_one_side(tmp_path: Path) -> None:
    dataset = write(tmp_path / "rows.jsonl", LINES)
    parents = ids(dataset)
    copies = []
    for number, line in enumerate(LINES[:10]):
        row = json.loads(line)
        nearly = row["messages"][-2]["content"] + " Thank you."
        same_prompt = json.loads(with_prompt(line, nearly))
        same_prompt["messages"][-1]["content"] = other_words(200 + number)
        copies += [json.dumps(same_prompt), with_prompt(line, other_words(number))]
        variant = json.loads(with_prompt(line, other_words(100 + number), variant_of=parents[number]))
        variant["messages"][-1]["content"] = f"x{number}"
        copies.append(json.dumps(variant))
    dataset = write(tmp_path / "rows.jsonl", LINES + copies)
    for seed in range(2):
        found = tracegen.split(dataset, seed=seed, share=0.2)
        assert found.groups == len(LINES)
        assert tracegen.check_split(*found.outputs) == []
        texts = [path.read_text(encoding="utf-8").splitlines() for path in found.outputs]
        for number, line in enumerate(LINES[:10]):
            family = [line, *copies[3 * number : 3 * number + 3]]
            assert sum(all(each in side for each in family) for side in texts) == 1


def test_leaks_are_named_with_their_lines(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", ["", *LINES[:10]])
    longer = json.loads(LINES[4])["messages"][-2]["content"] + " Thanks!"
    unlike = json.loads(with_prompt(LINES[4], longer))
    unlike["messages"][-1]["content"] = "{ entirely: 'different', from: ['what', 'stood', 'there', 'before'] }"
    same_output = with_prompt(LINES[6], "In quite other words")
    variant = with_prompt(LINES[20], "A variant that resembles nothing", variant_of=ids(train)[7])
    valid = write(tmp_path / "valid.jsonl", [LINES[20], LINES[2], json.dumps(unlike), same_output, variant])
    assert tracegen.check_split(train, valid) == [
        Leak(2, (4,), "row"),
        Leak(3, (6,), "prompt"),
        Leak(4, (8,), "output"),
        Leak(5, (9,), "row"),
    ]
    assert tracegen.check_split(train, write(tmp_path / "clean.jsonl", LINES[20:])) == []


def test_the_sample_and_its_validation_file_share_nothing() -> None:
    assert tracegen.check_split(ROOT / "examples/train.jsonl", ROOT / "examples/valid.jsonl") == []


def test_short_outputs_are_no_near_duplicates(tmp_path: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": f"Is {n} odd?"}, {"role": "assistant", "content": "Yes."}]} for n in "αβγδ"
    ]
    found = tracegen.split(write(tmp_path / "rows.jsonl", [json.dumps(row) for row in rows]), share=0.25)
    assert (found.groups, found.train, found.valid) == (4, 3, 1)


def test_finished_examples_keep_variants_with_their_parents(tmp_path: Path, sample_index: Path) -> None:
    plain = write(tmp_path / "plain.jsonl", LINES[:6])
    parents = ids(plain)
    variants = []
    for number, line in enumerate(LINES[:3]):
        row = json.loads(with_prompt(line, f"wholly other words {number}", variant_of=parents[number]))
        row["messages"][-1]["content"] = f"'other {number}'"
        variants.append(json.dumps(row))
    dataset = write(tmp_path / "rows.jsonl", LINES[:6] + variants)
    tracegen.generate(dataset, tmp_path / "augmented.jsonl", index=sample_index, teacher="builtin")
    examples = read_jsonl(tmp_path / "augmented.jsonl")
    assert len(examples) == 9
    assert all(set(example) == {"messages", "tools"} for example in examples)
    found = tracegen.split(tmp_path / "augmented.jsonl", share=0.3)
    assert found.groups == 6
    train, valid = (path.read_text(encoding="utf-8").splitlines() for path in found.outputs)
    whole = (tmp_path / "augmented.jsonl").read_text(encoding="utf-8").splitlines()
    assert sorted(train + valid) == sorted(whole)
    for number in range(3):
        assert (whole[number] in train) == (whole[6 + number] in train)


def test_lines_that_are_no_rows_are_told_and_left_out(tmp_path: Path) -> None:
    found = tracegen.split(write(tmp_path / "rows.jsonl", [LINES[0], "{", *LINES[1:4], '{"messages": []}', "7"]), share=0.3)
    assert [line.line for line in found.unusable] == [2, 6, 7]
    assert found.train + found.valid == 4


def test_half_a_character_is_copied_as_it_stands(tmp_path: Path) -> None:
    broken = json.dumps(
        {"messages": [{"role": "user", "content": "half \ud83d"}, {"role": "assistant", "content": "a \ud83d"}]}
    )
    found = tracegen.split(write(tmp_path / "rows.jsonl", [*LINES[:4], broken]), share=0.3)
    assert broken in [line for path in found.outputs for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "no line with a prompt"),
        (['{"text": "a"}'], "rows.jsonl:1: no desired output.*Give a JSON object per line"),
        (["[", "{}", "]"], "is a JSON array, not JSON lines.*jq"),
        ([LINES[0]] * 3, "near-duplicates"),
    ],
)
def test_what_cannot_be_split_is_refused(tmp_path: Path, lines: list[str], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        tracegen.split(write(tmp_path / "rows.jsonl", lines))
    assert not (tmp_path / "rows.train.jsonl").exists()


def test_wrong_settings_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    dataset = write(tmp_path / "rows.jsonl", LINES[:4])
    with pytest.raises(SettingsError, match="three files"):
        tracegen.split(dataset, tmp_path / "one.jsonl", tmp_path / "one.jsonl")
    with pytest.raises(SettingsError, match="three files"):
        tracegen.split(dataset, dataset)
    with pytest.raises(OutputError, match="a folder that is there"):
        tracegen.split(dataset, tmp_path / "none" / "train.jsonl")
    with pytest.raises(SettingsError, match="between 0 and 1"):
        tracegen.split(dataset, share=90)
    assert dataset.read_text(encoding="utf-8").splitlines() == LINES[:4]
