"""Documentation files -> Document -> Chunk: one reader per format, one chunker."""

from tracegen.corpus.chunks import chunk_document, embedded_text
from tracegen.corpus.duplicates import mark_duplicates
from tracegen.corpus.walk import read_corpus

__all__ = ["chunk_document", "embedded_text", "mark_duplicates", "read_corpus"]
