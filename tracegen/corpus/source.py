"""Source files -> one fenced code block; the chunker cuts it at blank lines."""

from tracegen.corpus.pages import Page, fenced
from tracegen.records import Block

_MINIFIED_LINE = 5000  # characters of a line on average
_GENERATED_LINE = 100_000
_GENERATED = frozenset(["javascript", "css", "json", "xml", "yaml", "typescript"])


def read_source(text: str, language: str) -> Page:
    """Read a source file: its code as one block, without the empty lines around it."""
    lines = text.split("\n")
    start = next((number for number, line in enumerate(lines) if line.strip()), 0)
    end = len(lines)
    while end > start and not lines[end - 1].strip():
        end -= 1
    code = lines[start:end]
    if language in ("javascript", "css") and sum(map(len, code)) > _MINIFIED_LINE * max(len(code), 1):
        return Page("", (), "minified bundle")
    if language in _GENERATED and any(len(line) > _GENERATED_LINE for line in code):
        return Page("", (), "generated file")
    if not code:
        return Page("", ())
    block = Block(kind="code", text=fenced("\n".join(code), language), start_line=start + 1, end_line=end, language=language)
    return Page("", (block,))
