"""Markdown -> blocks, by markdown-it's line ranges: a block's text is its source lines, of tables without their padding."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from tracegen.corpus.dialects import common_markdown
from tracegen.corpus.pages import Page, code_block, first_heading, heading_block
from tracegen.corpus.webpage import read_webpage
from tracegen.records import Block

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_TEMPLATE_LINE = re.compile(r"\s*(?:(?:\{%(?:(?!%\}).)*%\}|\{\{[<%](?:(?![>%]\}\}).)*[>%]\}\})\s*)+")
_JEKYLL_CODE = re.compile(r"^\{%-?\s*highlight\s+([\w+#-]+)[^%\n]*%\}[ \t]*$", re.M)
_JEKYLL_END = re.compile(r"^\{%-?\s*endhighlight\s*-?%\}[ \t]*$", re.M)
_TOML_FRONT = re.compile(r"\+\+\+[ \t]*\n(.*?\n)?\+\+\+[ \t]*(?=\n|\Z)", re.S)
_FRONT = re.compile(r"""---[ \t]*\n(?:[ \t]*\n|\#[^\n]*\n)*(?:["']?[\w$@. -]{1,40}["']?[ \t]*:(?=\s|\Z)|---|\.\.\.|[\[{])""")
_RULE = re.compile(r"-{3,}[ \t]*\n")
_TITLE_LINES = re.compile(  # of Pandoc, Wren's site, MultiMarkdown and MkDocs
    # One blank, not several: a line that can be matched in two ways makes 2 ** n of n lines.
    r"(?:%[ \t](?P<pandoc>[^\n]+)\n(?:%[^\n]*\n){0,2}"
    r"|\^title[ \t](?P<marked>[^\n]+)\n(?:\^[a-z][^\n]*\n)*"
    r"|(?:(?!title:)[a-z][\w -]{0,30}:[ \t][^\n]*\n)*title:(?P<field>[^\n]+)\n(?:[a-z][\w -]{0,30}:[^\n]*\n)*)"
    r"(?=[ \t]*\n|\Z)",
    re.I,
)
_CODE_MARK = re.compile(r"(?: {4}|\t)[ \t]*(?::::|\#!)[ \t]*([A-Za-z][\w+#-]*)[ \t]*")
_HTML_HEADING = re.compile(r"\s*<h([1-6])\b[^>]*>(.*?)</h\1\s*>\s*", re.I | re.S)
_HTML_INVISIBLE = re.compile(r"\s*<(script|style)\b", re.I)
_HTML_BLOCK = re.compile(
    r"</?(?:table|tr|td|div|p|details|summary|ul|ol|li|dl|pre|h[1-6]|section|center|blockquote|figure)\b", re.I
)
_HTML_TAG = re.compile(r"<!--.*?(?:-->|\Z)|</?[a-zA-Z][^<>]*>", re.S)
_ID = re.compile(
    r"\{:?(?:[^{}#]*\s)?#([\w:.-]++)[^{}]*\}\s*$|"
    r"<(?:a|h[1-6]|span|div)\b[^<>]*?\s(?:id|name)\s*=\s*[\"']?([^\"'\s<>]+)|"
    r"\A\(([\w.:/-]+)\)=\s*\Z",
    re.IGNORECASE | re.MULTILINE,
)
"""The id of a heading, `## Title {#id}`, or of an element."""
_EMPTY_ANCHOR = re.compile(r"\s*<(a|span|div)\b[^<>]*>\s*</\1\s*>\s*|\([\w.:/-]+\)=\s*", re.I)
"""An element without words, or MyST's `(id)=`."""
_ATTRIBUTES = re.compile(r"\s*\{\s*[:#.][^{}]*\}\s*$")
_PADDING = re.compile(r"(?<![ \t])[ \t]{2,}+(?=\|)|(?<=(?<!\\)\|)[ \t]{2,}")
_DASHES = re.compile(r"-{4,}")
_FIELD = re.compile(r"(title|description)\s*[:=]\s*(.+?)\s*", re.I)
_LANGUAGE = re.compile(r"[{.]*+([\w+#-][\w+#.-]*+)(?!=)")
_INTERPOLATED = re.compile(r"\{\{\s*(?:\$?page\.|\$?frontmatter\.)+([\w-]+)\s*\}\}")
_PLAIN = re.compile(r"[^\W_][^_\\`*\[\]<>&!]*")
_LONGEST_HEADING = 2000


class _Region(NamedTuple):
    """Lines that make one block: numbers count from 0, the end is exclusive."""

    start: int
    end: int
    kind: str  # "heading", "prose", "code", "table" or "html"
    token: "Token | None" = None  # of a heading the words, of code the fence
    level: int = 0  # of a heading


def read_markdown(text: str) -> Page:
    """Read a Markdown file.

    Lines that hold nothing but template tags (Jekyll, Hugo), comments, rules and HTML without words are left out.
    """
    written = text.split("\n")
    text = common_markdown(_JEKYLL_END.sub("```", _JEKYLL_CODE.sub(r"```\1", text)))
    toml = _TOML_FRONT.match(text)
    if toml:
        text = f"---\n{toml.group(1) or ''}---{text[toml.end() :]}"
    elif _RULE.match(text) and not _FRONT.match(text):
        text = text.lstrip("-")  # a rule: what is before the next one would be taken for front matter
    named, text = _title_lines(text)
    tokens = _parser().parse(text)
    lines = text.split("\n")
    title, description = _front_matter(lines, tokens[0]) if tokens and tokens[0].type == "front_matter" else ("", [])
    title = title or named
    blocks = [block for region in _regions(tokens, len(lines)) for block in _blocks(lines, region)]
    blocks = [_anchored(block, written) for block in blocks]
    if tokens and "{{" in text:  # of definitions of links alone there are none
        blocks = list(_interpolated(blocks, tokens[0]))
    if all(block.kind == "heading" for block in blocks):
        # Elsewhere it says what the page is about, in the words that people ask with, and answers nothing.
        blocks[:0] = description
    return Page(title or first_heading(tuple(blocks)), tuple(blocks), declared=bool(title))


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt
    from mdit_py_plugins.front_matter import front_matter_plugin

    # Only the lines of blocks are needed; parsing the words inside them is most of the time.
    return MarkdownIt("commonmark").enable("table").use(front_matter_plugin).disable(["inline", "text_join"])


def _title_lines(text: str) -> tuple[str, str]:
    """Return the title that lines before the text give, and the text with these lines empty."""
    match = _TITLE_LINES.match(text)
    if match is None:
        return "", text
    title = match["pandoc"] or match["marked"] or match["field"]
    return title.strip().strip("\"'"), "\n" * match.group().count("\n") + text[match.end() :]


# --- front matter --------------------------------------------------------------------------------------------------------


def _front_matter(lines: list[str], token: "Token") -> tuple[str, list[Block]]:
    """Return the title, and the description as a block."""
    title, blocks = "", list[Block]()
    first, end = token.map or (0, 0)
    for number in range(first, end):
        match = _FIELD.fullmatch(lines[number])
        value = _scalar(match.group(2)) if match else ""
        if match is None or not value:
            continue
        if match.group(1).lower() == "title":
            title = value
        else:
            blocks.append(Block(kind="prose", text=value, start_line=number + 1, end_line=number + 1))
    return title, blocks


def _interpolated(blocks: list[Block], token: "Token") -> Iterator[Block]:
    """Yield the blocks with what they take from the front matter: `{{ $frontmatter.title }}`, of Jekyll `{{ page.title }}`."""
    values = (
        _values(token.content) if token.type == "front_matter" and any(_INTERPOLATED.search(b.text) for b in blocks) else {}
    )
    for block in blocks:
        if values and block.kind != "code":
            text = _INTERPOLATED.sub(lambda match: values.get(match.group(1), match.group()), block.text)
            block = block.model_copy(update={"text": text})
        yield block


def _values(front_matter: str) -> dict[str, str]:
    import yaml

    try:
        # Without types: as a number, version 1.10 is 1.1.
        values = yaml.load(front_matter, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))
    except (yaml.YAMLError, ValueError):
        return {}
    found = values.items() if isinstance(values, dict) else []
    return {str(key): " ".join(value.split()) for key, value in found if isinstance(value, str) and value}


def _scalar(value: str) -> str:
    """Return a YAML or TOML scalar of one line without its quotes; "" for one that goes on in the next lines."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1].replace("''" if value[0] == "'" else '\\"', value[0]).strip()
    return "" if value[0] in "|>" else value.strip()


# --- lines -> regions ----------------------------------------------------------------------------------------------------


def _regions(tokens: "list[Token]", line_count: int) -> Iterator[_Region]:
    """Yield every line of the file but front matter in regions, in order.

    What no token covers (definitions of links) is prose as well.
    """
    position = 0
    for block in _top_blocks(tokens):
        if block[0].map is None:
            continue
        start, end = block[0].map
        if block[0].type != "front_matter":
            yield _Region(position, start, "prose")
            yield from _inside(block, start, end)
        position = max(position, end)
    yield _Region(position, line_count, "prose")


def _top_blocks(tokens: "list[Token]") -> "Iterator[list[Token]]":
    """Yield the tokens of one top-level block after the other."""
    block: list[Token] = []
    depth = 0
    for token in tokens:
        block.append(token)
        depth += token.nesting
        if depth == 0:
            yield block
            block = []


def _inside(block: "list[Token]", start: int, end: int) -> Iterator[_Region]:
    """Yield the regions of one top-level block; code and tables in a list stand alone, its other lines are prose."""
    opening = block[0]
    simple = {"heading_open": "heading", "table_open": "table", "html_block": "html", "hr": "rule"}.get(opening.type)
    if simple is not None:
        heading = simple == "heading"
        yield _Region(start, end, simple, block[1] if heading else opening, int(opening.tag[1]) if heading else 0)
        return
    position = start
    for token in block:
        # In a quote the marks of the quote are in the code's lines: there it stays prose.
        if token.type in ("fence", "code_block", "table_open") and token.map and opening.type != "blockquote_open":
            yield _Region(position, token.map[0], "prose")
            yield _Region(token.map[0], token.map[1], "table" if token.type == "table_open" else "code", token)
            position = token.map[1]
    yield _Region(position, end, "prose")


# --- regions -> blocks ---------------------------------------------------------------------------------------------------


def _blocks(lines: list[str], region: _Region) -> list[Block]:
    if region.kind == "rule":
        return []
    if region.kind == "heading":
        return _heading(_words(region.token), region.level, region)
    if region.kind == "html":
        return _html(lines, region)
    if region.kind == "prose":
        return _prose(lines, region)
    if region.kind == "code" and region.token and not region.token.content.strip() and region.end - region.start > 1:
        return []  # where a site shows what code gives
    marked = _CODE_MARK.fullmatch(lines[region.start]) if region.token and region.token.type == "code_block" else None
    if marked and region.end - region.start > 1:  # CodeHilite's mark of a language
        code = textwrap.dedent("\n".join(lines[region.start + 1 : region.end])).rstrip()
        return [code_block(code, marked.group(1).lower(), region.start + 2, region.end)]
    language = _language(region.token) if region.kind == "code" else ""
    if language == "eval-rst" and region.token:
        from tracegen.corpus.rst import read_rst

        return [_shifted(block, region, 1) for block in read_rst(region.token.content).blocks]
    block = _verbatim(lines, region, "code" if region.kind == "code" else "table", language)
    if block and block.kind == "table":
        block = block.model_copy(update={"text": _unpadded(block.text)})
    return [block] if block else []


def _unpadded(table: str) -> str:
    """Return a table without what makes its columns even: of a wide one the dashes alone are more tokens than a chunk has."""
    header, separator, *rows = table.split("\n")
    lines = [header, _DASHES.sub("---", separator), *rows]
    return "\n".join(_PADDING.sub(" ", line.strip()) for line in lines)


def _verbatim(lines: list[str], region: _Region, kind: Literal["prose", "code", "table"], language: str = "") -> Block | None:
    """Return the block of these lines without empty ones around it, or None where all are."""
    start, end = region.start, region.end
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    if start == end:
        return None
    text = "\n".join(lines[start:end])
    return Block(kind=kind, text=text, start_line=start + 1, end_line=end, language=language)


def _prose(lines: list[str], region: _Region) -> list[Block]:
    """Return the region's prose, cut where lines of template tags fall out."""
    blocks, start = [], region.start
    for number in range(region.start, region.end + 1):
        if number == region.end or ("{" in lines[number] and _TEMPLATE_LINE.fullmatch(lines[number])):
            block = _verbatim(lines, region._replace(start=start, end=number), "prose")
            blocks += [block] if block else []
            start = number + 1
    return blocks


def _html(lines: list[str], region: _Region) -> list[Block]:
    text = "\n".join(lines[region.start : region.end])
    heading = _HTML_HEADING.fullmatch(text)
    if heading:
        words = " ".join(_HTML_TAG.sub("", heading.group(2)).split())
        return _heading(words, int(heading.group(1)), region)
    if _HTML_INVISIBLE.match(text) or not _HTML_TAG.sub("", text).strip():
        return []
    if _HTML_BLOCK.search(text):
        return [_shifted(block, region) for block in read_webpage(text).blocks]
    return _prose(lines, region)


def _shifted(block: Block, region: _Region, lines: int = 0) -> Block:
    """Return a block that another reader found in a region, so many lines below its begin, with its lines in the file."""
    start = min(region.start + lines + block.start_line, region.end)
    end = max(start, min(region.start + lines + block.end_line, region.end))
    return block.model_copy(update={"start_line": start, "end_line": end})


def _heading(words: str, level: int, region: _Region) -> list[Block]:
    words = _ATTRIBUTES.sub("", words).strip()
    return [heading_block(words, level, region.start + 1, region.end)] if words else []


def _anchored(block: Block, lines: Sequence[str]) -> Block:
    """Return a heading with the id that it has, or that stands above it, or below it as kramdown's mark."""
    if block.kind != "heading" or block.anchor:
        return block
    above = block.start_line - 2
    while above >= 0 and not lines[above].strip():
        above -= 1
    texts = ["\n".join(lines[block.start_line - 1 : block.end_line])]
    texts += [lines[above]] if above >= 0 and _EMPTY_ANCHOR.fullmatch(lines[above]) else []
    texts += [line for line in lines[block.end_line : block.end_line + 1] if line.startswith("{")]
    found = next(filter(None, map(_ID.search, texts)), None)
    return block.model_copy(update={"anchor": found[found.lastindex or 0]}) if found else block


def _language(token: "Token | None") -> str:
    match = _LANGUAGE.match(token.info.strip()) if token else None
    return match.group(1).rstrip(".") if match else ""


def _words(inline: "Token | None") -> str:
    """Return a heading's words without their markup."""
    if inline is None:
        return ""
    content = inline.content
    if _PLAIN.fullmatch(content) or len(content) > _LONGEST_HEADING:
        return " ".join(content.split())
    tokens: list[Token] = []
    parser = _parser()
    parser.inline.parse(content, parser, {}, tokens)
    parts = [" " if "break" in token.type else "" if token.type == "html_inline" else token.content for token in tokens]
    return " ".join("".join(parts).split())
