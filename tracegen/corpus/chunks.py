"""Document -> chunks that fit an embedding model and can be read alone."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import PurePosixPath

from tracegen.corpus.packing import Draft, Packer
from tracegen.corpus.pages import WORDLESS_TITLES
from tracegen.corpus.splitting import Meter
from tracegen.records import Chunk, Document

_LONGEST_CONTEXT = 240  # bytes, so that no tokenizer makes more than as many tokens of it


def chunk_document(
    document: Document, *, count_tokens: Callable[[str], int], max_tokens: int = 220, min_tokens: int = 40
) -> list[Chunk]:
    """Cut a document into chunks of at most `max_tokens`, counted on `embedded_text`.

    A chunk is a section, a part of one, or neighbours below one parent where one of them has less than `min_tokens`; a
    joined section's heading stays in the text. Code that fits is never split and keeps the sentence before it where both fit.
    A heading path that takes more than half of `max_tokens` does not count beyond that half.
    """
    meter = Meter(count_tokens)
    packer = Packer(
        meter, max_tokens, min_tokens, lambda words: _context(document.path, document.title, _headings(document, words))
    )
    repetitions: Counter[tuple[tuple[str, ...], str]] = Counter()
    chunks = []
    for draft in packer.pack(document):
        headings = _headings(document, draft.words)
        text = draft.text
        chunks.append(_chunk(document, draft, headings, text, repetitions[headings, text]))
        repetitions[headings, text] += 1
    return chunks


def embedded_text(chunk: Chunk) -> str:
    """Return what is embedded of a chunk: a line with the document's title and the heading path, then the text."""
    return f"{_context(chunk.path, chunk.title, chunk.headings)}\n\n{chunk.text}"


def _chunk(document: Document, draft: Draft, headings: tuple[str, ...], text: str, repetition: int) -> Chunk:
    identity = json.dumps([document.path, headings, text, repetition])
    return Chunk(
        id=hashlib.sha256(identity.encode()).hexdigest()[:16],
        path=document.path,
        title=document.title,
        headings=headings,
        text=text,
        start_line=draft.pieces[0].start_line,
        end_line=max(piece.end_line for piece in draft.pieces),
        anchor=next((each.heading.anchor for each in reversed(draft.path) if each.heading and each.heading.anchor), None),
        joint=draft.pieces[0].joint,
    )


def _headings(document: Document, words: tuple[tuple[int, str], ...]) -> tuple[str, ...]:
    """Return the heading path; one that does not begin with a first-level heading begins with the title."""
    path = tuple(text for _, text in words)
    if words and (words[0][0] == 1 or _says_the_same(words[0][1], document.title)):
        return path
    return (document.title, *path)


def _context(path: str, title: str, headings: tuple[str, ...]) -> str:
    parts = list(headings) if any(_says_the_same(title, each) for each in headings) else [title, *headings]
    folder = PurePosixPath(path).parent.name
    if title.strip().lower() in WORDLESS_TITLES and folder:
        # The subject of `pipe-operator/about.md` is in its folder's name alone.
        parts.insert(0, folder.replace("-", " ").replace("_", " "))
    while len(parts) > 2 and len(" > ".join(parts).encode()) > _LONGEST_CONTEXT:
        del parts[1]
    room = _LONGEST_CONTEXT // len(parts)
    if len(" > ".join(parts).encode()) > _LONGEST_CONTEXT:
        parts = [part.encode()[:room].decode(errors="ignore") for part in parts]
    return " > ".join(parts)


def _says_the_same(one: str, other: str) -> bool:
    """Tell whether titles differ in punctuation and case at most."""
    return one == other or (_letters(one) == _letters(other) != "")


def _letters(text: str) -> str:
    return " ".join(re.findall(r"\w+", text)).casefold()
