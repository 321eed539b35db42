"""An index searched in a process of its own: the event loop and the searches do not wait for one lock of Python.

    SearchProcess  --- {"number": 7, "queries": [...]} -->  main
                   <-- {"number": 7, "returns": [...]} ---

A line each, on the other process' standard input and output. It ends when its input does, so also when this process is killed.
Not `multiprocessing`, which runs the main module again: that of a user may call `tracegen.generate` at its top level.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from threading import Thread
from typing import TYPE_CHECKING, Any

from tracegen import errors
from tracegen.errors import StoreError, TracegenError
from tracegen.garbage import rarely_collected
from tracegen.records import Record, ToolReturn

if TYPE_CHECKING:
    from tracegen.index.search import Elsewhere, Index

START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from tracegen.search_process import main; main()"
"""What the other process runs: tracegen as this one has found it."""

NICE = 5
"""How far it stands back behind others: what an event loop has to do is done in no time, and many conversations wait for it. On
two cores 5 % more conversations a second; with 19 it would be 8, but beside another program next to none (2026-11)."""


class _Answer(Record):
    """What the other process answers."""

    number: int
    """That of what was asked."""
    returns: tuple[ToolReturn, ...] = ()
    """What the tool returns for each query."""
    error: str | None = None
    """Name of the error where there is one, empty where it is none of ours."""
    text: str = ""
    """Its text, or that of the traceback."""


class NotStartedError(StoreError):
    """The process has never searched, and will not: this one can."""


class SearchProcess:
    """A process that searches, for one event loop. It opens the index while this one goes on."""

    def __init__(self, index: "Elsewhere") -> None:
        """Start it. Raises OSError or RuntimeError where there is no room for it, or for a thread."""
        # -P: without the folder it is started in, where somebody may have a json.py.
        path = [entry for entry in sys.path if isinstance(entry, str)]  # others Python passes over, too
        command = [sys.executable, "-P", "-c", START, json.dumps(path)]
        # In a group of its own: Ctrl-C is for this process, which ends that one when it needs it no more.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0)
        self._loop = asyncio.get_running_loop()
        self._asked: dict[int, asyncio.Future[list[ToolReturn]]] = {}
        self._number = 0
        self._heard_at = 0.0
        self._has_answered = self._ended = False
        self._reader = Thread(target=self._read, name="search answers", daemon=True)
        try:
            self._reader.start()
        except RuntimeError:
            self._process.kill()
            self._process.communicate()
            raise
        self._send(index._asdict())

    @property
    def pid(self) -> int:
        """Its number among the processes of this machine."""
        return self._process.pid

    @property
    def load(self) -> int:
        """Number of batches of queries that it has not answered yet."""
        return len(self._asked)

    @property
    def silent_s(self) -> float:
        """Return how long it has been asked without an answer."""
        return time.monotonic() - self._heard_at if self._asked else 0.0

    def search(self, queries: Sequence[str]) -> asyncio.Future[list[ToolReturn]]:
        """Return what the tool returns for some queries, which are embedded together; the future has the error of a search.

        And a StoreError where the process has ended, or a NotStartedError where it has never answered.
        """
        self._number += 1
        if not self._asked:
            self._heard_at = time.monotonic()
        future: asyncio.Future[list[ToolReturn]] = self._loop.create_future()
        self._asked[self._number] = future
        self._send({"number": self._number, "queries": list(queries)})
        if self._ended:
            self._drop()
        return future

    def give_up(self) -> None:
        """End the process, whatever it does: it only reads, and has nothing to finish. What waits for it gets an error."""
        self._process.kill()

    def close(self) -> None:
        """End the process; searches that are under way are dropped."""
        assert self._process.stdin is not None
        self.give_up()
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()
        self._reader.join()
        for future in self._asked.values():
            future.cancel()
        self._asked.clear()

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it has ended, and the end of its answers says so
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        """Hand over the answers, in a thread of their own, until there are no more."""
        assert self._process.stdout is not None
        with self._process.stdout as answers, contextlib.suppress(RuntimeError):  # the event loop has ended
            for line in answers:
                if not line.endswith(b"\n"):  # it was ended in the middle of an answer
                    break
                self._loop.call_soon_threadsafe(self._take, line)
            self._process.wait()
            self._loop.call_soon_threadsafe(self._drop)

    def _take(self, line: bytes) -> None:
        answer = _Answer.model_validate_json(line)
        self._has_answered = True
        self._heard_at = time.monotonic()
        future = self._asked.pop(answer.number, None)
        if future is None or future.done():  # closed meanwhile, or whoever asked has gone
            return
        if answer.error is None:
            future.set_result(list(answer.returns))
            return
        kind = getattr(errors, answer.error, None)
        future.set_exception(kind(answer.text) if kind else RuntimeError(f"a search failed:\n{answer.text}"))

    def _drop(self) -> None:
        """Say of all that was asked that there will be no answer."""
        self._ended = True
        code = self._process.returncode
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        why = " Signal 9 often means that there was not enough memory." if code == -9 else ""
        kind = StoreError if self._has_answered else NotStartedError
        error = kind(f"The process that searches the index {how}.{why} Nothing that was answered is lost: start again.")
        for future in self._asked.values():
            if not future.done():
                future.set_exception(error)
        self._asked.clear()


def main() -> None:
    """Answer the searches on standard input, a line each, on standard output, until there are no more."""
    with contextlib.suppress(AttributeError, OSError):  # Windows has none
        os.nice(NICE)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints must not stand among the answers
    questions = sys.stdin.buffer
    if first := questions.readline():
        index = _open(json.loads(first))
        with rarely_collected(), contextlib.suppress(BrokenPipeError):  # whoever asked is gone
            for line in questions:
                answers.write(_answer(index, **json.loads(line)).model_dump_json().encode() + b"\n")
                answers.flush()
    os._exit(0)  # nothing is left undone, not even what cannot be written any more


def _open(elsewhere: dict[str, Any]) -> "Index":
    """Return the index with its model loaded, so that the first search need not wait for it.

    Where it cannot be opened the process ends: whoever has started it has the index open, and knows the reason or gets it.
    """
    from tracegen.index.memory import give_back
    from tracegen.index.search import Elsewhere

    try:
        index = Elsewhere(**elsewhere).open()
        index.prepare(["any"])
    except TracegenError:
        os._exit(1)
    give_back()
    return index


def _answer(index: "Index", number: int, queries: list[str]) -> _Answer:
    try:
        return _Answer(number=number, returns=tuple(index.call_all(queries)))
    except TracegenError as error:
        return _Answer(number=number, error=type(error).__name__, text=str(error))
    except Exception:  # noqa: BLE001 - the other process raises it, with where it came from
        return _Answer(number=number, error="", text=traceback.format_exc())
