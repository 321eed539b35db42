"""Dialects of Markdown -> the common one, line for line: MDX, Docusaurus, DocFX, MkDocs, GitHub, MyST, Hugo.

Every line stays where it is, an empty one where nothing of it remains, so that line numbers hold.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from tracegen.corpus.pages import fenced
from tracegen.corpus.rst_inline import role_words

_FENCE = re.compile(r"(\s*(?:>\s?)*(?:[-*+]\s+|\d+[.)]\s+)?)(`{3,}|~{3,}|:{3,}(?=\{))([^`\n]*)")
_LIST_ITEM = re.compile(r" *(?:[-*+]|\d+[.)])(?:\s|$)")
_INDENTED = re.compile(r"""(\s*)(?:[!?]{3}\+?|={3}[!+]?)(?:\s+(?!")([\w-]+))?(?:[^"\n]*"([^"\n]*)")?\s*""")
_CONTAINER = re.compile(
    r"(\s*):{3,}\s*(?:\{?([\w-]+)\}?(?:\[([^\]]*)\]|\s+(?![\w-]+=)([^{}\n]*?))?(?:\{.*\}|\s+[\w-]+=.*?)?)?(:{3,})?\s*"
)
_LONGEST_MARK = 300
_BLOCK = re.compile(r"(\s*)/{3,}(?:\s*([a-z][\w-]*)(?:\s*\|\s*(.*?))?)?\s*")  # of PyMdown
_ALERT = re.compile(r"^(\s*(?:>\s*)+)\[!(\w+)\][+-]?\s*(.*)$")
_DROPPED = re.compile(
    r"\s*(?:>\s*)*(?:\[!(?:include|code|video|div|image)\b.*\]\)?.*|\([\w.:/-]+\)=|\{/\*.*\*/\}|\[\[?_?toc_?\]?\]"
    # of kramdown, and no tuple of Elixir
    r"|\{:(?:\s*(?:[.#][\w:-]++|[\w-]++=(?:\"[^\"\n]*\"|'[^'\n]*')|toc\b))+\s*\})\s*",
    re.I,
)
_INCLUDE = re.compile(r"\[!INCLUDE\s*(?:\[[^\]]*\])?\([^)]*\)\]|\{/\*.*?\*/\}|<a\s+(?:name|id)=[^<>]*>([^<>]*)</a>", re.I)
_TAB = re.compile(r"\s*#+\s*\[([^\]]+)\]\(#tab/[^)]*\)\s*")
_IMPORT = re.compile(r"""import\s+(?:[\w*{][^'"\n]*\s+from\s+)?['"][^'"\n]+['"];?\s*|import\s+\{\s*""")
_EXPORT = re.compile(r"export\s+(?:const|let|default|function|async)\b.*")
_ROLE = re.compile(r"\{([a-z][\w:+.-]*)\}`([^`\n]+)`")
_SHORTCODE_OF_CODE = re.compile(  # `code-group` and `code-tabs` hold Markdown
    r"^[ \t]*\{\{[<%]-?[ \t]*"
    r"(?P<name>highlight|code(?:[_-]?(?:block|snippet|sample|example|listing|file|input|output)|-(?:tab|toggle))?)(?![\w-])"
    r"(?P<options>[^\n]*?)-?[>%]\}\}[ \t]*\n"
    r"(?P<body>(?:(?![^\n]*(?:```|\{\{[<%]-?[ \t]*/?[ \t]*(?P=name)\b))[^\n]*\n)+)"
    r"[ \t]*\{\{[<%]-?[ \t]*/[ \t]*(?P=name)[ \t]*-?[>%]\}\}[ \t]*$"
    # of CUE's site
    r"|^\{\{\{with[ \t]+(?:code|script|upload)\b[^\n]*\}\}\}[ \t]*\n(?P<inside>(?:(?!\{\{\{)[^\n]*\n)+)\{\{\{end\}\}\}[ \t]*$",
    re.M,
)
_SHORTCODE_LANGUAGE = re.compile(r"""\blang(?:uage)?=["']?([\w+#-]+)|\bfile=["']?[^"'\s]*\.(\w+)""")
_SHORTCODE_LABEL = re.compile(
    r"""\s*\{(?:\{[<%]|%)-?\s*(?:tab|tab-?item|step|expand|details|accordion|collapse|dropdown|hint|callout)\b
    (?:[^\n]*\b(?:title|name|label|header|summary)=|\s+)["']([^"'\n]+)["'][^\n]*[>%]\}\}?\s*""",
    re.X,
)
_SHORTCODE_TEXT = re.compile(r"""\{\{[<%][^{}\n]{0,200}?\btext=["']([^"'\n]+)["'][^{}\n]{0,200}[>%]\}\}""")
_ICON = re.compile(
    r"(?P<code>(?<!`)(`+)(?!`)[^\n]*?(?<!`)\2(?!`))|:(?:material|octicons|fontawesome|simple)-[\w-]+:(?:\{[^{}\n]*\})?[ \t]*"
)
_LINK_ATTRIBUTES = re.compile(r"(\]\([^()\n]*\)|\]\[[^\]\n]*\])\{:?\s*[.#][^{}\n]*\}")
_COMPONENT = re.compile(r"`[^`\n]+`|(?:(?<![\w`])<|<(?=/))(/?)([A-Z][\w.]*)((?:\s[^<>]{0,2000})?)(/?)>")
_CLOSED = re.compile(r"</([A-Z][\w.]*)\s*>|<([A-Z][\w.]*)(?:\s[^<>]{0,2000})?/>")
_LABEL = re.compile(r"""\b(?:label|title|header|name)=(?:\{\s*)?["']([^"'\n]{1,100})["']""")
_CODE_DIRECTIVES = {"code-block", "code", "sourcecode", "code-cell", "testcode", "doctest", "prompt", "parsed-literal"}
_IGNORED_DIRECTIVES = {"toctree", "include", "literalinclude", "contents", "index", "image", "raw", "currentmodule", "module"}
_TRIGGERS = (
    ":::",
    "!!!",
    "???",
    "[!",
    "===",
    "import ",
    "export ",
    "</",
    "/>",
    "#tab/",
    "```{",
    "~~~{",
    "}`",
    ")=",
    "{/*",
    "{:",
    "<a ",
    "\n///",
    "\n    ///",
    "{{<",
    "{{%",
    "{{{",
    "{%",
    ":material-",
    ":octicons-",
    ":fontawesome-",
    ":simple-",
    "){",
    "]{",
)


class _Directive(NamedTuple):
    """An open fence that holds Markdown."""

    fence: str
    dropped: bool


def common_markdown(text: str) -> str:
    """Return the text with as many lines, in which only common Markdown, HTML and Liquid remain."""
    if not any(trigger in text for trigger in _TRIGGERS):
        return text
    text = _with_fences(text)
    lines = list(_without_indented(text.split("\n")))
    return "\n".join(_Translator(lines, _components(text)).lines())


def _with_fences(text: str) -> str:
    """Return the text with fences around the code in shortcodes, but of those that stand in a fence, as an example."""
    fence, position = "", 0

    def replaced(match: re.Match[str]) -> str:
        nonlocal fence, position
        for line in text[position : match.start()].split("\n")[:-1]:
            fence = _after(fence, line)
        position = match.start() if fence else match.end() + 1
        return match.group() if fence else _fenced_shortcode(match)

    return _SHORTCODE_OF_CODE.sub(replaced, text)


def _fenced_shortcode(match: re.Match[str]) -> str:
    """Return the code in a shortcode between fences, which take the lines of its tags."""
    options = match["options"] or ""
    named = _SHORTCODE_LANGUAGE.search(options)
    language = options.split()[0] if match["name"] == "highlight" and options.split() else ""
    return fenced(
        (match["body"] or match["inside"]).removesuffix("\n"), named[1] or named[2] if named else language.strip("\"'")
    )


# --- MkDocs: a mark, and the body indented below it -------------------------------------------------------------------------


def _without_indented(lines: list[str]) -> Iterator[str]:
    """Yield the lines with the bodies of `!!! note` and `=== "Tab"` no longer indented."""
    bodies: list[int] = []  # indents of the open bodies
    fence = ""
    for line in lines:
        width = len(line) - len(line.lstrip())
        while bodies and line.strip() and width < bodies[-1]:
            bodies.pop()
            fence = ""
        shift = 4 * len(bodies)
        if bodies and line.strip():
            line = line[min(shift, width) :]
        fence = _after(fence, line)
        head = None if fence else _INDENTED.fullmatch(line)
        if head and (head.group(2) or head.group(3)):
            bodies.append(len(head.group(1)) + shift + 4)
            title = _titled(head.group(2) or "", head.group(3) or "")
            line = f"{head.group(1)}{title}"
        yield line


def _after(fence: str, line: str) -> str:
    """Return the open fence after a line, "" for none."""
    match = _FENCE.fullmatch(line)
    if not match or match.group(2)[0] == ":":
        return fence
    if not fence:
        return match.group(2)
    closes = match.group(2).startswith(fence) and not match.group(3).strip()
    return "" if closes else fence


def _titled(kind: str, title: str) -> str:
    kind = kind.replace("-", " ").capitalize()
    if kind in ("Details", "Dropdown", "Admonition", "Collapse", "Tab", "Tab item"):
        kind = ""
    return f"**{': '.join(part for part in (kind, title.strip()) if part)}**" if kind or title.strip() else ""


# --- everything else ------------------------------------------------------------------------------------------------------


def _components(text: str) -> frozenset[str]:
    """Return the names of components: capitalized tags that are closed somewhere, unlike the `<String>` of a type."""
    return frozenset(one or other for one, other in _CLOSED.findall(text))


def _without_inline_marks(line: str) -> str:
    if "[!" in line or "{/*" in line or "<a " in line:
        line = _INCLUDE.sub(lambda match: match.group(1) or "", line)
    if "{{" in line:
        line = _SHORTCODE_TEXT.sub(r"\1", line)
    if ":" in line:
        line = _ICON.sub(lambda match: match["code"] or "", line)
    if "]" in line and "{" in line:
        line = _LINK_ATTRIBUTES.sub(r"\1", line)
    return _ROLE.sub(lambda match: role_words(match.group(1), match.group(2)), line) if "}`" in line else line


class _Translator:
    """Goes through the lines once."""

    def __init__(self, lines: list[str], components: frozenset[str]) -> None:
        self.source = lines
        self.components = components
        self.fence = ""  # the open fence of code
        self.directives: list[_Directive] = []  # the open fences that hold Markdown
        self.statement = False  # whether an `export` goes on
        self.options = False  # whether the options of a directive may follow
        self.blank = True  # whether the line before is empty
        self.listed = False  # whether an indented line may belong to the item of a list
        self.indented = False  # whether the line is code by its indent
        self.closes = any(line.strip() in (":::", "::::") for line in lines)  # whether containers end somewhere

    def lines(self) -> list[str]:
        """Return the lines, translated."""
        result = [self._line(line) for line in self.source]
        if self.components:
            self._drop_components(result)
        return result

    def _line(self, line: str) -> str:
        if self.fence:
            if self.options and line.strip().startswith(":"):
                return ""
            self.options = False
            self.fence = _after(self.fence, line)
            return line
        match = _FENCE.fullmatch(line)
        if match:
            return self._fence(line, match)
        if self.directives and self.directives[-1].dropped:
            return ""
        if self.options and re.match(r"\s*:[\w-]+:", line):
            return ""
        self.options = False
        return self._text(line)

    def _fence(self, line: str, match: re.Match[str]) -> str:
        before, fence, info = match.group(1), match.group(2), match.group(3).strip()
        if self.directives and not info and fence.startswith(self.directives[-1].fence):
            self.directives.pop()
            return ""
        directive = re.fullmatch(r"\{([\w:+.-]+)\}\s*(.*)", info)
        if directive is None or directive.group(1) == "eval-rst":
            self.fence = fence
            return line
        name, argument = directive.group(1), directive.group(2)
        self.options = True
        if name in _CODE_DIRECTIVES:
            self.fence = fence
            return f"{before}{fence.replace(':', '`')}{argument}"
        if re.fullmatch(r"[a-z]", name) or (argument and name in ("python", "r", "julia", "bash")):
            self.fence = fence
            return line
        self.directives.append(_Directive(fence, name in _IGNORED_DIRECTIVES))
        if self.directives[-1].dropped:
            return ""
        if ":" in name:  # describes an object: its signature
            return f"{before}**`{argument}`**"
        return before + _titled(name, argument)

    def _text(self, line: str) -> str:
        if self.statement:
            self.statement = bool(line.strip())
            return ""
        start = line.lstrip()[:1]
        self._note_indent(line, start)
        if start in ("i", "e") and (_IMPORT.fullmatch(line) or _EXPORT.fullmatch(line)):
            self.statement = not line.rstrip().endswith((";", "'", '"')) or line.startswith("export")
            return ""
        marked = self._marked(line, start) if start and start in ":/#[(>{" else None
        return _without_inline_marks(line) if marked is None else marked

    def _note_indent(self, line: str, start: str) -> None:
        """Tell code that is indented from paragraphs in lists."""
        if start:
            deep = line.startswith(("    ", "\t"))
            if not deep:
                goes_on = self.listed and (not self.blank or line[0] == " ")
                self.listed = goes_on or bool(_LIST_ITEM.match(line))
            self.indented = deep and not self.listed and (self.blank or self.indented)
        self.blank = not start

    def _marked(self, line: str, start: str) -> str | None:
        """Return what remains of a line that is a mark as a whole, or None where it is not."""
        if start == ":":
            if not self.closes and line.startswith(("    ", "\t")):  # names the language of code that is indented
                return None
            container = _CONTAINER.fullmatch(line) if len(line) <= _LONGEST_MARK else None
            return self._container(container) if container else None
        if start == "/":
            block = _BLOCK.fullmatch(line)
            if block is None:
                return None
            is_note = block.group(2) != "html"
            return block.group(1) + (_titled(block.group(2) or "", block.group(3) or "") if is_note else "")
        tab = (_TAB.fullmatch(line) or _SHORTCODE_LABEL.fullmatch(line)) if len(line) <= _LONGEST_MARK else None
        if tab:
            return line if self.indented else f"**{tab.group(1)}**"
        if _DROPPED.fullmatch(line):
            return ""
        alert = _ALERT.match(line)
        return f"{alert.group(1)}{_titled(alert.group(2), alert.group(3))}" if alert else None

    def _container(self, match: re.Match[str]) -> str:
        kind = match.group(2) or ""
        if not kind or match.group(5) or kind.endswith("-end") or kind in ("zone", "row", "column", "moniker", "code", "image"):
            return ""
        return match.group(1) + _titled(kind, match.group(3) or match.group(4) or "")

    def _drop_components(self, lines: list[str]) -> None:
        """Take the tags of components out of what is no code; of a tab its label remains."""
        fence, start = "", 0
        for number, line in enumerate([*lines, "```"]):
            after = _after(fence, line) if number < len(lines) else "`"
            if not fence and (after or number == len(lines)):
                text = "\n".join(lines[start:number])
                if "<" in text:
                    lines[start:number] = _COMPONENT.sub(self._component, text).split("\n")
            if fence and not after:
                start = number + 1
            fence = after

    def _component(self, match: re.Match[str]) -> str:
        if match.group(2) not in self.components:
            return match.group()
        breaks = "\n" * match.group().count("\n")
        label = None if match.group(1) else _LABEL.search(match.group(3))
        return (f"**{label.group(1)}**" if label else "") + breaks
