"""The tool's file, its place in the index, and the budget of a return."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.index.conftest import FakeEmbedder
from tracegen.errors import InputError
from tracegen.index import build_index, open_index, store
from tracegen.index.tool import CUT, DEFAULT_TOOL, RENDERING, render, within_budget
from tracegen.index.toolfile import read_tool
from tracegen.records import Chunk, Hit, Tool

PAGE = (ROOT / "docs/tool.md").read_text(encoding="utf-8")


def example(language: str) -> str:
    """Return the example of docs/tool.md in a language."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    return str(block)


def write(folder: Path, text: str) -> Path:
    path = folder / "tool.toml"
    path.write_text(text, encoding="utf-8")
    return path


# --- the file ------------------------------------------------------------------------------------------------------------


def test_the_example_of_the_page_gives_the_definition_of_the_page(tmp_path: Path) -> None:
    tool = read_tool(write(tmp_path, example("toml")))
    assert tool.definition == json.loads(example("json"))
    assert (tool.k, tool.max_chars, tool.max_tokens) == (4, 6000, None)
    assert tool.nothing_found == "No passage found. Try other words."
    assert tool.rendering == RENDERING


def test_what_the_file_leaves_out_is_as_in_the_default_tool(tmp_path: Path) -> None:
    assert read_tool(write(tmp_path, "")) == DEFAULT_TOOL
    assert read_tool(Path("default")) == DEFAULT_TOOL
    assert read_tool(write(tmp_path, "max_tokens = 500")) == DEFAULT_TOOL.model_copy(update={"max_tokens": 500})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("k = 0", "tool.toml:k: input should be greater than or equal to 1, not '0'. Give a whole number from 1 to 50."),
        ('k = "5"', "tool.toml:k: input should be a valid integer, not '5'. Give a whole number from 1 to 50."),
        ("k = true", "tool.toml:k: input should be a valid integer"),
        ('name = "search docs"', "Give 1 to 64 letters, digits, underscores and hyphens."),
        ('name = "search\\n"', "tool.toml:name: "),
        ('description = "  "', "tool.toml:description: string should have at least 1 character"),
        ("max_chars = 10", "tool.toml:max_chars: "),
        ("max_chars = 1000\nmax_tokens = 500", "tool.toml: there are both max_chars and max_tokens. Give one of them."),
        ("kk = 5", "tool.toml:kk: there is no such setting. Those there are: name, description, query_description, k, "),
        ("[tool]\nk = 5", "tool.toml:tool: there is no such setting."),
        ("k = ", "tool.toml is not TOML: Invalid value (at end of document)"),
    ],
)
def test_a_mistake_in_the_file_is_said_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        read_tool(write(tmp_path, text))
    assert message in str(error.value)


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_tool(write(tmp_path, "k = 0\nmax_chars = 1"))
    assert len(str(error.value).splitlines()) == 2


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_tool(tmp_path / "none.toml")
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not TOML"):
        read_tool(path)


# --- in the index --------------------------------------------------------------------------------------------------------


def test_a_new_tool_is_in_the_index_without_embedding_anything(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    path = tmp_path / "index"
    tool = DEFAULT_TOOL.model_copy(update={"name": "look_up", "k": 2})
    first = build_index([docs], path, embedder=embedder)
    generation = store.current_generation(path)
    texts = len(embedder.embedded)
    second = build_index([docs], path, embedder=embedder, tool=tool)
    assert (second.changed, second.embedded, second.id) == (True, 0, first.id)
    assert len(embedder.embedded) == texts
    assert store.current_generation(path) == generation
    with open_index(path, embedder=embedder) as index:
        assert index.tool == tool
        assert len(index.call("std.foldl").sources) == len(index.search("std.foldl")) == 2


def test_the_index_keeps_its_tool_until_it_is_given_another(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    path = tmp_path / "index"
    tool = DEFAULT_TOOL.model_copy(update={"name": "look_up"})
    build_index([docs], path, embedder=embedder, tool=tool)
    assert not build_index([docs], path, embedder=embedder).changed
    (docs / "arrays.md").write_text("# Arrays\n\nOther text.\n", encoding="utf-8")
    assert build_index([docs], path, embedder=embedder).changed
    with open_index(path, embedder=embedder) as index:
        assert index.tool == tool
    build_index([docs], path, embedder=embedder, tool=DEFAULT_TOOL)
    with open_index(path, embedder=embedder) as index:
        assert index.tool == DEFAULT_TOOL


def test_an_index_without_a_tool_has_the_default_one(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    path = tmp_path / "index"
    build_index([docs], path, embedder=embedder)
    file = store.current_generation(path) / store.MANIFEST
    manifest = json.loads(file.read_text(encoding="utf-8"))
    del manifest["tool"]
    file.write_text(json.dumps(manifest), encoding="utf-8")
    with open_index(path, embedder=embedder) as index:
        assert index.tool == DEFAULT_TOOL


def test_the_rendering_is_that_of_the_program_not_of_the_build(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    path = tmp_path / "index"
    build_index([docs], path, embedder=embedder)
    folder = store.current_generation(path)
    manifest = store.read_manifest(path, folder)
    store.write_manifest(folder, manifest.model_copy(update={"tool": DEFAULT_TOOL.model_copy(update={"rendering": 0})}))
    with open_index(path, embedder=embedder) as index:
        assert index.tool.rendering == RENDERING
    assert build_index([docs], path, embedder=embedder).changed
    assert store.read_manifest(path, folder).tool.rendering == RENDERING


# --- the budget ----------------------------------------------------------------------------------------------------------


def hit(rank: int, text: str) -> Hit:
    chunk = Chunk(id=str(rank), path="a.md", title="A", headings=(), text=text, start_line=1, end_line=9)
    return Hit(chunk=chunk, rank=rank, score=1.0)


def budgeted(**fields: int) -> Tool:
    return DEFAULT_TOOL.model_copy(update=fields)


def words(text: str) -> int:
    return len(text.split())


def test_without_a_budget_all_hits_are_returned() -> None:
    hits = [hit(1, "one " * 5000), hit(2, "two")]
    assert within_budget(hits, DEFAULT_TOOL, words) == hits
    assert within_budget([], budgeted(max_chars=400), words) == []


def test_the_best_passages_that_have_room_are_returned_whole() -> None:
    hits = [hit(1, "x" * 150), hit(2, "y" * 150), hit(3, "z" * 150)]
    room = len(render(hits[:2]))
    assert within_budget(hits, budgeted(max_chars=room), words) == hits[:2]
    assert within_budget(hits, budgeted(max_chars=room - 1), words) == hits[:1]
    assert within_budget(hits, budgeted(max_tokens=words(render(hits))), words) == hits


def test_a_passage_without_room_is_cut_at_the_end_of_a_line() -> None:
    (cut,) = within_budget([hit(1, "word " * 30 + "\n" + "more " * 500)], budgeted(max_tokens=100), words)
    assert cut.chunk.text == "word " * 30 + CUT
    (cut,) = within_budget([hit(1, "x" * 900), hit(2, "y")], budgeted(max_chars=400), words)
    assert len(render([cut])) == 400
    assert cut.chunk.text.endswith("x" + CUT)


def test_a_hit_keeps_its_source_when_it_is_cut(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    (docs / "long.md").write_text("# Long\n\n" + "zebra crossing\n" * 60, encoding="utf-8")
    build_index([docs], tmp_path / "index", embedder=embedder, tool=budgeted(max_chars=400))
    with open_index(tmp_path / "index", embedder=embedder) as index:
        returned = index.call("zebra")
        assert [source.path for source in returned.sources] == ["long.md"]
        assert len(returned.text) <= 400
        assert returned.text.endswith("zebra crossing" + CUT)


@given(
    texts=st.lists(st.text(alphabet="ab \n", min_size=1, max_size=900), max_size=6),
    budget=st.integers(min_value=100, max_value=2000),
    counted=st.sampled_from(["max_chars", "max_tokens"]),
)
def test_a_return_is_never_larger_than_its_budget(texts: list[str], budget: int, counted: str) -> None:
    hits = [hit(rank, text) for rank, text in enumerate(texts, start=1)]
    kept = within_budget(hits, budgeted(**{counted: budget}), words)
    text = render(kept)
    assert (len(text) if counted == "max_chars" else words(text)) <= budget
    assert [one.rank for one in kept] == list(range(1, len(kept) + 1))
    assert kept or not hits
