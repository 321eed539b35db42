"""Machine-check every example of the sample documentation corpus.

The pages below ``docs_corpus/`` document the Jsonnet language.  Their examples
are fenced code blocks which this module runs with the real interpreter, so that
a page cannot promise a result which the language does not give.

The convention for the pages:

* A ```` ```jsonnet ```` block is a program that must evaluate.  The next fenced
  block after it, when no heading stands between the two, is its result if its
  language is one of these:

  - ``json``: the output must equal the block as parsed JSON,
  - ``text``: the output is a string equal to the block, one trailing newline of
    either side ignored,
  - ``error``: the evaluation must fail with a message which contains the block.

* A block whose first line is ``// file: NAME`` defines a file (that line is not
  part of its content) which the later examples of the page can import.  It must
  itself parse, unless its name says that it is not Jsonnet.  It is never taken
  for the result of another block.
* Leading comment lines ``// ext: NAME=VALUE``, ``// ext-code: NAME=CODE``,
  ``// tla: NAME=VALUE`` and ``// tla-code: NAME=CODE`` give a program its
  external variables and top-level arguments.
* A ```` ```jsonnet-fragment ```` block shows syntax only and is never run.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import _jsonnet
import pytest

CORPUS = Path(__file__).resolve().parent.parent / "docs_corpus"
MIN_PAGES = 25

RESULT_LANGUAGES = frozenset({"json", "text", "error"})
KNOWN_LANGUAGES = RESULT_LANGUAGES | {
    "jsonnet",
    "jsonnet-fragment",
    "sh",
    "yaml",
    "toml",
    "ini",
    "xml",
    "python",
}

_FENCE = re.compile(r"^ {0,3}(?P<ticks>`{3,})(?P<info>[^`]*)$")
_HEADING = re.compile(r"^#{1,6}\s")
_INLINE_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_FILE_LINE = re.compile(r"^// file:\s*(?P<name>\S+)\s*$")
_BINDING_LINE = re.compile(r"^// (?P<kind>ext|ext-code|tla|tla-code):\s*(?P<name>[A-Za-z_]\w*)=(?P<value>.*)$")


@dataclass(frozen=True)
class Block:
    """One fenced code block of a page."""

    language: str
    text: str
    line: int
    """The number, from 1, of the line with the opening fence."""
    section: int
    """How many headings stand above the block."""

    @property
    def file_name(self) -> str | None:
        """The name of the file which the block defines, if it defines one."""
        first, _, _ = self.text.partition("\n")
        match = _FILE_LINE.match(first)
        return match["name"] if match else None

    @property
    def content(self) -> str:
        """The text of the block without the line that names its file."""
        return self.text.partition("\n")[2] if self.file_name else self.text


@dataclass(frozen=True)
class Example:
    """A program of a page, with what it may import and what it should give."""

    page: str
    block: Block
    result: Block | None
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def test_id(self) -> str:
        """The page and the line of the example, such as ``language/strings.md:41``."""
        return f"{self.page}:{self.block.line}"


@dataclass(frozen=True)
class Page:
    """A Markdown page, split into what the tests look at."""

    front_matter: Mapping[str, str]
    h1: tuple[str, ...]
    links: tuple[str, ...]
    blocks: tuple[Block, ...]


def parse_page(text: str) -> Page:
    """Split a Markdown page into front matter, main headings, links and fenced blocks."""
    lines = text.splitlines()
    front_matter, start = _parse_front_matter(lines)
    h1: list[str] = []
    links: list[str] = []
    blocks: list[Block] = []
    section = 0
    number = start
    while number < len(lines):
        line = lines[number]
        number += 1
        fence = _FENCE.match(line)
        if fence:
            opened = number
            closing = re.compile(rf"^ {{0,3}}`{{{len(fence['ticks'])},}}\s*$")
            body: list[str] = []
            while number < len(lines) and not closing.match(lines[number]):
                body.append(lines[number])
                number += 1
            if number == len(lines):
                raise ValueError(f"the block opened on line {opened} is never closed")
            number += 1
            content = "".join(f"{item}\n" for item in body)
            blocks.append(Block(fence["info"].strip(), content, opened, section))
        elif _HEADING.match(line):
            section += 1
            if line.startswith("# "):
                h1.append(line[2:].strip())
        else:
            links.extend(match["target"] for match in _LINK.finditer(_INLINE_CODE.sub("", line)))
    return Page(front_matter, tuple(h1), tuple(links), tuple(blocks))


def _parse_front_matter(lines: list[str]) -> tuple[dict[str, str], int]:
    """Read ``key: value`` front matter; give it and the index of the line after it."""
    if not lines or lines[0] != "---" or "---" not in lines[1:]:
        return {}, 0
    end = lines.index("---", 1)
    values: dict[str, str] = {}
    for line in lines[1:end]:
        key, colon, value = line.partition(":")
        if colon:
            values[key.strip()] = value.strip().strip("\"'")
    return values, end + 1


def page_examples(name: str, page: Page) -> Iterator[Example]:
    """Pair each program of a page with its result and the files defined above it."""
    files: dict[str, str] = {}
    for position, block in enumerate(page.blocks):
        defined = block.file_name
        if defined is not None:
            files[defined] = block.content
        if block.language != "jsonnet":
            continue
        after = page.blocks[position + 1] if position + 1 < len(page.blocks) else None
        is_result = (
            after is not None
            and after.language in RESULT_LANGUAGES
            and after.section == block.section
            and after.file_name is None
        )
        yield Example(name, block, after if is_result else None, dict(files))


def bindings(program: str, kind: str) -> dict[str, str]:
    """Collect what the leading comment lines of a program bind for one kind."""
    values: dict[str, str] = {}
    for line in program.splitlines():
        if not line.startswith("//"):
            break
        match = _BINDING_LINE.match(line)
        if match and match["kind"] == kind:
            values[match["name"]] = match["value"].strip()
    return values


def importer(files: Mapping[str, str]) -> Callable[[str, str], tuple[str, bytes]]:
    """Make an import callback that serves the given files, and nothing from the disk.

    A name is looked up beside the importing file first and then from the root, as
    if the root were a library directory of the command line.
    """

    def read(directory: str, name: str) -> tuple[str, bytes]:
        for path in (posixpath.join(directory, name), name):
            path = posixpath.normpath(path)
            if path in files:
                return path, files[path].encode()
        raise RuntimeError("no match locally or in the Jsonnet library paths.")

    return read


def evaluate(program: str, files: Mapping[str, str]) -> str:
    """Run a program and give its JSON output; a failure raises ``RuntimeError``."""
    output = _jsonnet.evaluate_snippet(
        "example.jsonnet",
        program,
        ext_vars=bindings(program, "ext"),
        ext_codes=bindings(program, "ext-code"),
        tla_vars=bindings(program, "tla"),
        tla_codes=bindings(program, "tla-code"),
        import_callback=importer(files),
    )
    assert isinstance(output, str)
    return output


def canonical(document: str) -> str:
    """Bring a JSON document into a form that ignores key order and keeps numbers and booleans apart."""

    def number(literal: str) -> float:
        return float(literal) + 0.0  # makes 0.0 of -0.0

    return json.dumps(json.loads(document, parse_int=number, parse_float=number), sort_keys=True)


def check_example(example: Example) -> None:
    """Raise ``AssertionError`` or ``RuntimeError`` unless the example does what its page says."""
    program = example.block.content
    defined = example.block.file_name
    if example.result is None and defined is not None:
        # Forces the file to be parsed and evaluated to a value, not to be manifested:
        # a library may well consist of functions.
        if defined.endswith((".jsonnet", ".libsonnet", ".json")):
            evaluate(f"std.type(import {json.dumps(defined)})", example.files)
        return
    if example.result is None:
        evaluate(program, example.files)
        return
    expected = example.result.text
    if example.result.language == "error":
        with pytest.raises(RuntimeError) as failure:
            evaluate(program, example.files)
        assert expected.strip(), "an error block must not be empty"
        assert expected.strip() in str(failure.value)
    elif example.result.language == "text":
        value = json.loads(evaluate(program, example.files))
        assert isinstance(value, str), "a program with a text result must give a string"
        assert value.removesuffix("\n") == expected.removesuffix("\n")
    else:
        assert canonical(evaluate(program, example.files)) == canonical(expected)


PAGE_NAMES: list[str] = sorted(path.relative_to(CORPUS).as_posix() for path in CORPUS.rglob("*.md"))


def load_page(name: str) -> Page:
    """Read and parse one page of the corpus."""
    return parse_page((CORPUS / name).read_text(encoding="utf-8"))


def corpus_examples() -> list[Example]:
    """All programs of all pages, in a stable order."""
    return [example for name in PAGE_NAMES for example in page_examples(name, load_page(name))]


@pytest.mark.parametrize("example", [pytest.param(example, id=example.test_id) for example in corpus_examples()])
def test_example(example: Example) -> None:
    """Each example evaluates, and gives the result printed below it."""
    check_example(example)


def test_corpus_size() -> None:
    """The corpus is large enough to search in."""
    assert len(PAGE_NAMES) >= MIN_PAGES


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_page_form(name: str) -> None:
    """A page has a title and a description in its front matter and exactly one main heading."""
    page = load_page(name)
    assert page.front_matter.get("title")
    assert page.front_matter.get("description")
    assert len(page.h1) == 1


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_page_blocks(name: str) -> None:
    """Each block has a known language, and a result follows a program or a command."""
    previous: Block | None = None
    for block in load_page(name).blocks:
        where = f"{name}:{block.line}"
        assert block.language in KNOWN_LANGUAGES, where
        if block.language in {"json", "error"} and block.file_name is None:
            assert previous is not None, where
            assert previous.language in {"jsonnet", "sh"}, where
            assert previous.section == block.section, where
        previous = block


@pytest.mark.parametrize("name", PAGE_NAMES)
def test_page_links(name: str) -> None:
    """A relative link leads to a page or a folder of the corpus."""
    for target in load_page(name).links:
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            continue
        path = (CORPUS / name).parent / target.partition("#")[0]
        assert path.exists(), f"{name}: {target}"


def test_index_lists_every_page() -> None:
    """The index page links to all the other pages."""
    assert sorted(load_page("README.md").links) == [name for name in PAGE_NAMES if name != "README.md"]


def _example(markdown: str, number: int = 0) -> Example:
    """One of the programs of a small page."""
    return list(page_examples("page.md", parse_page(markdown)))[number]


@pytest.mark.parametrize(
    "markdown",
    [
        "```jsonnet\n1 + 1\n```\n```json\n2.0\n```\n",
        "```jsonnet\n[-0, 0.5]\n```\n```json\n[0, 5e-1]\n```\n",
        '```jsonnet\n{ b: 1, a: 2 }\n```\ntext\n```json\n{ "a": 2, "b": 1 }\n```\n',
        "```jsonnet\n'a\\nb'\n```\n```text\na\nb\n```\n",
        "```jsonnet\nerror 'no'\n```\n```error\nno\n```\n",
        "```jsonnet\n1\n```\n## Next\n```json\n2\n```\n",
        "```jsonnet\n1\n```\n```sh\nls\n```\n```json\n2\n```\n",
        "```jsonnet\n// ext: a=x\n// ext-code: b=[1]\n[std.extVar('a'), std.extVar('b')]\n```\n```json\n[\"x\", [1]]\n```\n",
        '```jsonnet\n// tla: a=x\n// tla-code: b=1 + 1\nfunction(a, b) [a, b]\n```\n```json\n["x", 2]\n```\n',
    ],
)
def test_check_accepts(markdown: str) -> None:
    """The checker takes an example whose result is right, or that has no result."""
    check_example(_example(markdown))


@pytest.mark.parametrize(
    "markdown",
    [
        "```jsonnet\n1 + 1\n```\n```json\n3\n```\n",
        "```jsonnet\ntrue\n```\n```json\n1\n```\n",
        "```jsonnet\n'a'\n```\n```text\nb\n```\n",
        "```jsonnet\n['a']\n```\n```text\na\n```\n",
        "```jsonnet\nerror 'no'\n```\n```error\nyes\n```\n",
        "```jsonnet\nerror 'no'\n```\n```error\n```\n",
        "```jsonnet\nerror 'no'\n```\n",
        "```jsonnet\n// file: a.libsonnet\n{\n```\n",
    ],
)
def test_check_refuses(markdown: str) -> None:
    """The checker refuses an example whose result is wrong."""
    with pytest.raises((AssertionError, RuntimeError)):
        check_example(_example(markdown))


def test_check_expects_the_failure() -> None:
    """An example that should fail and evaluates instead is refused."""
    with pytest.raises(pytest.fail.Exception):
        check_example(_example("```jsonnet\n1\n```\n```error\nno\n```\n"))


def test_files_serve_later_examples_only() -> None:
    """A file definition can be imported below it, by path or as text, and not above it."""
    markdown = (
        "```jsonnet\nimport 'lib/a.libsonnet'\n```\n"
        "```text\n// file: lib/b.txt\nhello\n```\n"
        "```jsonnet\n// file: lib/a.libsonnet\n{ f(x): x, b:: importstr 'b.txt' }\n```\n"
        "```jsonnet\n(import 'lib/a.libsonnet').b\n```\n```text\nhello\n```\n"
    )
    with pytest.raises(RuntimeError, match="couldn't open import"):
        check_example(_example(markdown, 0))
    check_example(_example(markdown, 1))
    check_example(_example(markdown, 2))


def test_unclosed_block_is_refused() -> None:
    """A page whose last block is never closed does not parse."""
    with pytest.raises(ValueError, match="line 2"):
        parse_page("text\n```jsonnet\n1\n")
