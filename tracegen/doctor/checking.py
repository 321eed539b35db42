"""Do the desired outputs parse? A command of the user's says so, run on each of them in a folder of its own."""

import contextlib
import os
import re
import selectors
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Event
from typing import NamedTuple

from tracegen.doctor.records import Checked, Failure
from tracegen.doctor.tasks import shape_of
from tracegen.errors import OutputError, SettingsError
from tracegen.records import Row
from tracegen.review.text import excerpt

KEPT_BYTES = 65_536
"""So much of what a command prints is looked at; the rest is read and thrown away."""
PLACEHOLDER = "{file}"
POLL_S = 0.1

_FENCE = re.compile(r"^(?P<fence>`{3,}|~{3,})[^\n]*\n(?P<code>.*?)(?:^(?P=fence)[`~]*\s*$|\Z)", re.M | re.S)
# What went wrong; else any line but one of punctuation alone, such as dashes or a caret below a column.
_ERROR = re.compile(r"error|exception|fail|invalid|expected|unknown|undefined", re.I)
_TELLING = re.compile(r"\w")


class CheckCommand(NamedTuple):
    """A command that says by its exit code whether an output is sound."""

    command: str
    """Words as a shell splits them, one of them with `{file}`; no shell sees them."""
    suffix: str = ".txt"
    """Suffix of the file."""
    timeout_s: float = 10.0
    """Seconds that the command has for one output; then it and all that it started are killed."""
    jobs: int = 4
    """Most commands at a time."""


def check_outputs(rows: Sequence[Row], check: CheckCommand, progress: Callable[[int, int], None] = lambda *_: None) -> Checked:
    """Run a command on every desired output that is not mere prose, and return what it says.

    Of an output with fenced code the code alone goes into the file. The command runs in the file's folder, which is its own
    and is thrown away, with nothing to read on standard input. Progress gets outputs done and in all.
    Raises SettingsError where the command cannot be run at all.
    """
    words = read_command(check)
    texts = [(row.line, code_alone(row.desired_output)) for row in rows if shape_of(row.desired_output) != "prose"]
    failures = _check_all(words, texts, check, progress)
    return Checked(
        command=check.command, checked=len(texts), prose=len(rows) - len(texts), failures=tuple(sorted(failures, key=_line))
    )


def read_command(check: CheckCommand) -> list[str]:
    """Return the words of the command, its program with its whole path.

    Raises SettingsError where they cannot be told apart, none of them has `{file}`, the program is not there, or the suffix
    is none.
    """
    try:
        words = shlex.split(check.command)
    except ValueError as error:
        raise SettingsError(f"--check-cmd {check.command!r} cannot be read: {error}. Quote it as for a shell.") from None
    if not any(PLACEHOLDER in word for word in words):
        raise SettingsError(f"--check-cmd {check.command!r} does not say where the file goes: write {{file}} for it.")
    program = shutil.which(words[0])
    if program is None:
        raise SettingsError(f"--check-cmd: there is no program {words[0]!r}. Install it, or give its whole path.")
    if "/" in check.suffix or "\0" in check.suffix:
        raise SettingsError(f"--check-suffix {check.suffix!r} is no suffix of a file name, such as .jsonnet.")
    return [str(Path(program).absolute()), *words[1:]]


def code_alone(output: str) -> str:
    """Return the fenced code of an output, or all of it where it has none."""
    fenced = [match["code"] for match in _FENCE.finditer(output)]
    return "\n".join(fenced) if fenced else output


def fails_alike(checked: Checked) -> bool:
    """Return whether all outputs fail with the same message: then it is the command, not they."""
    return len(checked.failures) == checked.checked > 1 and len({failure.message for failure in checked.failures}) == 1


def _line(failure: Failure) -> int:
    return failure.line


def _check_all(
    words: Sequence[str], texts: Sequence[tuple[int, str]], check: CheckCommand, progress: Callable[[int, int], None]
) -> Iterator[Failure]:
    stopped = Event()
    with ThreadPoolExecutor(max(1, check.jobs), thread_name_prefix="check") as pool:
        lines = {pool.submit(_run, words, text, check, stopped): line for line, text in texts}
        try:
            for done, ended in enumerate(as_completed(lines), start=1):
                code, message = ended.result()
                if code != 0:
                    yield Failure(line=lines[ended], code=code, message=message)
                progress(done, len(texts))
        finally:
            # Also on Ctrl-C: what has not begun does not begin, what runs is killed.
            stopped.set()
            pool.shutdown(cancel_futures=True)


def _run(words: Sequence[str], text: str, check: CheckCommand, stopped: Event) -> tuple[int | None, str]:
    """Run the command on one text; return its exit code, or None at the time limit, and the first line about an error."""
    with tempfile.TemporaryDirectory(prefix="tracegen-", ignore_cleanup_errors=True) as folder:
        file = Path(folder, f"output{check.suffix}")
        try:
            file.write_bytes(text.encode())
        except OSError as error:
            raise OutputError(f"{file} cannot be written: {error.strerror}. Make space, or set TMPDIR.") from None
        filled = [words[0], *(word.replace(PLACEHOLDER, str(file)) for word in words[1:])]
        try:
            process = subprocess.Popen(
                filled,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise SettingsError(f"--check-cmd: {words[0]} cannot be run: {error.strerror}.") from None
        with process:
            printed = _read(process, time.monotonic() + check.timeout_s, stopped)
            code = process.poll()
            # Whatever it has started and left behind; where it has not ended, itself.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        if code is None:
            return None, f"it did not end within {check.timeout_s:g} s"
        return code, _first_line(printed, str(file), folder) or f"it printed nothing, and ended with code {code}"


def _read(process: subprocess.Popen[bytes], deadline: float, stopped: Event) -> bytes:
    """Return the beginning of what the process prints, when it has ended, its time is over, or all is stopped."""
    kept = bytearray()
    open_ = True
    if process.stdout is None:
        raise RuntimeError("the process was started without a pipe")
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0 and not stopped.is_set():
            if open_ and selector.select(min(left, POLL_S)):
                piece = os.read(process.stdout.fileno(), KEPT_BYTES)
                kept += piece[: KEPT_BYTES - len(kept)]
                open_ = bool(piece)
            elif process.poll() is not None:
                break
            elif not open_:
                # It has closed its output, or is about to end.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(min(left, POLL_S))
    return bytes(kept)


def _first_line(printed: bytes, file: str, folder: str) -> str:
    text = printed.decode("utf-8", "replace").replace(file, Path(file).name).replace(folder, ".")
    lines = text.splitlines()
    found = (line for pattern in (_ERROR, _TELLING) for line in lines if pattern.search(line))
    return excerpt(next(found, ""), 200)
