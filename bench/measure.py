"""What the benchmarks share: a clock, subprocesses of their own for each variant, tables."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class Clock:
    """Wall and CPU seconds of a `with` block; CPU is this process's, all threads."""

    seconds = 0.0
    cpu_s = 0.0

    def __enter__(self) -> "Clock":
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds, self.cpu_s = time.perf_counter() - self._wall, time.process_time() - self._cpu


def peak_rss_mb() -> float:
    """Return the largest resident memory this process has had.

    Not getrusage where there is another way: what a process had before `exec`, its parent's memory, counts there (Linux).
    """
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 2**10
    return _mb(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def used_by_children() -> tuple[float, float]:
    """Return the CPU seconds that ended child processes have used in all, and the largest resident memory of one in MB."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime, _mb(usage.ru_maxrss)


def _mb(peak: int) -> float:
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def note(text: str) -> None:
    """Say on stderr what is running."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def report(**figures: Any) -> None:
    """Print what a variant measured, for `run_variant` in the process that started this one."""
    print(json.dumps({"rss_mb": peak_rss_mb()} | figures), flush=True)


def run_variant(module: str, *words: str) -> dict[str, Any]:
    """Return what a variant reports; it runs in a process of its own, so that its CPU and memory are its own."""
    return run_command(sys.executable, "-m", module, *words)


def run_command(*command: str) -> dict[str, Any]:
    """Return what a command reports in its last line."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}; what it said is above")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def print_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table that is also Markdown, for the log."""
    cells = [[cell if isinstance(cell, str) else f"{cell:,.2f}".removesuffix(".00") for cell in row] for row in rows]
    widths = [max(len(line[place]) for line in [list(heads), *cells]) for place in range(len(heads))]
    for line in [list(heads), ["-" * width for width in widths], *cells]:
        padded = [line[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        print("| " + " | ".join(padded) + " |", flush=True)
