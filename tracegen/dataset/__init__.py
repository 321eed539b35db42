"""The user's dataset: any known shape -> Row."""

from tracegen.dataset.rows import Entry, read_rows

__all__ = ["Entry", "read_rows"]
