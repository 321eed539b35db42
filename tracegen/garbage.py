"""Looking for garbage cycles less often than Python does by itself."""

import contextlib
import gc
from collections.abc import Iterator

THRESHOLDS = 100_000, 50, 50
"""Allocations before Python looks for garbage cycles, and how often it does before it looks among older objects too."""


@contextlib.contextmanager
def rarely_collected() -> Iterator[None]:
    """Look for garbage cycles rarely within the block, and not among what is there before it.

    There are hundreds of thousands of objects of the packages that are loaded, and none of them is garbage: looking through
    them took a sixth of the CPU of a run (2026-11). What a program that calls tracegen has frozen itself stays frozen.
    """
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    if not frozen:
        gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if not frozen:
            gc.unfreeze()
