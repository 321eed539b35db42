"""One progress bar for all commands, on stderr, and none where stderr is not a terminal."""

import shutil
import sys
from types import TracebackType
from typing import Any, Self

import click


class Bar:
    """A progress bar that changes its label with the stage; tqdm is loaded when there is something to show."""

    def __init__(self, *, quiet: bool, unit: str) -> None:
        """Prepare; nothing is shown before the first `show`."""
        # Python has no stderr where the caller has closed it.
        self._quiet, self._unit = quiet or sys.stderr is None, unit
        self._stage: str | None = None
        self._bar: Any = None
        self._said = set[str]()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Take the bar away."""
        self._close()

    def show(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Show how far a stage is; `note` stands behind the bar."""
        if self._quiet:
            return
        try:
            if stage != self._stage:
                self._close()
                self._open(stage, done, total)
            self._bar.total = total
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(done - self._bar.n)
        except OSError:
            # The terminal has gone: no reason to end what may run all night.
            self._quiet, self._bar, self._stage = True, None, None

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        if self._quiet:
            return
        try:
            if self._bar is None:
                click.echo(text, err=True)
            else:
                self._bar.write(text, file=sys.stderr)
        except OSError:
            self._quiet, self._bar, self._stage = True, None, None

    def say_once(self, text: str) -> None:
        """Print a line above the bar, if it was not printed before."""
        if text not in self._said:
            self._said.add(text)
            self.say(text)

    def _open(self, stage: str, done: int, total: int) -> None:
        from tqdm import tqdm

        # What was done before this start is no measure of the speed of this one. The size is given, because tqdm shows nothing
        # on terminals that say they have none, as some consoles of containers do.
        columns, rows = shutil.get_terminal_size()
        self._bar = tqdm(
            desc=stage, initial=done, total=total, unit=self._unit, disable=None, leave=False, ncols=columns, nrows=rows
        )
        self._stage = stage

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = self._stage = None
