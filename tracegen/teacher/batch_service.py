"""OpenAI's Files and Batch API, as Azure, Together, Groq and others have it too, through the SDK."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tracegen.errors import TeacherError
from tracegen.teacher.batch import URL, Passing, Status
from tracegen.teacher.chat import ChatTeacher

if TYPE_CHECKING:
    import openai
    from openai.types import Batch

METADATA_KEY = "tracegen_wave"
RETRIES = 4
"""The SDK's own, for requests that may be repeated."""
_DONE = ("completed", "failed", "expired", "cancelled")
_LISTED = 1000
"""So many of the newest batches are looked through for one of ours."""


class BatchService:
    """A batch service behind the endpoint of a chat teacher."""

    via = "service"
    waits = True

    def __init__(self, teacher: ChatTeacher) -> None:
        """Use the teacher's client, key and address."""
        self._client = teacher.client.with_options(max_retries=RETRIES)
        self._base_url = teacher.base_url

    async def upload(self, file: Path, name: str) -> str:
        """Upload a file. Repeated after a failure it may be there twice, which costs nothing."""
        with self._explained("upload a file"):
            return (await self._client.files.create(file=(f"{name}.jsonl", file), purpose="batch")).id

    async def forget(self, name: str) -> None:
        """Do nothing: a file costs nothing, and services delete it after some time."""

    async def submit(self, file_id: str, key: str) -> str:
        """Submit a batch, in one try: whoever does not know how it went has to look with `find`."""
        once = self._client.with_options(max_retries=0)
        with self._explained("submit a batch"):
            batch = await once.batches.create(
                input_file_id=file_id, endpoint=URL, completion_window="24h", metadata={METADATA_KEY: key}
            )
            return batch.id

    async def find(self, file_id: str, key: str) -> str | None:
        """Return the id of the batch with this key, or of this file for services that keep no metadata."""
        with self._explained("list the batches"):
            count = 0
            async for batch in self._client.batches.list(limit=100):
                if (batch.metadata or {}).get(METADATA_KEY) == key or batch.input_file_id == file_id:
                    return batch.id
                count += 1
                if count >= _LISTED:
                    break
        return None

    async def status(self, batch_id: str) -> Status:
        """Return how a batch stands."""
        with self._explained(f"look at batch {batch_id}"):
            batch = await self._client.batches.retrieve(batch_id)
        files = tuple(file_id for file_id in (batch.output_file_id, batch.error_file_id) if file_id)
        answered = batch.request_counts.completed if batch.request_counts else 0
        said = batch.status.lower()  # Together writes it in capitals
        return Status(said, said in _DONE, files, _problem(batch, said), answered)

    async def download(self, file_id: str, to: Path) -> None:
        """Write a file to a path, as it comes."""
        with self._explained(f"download file {file_id}"):
            async with self._client.files.with_streaming_response.content(file_id) as response:
                await response.stream_to_file(to)

    async def cancel(self, batch_id: str) -> bool:
        """Cancel a batch; what it has answered until then can still be collected."""
        import openai

        try:
            with self._explained(f"cancel batch {batch_id}"):
                await self._client.batches.cancel(batch_id)
        except TeacherError as error:
            if isinstance(error.__context__, openai.NotFoundError):
                return False
            if isinstance(error.__context__, openai.BadRequestError | openai.ConflictError):
                return True  # it has ended already
            raise
        return True

    def where(self, name: str) -> str:
        """Return nothing: the service does it all."""
        return ""

    @contextlib.contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn the SDK's errors into Passing or a sentence."""
        import aiohttp
        import httpx2
        import openai

        try:
            yield
        # A file that is streamed to the disk can break off after the SDK has given it out of its hands.
        except (openai.APIConnectionError, aiohttp.ClientError, httpx2.RequestError) as error:
            cause = str(error.__cause__ or "") or str(error)
            raise Passing(f"no answer from {self._base_url}: {' '.join(cause.split())[:200]}") from None
        except openai.APIStatusError as error:
            said = f"{self._base_url} said {error.status_code}: {_text(error)}"
            if error.status_code >= 500 or (error.status_code in (408, 409, 429) and "quota" not in said):
                raise Passing(said) from None
            raise TeacherError(f"Cannot {what}: {said}. {_advice(error.status_code, said)}") from None


def _text(error: "openai.APIStatusError") -> str:
    body = error.body
    said = body.get("message") or body if isinstance(body, dict) else error.response.text
    return " ".join(str(said).split())[:300].rstrip(".")


def _advice(status: int, said: str) -> str:
    if status == 413 or "too large" in said.lower():
        return "Nothing was submitted: run the same command again with a smaller --batch-mb or --batch-requests."
    if status in (401, 403):
        return "Check OPENAI_API_KEY."
    if status in (404, 405):
        return (
            "Is it the service and the account of the start that submitted it, and has it a Batch API? --batch-files writes "
            "files for services without one; --cancel-batches gives up batches that are gone."
        )
    return "What was answered is kept: run the same command again to go on."


def _problem(batch: "Batch", status: str) -> str | None:
    """Return why a batch was refused as a whole."""
    if status != "failed":
        return None
    errors = batch.errors.data if batch.errors and batch.errors.data else []
    lines = [f"{error.message or error.code}" + (f" (line {error.line})" if error.line else "") for error in errors]
    more = f", and {len(lines) - 3} more" if len(lines) > 3 else ""
    return ("; ".join(lines[:3]) + more) or "no reason was given"
