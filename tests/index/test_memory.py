"""Memory of the allocator: seen from outside, in a process of its own, where glibc is what allocates."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, sys, threading
from tracegen.index.memory import use_one_arena

if sys.argv[1] == "one":
    use_one_arena()
kept, together = [], threading.Barrier(4)

def allocate():
    together.wait()
    kept.append([bytes(5_000) for _ in range(100)])

threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
ctypes.CDLL(None).malloc_stats()
"""


def _arenas(argument: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, argument], capture_output=True, text=True, check=True)
    return done.stderr.count("Arena ")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have no arenas to set")
def test_all_threads_allocate_from_one_arena() -> None:
    assert _arenas("several") > 1
    assert _arenas("one") == 1
