"""The directives of reStructuredText, as far as they matter for reading: docutils' own, Sphinx's, and unknown ones.

Each gives nodes that hold its words; what would read a file, run something or only steer the layout gives none.
"""

import re
from collections.abc import Collection, Iterator

from docutils import nodes
from docutils.parsers.rst import Directive, directives

_NAMES = re.compile(r"\.\.[ ]+(?:\|[^|\n]+\|[ ]+)?([\w.+:-]+?)[ ]?::(?=\s|$)", re.M)

LABELS = {
    "note": "Note", "warning": "Warning", "danger": "Danger", "error": "Error", "hint": "Hint", "important": "Important",
    "tip": "Tip", "caution": "Caution", "attention": "Attention", "seealso": "See also", "todo": "To do",
    "impl-detail": "Implementation detail",
}  # fmt: skip
_VERSIONS = {
    "versionadded": "Added in version", "versionchanged": "Changed in version", "deprecated": "Deprecated since version",
    "versionremoved": "Removed in version", "deprecated-removed": "Deprecated since version",
}  # fmt: skip
_IGNORED = frozenset([
    "toctree", "contents", "index", "literalinclude", "include", "raw", "meta", "highlight", "currentmodule", "module",
    "automodule", "sectnum", "section-numbering", "header", "footer", "target-notes", "role", "default-role", "title",
    "tabularcolumns", "image", "program", "testsetup", "testcleanup", "sectionauthor", "codeauthor", "moduleauthor",
    "namespace", "namespace-push", "namespace-pop", "default-domain", "autosummary", "video", "youtube", "bibliography",
    "inheritance-diagram", "changelog_imports", "currentmodule", "template", "ditaa", "local",
])  # fmt: skip
_CODE = frozenset([
    "code", "code-block", "sourcecode", "parsed-literal", "testcode", "testoutput", "doctest", "ipython", "prompt",
    "jupyter-execute", "productionlist", "graphviz", "digraph", "graph", "mermaid", "uml", "command-output", "plot",
    "try_on_playground", "code-cell", "console",
])  # fmt: skip
_LANGUAGES = {"testcode": "python", "doctest": "python", "ipython": "python", "plot": "python", "jupyter-execute": "python"}
_EXAMPLES = frozenset(["example", "run", "repl", "shell", "session"])  # of a domain
_CONTENT = frozenset([
    "glossary", "hlist", "acks", "compound", "class", "rst-class", "cssclass", "epigraph", "highlights", "pull-quote",
    "centered", "tab-set", "tabs", "grid", "line-block",
])  # fmt: skip
_CONDITIONS = frozenset(["only", "ifconfig", "container"])
_OBJECTS = frozenset([
    "function", "class", "method", "classmethod", "staticmethod", "attribute", "data", "exception", "decorator",
    "decoratormethod", "property", "type", "macro", "struct", "enum", "enumerator", "union", "var", "member", "concept",
    "cfunction", "ctype", "cmacro", "cvar", "cmember", "describe", "object", "option", "cmdoption", "envvar", "confval",
    "opcode", "pdbcommand", "2to3fixer", "directive", "role", "coroutinefunction", "coroutinemethod", "awaitablefunction",
    "awaitablemethod", "asyncfunction", "asyncmethod", "abstractmethod", "module-function", "command", "variable",
])  # fmt: skip
_OWN_OF_DOCUTILS = frozenset(["table", "list-table", "csv-table", "replace", "unicode", "date"])


class _AnyOptions(dict[str, object]):
    """Knows every option, and takes its value as it stands."""

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, key: str) -> object:
        return _as_it_stands


def _as_it_stands(value: str | None) -> str:
    return value or ""


class _Tolerant(Directive):
    """A directive that takes any option and any content, and is never an error."""

    final_argument_whitespace = True
    option_spec = _AnyOptions()  # type: ignore[assignment]
    has_content = True

    @property
    def kind(self) -> str:
        """The directive's name without the domain before it."""
        return self.name.rpartition(":")[2].lower()

    def inside(self, node: nodes.Element) -> list[nodes.Node]:
        """Return the node with the content read into it."""
        node.line = self.lineno
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


class _Ignored(_Tolerant):
    """What gives nothing to read."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        return []


class _Words(_Tolerant):
    """A note, or content that stands for itself."""

    def run(self) -> list[nodes.Node]:
        return self.inside(nodes.container(label=LABELS.get(self.kind, "")))


class _Conditional(_Tolerant):
    """Content under a condition, `only:: html`, or of a style: what it is under is no word of the page."""

    def run(self) -> list[nodes.Node]:
        if self.block_text.partition("\n")[0].partition("::")[2].strip():
            self.content.trim_start(1)
            self.content_offset += 1
        return self.inside(nodes.container())


class _Version(_Tolerant):
    """`versionadded` and its sisters: the version, and what is said of it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        # The words may stand behind the version, or without an empty line below it.
        version, *words = self.arguments[0].split(None, 1)
        label = f"{_VERSIONS[self.kind]} {version}"
        if words and self.kind == "deprecated-removed":
            removed, *words = words[0].split(None, 1)
            label += f", removed in {removed}"
        node = nodes.container(label=label)
        for text in words:
            inline, _ = self.state.inline_text(text, self.lineno)
            paragraph = nodes.paragraph(text, "", *inline)
            paragraph.line = self.lineno
            node += paragraph
        return self.inside(node)


class _Titled(_Tolerant):
    """Everything unknown: its argument as a line of its own, then its content."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        return self.inside(nodes.container(heading=" ".join(self.arguments)))


class _Object(_Tolerant):
    """The description of a function, class, option ...: signatures, and what is said of them."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        argument = "".join(self.arguments).replace("\\\n", " ")
        if self.kind.startswith("auto") and not self.content:  # the words are elsewhere, here is only the name
            return [_paragraph(f"``{argument.strip()}``", self.lineno)] if argument.strip() else []
        if self.name == "class" and not self.content and argument == argument.lower():  # docutils': a style
            return []
        lines = [line.strip() for line in argument.split("\n")]
        return self.inside(nodes.container(signatures=[line for line in lines if line]))


class _Figure(_Tolerant):
    """A picture, of which the caption remains."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        return self.inside(nodes.container())


class _Math(_Tolerant):
    """A formula, as it stands."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        formula = "\n".join([*self.arguments, *self.content]).strip()
        node = nodes.math_block(formula, formula)
        node.line = self.lineno
        return [node]


class _Code(_Tolerant):
    """Code, with its language as the argument."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        first, _, more = "".join(self.arguments).partition("\n")
        language = _LANGUAGES.get(self.kind, "" if self.kind in ("parsed-literal", "productionlist") else first.split(" ")[0])
        lines = [*more.split("\n"), *self.content] if more else list(self.content)
        if self.kind in ("productionlist", "parsed-literal") and first:
            lines.insert(0, first)
        code = "\n".join(lines)
        node = nodes.literal_block(code, code, language=language, parsed=self.kind == "parsed-literal")
        node.line = self.content_offset + 1 if not more else self.lineno + 1
        caption = self.options.get("caption", "")
        return [_paragraph(caption, self.lineno), node] if caption else [node]


def _paragraph(text: str, line: int) -> nodes.paragraph:
    node = nodes.paragraph(text, "", nodes.Text(text))
    node.line = line
    return node


def register_directives(text: str) -> None:
    """Make docutils know every directive that the text uses."""
    for name in _names(text):
        directives.register_directive(name, _directive(name))


def _names(text: str) -> Iterator[str]:
    for name in {match.group(1).lower() for match in _NAMES.finditer(text)}:
        if name not in _OWN_OF_DOCUTILS:
            yield name


def _directive(name: str) -> type[Directive]:
    domain, _, kind = name.rpartition(":")
    if kind in _OBJECTS and (domain or kind != "role"):
        return _Object
    if domain and kind in _EXAMPLES:
        return _Code
    for names, directive in _GROUPS:
        if kind in names:
            return directive
    return _Object if domain or kind.startswith("auto") else _Titled


_GROUPS: list[tuple[Collection[str], type[Directive]]] = [
    (LABELS, _Words),
    (_VERSIONS, _Version),
    (_IGNORED, _Ignored),
    (_CODE, _Code),
    (_CONTENT, _Words),
    (_CONDITIONS, _Conditional),
    (("figure",), _Figure),
    (("math",), _Math),
]
