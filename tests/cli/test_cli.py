"""What a user sees: what is printed where, exit codes, and a sentence for every mistake."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.endpoint import Endpoint
from tests.conftest import Ended, database, read_jsonl

Run = Callable[..., Ended]


def test_version_and_help(tracegen: Run) -> None:
    assert tracegen("--version").out.startswith("tracegen, version ")
    assert "inspect" in tracegen("--help").out


def test_wrong_usage_is_2(tracegen: Run) -> None:
    assert tracegen("generate").code == 2
    assert tracegen("no-such-command").code == 2


def test_index_says_what_it_did_and_does_it_once(tracegen: Run, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "page.md").write_text("# Loops\n\nA loop is written `loop i from 1 to 3 { }` in Zorp.\n")
    (docs / "logo.md").write_bytes(b"\x89PNG\x00\x01\x02" * 100)
    first = tracegen("index", docs, "--index", tmp_path / "index")
    assert first.code == 0
    assert first.out == ""
    assert "files read      1" in first.err
    assert "logo.md: binary content" in first.err
    again = tracegen("index", docs, "--index", tmp_path / "index")
    assert "unchanged" in again.err
    (docs / "page.md").write_text("# Loops\n\nA loop is written `repeat 3 { }` in Zorp.\n")
    changed = tracegen("index", docs, "--index", tmp_path / "index")
    assert "1 embedded now" in changed.err
    assert "repeat 3" in tracegen("search", "loop", "--index", tmp_path / "index").out


@pytest.mark.parametrize("make", ["nothing", "empty", "binary only"])
def test_documentation_that_is_none(tracegen: Run, tmp_path: Path, make: str) -> None:
    docs = tmp_path / "docs"
    if make != "nothing":
        docs.mkdir()
    if make == "binary only":
        (docs / "a.md").write_bytes(bytes(range(256)) * 10)
    ended = tracegen("index", docs, "--index", tmp_path / "index")
    assert ended.code == 1
    assert ended.err.startswith("Error: ")
    assert "docs" in ended.err


def test_search_prints_what_the_model_gets(tracegen: Run, sample_index: Path) -> None:
    from tracegen.index import open_index

    ended = tracegen("search", "how to join strings", "--index", sample_index)
    with open_index(sample_index) as index:
        assert ended.out == index.call("how to join strings").text + "\n"
    scores = tracegen("search", "how to join strings", "--index", sample_index, "--scores")
    assert scores.out == ended.out
    assert "lexical (BM25)" in scores.err
    hits = json.loads(tracegen("search", "how to join strings", "--index", sample_index, "--json").out)
    assert [hit["rank"] for hit in hits] == list(range(1, len(hits) + 1))


def test_search_shows_the_anchor_of_a_section_where_the_file_has_one(tracegen: Run, tmp_path: Path) -> None:
    docs, index = tmp_path / "docs", tmp_path / "index"
    docs.mkdir()
    docs.joinpath("lists.md").write_text("# Lists\n\n## fold {#fold}\n\nFolds a list into one value.\n", encoding="utf-8")
    assert tracegen("index", docs, "--index", index).code == 0
    assert "lists.md#fold:" in tracegen("search", "fold", "--index", index, "--scores").err
    [hit] = json.loads(tracegen("search", "fold", "--index", index, "--json").out)
    assert hit["chunk"]["anchor"] == "fold"


def test_search_without_an_index_or_a_query(tracegen: Run, tmp_path: Path, sample_index: Path) -> None:
    ended = tracegen("search", "x", "--index", tmp_path / "none")
    assert ended.code == 1
    assert "tracegen index" in ended.err
    assert tracegen("search", "  ", "--index", sample_index).code == 1


def test_generate_says_who_researched_and_where_the_files_are(
    tracegen: Run, dataset: Path, tmp_path: Path, sample_index: Path
) -> None:
    output = tmp_path / "out.jsonl"
    ended = tracegen("generate", dataset, "-o", output, "--index", sample_index)
    assert ended.code == 0
    assert ended.out == ""
    assert "built-in researcher" in ended.err
    assert str(output) in ended.err
    assert "tracegen inspect" in ended.err
    assert len(read_jsonl(output)) == 8


def test_commands_that_are_shown_can_be_pasted(tracegen: Run, dataset: Path, tmp_path: Path, sample_index: Path) -> None:
    output = tmp_path / "my examples.jsonl"
    assert f"tracegen inspect '{output}'" in tracegen("generate", dataset, "-o", output, "--index", sample_index).err
    ended = tracegen("search", "loops", "--index", tmp_path / "no index")
    assert f"tracegen index DOCS --index '{tmp_path / 'no index'}'" in ended.err


def test_rejected_rows_are_exit_3_and_quiet_is_quiet(tracegen: Run, dataset: Path, tmp_path: Path, sample_index: Path) -> None:
    with dataset.open("a", encoding="utf-8") as file:
        file.write('{"messages": []}\n')
    ended = tracegen("generate", dataset, "-o", tmp_path / "out.jsonl", "--index", sample_index, "-q")
    assert (ended.code, ended.out, ended.err) == (3, "", "")


def test_a_wrong_key_stops_at_the_first_answer_and_is_not_shown(
    tracegen: Run, dataset: Path, tmp_path: Path, sample_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.endpoint import start

    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-key")
    with start(key="sk-right-key", model="known") as guarded:
        words = ["generate", dataset, "-o", tmp_path / "out.jsonl", "--index", sample_index, "--base-url", guarded.base_url]
        ended = tracegen(*words, "--teacher", "known")
        assert ended.code == 1
        assert "OPENAI_API_KEY" in ended.err
        assert "sk-wrong-key" not in ended.err
        assert guarded.counts().requests == 1
        monkeypatch.setenv("OPENAI_API_KEY", "sk-right-key")
        ended = tracegen(*words, "--teacher", "unknown", "-o", tmp_path / "other.jsonl")
        assert ended.code == 1
        assert "'unknown'" in ended.err
        assert guarded.counts().requests == 2
        assert tracegen(*words, "--teacher", "known").code == 0


def test_the_environment_sets_options(
    tracegen: Run, dataset: Path, tmp_path: Path, sample_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEGEN_GENERATE_INDEX", str(sample_index))
    monkeypatch.setenv("TRACEGEN_GENERATE_LIMIT", "2")
    assert tracegen("generate", dataset, "-o", tmp_path / "out.jsonl").code == 0
    assert len(read_jsonl(tmp_path / "out.jsonl")) == 2


def test_base_url_from_the_environment_is_the_sdks(
    tracegen: Run, dataset: Path, tmp_path: Path, sample_index: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
    ended = tracegen("generate", dataset, "-o", tmp_path / "out.jsonl", "--index", sample_index, "--teacher", "scripted")
    assert ended.code == 0
    assert endpoint.counts().answered == 8 * 4


def test_export_writes_both_formats_from_the_run_file_alone(
    tracegen: Run, dataset: Path, tmp_path: Path, sample_index: Path
) -> None:
    output, run_file = tmp_path / "out.jsonl", tmp_path / "out.run.db"
    tracegen("generate", dataset, "-o", output, "--index", sample_index)
    openai = tmp_path / "again.jsonl"
    assert tracegen("export", run_file, "-o", openai).code == 0
    assert openai.read_bytes() == output.read_bytes()
    hf = tmp_path / "hf.jsonl"
    assert tracegen("export", run_file, "--target", "hf", "-o", hf).code == 0
    first = json.loads(hf.read_text(encoding="utf-8").splitlines()[0])
    assert isinstance(first["messages"][2]["tool_calls"][0]["function"]["arguments"], dict)
    assert tracegen("export", run_file, "-o", "-").out == output.read_text(encoding="utf-8")
    assert tracegen("export", tmp_path / "none.run.db", "-o", hf).code == 1
    assert tracegen("export", run_file, "-o", tmp_path / "no" / "folder.jsonl").code == 1


def test_export_writes_what_the_teacher_thought_where_that_is_asked_for(
    tracegen: Run, dataset: Path, tmp_path: Path, sample_index: Path, endpoint: Endpoint
) -> None:
    endpoint.fault("reasoning")
    run_file, output = tmp_path / "out.run.db", tmp_path / "thought.jsonl"
    words = ["--teacher", "scripted", "--base-url", endpoint.base_url]
    assert tracegen("generate", dataset, "-o", tmp_path / "out.jsonl", "--index", sample_index, *words).code == 0
    ended = tracegen("export", run_file, "--target", "hf", "--reasoning", "-o", output)
    assert "with what the teacher thought: 24 calls" in ended.err
    calling = [message for message in json.loads(output.read_text().splitlines()[0])["messages"] if "tool_calls" in message]
    assert [message["reasoning_content"] for message in calling] == ["The user wants to know; I should search."] * 3


def test_export_of_an_unfinished_run_says_so(tracegen: Run, dataset: Path, tmp_path: Path, sample_index: Path) -> None:
    run_file = tmp_path / "out.run.db"
    tracegen("generate", dataset, "-o", tmp_path / "out.jsonl", "--index", sample_index)
    with database(run_file) as run:
        run.execute("DELETE FROM traces WHERE row_id IN (SELECT row_id FROM traces LIMIT 3)")
    ended = tracegen("export", run_file, "-o", tmp_path / "part.jsonl")
    assert "5 examples" in ended.err
    assert "3 not finished" in ended.err


def test_what_there_is_one_of_reads_as_one(tracegen: Run, dataset: Path, tmp_path: Path, sample_index: Path) -> None:
    dataset.write_text(dataset.read_text(encoding="utf-8").splitlines(keepends=True)[0] + "{}\n", encoding="utf-8")
    output, run = tmp_path / "out.jsonl", tmp_path / "out.run.db"
    said = ""
    for words in (
        ["generate", dataset, "-o", tmp_path / "other.jsonl", "--index", sample_index, "--estimate-with", 1],
        ["generate", dataset, "-o", output, "--index", sample_index, "--max-hops", 1],
        ["generate", dataset, "-o", output, "--index", sample_index, "--max-hops", 1],
        ["status", run],
        ["inspect", output],
        ["inspect", output, 1],
        ["support", run, "--index", sample_index],
        ["export", run, "-o", tmp_path / "hf.jsonl", "--target", "hf"],
        ["select", dataset, "-o", tmp_path / "best.jsonl", "--best", 1],
        ["variants", dataset, "-o", tmp_path / "messy.jsonl"],
        ["split", dataset, "--check", dataset],
        ["serve", "--verify", run, "--index", sample_index],
    ):
        ended = tracegen(*words)
        assert ended.code in (0, 1, 3)
        said += ended.out + ended.err
    assert "1 example for hf" in said
    assert "1 row was finished before" in said
    assert not re.findall(r"(?<![\d.,:])\b1 (?!as|has|is|was)[a-z]+s\b.*", said)


def test_inspect_shows_where_passages_came_from(tracegen: Run, dataset: Path, tmp_path: Path, sample_index: Path) -> None:
    output = tmp_path / "out.jsonl"
    tracegen("generate", dataset, "-o", output, "--index", sample_index, "--limit", 2)
    with database(tmp_path / "out.run.db") as run:
        trace = json.loads(run.execute("SELECT trace FROM traces").fetchone()[0])
    page = tracegen("inspect", output, 1)
    assert page.code == 0
    assert "score 0." in page.out
    assert max(map(len, page.out.splitlines())) < 130
    assert (
        trace["hops"][0]["returned"]["sources"][0]["chunk_id"]
        in tracegen("inspect", output, 1).out + tracegen("inspect", output, 2).out
    )


def test_status_shows_what_is_in_an_index(tracegen: Run, sample_index: Path, tmp_path: Path) -> None:
    ended = tracegen("index", "--status", "--index", sample_index)
    assert ended.code == 0
    assert ended.err == ""
    for word in (
        "documents",
        "sentence-transformers/all-MiniLM-L6-v2",
        "at most 220 tokens",
        "tokens per chunk",
        "█",
        "nothing",
    ):
        assert word in ended.out
    data = json.loads(tracegen("index", "--status", "--json", "--index", sample_index).out)
    assert sum(bar["rows"] for bar in data["tokens_histogram"]) == data["chunks"]
    assert 0 < data["tokens"]["median"] <= data["tokens"]["max"] <= data["budget"]
    assert data["bytes"]["chroma"] > data["bytes"]["search"] > 0

    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "page.md").write_text("# Loops\n\nA loop is written `loop i from 1 to 3 { }` in Zorp.\n")
    for number in range(12):
        (docs / f"picture-{number:02}.png").write_bytes(b"\x89PNG")
    assert tracegen("index", docs, "--index", tmp_path / "index", "-q").code == 0
    out = tracegen("index", "--status", "--index", tmp_path / "index").out
    assert "12  image, font, sound or film (.png)" in out
    assert "and 2 more (--all-skipped lists them)" in out
    assert "picture-11.png" in tracegen("index", "--status", "--all-skipped", "--index", tmp_path / "index").out


def test_status_without_an_index_or_with_documents(tracegen: Run, tmp_path: Path) -> None:
    assert tracegen("index", "--status", "--index", tmp_path / "none").code == 1
    assert tracegen("index", "--status", tmp_path, "--index", tmp_path / "none").code == 2
    assert tracegen("index", "--index", tmp_path / "none").code == 2
    assert tracegen("index", tmp_path, "--json").code == 2


def test_index_reads_what_patterns_say(tracegen: Run, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    (docs / "news").mkdir(parents=True)
    (docs / "page.md").write_text("# Loops\n\nA loop is written `loop i from 1 to 3 { }` in Zorp.\n")
    (docs / "news" / "old.md").write_text("# News\n\nLoops were written `for` once.\n")
    ended = tracegen("index", docs, "--index", tmp_path / "index", "--exclude", "news/")
    assert "files read      1" in ended.err
    assert "once" not in tracegen("search", "loops", "--index", tmp_path / "index").out
    again = tracegen("index", docs, "--index", tmp_path / "index", "--include", "*.md")
    assert "files read      2" in again.err
