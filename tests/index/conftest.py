"""Fixtures of the index tests: a quick deterministic embedder, small documentation, and the real model once."""

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from tracegen.index import Index, build_index, open_index
from tracegen.index.embedder import Embedder, Vectors, load_embedder

PAGES = {
    "arrays.md": """# Arrays

Arrays hold values in order.

## std.foldl

`std.foldl(func, arr, init)` calls the function on each element from the left and carries the result along.

```jsonnet
std.foldl(function(sum, x) sum + x, [1, 2, 3], 0)
```

## std.map

`std.map(func, arr)` returns a new array with the function applied to each element.
""",
    "guide/strings.md": """# Strings

Text between double quotes. Joining two strings is written with a plus sign.

## Escapes

A backslash begins an escape such as a newline or a tab character.
""",
    "imports.txt": "Imports read another file and give its value. A path is relative to the importing file.\n",
}


class FakeEmbedder:
    """Vectors from the digests of words: texts with the same words are near each other, every time and everywhere."""

    def __init__(self, name: str = "tests/fake", fingerprint: str = "f" * 64, dimension: int = 32) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.dimension = dimension
        self.max_tokens = 254
        self.queries_together, self.batches_at_once = 8, 2
        self.embedded: list[str] = []

    def count_tokens(self, text: str) -> int:
        return len(re.findall(r"\w+|[^\w\s]", text))

    def embed_documents(self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> Vectors:
        self.embedded += texts
        if progress and texts:
            progress(len(texts), len(texts))
        return np.array([self._embed(text) for text in texts], dtype=np.float32).reshape(len(texts), self.dimension)

    def embed_queries(self, texts: Sequence[str]) -> list[Vectors]:
        return [self._embed(text) for text in texts]

    def _embed(self, text: str) -> Vectors:
        vector = np.full(self.dimension, 0.01)
        for word in re.findall(r"\w+", text.lower()):
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])
            vector += np.random.default_rng(seed).normal(size=self.dimension)
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def index_of(root: Path, pages: dict[str, str]) -> Index:
    """Build an index of pages with the quick embedder, in chunks of 60 words at most, and open it."""
    for name, text in pages.items():
        file = root / "docs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    build_index([root / "docs"], root / "index", embedder=FakeEmbedder(), max_tokens=60)
    return open_index(root / "index", embedder=FakeEmbedder())


def paragraph(number: int, words: int = 30) -> str:
    """Return a paragraph of words that no other number has."""
    return " ".join(f"word{number}x{place}" for place in range(words)) + "."


@pytest.fixture(scope="module")
def pages_index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Build an index of four pages of ten sections, of one chunk or two."""
    pages = {
        f"page{page}.md": f"# Page {page}\n\n"
        + "\n\n".join(f"## part {n}\n\n{paragraph(n, 40 if n % 3 else 15)}" for n in range(page * 10, page * 10 + 10))
        for page in range(4)
    }
    return index_of(tmp_path_factory.mktemp("pages"), pages)


@pytest.fixture
def embedder() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """Make a folder of documentation that the test may change."""
    root = tmp_path / "docs"
    for name, text in PAGES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def real_embedder() -> Embedder:
    """Load the default model from the packaged weights."""
    return load_embedder()
