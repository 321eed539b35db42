"""Give memory back between the stages of a build, so that their needs do not add up."""

import ctypes
import sys


def give_back() -> None:
    """Give the system back what is no longer used.

    The allocator of glibc keeps what was freed, for the same threads and sizes: 46 MB of a model in int8 (2026-11). Others
    have no such call.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim:
            trim(0)
