"""One line of a file, by its number."""

from pathlib import Path

from tracegen.errors import InputError
from tracegen.jsonl import Line, read_lines
from tracegen.traces.chat import visible
from tracegen.wording import counted


def pick_line(path: Path, number: int, *, name: str) -> Line:
    """Return the line with this number, counted from 1; `name` is what the file is called in messages.

    Raises InputError where there is no such line, it is empty or it is not JSON.
    """
    rows = last = 0
    for line in read_lines(path):
        if line.number == number:
            if line.error:
                start = visible(line.text.strip(), 60)
                raise InputError(f"{name}:{number}: {line.error}. The line begins: {start} Correct it, or choose another line.")
            return line
        rows, last = rows + 1, line.number
    if not rows:
        raise InputError(f"{name} has no rows: it is empty.")
    have = f"{name} has {counted(rows, 'row')}, {'' if rows == 1 else 'the last '}on line {last}"
    if 1 <= number <= last:
        raise InputError(f"Line {number} of {name} is empty. {have}.")
    raise InputError(f"There is no line {number}: {have}. Choose a line from 1 to {last}.")
