"""reStructuredText -> blocks, by docutils, which reads the structure; inline markup is read by patterns."""

import io
from functools import cache

from docutils import ApplicationError, DataError, frontend, nodes, utils
from docutils.parsers.rst import Parser, states

from tracegen.corpus.pages import Page, first_heading
from tracegen.corpus.rst_blocks import blocks_of
from tracegen.corpus.rst_directives import register_directives
from tracegen.corpus.text import read_simple_rst

_LONGEST = 400_000  # characters; docutils takes a second or so for them, and more than twice that for twice as many
_BROKEN = (
    ApplicationError, DataError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
)  # fmt: skip


def read_rst(text: str) -> Page:
    """Read a reStructuredText file, with Sphinx's directives and roles; unknown ones give their words.

    What it includes stands in the text already (see includes.py). Where docutils fails, and for very long files, a simpler
    reader finds headings, literal blocks and paragraphs.
    """
    if len(text) > _LONGEST:
        return read_simple_rst(text)
    try:
        blocks = blocks_of(_parse(text), text.split("\n"))
    except _BROKEN:
        return read_simple_rst(text)
    return Page(first_heading(blocks), blocks)


def _parse(text: str) -> nodes.document:
    register_directives(text)
    settings = _settings().copy()
    settings.warning_stream = io.StringIO()
    document = utils.new_document("", settings)
    inliner = states.Inliner()
    inliner.parse = _unread  # type: ignore[method-assign]
    Parser(inliner=inliner).parse(text, document)
    return document


def _unread(text: str, lineno: int, memo: object, parent: nodes.Element) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Return inline text as it stands."""
    return [nodes.Text(text)], []


@cache
def _settings() -> frontend.Values:
    settings = frontend.get_default_settings(Parser)
    settings.report_level, settings.halt_level = 5, 6
    settings.file_insertion_enabled = settings.raw_enabled = False
    settings.syntax_highlight = "none"
    settings.line_length_limit = _LONGEST
    return settings
