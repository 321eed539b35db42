"""The files of the lexical half: those that bm25s writes, byte for byte, from texts that are not held in memory."""

import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import bm25s
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.corpus import chunk_document, find_files, read_found
from tracegen.index import postings
from tracegen.index.lexical import LENGTH_WEIGHT, Lexical, tokenize
from tracegen.index.postings import write_lexical
from tracegen.records import Document

ROOT = Path(__file__).parents[2]


def files(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def written(texts: Sequence[Sequence[str]]) -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        write_lexical(Path(folder, "bm25"), iter(texts))
        return files(Path(folder))


def written_by_bm25s(texts: Sequence[Sequence[str]]) -> dict[str, bytes]:
    vocabulary = {"": 0}
    ids = [[vocabulary.setdefault(word, len(vocabulary)) for word in words or [""]] for words in texts]
    bm25 = bm25s.BM25(b=LENGTH_WEIGHT)
    bm25.index((ids, vocabulary), show_progress=False)
    with TemporaryDirectory() as folder:
        bm25.save(Path(folder, "bm25"), show_progress=False)
        return files(Path(folder))


WORDS = st.text(alphabet="abcé", max_size=2)


@given(st.lists(st.lists(WORDS, max_size=30), min_size=1, max_size=12), st.integers(1, 40), st.integers(1, 40))
def test_files_are_those_of_bm25s(texts: list[list[str]], block_words: int, picked: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postings, "BLOCK_WORDS", block_words)
        patch.setattr(postings, "PICKED", picked)
        assert written(texts) == written_by_bm25s(texts)


@pytest.mark.parametrize(("block_words", "picked"), [(postings.BLOCK_WORDS, postings.PICKED), (1_000, 500)])
def test_files_of_the_sample_are_those_of_bm25s(block_words: int, picked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings, "BLOCK_WORDS", block_words)
    monkeypatch.setattr(postings, "PICKED", picked)
    documents = [read_found(found) for found in find_files([ROOT / "docs_corpus"])]
    texts = [
        tokenize(chunk.text)
        for document in documents
        if isinstance(document, Document)
        for chunk in chunk_document(document, count_tokens=lambda text: len(text.split()), max_tokens=150)
    ]
    assert len(texts) > 500
    assert written(texts) == written_by_bm25s(texts)


def test_memory_does_not_grow_with_the_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings, "BLOCK_WORDS", 5_000)
    monkeypatch.setattr(postings, "PICKED", 5_000)

    def texts(count: int) -> Iterator[list[str]]:
        return ([f"word{number * each % 997}" for each in range(1, 101)] for number in range(count))

    def peak(count: int) -> int:
        tracemalloc.start()
        write_lexical(tmp_path / str(count), texts(count))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    write_lexical(tmp_path / "warm", texts(1))
    few, many = peak(200), peak(2_000)
    assert len(Lexical.load(tmp_path / "2000")) == 2_000
    # 180,000 words more, each of which took 40 bytes where the matrix was in memory; a text takes its length and its norm.
    assert many - few < 100_000, (few, many)


def test_nothing_else_is_left_in_the_folder(tmp_path: Path) -> None:
    write_lexical(tmp_path / "bm25", [["a", "b"], ["b"]])
    assert sorted(file.name for file in (tmp_path / "bm25").iterdir()) == [
        "data.csc.index.npy",
        "indices.csc.index.npy",
        "indptr.csc.index.npy",
        "params.index.json",
        "vocab.index.json",
    ]
