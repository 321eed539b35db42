"""Searching: ties, queries of every kind, the tool, and what opening refuses."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.index.conftest import FakeEmbedder
from tracegen.errors import StoreError
from tracegen.index import Index, build_index, open_index, store
from tracegen.index.lexical import Lexical, query_words, tokenize
from tracegen.index.postings import write_lexical
from tracegen.index.ranking import DEFINITION, DENSE_WEIGHT, NAMES_WEIGHT, WORDS_WEIGHT
from tracegen.index.tool import DEFAULT_TOOL as TOOL
from tracegen.index.tool import render
from tracegen.records import Chunk, Hit

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Build an index of ten pages, one function each, and two with the same text."""
    root = tmp_path_factory.mktemp("search")
    (root / "docs").mkdir()
    names = ["foldl", "foldr", "map", "filter", "join", "split", "range", "slice", "sort", "uniq"]
    for name in names:
        (root / "docs" / f"{name}.md").write_text(f"# std.{name}\n\nCall `std.{name}` with an array to {name} its values.\n")
    for name in ("twin_a", "twin_b"):
        (root / "docs" / f"{name}.md").write_text("---\ntitle: Twin\n---\n\nTwins say the same thing twice.\n")
    build_index([root / "docs"], root / "index", embedder=FakeEmbedder())
    return open_index(root / "index", embedder=FakeEmbedder())


def test_the_passage_with_the_name_comes_first_and_carries_its_reasons(index: Index) -> None:
    hits = index.search("std.foldl", k=5)
    assert [hit.rank for hit in hits] == [1, 2, 3, 4, 5]
    first = hits[0]
    assert first.chunk.path == "foldl.md"
    assert first.lexical_rank == 1
    assert first.dense_rank is not None
    assert first.named
    # Nobody has more of the words, nor of the name; of the nearest embedding it has a share.
    nearest = max(hit.dense_score or 0 for hit in index.search("std.foldl", k=100))
    share = (first.dense_score or 0) / nearest
    assert first.score == pytest.approx(DEFINITION + WORDS_WEIGHT + NAMES_WEIGHT + DENSE_WEIGHT * share, abs=1e-5)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_passage_without_a_word_of_the_query_has_no_lexical_rank(index: Index) -> None:
    hits = {hit.chunk.path: hit for hit in index.search("twins", k=100)}
    assert len(hits) == 11
    assert len(index) == 12
    assert hits["sort.md"].lexical_rank is None
    assert hits["sort.md"].lexical_score == 0
    assert hits["sort.md"].dense_rank is not None


def test_of_twins_the_first_in_the_documentation_is_returned(index: Index) -> None:
    found = [hit.chunk.path for hit in index.search("say the same thing twice", k=12)]
    assert found[0] == "twin_a.md"
    assert "twin_b.md" not in found


def test_a_query_needs_a_character_and_k_a_number(index: Index) -> None:
    for query in ("", "  \n\t"):
        with pytest.raises(ValueError, match="empty"):
            index.search(query)
    with pytest.raises(ValueError, match="at least 1"):
        index.search("map", k=0)


def test_an_empty_query_of_a_model_gets_a_return_that_says_so(index: Index) -> None:
    returned = index.call(" ")
    assert returned.error
    assert returned.text.startswith("Error:")
    assert returned.sources == ()


@given(query=st.text(min_size=1, alphabet=st.characters()).filter(lambda text: bool(text.strip())))
def test_any_query_gives_the_same_passages_twice(index: Index, query: str) -> None:
    assert index.search(query, k=3) == index.search(query, k=3)


@pytest.mark.parametrize("query", ["\ud800", "fold\udce9", "\x00", "?!", "的", "x" * 100_000, "the of and", "a\nb"])
def test_strange_queries_are_answered(index: Index, query: str) -> None:
    assert len(index.search(query)) == 5
    index.call(query).text.encode("utf-8")


def test_many_threads_get_what_one_gets(index: Index) -> None:
    queries = [f"std.{name} of an array" for name in ("map", "sort", "join", "split", "uniq")] * 20
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(index.call, queries)) == [index.call(query) for query in queries]


def test_what_searches_cost_is_counted(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    build_index([docs], tmp_path / "index", embedder=embedder)
    with open_index(tmp_path / "index", embedder=embedder) as index:
        assert index.costs == (0, 0, 0)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(index.call, ["map", "foldl", "escapes", " "] * 5))
        assert index.costs.searches == 15
        assert index.costs.embed_s > 0
        assert index.costs.search_s > 0


def test_a_closed_index_says_so(index: Index, docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    build_index([docs], tmp_path / "index", embedder=embedder)
    with open_index(tmp_path / "index", embedder=embedder) as opened:
        pass
    with pytest.raises(ValueError, match="closed"):
        opened.search("map")


# --- the tool ------------------------------------------------------------------------------------------------------------


def test_the_text_of_a_return() -> None:
    chunk = Chunk(id="0" * 16, path="std/arrays.md", title="Arrays", headings=(), text="Text.", start_line=1, end_line=2)
    named = chunk.model_copy(
        update={"headings": ("Arrays", "std.foldl"), "text": "One.\n\nTwo.", "start_line": 41, "end_line": 63}
    )
    hits = [Hit(chunk=named, rank=1, score=0.2), Hit(chunk=chunk, rank=2, score=0.1)]
    assert render(hits) == ("[1] std/arrays.md:41-63 Arrays > std.foldl\nOne.\n\nTwo.\n\n[2] std/arrays.md:1-2 Arrays\nText.")
    assert render([]) == TOOL.nothing_found


def test_a_call_returns_what_the_search_found(index: Index) -> None:
    assert index.tool == TOOL
    returned = index.call("sort an array")
    hits = index.search("sort an array", k=TOOL.k)
    assert returned.text == render(hits)
    assert [source.chunk_id for source in returned.sources] == [hit.chunk.id for hit in hits]
    assert not returned.error


def test_the_definition_is_the_one_models_were_trained_with() -> None:
    # A change here changes what tuned models expect: raise RENDERING, and say so in the changelog.
    assert TOOL.rendering == 7
    assert TOOL.definition["function"]["name"] == "search_docs"
    assert TOOL.parameters["required"] == ["query"]
    assert TOOL.parameters["additionalProperties"] is False


# --- words ---------------------------------------------------------------------------------------------------------------


def test_words_are_stems_and_stop_words_leave_queries_only() -> None:
    assert tokenize("Joining std.foldl and snake_case") == ["join", "std", "foldl", "and", "snake_cas"]
    assert query_words("how do I join the arrays, please join") == ["join", "array"]
    assert query_words("what is it") == ["what", "is", "it"]
    assert query_words("?!") == []


def test_texts_without_words_can_be_indexed(tmp_path: Path) -> None:
    write_lexical(tmp_path / "bm25", map(tokenize, ["?!", "..."]))
    assert Lexical.load(tmp_path / "bm25").scores(query_words("word ?")).tolist() == [0.0, 0.0]


# --- opening -------------------------------------------------------------------------------------------------------------


def test_no_index_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(
        StoreError, match=r"There is no index in .*missing\. Name another with --index, or build one: tracegen index DOCS"
    ):
        open_index(tmp_path / "missing")


def test_another_embedder_is_refused_by_both_names(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    build_index([docs], tmp_path / "index", embedder=embedder)
    other = FakeEmbedder(name="tests/other", fingerprint="0" * 64)
    with pytest.raises(
        StoreError, match=r"built with the model tests/fake .weights f{12}., not with tests/other .weights 0{12}."
    ):
        open_index(tmp_path / "index", embedder=other)


@pytest.mark.parametrize(
    "name", ["CURRENT", "manifest.json", "chunks.jsonl", "vectors.npy", "catalogue.npz", "bm25/vocab.index.json"]
)
@pytest.mark.parametrize("damage", ["deleted", "emptied", "scribbled", "same size"])
def test_a_damaged_index_is_a_sentence(docs: Path, tmp_path: Path, embedder: FakeEmbedder, name: str, damage: str) -> None:
    path = tmp_path / "index"
    build_index([docs], path, embedder=embedder)
    file = path / name if name == "CURRENT" else store.current_generation(path) / name
    size = file.stat().st_size
    if damage == "deleted":
        file.unlink()
    else:
        file.write_bytes({"emptied": b"", "scribbled": b"\xff\x00nonsense", "same size": b"\xff" * size}[damage])
    with pytest.raises(StoreError, match=r"tracegen index DOCS"), open_index(path, embedder=embedder) as index:
        index.search("arrays")


def test_another_format_is_not_called_damage(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    build_index([docs], tmp_path / "index", embedder=embedder)
    file = store.current_generation(tmp_path / "index") / "manifest.json"
    manifest = json.loads(file.read_text())
    file.write_text(json.dumps({"format": 99, "made": "later"}))
    with pytest.raises(StoreError, match="another version of tracegen"):
        open_index(tmp_path / "index", embedder=embedder)
    # The same fields do not make it the same format.
    file.write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(StoreError, match="another version of tracegen"):
        open_index(tmp_path / "index", embedder=embedder)


def test_a_reader_that_is_late_takes_the_new_generation(
    docs: Path, tmp_path: Path, embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "index"
    build_index([docs], path, embedder=embedder)
    pointer = store.current_generation
    old = pointer(path)
    (docs / "more.md").write_text("# More\n\nA page that came later.\n")
    build_index([docs], path, embedder=embedder)
    answers = iter([old, pointer(path)])
    monkeypatch.setattr(store, "current_generation", lambda path: next(answers))
    with open_index(path, embedder=embedder) as index:
        assert "more.md" in index.manifest.documents


def test_searching_writes_nothing_and_loads_neither_chroma_nor_torch(
    docs: Path, tmp_path: Path, embedder: FakeEmbedder
) -> None:
    path = tmp_path / "index"
    build_index([docs], path, embedder=embedder)
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*")}
    script = (
        "import sys; from pathlib import Path\n"
        "import tracegen.index\n"
        "assert not {'numpy', 'torch', 'chromadb', 'sentence_transformers', 'huggingface_hub'} & set(sys.modules)\n"
        "from tests.index.conftest import FakeEmbedder\n"
        "from tracegen.index import open_index\n"
        "assert open_index(Path(sys.argv[1]), embedder=FakeEmbedder()).search('arrays')\n"
        "assert not {'torch', 'chromadb', 'sentence_transformers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, cwd=ROOT)
    assert {file: file.stat().st_mtime_ns for file in path.rglob("*")} == before


def test_versions_of_one_manual_take_one_place(tmp_path: Path, embedder: FakeEmbedder) -> None:
    """Of 23 copies one is found; the places of the others go to pages that say something else."""
    docs = tmp_path / "docs"
    docs.mkdir()
    page = "# Loops\n\nA loop is written `loop i from 1 to 3 { }`, and its variable is seen inside of it alone.\n"
    for version in range(1, 24):
        (docs / f"v{version:02}.md").write_text(page)
    (docs / "other.md").write_text("# Lists\n\nA loop over a list takes its elements one after the other, from the first on.\n")
    build_index([docs], tmp_path / "index", embedder=embedder)
    with open_index(tmp_path / "index", embedder=embedder) as index:
        assert sorted(hit.chunk.path for hit in index.search("loop")) == ["other.md", "v01.md"]
        assert [hit.chunk.path for hit in index.search("loop", path="v07.md")] == ["v07.md"]
