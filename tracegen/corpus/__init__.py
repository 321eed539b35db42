"""Documentation files -> Document -> Chunk: one reader per format, one chunker."""

from tracegen.corpus.chunks import chunk_document, embedded_text
from tracegen.corpus.duplicates import mark_duplicates
from tracegen.corpus.walk import Found, file_digest, find_files, read_corpus, read_found

CHUNKER = 11
"""Version of reading and cutting. Raise it when a file may give other chunks than before: indexes read their files again."""

__all__ = [
    "CHUNKER",
    "Found",
    "chunk_document",
    "embedded_text",
    "file_digest",
    "find_files",
    "mark_duplicates",
    "read_corpus",
    "read_found",
]
