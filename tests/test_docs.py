"""The documentation tells the truth: help texts, the file tree, the README's commands and its Python."""

import contextlib
import io
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tracegen.cli import COMMANDS, group

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def test_the_command_reference_is_up_to_date() -> None:
    reference = runpy.run_path(str(ROOT / "scripts/cli_reference.py"))["reference"]()
    assert (ROOT / "docs/cli.md").read_text(encoding="utf-8") == reference, "run scripts/docs"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_a_help_text(name: str) -> None:
    command = group.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    assert command.help
    assert not [option.name for option in command.params if option.param_type_name == "option" and not option.help]


def test_the_file_tree_of_the_readme_is_the_tree() -> None:
    tree = next(block for block in blocks(README, "text") if "records.py" in block)
    folder, named = Path(), set()
    for line in tree.splitlines():
        match = re.match(r"( *)(\S+)", line)
        assert match, line
        depth, name = len(match[1]) // 2, match[2]
        folder = Path(*folder.parts[:depth])
        path = folder / name.rstrip("/")
        assert (ROOT / path).exists(), f"the README names {path}, which is not there"
        named.add(str(path))
        if name.endswith("/"):
            folder = path
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split("\n")
    top = {line.split("/")[0] for line in tracked if line and not line.startswith(".")}
    assert top <= named, f"the README's tree lacks {sorted(top - named)}"
    inside = {f"tracegen/{path.name}" for path in (ROOT / "tracegen").iterdir() if not path.name.startswith("__")}
    assert inside <= named, f"the README's tree lacks {sorted(inside - named)}"


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sample_index: Path) -> Path:
    """Return a folder with the sample in it, small, as the README's reader has it."""
    (tmp_path / "examples").mkdir()
    for name in ("train.jsonl", "valid.jsonl"):
        lines = (ROOT / "examples" / name).read_text(encoding="utf-8").splitlines()[:18]
        (tmp_path / "examples" / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    pages = [*sorted((ROOT / "docs_corpus/std").glob("strings-*.md")), ROOT / "docs_corpus/language/strings.md"]
    (tmp_path / "docs_corpus").mkdir()
    for page in pages:
        (tmp_path / "docs_corpus" / page.name).write_bytes(page.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_of_the_readme_run(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tracegen.cli import main

    commands = [
        line
        for block in blocks(README, "sh")
        for line in block.splitlines()
        if line.startswith("tracegen ") and "MODEL" not in line
    ]
    assert len(commands) >= 5
    for command in commands:
        words = shlex.split(command, comments=True)
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended, contextlib.redirect_stdout(io.StringIO()) as out:
            main()
        assert ended.value.code in (0, 3), f"{command}: {out.getvalue()}"


def test_the_python_of_the_readme_runs(workplace: Path) -> None:
    (code,) = blocks(README, "python")
    assert len(code.strip().splitlines()) <= 12
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "README.md", "exec"), {})
    assert "[1] " in out.getvalue()
    assert (workplace / "augmented.jsonl").stat().st_size > 0


def test_scripts_named_in_the_readme_exist() -> None:
    for script in set(re.findall(r"scripts/\w+", README)):
        assert (ROOT / script).exists(), script
