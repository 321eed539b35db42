"""Variants of a dataset: by rule, by a teacher at a real server, and on their way through generate."""

import json
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracegen
from bench.endpoint import Endpoint
from tests.conftest import Ended, read_jsonl
from tracegen.dataset import read_rows
from tracegen.errors import BudgetError, SettingsError, TeacherError
from tracegen.index.sidecar import read_sidecar
from tracegen.records import Row
from tracegen.teacher.asking import Asking
from tracegen.traces.ratings import figures
from tracegen.traces.runfile import RunFile
from tracegen.varying import Varied
from tracegen.varying import variants as varied

TEXTS = (
    st.sampled_from(["Please write the function that sorts these numbers.", "How do I join the names with a comma?"])
    | st.text()
).filter(lambda text: text.strip() != "" and '"variant"' not in text)


def made(path: Path) -> list[dict[str, object]]:
    return [row for line in path.read_bytes().splitlines() if "variant" in (row := json.loads(line))]


def last_message(row: Any) -> Any:
    return row["messages"][-1]


def test_each_row_is_followed_by_its_variant_with_its_own_output(dataset: Path, tmp_path: Path) -> None:
    found = tracegen.variants(dataset, tmp_path / "messy.jsonl")
    lines = (tmp_path / "messy.jsonl").read_text(encoding="utf-8").splitlines()
    rows = {entry.outcome.id: (entry.outcome, entry.raw) for entry in read_rows(dataset) if isinstance(entry.outcome, Row)}
    assert (found.rows, found.made.total(), found.bare) == (8, 8, 0)
    for old, new in zip(lines[::2], lines[1::2], strict=True):
        value = json.loads(new)
        parent, raw = rows[value["variant_of"]]
        assert old == raw
        before, after = json.loads(old)["messages"], value["messages"]
        assert after[-1]["content"] == parent.desired_output
        assert before[:-2] + before[-1:] == after[:-2] + after[-1:]
        assert before[-2]["content"] != after[-2]["content"]
        assert value["variant"] in ("typos", "terse", "rambling", "premise")
    tracegen.variants(dataset, tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_text(encoding="utf-8").splitlines() == lines
    tracegen.variants(dataset, tmp_path / "builtin.jsonl", teacher="builtin")
    assert (tmp_path / "builtin.jsonl").read_text(encoding="utf-8").splitlines() == lines
    tracegen.variants(dataset, tmp_path / "other.jsonl", seed=1)
    assert (tmp_path / "other.jsonl").read_text(encoding="utf-8").splitlines() != lines


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4), st.integers(0, 9), st.booleans())
def test_the_desired_output_survives_byte_for_byte(pairs: list[tuple[str, str]], seed: int, ascii_only: bool) -> None:
    rows = [[{"role": "user", "content": prompt}, {"role": "assistant", "content": output}] for prompt, output in pairs]
    with tempfile.TemporaryDirectory() as folder:
        dataset, output = Path(folder) / "rows.jsonl", Path(folder) / "messy.jsonl"
        dataset.write_text(
            "".join(json.dumps({"messages": row}, ensure_ascii=ascii_only) + "\n" for row in rows), encoding="utf-8"
        )
        tracegen.variants(dataset, output, per_row=4, seed=seed, no_search=0.2)
        ids = {entry.outcome.id: entry.outcome for entry in read_rows(dataset) if isinstance(entry.outcome, Row)}
        written = output.read_bytes().split(b"\n")[:-1]
        assert [line for line in written if b'"variant"' not in line] == dataset.read_bytes().split(b"\n")[:-1]
        for row in made(output):
            messages: Any = row["messages"]
            parent = ids[str(row["variant_of"])]
            if row["variant"] == "no-search":
                assert parent.desired_output in messages[0]["content"]
            else:
                assert messages[-1]["content"].encode() == parent.desired_output.encode()


def test_kinds_are_chosen_and_variants_get_none_of_their_own(dataset: Path, tmp_path: Path) -> None:
    found = tracegen.variants(dataset, tmp_path / "one.jsonl", kinds=["typos", "rambling"], per_row=3)
    assert found.made == Counter(typos=8, rambling=8)
    assert found.bare == 8
    again = tracegen.variants(tmp_path / "one.jsonl", tmp_path / "two.jsonl", kinds=["premise"])
    assert (again.rows, again.made["premise"]) == (24, 8)


def test_variants_are_on_their_parents_side(dataset: Path, tmp_path: Path) -> None:
    tracegen.variants(dataset, tmp_path / "messy.jsonl", per_row=3)
    found = tracegen.split(tmp_path / "messy.jsonl", share=0.25)
    assert found.groups == 8
    assert tracegen.check_split(*found.outputs) == []


def test_rows_without_search_and_rows_that_find_nothing_are_generated(
    dataset: Path, tmp_path: Path, sample_index: Path
) -> None:
    options = {"per_row": 0, "no_search": 0.2, "nothing_found": 0.2, "index": sample_index}
    found = tracegen.variants(dataset, tmp_path / "messy.jsonl", not_documented="// {name} is not documented", **options)
    assert found.made["no-search"] == 3
    summary = tracegen.generate(tmp_path / "messy.jsonl", tmp_path / "augmented.jsonl", index=sample_index)
    assert summary.rejected == 0
    roles = [[message["role"] for message in row["messages"]] for row in read_jsonl(tmp_path / "augmented.jsonl")]  # type: ignore[attr-defined]
    for example, row in zip(roles, read_jsonl(tmp_path / "messy.jsonl"), strict=True):
        assert ("tool" in example) == (row.get("search") is not False)
    documentation = b"".join(read_sidecar(sample_index).lines).decode().casefold()
    assert found.made["nothing-found"] > 0
    for row in made(tmp_path / "messy.jsonl"):
        if row["variant"] == "nothing-found":
            name = str(row["messages"][-1]["content"]).split()[1]  # type: ignore[index]
            assert name.split(".")[-1].casefold() not in documentation


def test_what_variants_made_is_not_what_checks_look_for(
    tracegen: Callable[..., Ended], dataset: Path, tmp_path: Path, sample_index: Path
) -> None:
    made_of = {"per_row": 2, "no_search": 0.2, "nothing_found": 0.1, "index": sample_index}
    found = varied(dataset, tmp_path / "messy.jsonl", **made_of)
    assert found.made["no-search"] > 0
    assert found.made["nothing-found"] > 0
    output = tmp_path / "augmented.jsonl"
    checks = "near-duplicate,duplicate-prompt,differing-outputs,no-search"
    options = ["--index", sample_index, "--drop", checks, "--max-hops", 2]
    ended = tracegen("generate", tmp_path / "messy.jsonl", "-o", output, *options)
    assert (ended.code, (tmp_path / "augmented.rejected.jsonl").read_text()) == (0, "")
    rows, examples = read_jsonl(tmp_path / "messy.jsonl"), read_jsonl(output)
    assert [last_message(example) for example in examples] == [last_message(row) for row in rows]
    for file in (output, tmp_path / "augmented.run.db"):
        struck = {count["check"] for count in json.loads(tracegen("inspect", file, "--json").out)["findings"]}
        assert not struck & {"near-duplicate", "no-search"}
    # Of the examples alone nobody can tell.
    (tmp_path / "elsewhere").mkdir()
    alone = (tmp_path / "elsewhere/augmented.jsonl").resolve()
    alone.write_bytes(output.read_bytes())
    struck = {count["check"] for count in json.loads(tracegen("inspect", alone, "--json").out)["findings"]}
    assert {"near-duplicate", "no-search"} <= struck
    with RunFile.open_run(tmp_path / "augmented.run.db") as run:
        assert figures(run).needing <= sum(row.get("variant") not in ("no-search", "nothing-found") for row in rows)


def test_what_could_not_be_made_is_told(tracegen: Callable[..., Ended], tmp_path: Path, sample_index: Path) -> None:
    row = {"messages": [{"role": "user", "content": "One, please."}, {"role": "assistant", "content": "1\n"}]}
    (tmp_path / "one.jsonl").write_text(json.dumps(row) + "\n")
    options = ["--per-row", 0, "--nothing-found", 0.5, "--index", sample_index]
    ended = tracegen("variants", tmp_path / "one.jsonl", "-o", tmp_path / "messy.jsonl", *options)
    assert "nothing-found: 1 fewer than wanted" in ended.err


# --- with a teacher ------------------------------------------------------------------------------------------------------


@pytest.fixture
def ask(endpoint: Endpoint, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Varied]:
    """Return a function that asks the fake endpoint for variants."""
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    endpoint.fault("rewords")

    def run(**options: object) -> Varied:
        words = {"teacher": "fake", "base_url": endpoint.base_url, "kinds": ["syntax", "error"]} | options
        return tracegen.variants(dataset, tmp_path / "messy.jsonl", **words)

    return run


def test_a_teacher_rewords_and_is_asked_nothing_twice(ask: Callable[..., Varied], endpoint: Endpoint, tmp_path: Path) -> None:
    found = ask(per_row=2)
    assert found.made == Counter(syntax=8, error=8)
    assert found.usage.requests == 16
    assert all("hey, quick one" in json.dumps(row["messages"]) for row in made(tmp_path / "messy.jsonl"))
    first = (tmp_path / "messy.jsonl").read_bytes()
    again = ask(per_row=2)
    assert again.usage.requests == 0
    assert (tmp_path / "messy.jsonl").read_bytes() == first
    counts = endpoint.counts()
    assert (counts.answered, counts.repeated) == (16, 0)


def test_what_lost_something_is_left_out_and_counted(ask: Callable[..., Varied], endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.fault(None)
    found = ask()
    assert found.refused == Counter({"lost what the desired output needs": 8})
    assert made(tmp_path / "messy.jsonl") == []
    assert found.bare == 8


def test_a_run_that_stops_goes_on_later(ask: Callable[..., Varied], endpoint: Endpoint, tmp_path: Path) -> None:
    with pytest.raises(BudgetError):
        ask(per_row=2, budget="6000tokens", concurrency=1)
    before = endpoint.counts().answered
    assert 0 < before < 16
    assert not (tmp_path / "messy.jsonl").exists()
    assert ask(per_row=2).usage.requests == 16 - before
    assert endpoint.counts().repeated == 0


def test_an_endpoint_that_refuses_stops_the_run(ask: Callable[..., Varied], endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.fault("quota")
    with pytest.raises(TeacherError, match="quota"):
        ask()
    assert not (tmp_path / "messy.jsonl").exists()


def test_requests_without_tools_offer_none(ask: Callable[..., Varied], endpoint: Endpoint) -> None:
    endpoint.fault("no_tools")
    assert ask(kinds=["context"]).usage.requests == 8


def test_the_responses_api_writes_variants_too(ask: Callable[..., Varied]) -> None:
    assert ask(asking=Asking(api="responses")).made.total() == 8


# --- what is refused -----------------------------------------------------------------------------------------------------


def test_wrong_settings_are_refused(dataset: Path, tmp_path: Path) -> None:
    for options, reason in (
        ({"kinds": ["syntax"]}, "--teacher MODEL"),
        ({"kinds": ["loud"]}, "there is no loud"),
        ({"no_search": 0.4, "nothing_found": 0.4}, "at most half"),
        ({"not_documented": "nothing"}, "says nothing about a name"),
    ):
        with pytest.raises(SettingsError, match=reason):
            tracegen.variants(dataset, tmp_path / "messy.jsonl", **options)
    with pytest.raises(SettingsError, match="the dataset itself"):
        tracegen.variants(dataset, dataset)
    with pytest.raises(SettingsError, match="kept beside the output"):
        tracegen.variants(dataset, "-", teacher="scripted", base_url="http://127.0.0.1:9/v1")
    with pytest.raises(SettingsError, match="beside standard output"):
        tracegen.generate(dataset, "-", teacher="builtin")


def test_the_command(tracegen: Callable[..., Ended], dataset: Path, tmp_path: Path) -> None:
    ended = tracegen("variants", dataset, "-o", tmp_path / "messy.jsonl", "--kinds", "typos, premise", "--per-row", 2)
    assert ended.code == 0
    assert "made            16: 8 premise, 8 typos" in ended.err
    dataset.write_text(dataset.read_text(encoding="utf-8") + "{\n", encoding="utf-8")
    ended = tracegen("variants", dataset, "-o", tmp_path / "messy.jsonl", "--kinds", "terse")
    assert ended.code == 3
    assert "left out: 1 line, the first train.jsonl:9" in ended.err
    assert tracegen("variants", dataset, "-o", tmp_path / "messy.jsonl", "--kinds", "loud").code == 2


@pytest.mark.parametrize(
    ("fault", "reason"), [("refusal", "no answer"), ("length", "cut off"), ("content_filter", "no answer")]
)
def test_answers_that_are_none_are_counted(ask: Callable[..., Varied], endpoint: Endpoint, fault: str, reason: str) -> None:
    endpoint.fault(fault)
    assert ask().refused == Counter({reason: 8})
