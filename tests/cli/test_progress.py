"""The progress bar: on a terminal, also on one that says it has no size; nowhere else."""

import os
import pty
import subprocess
import sys

SCRIPT = """
from tracegen.cli.progress import Bar
with Bar(quiet=False, unit="row") as bar:
    bar.show("research", 0, 4, "0 calls")
    bar.show("research", 4, 4, "9 calls")
"""


def test_a_terminal_without_a_size_gets_its_bar() -> None:
    ours, theirs = pty.openpty()  # a new one has neither rows nor columns
    subprocess.run([sys.executable, "-c", SCRIPT], stderr=theirs, check=True)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert "research:   0%" in shown


def test_a_pipe_gets_none() -> None:
    assert subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True).stderr == b""
