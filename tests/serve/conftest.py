"""A server process, as a user starts it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tracegen.index import Index, open_index


@contextmanager
def serving(index: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start `tracegen serve --transport http` on a free port; give the process and its address."""
    command = [sys.executable, "-m", "tracegen", "serve", "--index", str(index), "--transport", "http", "--port", "0", *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            lines: list[str] = []
            # The socket listens before this is said, so a request that comes early waits.
            while not (match := re.search(r"MCP: (http://\S+)/mcp", lines[-1] if lines else "")):
                lines.append(process.stderr.readline())
                assert lines[-1], "".join(lines)
            yield process, match[1]
        finally:
            process.kill()


@pytest.fixture(scope="package")
def address(sample_index: Path) -> Iterator[str]:
    """Return the address of a server of the sample's index."""
    with serving(sample_index) as (_, address):
        yield address


@pytest.fixture(scope="package")
def index(sample_index: Path) -> Iterator[Index]:
    """Return the same index, opened in this process: what a server is compared with."""
    with open_index(sample_index) as opened:
        yield opened
