"""Which files of a folder are wanted: patterns as in `.gitignore`, given or in the folder's `.tracegenignore`."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tracegen.errors import InputError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".tracegenignore"


class Patterns(NamedTuple):
    """The patterns for one folder; None where there are none of a kind."""

    include: "GitIgnoreSpec | None"
    """Only files that match are wanted."""
    exclude: "GitIgnoreSpec | None"
    """Files and folders that match are not wanted."""
    ignored: "GitIgnoreSpec | None"
    """The same, from the folder's own file."""

    def reason(self, path: str, *, folder: bool = False) -> str:
        """Return why a path, relative to the folder, is not wanted, or ""."""
        name = f"{path}/" if folder else path
        if self.exclude is not None and self.exclude.match_file(name):
            return "excluded by a pattern"
        if self.ignored is not None and self.ignored.match_file(name):
            return f"excluded by {IGNORE_FILE}"
        # A folder may hold files that are included.
        if self.include is not None and not folder and not self.include.match_file(name):
            return "not among the included patterns"
        return ""


def read_patterns(root: Path, include: Sequence[str], exclude: Sequence[str]) -> Patterns:
    """Return the patterns for a folder. Raises InputError for a pattern that is none."""
    try:
        own = (root / IGNORE_FILE).read_bytes().decode("utf-8", "replace").splitlines()
    except OSError:  # nearly always: there is none
        own = []
    return Patterns(_spec(include, "--include"), _spec(exclude, "--exclude"), _spec(own, str(root / IGNORE_FILE)))


def _spec(patterns: Iterable[str], where: str) -> "GitIgnoreSpec | None":
    patterns = list(patterns)
    if not patterns:
        return None
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        raise InputError(f"Bad pattern in {where}: {error}. Write patterns as in a .gitignore file.") from None
