"""A folder as a batch service: the files are written there, and whoever can answer them puts the answers beside them.

augmented.wave-1-1.3fa9c2d1.requests.jsonl      written by tracegen
augmented.wave-1-1.3fa9c2d1.answers.jsonl       the answers, put there by you
augmented.wave-1-1.3fa9c2d1.errors.jsonl        the error file, where the service gives one
"""

import asyncio
import os
import shutil
from pathlib import Path

from tracegen.errors import AnswersPending, InputError, OutputError
from tracegen.jsonl import is_json
from tracegen.teacher.batch import Status

REQUESTS, ANSWERS, ERRORS = ".requests.jsonl", ".answers.jsonl", ".errors.jsonl"


class BatchFolder:
    """Files of requests and answers in a folder."""

    via = "folder"
    waits = False

    def __init__(self, folder: Path) -> None:
        """Make the folder. Raises OutputError where it cannot be made."""
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"Cannot make the folder {folder}: {error.strerror}. Choose another --batch-files.") from None

    async def upload(self, file: Path, name: str) -> str:
        """Put a file into the folder, whole or not at all."""
        target = self._folder / f"{name}{REQUESTS}"
        temporary = target.with_name(f".{target.name}.part")
        try:
            await asyncio.to_thread(shutil.copyfile, file, temporary)
            os.replace(temporary, target)
        except OSError as error:
            raise OutputError(f"Cannot write {target}: {error.strerror}. Free some space, then run again.") from None
        return name

    async def forget(self, name: str) -> None:
        """Take a file away."""
        self._path(name, REQUESTS).unlink(missing_ok=True)

    async def submit(self, file_id: str, key: str) -> str:
        """Do nothing: that is up to the user."""
        return file_id

    async def find(self, file_id: str, key: str) -> str | None:
        """Return the name, under which the file lies there or not."""
        return file_id

    async def status(self, batch_id: str) -> Status:
        """Return whether the answers are there.

        Some programs write them one by one, so a file with less than all counts only when the error file lies beside it.
        """
        answers, errors = self._path(batch_id, ANSWERS), self._path(batch_id, ERRORS)
        if not answers.is_file():
            return Status("not answered", done=False)
        there = [path for path in (answers, errors) if path.is_file()]
        for path in there:
            _refuse_half_written(path)
        lines, wanted = sum(map(_lines, there)), _lines(self._path(batch_id, REQUESTS))
        if lines < wanted and len(there) == 1:
            return Status(f"{lines} of {wanted} answered", done=False)
        return Status("answered", done=True, files=tuple(map(str, there)))

    async def download(self, file_id: str, to: Path) -> None:
        """Copy a file of answers."""
        try:
            await asyncio.to_thread(shutil.copyfile, file_id, to)
        except OSError as error:
            raise InputError(f"Cannot read {file_id}: {error.strerror}. Check its permissions.") from None

    async def cancel(self, batch_id: str) -> bool:
        """Take the requests away; False, since nobody works on them any more."""
        self._path(batch_id, REQUESTS).unlink(missing_ok=True)
        return False

    def where(self, name: str) -> str:
        """Return which file to answer, and where its answers belong."""
        return f"{self._path(name, REQUESTS)} -> {self._path(name, ANSWERS).name}"

    def _path(self, name: str, suffix: str) -> Path:
        return self._folder / f"{name}{suffix}"


def _lines(path: Path) -> int:
    """Return the number of lines that are not empty, 0 where there is no file."""
    try:
        with path.open("rb") as file:
            return sum(not line.isspace() for line in file)
    except FileNotFoundError:
        return 0


def _refuse_half_written(path: Path) -> None:
    """Raise AnswersPending where the last line of a file is not whole: what is missing would be asked, and paid, again."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 4 * 2**20))
        last = file.read().rstrip().rsplit(b"\n", 1)[-1]
    if last and not is_json(last.decode("utf-8", errors="replace")):
        raise AnswersPending(f"The last line of {path} is cut off: is it still being written? Run again when it is whole.")
