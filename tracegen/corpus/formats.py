"""Which files are documentation, by name: the format of each, or the reason why it is left out."""

import re
from functools import cache
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

Kind = Literal[
    "markdown", "webpage", "text", "rst", "asciidoc", "notebook", "manpage", "yaml", "pod", "info", "pdf", "epub",
    "source",
]  # fmt: skip


class Format(NamedTuple):
    """How a file is read."""

    kind: Kind
    """Which reader."""
    language: str = ""
    """Language of a source file, as a fence names it."""
    packed: bool = False
    """Whether the file is packed by gzip, as manual pages are."""


MARKUP: dict[str, Kind] = {
    "md": "markdown", "markdown": "markdown", "mdown": "markdown", "mkd": "markdown", "mdx": "markdown", "qmd": "markdown",
    "livemd": "markdown", "rmd": "markdown", "mdwn": "markdown", "smd": "markdown", "ronn": "markdown", "djot": "markdown",
    "html": "webpage", "htm": "webpage", "xhtml": "webpage",
    "txt": "text", "text": "text",
    "rst": "rst", "rest": "rst",
    "adoc": "asciidoc", "asciidoc": "asciidoc", "asc": "asciidoc",
    "ipynb": "notebook", "pod": "pod", "info": "info", "pdf": "pdf", "epub": "epub", "yaml": "yaml", "yml": "yaml",
    "man": "manpage", "roff": "manpage", "mdoc": "manpage",
}  # fmt: skip

LANGUAGES = {
    "ada": "ada", "adb": "ada", "ads": "ada", "agda": "agda", "asm": "asm", "awk": "awk", "bash": "bash", "bat": "bat",
    "bicep": "bicep", "c": "c", "cc": "cpp", "cfg": "ini", "cjs": "javascript", "cl": "lisp", "clj": "clojure",
    "cljs": "clojure", "cmake": "cmake", "conf": "conf", "cpp": "cpp", "cr": "crystal", "cs": "csharp", "css": "css",
    "cue": "cue", "cxx": "cpp", "d": "d", "dart": "dart", "dhall": "dhall", "el": "elisp", "elm": "elm", "erl": "erlang",
    "ex": "elixir", "exs": "elixir", "f90": "fortran", "fish": "fish", "fs": "fsharp", "fsi": "fsharp", "fsx": "fsharp",
    "gleam": "gleam", "glsl": "glsl", "go": "go", "gql": "graphql", "gradle": "groovy", "graphql": "graphql",
    "groovy": "groovy", "h": "c", "hcl": "hcl", "hh": "cpp", "hpp": "cpp", "hrl": "erlang", "hs": "haskell", "hx": "haxe",
    "idr": "idris", "ini": "ini", "java": "java", "jl": "julia", "js": "javascript", "json": "json", "json5": "json5",
    "jsonc": "jsonc", "jsonnet": "jsonnet", "jsx": "jsx", "kt": "kotlin", "kts": "kotlin", "lean": "lean",
    "less": "less", "libsonnet": "jsonnet", "lisp": "lisp", "lua": "lua", "m": "objectivec", "ml": "ocaml", "mli": "ocaml",
    "mjs": "javascript", "mojo": "mojo", "nim": "nim", "nix": "nix", "nu": "nu", "odin": "odin", "pas": "pascal", "php": "php",
    "pl": "perl", "pm": "perl", "pro": "prolog", "proto": "protobuf", "ps1": "powershell", "purs": "purescript",
    "py": "python", "pyi": "python", "pyx": "cython", "r": "r", "raku": "raku", "rb": "ruby", "rego": "rego", "res": "rescript",
    "rkt": "racket", "roc": "roc", "rs": "rust", "sass": "sass", "scala": "scala", "scm": "scheme", "scss": "scss", "sh": "sh",
    "sol": "solidity", "sql": "sql", "star": "starlark", "sv": "systemverilog", "svelte": "svelte", "swift": "swift",
    "tcl": "tcl", "tf": "hcl", "toml": "toml", "ts": "typescript", "tsx": "tsx", "typ": "typst", "v": "v", "vhd": "vhdl",
    "vim": "vim", "vue": "vue", "wat": "wat", "wgsl": "wgsl", "xml": "xml", "zig": "zig",
    "zsh": "zsh", "mts": "typescript", "cts": "typescript", "pxd": "cython", "pxi": "cython", "hy": "hy", "lark": "lark",
    "ebnf": "ebnf", "g4": "antlr", "scrbl": "racket", "lhs": "haskell", "eliom": "ocaml", "coffee": "coffeescript",
    "ak": "aiken", "bal": "ballerina", "cairo": "cairo", "chr": "prolog", "circom": "circom", "dats": "ats", "sats": "ats",
    "hats": "ats", "dem": "gnuplot", "dfy": "dafny", "f": "fortran", "f95": "fortran", "f03": "fortran", "f08": "fortran",
    "flix": "flix", "fst": "fstar", "gd": "gdscript", "gr": "grain", "heex": "heex", "jq": "jq", "l": "lisp", "lfe": "lfe",
    "lsp": "lisp", "maude": "maude", "mlw": "whyml", "move": "move", "ncl": "nickel", "nims": "nim", "nr": "noir",
    "pkl": "pkl", "pl1": "pli", "prql": "prql", "sld": "scheme", "sw": "sway", "tla": "tla", "ua": "uiua", "ur": "urweb",
}  # fmt: skip
"""Languages of source files; those that are not here are asked of Pygments, and others called as their extension."""

NAMED_SOURCES = {"makefile": "make", "dockerfile": "dockerfile", "containerfile": "dockerfile", "justfile": "just"}

LOCK_FILES = {"package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "go.sum", "manifest.toml", "packages.lock.json"}

GENERATED = {
    "sitemap.xml": "site map", "searchindex.js": "search index", "search_index.json": "search index",
    "search-index.json": "search index",
}  # fmt: skip

_PAGES_OF_A_SITE = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        # Sphinx, nimdoc, PlDoc, Javadoc, Haddock, Texinfo, Doxygen, rustdoc: they name everything, and explain nothing.
        (
            r"(?:.*/)?(?:genindex(?:-[^/]*)?|(?:[\w-]+-)?modindex|theindex|docindex|index-all|allclasses(?:-\w+)?|allpackages(?:-\w+)?"
            r"|(?:overview|package)-(?:tree|frame)|package-use|doc-index(?:-[^/]*)?|(?:function|concept|variable|operator)-index"
            r"|index_(?:values|types|modules|exceptions|extensions|classes|methods|attributes|(?:module|class)_types)"
            r"|class[^/]*-members|dir_[\da-f]{16,}"
            r"|(?:functions|globals|namespacemembers)_(?:func|vars|type|eval|enum|rela|defs|[a-z~]|0x\w\w)(?:_[\w~]{1,4})?)\.html?",
            "index of a site",
        ),
        (r"(?:.*/)?(?:index-files|class-use)/[^/]+\.html?", "index of a site"),
        (r"(?:.*/)?search/[a-z]+_[\da-f]+\.(?:html|js)", "search index"),
        (r"(?:.*/)?(?:[\w-]+-search-index|navtree\w*)\.js", "search index"),
        (r"(?:.*/)?(?:[^/]+_source|[^/]+\.rs)\.html", "listing of a source file"),
        (r"(?:.*/)?_modules/.+\.html", "listing of a source file"),
        (r"(?:.*/)?_sources/.+\.txt", "source of a page of a site"),
        (r"(?:.*/)?(?:_static|_templates|_layouts)/.+\.(?:css|js|html)", "design of a site"),
        (r"(?:.*/)?(?:_?static|_?assets|_?themes?|_sass|css|stylesheets?|styles)/.+\.(?:css|s[ac]ss|less)", "design of a site"),
        (r"(?:.*/)?(?:_?assets|_?themes?|javascripts)/.+\.js", "design of a site"),
        (
            r"(?:.*/)?(?:conf\.py|mkdocs\.ya?ml|_config\.ya?ml|_toc\.ya?ml|_quarto\.ya?ml|antora\.ya?ml|book\.toml"
            r"|(?:docusaurus|vuepress|vitepress|astro|next)\.config\.[cm]?[jt]s|sidebars?\.(?:[cm]?[jt]s|json)|robots\.txt)",
            "settings of a site",
        ),
    )
)

MEDIA = frozenset([
    "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "bmp", "tif", "tiff", "avif", "mp3", "mp4", "mov", "avi", "webm",
    "ogg", "wav", "flac", "woff", "woff2", "ttf", "otf", "eot",
])  # fmt: skip
ARCHIVES = frozenset([
    "zip", "gz", "tgz", "tar", "bz2", "xz", "zst", "7z", "rar", "jar", "whl", "deb", "rpm", "iso", "dmg",
])  # fmt: skip
OFFICE = frozenset([
    "doc", "docx", "odt", "ppt", "pptx", "xls", "xlsx", "ods", "rtf", "texi", "texinfo", "txi", "tex", "org", "textile",
    "mediawiki", "wiki", "dbk", "docbook", "sgml", "djvu", "chm",
])  # fmt: skip

_MANPAGE = re.compile(
    r"[^.].*\.(?:[1-9](?:[a-ce-y]|pm|ssl|posix|perl|tcl|tk|type|head|const|erl|ocaml|caml|stap|avl|snmp)?|n)(\.gz)?"
)

# What is text, and no language that somebody documents: translations, keys, patches, settings, data, templates of sites.
_NO_SOURCES = frozenset([
    "po", "pot", "pem", "crt", "cer", "key", "csr", "sig", "md5", "sha1", "sha256", "diff", "patch", "orig", "rej", "bak",
    "old", "tmp", "swp", "desktop", "service", "spec", "pc", "in", "am", "ac", "m4", "properties", "plist", "sln", "csproj",
    "vcxproj", "fsproj", "props", "targets", "csv", "tsv", "dat", "data", "out", "err", "log", "lst", "tst", "snap", "bib",
    "bst", "cls", "sty", "aux", "toc", "idx", "dtd", "xsd", "xsl", "xslt", "rss", "rdf", "rktd", "nt", "ttl", "kml",
    "geojson", "ics", "vtt", "srt", "reg", "ps", "eps", "dvi", "nb", "dia", "fig", "sxd", "drawio", "excalidraw", "j2",
    "jinja", "jinja2", "erb", "ejs", "hbs", "njk", "mustache", "liquid", "tmpl", "tpl", "webmanifest", "tags", "env",
])  # fmt: skip
_EXTENSION = re.compile(r"\*\.[A-Za-z]\w{0,9}")
_INFO_PART = re.compile(r"info-\d+")
_LIKE_A_LANGUAGE = re.compile(r"[a-z][a-z0-9_+-]{0,11}")


def format_of(path: str) -> Format | str:
    """Return how the file is read, or a phrase that says why it is not."""
    name = PurePosixPath(path).name.lower()
    extension = PurePosixPath(name).suffix.removeprefix(".")
    unwanted = _unwanted(path.lower(), name, extension)
    if unwanted:
        return unwanted
    if name in ("llms.txt", "llms-full.txt"):
        return Format("markdown")
    manpage = _MANPAGE.fullmatch(name)
    if manpage:
        return Format("manpage", packed=bool(manpage.group(1)))
    if extension == "gz" and not name.endswith(".tar.gz"):
        inner = format_of(path[:-3])
        if isinstance(inner, Format) and not inner.packed:
            return inner._replace(packed=True)
    if _INFO_PART.fullmatch(extension):
        return Format("info")
    if not extension:
        language = NAMED_SOURCES.get(name)
        return Format("source", language) if language else Format("text")
    if extension in MARKUP:
        return Format(MARKUP[extension])
    if extension in LANGUAGES:
        return Format("source", LANGUAGES[extension])
    return _reason(extension) or _unknown(extension)


def _unknown(extension: str) -> Format | str:
    """Return how to read a file of a kind that nobody here knows: a language that no model knows may have its own extension."""
    if extension in _NO_SOURCES or not _LIKE_A_LANGUAGE.fullmatch(extension):
        return f"unknown kind of file (.{extension})"
    return Format("source", _further_languages().get(extension) or extension)


@cache
def _further_languages() -> dict[str, str]:
    """Return the languages that Pygments knows by extension; of several languages with one extension none is named."""
    from pygments.lexers import get_all_lexers

    languages: dict[str, str] = {}
    for _, aliases, patterns, _ in get_all_lexers(plugins=False):
        for extension in (each.removeprefix("*.").lower() for each in patterns if _EXTENSION.fullmatch(each)):
            languages[extension] = "" if extension in languages or not aliases else aliases[0]
    return languages


def _unwanted(path: str, name: str, extension: str) -> str:
    """Return why a file whose name tells what it is is not read, or ""."""
    if name in LOCK_FILES or extension in ("lock", "lockfile"):
        return "lock file"
    if name.endswith((".min.js", ".min.mjs", ".min.css", ".bundle.js", ".chunk.js", ".map")):
        return "minified bundle"
    if name in GENERATED:
        return GENERATED[name]
    return next((reason for pattern, reason in _PAGES_OF_A_SITE if pattern.fullmatch(path)), "")


def _reason(extension: str) -> str:
    if extension in MEDIA:
        return f"image, font, sound or film (.{extension})"
    if extension in ARCHIVES:
        return f"archive (.{extension})"
    if extension in OFFICE:
        return f"not readable (.{extension}); convert it to Markdown, HTML or text"
    return ""
