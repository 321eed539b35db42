"""The files of one wave: as many as the limits of a service ask for."""

import secrets
from pathlib import Path

from tracegen.errors import OutputError
from tracegen.teacher import Failure
from tracegen.teacher.batch import request_line
from tracegen.traces import batches
from tracegen.traces.batches import Request
from tracegen.traces.runfile import Event, RunFile


class WaveFiles:
    """Requests on their way into files; each file is a batch, written down when it is full."""

    def __init__(self, run: RunFile, wave: int, via: str, max_requests: int, max_mb: float) -> None:
        """Begin a wave; files stand beside the run file until they are sent."""
        self._run, self._wave, self._via = run, wave, via
        self._max_requests, self._max_bytes = max_requests, int(max_mb * 1e6)
        self._lines: list[bytes] = []
        self._pending: list[Request] = []
        self._size = 0
        self._full: list[tuple[str, Path]] = []
        self.requests = self.bytes = 0

    async def add(self, request: Request, body: bytes) -> bool:
        """Add a request; False for one that is larger than a file may be, which becomes the failure of its row."""
        line = request_line(request.custom_id, body)
        if len(line) > self._max_bytes:
            detail = f"The request has {len(line) / 1e6:.1f} MB, more than a file of the batch service may have"
            await self._run.record(request.row_id, request.seq, Event("failure", Failure(detail=detail).model_dump_json()))
            return False
        if self._lines and (len(self._lines) >= self._max_requests or self._size + len(line) > self._max_bytes):
            await self._close()
        self._lines.append(line)
        self._pending.append(request)
        self._size += len(line)
        self.requests += 1
        self.bytes += len(line)
        return True

    def discard(self) -> bool:
        """Forget the requests, and return True; False where a file is full, and so written down, already."""
        if self._full:
            return False
        self._lines, self._pending, self._size, self.requests, self.bytes = [], [], 0, 0, 0
        return True

    async def finish(self) -> list[tuple[str, Path]]:
        """Return the files of the wave, each with the key of its batch."""
        if self._lines:
            await self._close()
        return self._full

    async def _close(self) -> None:
        part = len(self._full) + 1
        key = f"wave-{self._wave}-{part}.{secrets.token_hex(4)}"
        path = self._run.path.with_name(f"{self._run.path.name}.{key}.part")
        try:
            with path.open("wb") as file:
                file.writelines(self._lines)
        except OSError as error:
            raise OutputError(f"Cannot write {path}: {error.strerror}. Free some space, then run again to go on.") from None
        await batches.add_batch(self._run, key, self._wave, part, self._via, self._size, self._pending)
        self._full.append((key, path))
        self._lines, self._pending, self._size = [], [], 0


def line_bytes(request: Request, body: bytes) -> int:
    """Return the size of a request's line."""
    return len(request_line(request.custom_id, body))


def remove_leftovers(run_file: Path) -> None:
    """Remove what a killed start has left beside the run file."""
    for path in run_file.parent.glob(f"{run_file.name}.wave-*.part"):
        path.unlink(missing_ok=True)
