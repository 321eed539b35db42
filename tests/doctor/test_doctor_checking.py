"""The check command, with real processes."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import LIMIT_S, ROOT
from tests.doctor.conftest import row
from tracegen.doctor.checking import CheckCommand, check_outputs, code_alone, fails_alike, read_command
from tracegen.errors import SettingsError

PYTHON = shlex.quote(sys.executable)


def python(code: str, arguments: str = "{file}") -> str:
    return f"{PYTHON} -c {shlex.quote(code)} {arguments}"


COMPILES = python("import sys; compile(open(sys.argv[1]).read(), 'output.py', 'exec')")
ROWS = [row(1, "one", "x = 1"), row(2, "two", "x = = 2"), row(3, "three", "print(3);")]


def test_what_does_not_compile_is_reported_with_its_first_error() -> None:
    found = check_outputs(ROWS, CheckCommand(COMPILES, ".py"))
    assert (found.checked, found.prose) == (3, 0)
    ((line, code, message),) = [(failure.line, failure.code, failure.message) for failure in found.failures]
    assert (line, code) == (2, 1)
    assert message == "SyntaxError: invalid syntax"


def test_nothing_is_reported_where_all_compile() -> None:
    assert check_outputs([ROWS[0], ROWS[2]], CheckCommand(COMPILES, ".py")).failures == ()


def test_prose_is_left_out_and_fenced_code_is_taken_alone() -> None:
    rows = [
        row(1, "why", "Because the interpreter reads the file twice, and the second time it is empty. That is all there is."),
        row(
            2, "how", "Like this, as you see below here:\n\n```python\nx = 1\n```\n\nand that is all there is to it, really.\n"
        ),
    ]
    found = check_outputs(rows, CheckCommand(COMPILES, ".py"))
    assert (found.checked, found.prose, found.failures) == (1, 1, ())
    assert code_alone("```a\n1\n```\ntext\n~~~\n2\n~~~") == "1\n\n2\n"


def test_the_file_has_the_suffix_and_the_bytes_and_a_folder_of_its_own(tmp_path: Path) -> None:
    code = (
        "import os, sys; print(os.path.basename(sys.argv[1]), os.listdir('.'), ascii(open(sys.argv[1], newline='').read())); "
        "sys.exit(3)"
    )
    before = set(os.listdir())
    (failure,) = check_outputs([row(7, "p", "é = '\U0001f600'\r\n;")], CheckCommand(python(code), ".zorp")).failures
    assert failure.code == 3
    assert failure.message == "output.zorp ['output.zorp'] \"\\xe9 = '\\U0001f600'\\r\\n;\""
    assert set(os.listdir()) == before


def test_no_shell_sees_the_command_or_the_output(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    command = python("import sys; sys.exit(len(sys.argv) != 4)", f"'; touch {mark}' '$(touch {mark})' {{file}}")
    assert check_outputs([row(1, "p", f"$(touch {mark}); `touch {mark}`")], CheckCommand(command)).failures == ()
    assert not mark.exists()


def test_a_command_that_says_nothing_is_told_by_its_code() -> None:
    (failure,) = check_outputs(ROWS[:1], CheckCommand(python("import sys; sys.exit(9)"))).failures
    assert (failure.code, failure.message) == (9, "it printed nothing, and ended with code 9")


def test_a_command_that_is_killed_is_told_by_its_signal() -> None:
    (failure,) = check_outputs(ROWS[:1], CheckCommand(python("import os; os.kill(os.getpid(), 9)"))).failures
    assert failure.code == -signal.SIGKILL


@pytest.mark.parametrize(
    "code",
    ["import time; time.sleep(600)", "while True: print('y' * 10_000)", "import os; os.close(1); os.close(2)\nwhile 1: pass"],
)
def test_a_command_that_does_not_end_is_killed(code: str) -> None:
    (failure,) = check_outputs(ROWS[:1], CheckCommand(python(code), timeout_s=0.5)).failures
    assert (failure.code, failure.message) == (None, "it did not end within 0.5 s")


def test_what_a_command_started_is_killed_with_it(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    command = f"sh -c {shlex.quote(f'sleep 600 & echo $! >{shlex.quote(str(pid))}; wait')} {{file}}"
    (failure,) = check_outputs(ROWS[:1], CheckCommand(command, timeout_s=2)).failures
    assert failure.code is None
    assert is_gone(int(pid.read_text()))


def is_gone(pid: int) -> bool:
    """Wait until a process is gone or a zombie that nobody has reaped."""
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_many_are_checked_side_by_side_and_reported_by_line() -> None:
    rows = [row(line, "p", f"x = {line};") for line in range(1, 21)]
    code = "import sys; sys.exit(int(open(sys.argv[1]).read().split()[2].rstrip(';')) % 2)"
    steps: list[tuple[int, int]] = []
    found = check_outputs(rows, CheckCommand(python(code), jobs=5), lambda done, total: steps.append((done, total)))
    assert [failure.line for failure in found.failures] == list(range(1, 21, 2))
    assert steps == [(done, 20) for done in range(1, 21)]


def test_a_command_that_is_wrong_for_all_is_seen() -> None:
    assert fails_alike(check_outputs(ROWS, CheckCommand(python("raise SystemExit('error: no such option')"))))
    assert not fails_alike(check_outputs(ROWS, CheckCommand(COMPILES, ".py")))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("jsonnet file", "does not say where the file goes"),
        ("", "does not say where the file goes"),
        ("no-such-program-here {file}", "there is no program 'no-such-program-here'"),
        ("python 'a {file}", "cannot be read"),
    ],
)
def test_a_command_that_cannot_be_run_is_refused(command: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        check_outputs(ROWS, CheckCommand(command))


def test_a_suffix_is_no_path() -> None:
    with pytest.raises(SettingsError, match="no suffix"):
        read_command(CheckCommand(COMPILES, "/../x"))


def test_a_program_named_by_a_relative_path_is_found_from_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "check"
    program.write_text('#!/bin/sh\ntest -s "$1"\n')
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert check_outputs(ROWS, CheckCommand("./check {file}")).failures == ()


def test_ctrl_c_ends_it_at_once_and_leaves_nothing_behind(tmp_path: Path) -> None:
    train = tmp_path / "train.jsonl"
    train.write_text((ROOT / "examples/train.jsonl").read_text(encoding="utf-8"), encoding="utf-8")
    started = tmp_path / "started"
    command = python(f"import os, time; open({str(started)!r}, 'a').write(f'{{os.getpid()}} '); time.sleep(600)")
    words = [sys.executable, "-m", "tracegen", "doctor", str(train), "--check-cmd", command, "--check-timeout", "600"]
    process = subprocess.Popen(
        words, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    while process.poll() is None and (not started.exists() or len(started.read_text().split()) < 4):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130
    assert b"Traceback" not in said
    assert all(is_gone(int(pid)) for pid in started.read_text().split())
