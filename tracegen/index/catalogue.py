"""What a search has to know of every chunk without reading it: the place of its line, its section, document and weight."""

import mmap
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracegen.records import Chunk

THIN_WORDS = 8
"""With fewer words, links not counted, a chunk without code is thin: it says where to look, not what."""

_LINK = re.compile(r"!?\[[^\]\n]*\](?:\([^)\n]*\)|\[[^\]\n]*\]|:.*)|<?https?://[^\s>]+>?")
_WORD = re.compile(r"\w{2,}")


class Catalogue(NamedTuple):
    """One value for each chunk, in the order of the documentation."""

    offsets: NDArray[np.int64]
    """Where its line begins in the file of chunks, and, as one value more, where the file ends."""
    sections: NDArray[np.int32]
    """Number of its section: chunks beside each other with one path and one heading path."""
    documents: NDArray[np.int32]
    """Place of its path in `paths`."""
    thin: NDArray[np.bool_]
    """Whether it is a mere list of links, or next to nothing."""
    repeats: NDArray[np.bool_]
    """Whether an earlier chunk says the same."""
    paths: tuple[str, ...]
    """The documents, as they are first met."""

    @classmethod
    def of(cls, chunks: Iterable[Chunk], lines: Sequence[int]) -> "Catalogue":
        """Return the catalogue of chunks, whose lines have these lengths in bytes."""
        paths: dict[str, int] = {}
        sections, documents, thin, repeats = array("i"), array("i"), array("b"), array("b")
        section, before = -1, None
        for chunk in chunks:
            if (chunk.path, chunk.headings) != before:
                section, before = section + 1, (chunk.path, chunk.headings)
            sections.append(section)
            documents.append(paths.setdefault(chunk.path, len(paths)))
            thin.append(is_thin(chunk.text))
            repeats.append(chunk.duplicate_of is not None)
        return cls(
            offsets=np.concatenate([[0], np.cumsum(lines)]).astype(np.int64),
            sections=np.array(sections, dtype=np.int32),
            documents=np.array(documents, dtype=np.int32),
            thin=np.array(thin, dtype=np.bool_),
            repeats=np.array(repeats, dtype=np.bool_),
            paths=tuple(paths),
        )

    @classmethod
    def load(cls, file: Path) -> "Catalogue":
        """Read a catalogue. Raises OSError, ValueError, KeyError or BadZipFile where it is damaged."""
        with np.load(file, allow_pickle=False) as arrays:
            paths = arrays["paths"].tobytes().decode("utf-8").split("\n")
            values = {name: arrays[name] for name in ("offsets", "sections", "documents", "thin", "repeats")}
            return cls(**values, paths=tuple(paths))

    def save(self, file: Path) -> None:
        """Write the catalogue. Raises OSError."""
        # As bytes: numpy pads texts to the longest one, with four bytes for each character.
        paths = np.frombuffer("\n".join(self.paths).encode("utf-8"), dtype=np.uint8)
        arrays = {name: getattr(self, name) for name in ("offsets", "sections", "documents", "thin", "repeats")}
        np.savez(file, paths=paths, **arrays)

    def originals(self) -> NDArray[np.bool_] | None:
        """Return which chunks are no repetitions, or None where none is: in one search the same passage stands once."""
        return ~self.repeats if self.repeats.any() else None

    def below(self, pattern: str) -> NDArray[np.bool_]:
        """Return which chunks are of documents whose path matches a pattern: `std/*.md`, `std` for all below that folder."""
        return _matching(self.paths, pattern)[self.documents]


@lru_cache(64)
def _matching(paths: tuple[str, ...], pattern: str) -> NDArray[np.bool_]:
    pattern = pattern.removeprefix("./").rstrip("/")
    return np.array([fnmatchcase(path, pattern) or path.startswith(f"{pattern}/") for path in paths], dtype=np.bool_)


def is_thin(text: str) -> bool:
    """Tell whether a text is a mere list of links, or next to nothing."""
    return "```" not in text and "~~~" not in text and len(_WORD.findall(_LINK.sub(" ", text))) < THIN_WORDS


class ChunkLines:
    """The file of chunks, mapped into memory: lines are read when they are asked for."""

    def __init__(self, file: Path, offsets: NDArray[np.int64]) -> None:
        """Map a file whose lines begin at `offsets`. Raises OSError, and ValueError where it has another size."""
        with file.open("rb") as opened:
            self._bytes = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        self._offsets = offsets
        if len(self._bytes) != offsets[-1]:
            raise ValueError(f"{file.name} has {len(self._bytes)} bytes instead of {offsets[-1]}")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, number: int) -> bytes:
        return self._bytes[self._offsets[number] : self._offsets[number + 1]]

    def __iter__(self) -> Iterator[bytes]:
        return (self[number] for number in range(len(self)))
