"""The floors of the house: which package may import which, no cycles, and nothing heavy at the top of a module."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "tracegen"
COMMON = {"records", "errors", "jsonl", "wording"}
ALLOWED = {
    "records": set[str](),
    "errors": set[str](),
    "wording": set[str](),
    "jsonl": {"errors", "wording"},
    "prompts": {"errors"},
    "tool_call": {"records"},
    "minhash": set(),
    "lru": set(),
    "declaring": set(),
    "garbage": set(),
    "corpus": COMMON | {"minhash"},
    "index": COMMON | {"lru", "corpus", "declaring"},
    "dataset": COMMON | {"minhash"},
    "teacher": COMMON | {"tool_call"},
    "traces": COMMON | {"lru", "declaring"},
    "targets": COMMON | {"traces"},
    "findings": COMMON | {"minhash", "traces"},
    "review": COMMON | {"traces", "findings"},
    "research": COMMON | {"garbage", "teacher", "traces"},
    "serve": COMMON | {"tool_call", "index", "traces"},
    "waves": COMMON | {"teacher", "traces", "research"},
    "exporting": COMMON | {"traces", "targets", "findings"},
    "search_process": COMMON | {"garbage", "index"},
    "searcher": COMMON | {"index", "search_process"},
    "pipeline": COMMON
    | {"prompts", "dataset", "index", "teacher", "traces", "targets", "research", "waves", "findings", "exporting", "searcher"},
    "proof": COMMON | {"traces", "index"},
    "samples": COMMON | {"dataset", "traces"},
    "splitting": COMMON | {"minhash", "samples", "dataset", "index"},
    "varying": COMMON | {"dataset", "index", "pipeline", "prompts", "teacher", "traces"},
    "selecting": COMMON | {"samples", "dataset", "index", "pipeline", "traces", "proof"},
    "doctor": COMMON | {"dataset", "declaring", "index", "teacher", "traces", "review"},
    "judging": COMMON | {"prompts", "teacher", "traces"},
    "estimating": COMMON | {"dataset", "teacher", "pipeline", "research", "traces", "waves"},
}
"""What each module or package at the top of tracegen may import of the others; `cli` may import them all."""
HEAVY = {
    "torch", "onnxruntime", "tokenizers", "sentence_transformers", "transformers", "chromadb", "openai", "numpy", "bm25s",
    "markdown_it", "docutils", "pypdf", "yaml", "lxml", "sklearn", "scipy", "matplotlib", "jinja2", "pathspec", "mcp",
    "starlette", "uvicorn", "detect_secrets", "py3langid",
}  # fmt: skip


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield the modules that a file imports, and whether at its top level, outside `if TYPE_CHECKING`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        top = node in tree.body
        if isinstance(node, ast.Import):
            yield from ((alias.name, top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, top


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_floors(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own in ("cli", "__init__", "__main__"):
        return
    used = {module.split(".")[1] for module, _ in imports(path) if module.startswith("tracegen.")}
    assert used - {own} <= ALLOWED[own]


def test_no_module_is_in_a_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        graph[name] = {module for module, top in imports(path) if top and module.startswith("tracegen.")}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, f"cycle: {' -> '.join([*above, name])}"
        if name not in done:
            for module in graph.get(name, set()):
                visit(module, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize(
    "code", ["import tracegen", "import tracegen.pipeline", "from tracegen.cli import group; group.commands"]
)
def test_importing_loads_nothing_heavy(code: str) -> None:
    script = f"import sys\n{code}\nprint(*sorted({HEAVY!r} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


def test_help_loads_neither_pydantic_nor_anything_heavy() -> None:
    script = (
        "import sys\nfrom tracegen.cli import main\nsys.argv = ['tracegen', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n"
        f"    print('LOADED', *sorted({HEAVY | {'pydantic', 'tqdm'}!r} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "LOADED"


def test_no_public_name_is_hidden_by_a_module() -> None:
    """A module `tracegen/generate.py` would replace the function `tracegen.generate` once it is imported."""
    import tracegen

    modules = {path.stem for path in PACKAGE.iterdir()}
    assert not set(tracegen.__all__) & modules
    assert all(callable(getattr(tracegen, name)) for name in tracegen.__all__)
