"""How long `tracegen --help` takes, and what is loaded for it.

    python -m bench.startup [--runs 10]

Floors in the same run: Python doing nothing, and Python importing click.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

from bench.measure import ROOT, print_table

HEAVY = ("torch", "chromadb", "openai", "sentence_transformers", "numpy", "pydantic")
HELP = "import sys; from tracegen.cli import main; sys.argv = ['tracegen', '--help']; main()"
COMMANDS = {
    "python -c pass": "pass",
    "python -c 'import click'": "import click",
    "tracegen --help": HELP,
}
LOADED = "import json, sys; print(json.dumps([name for name in {heavy!r} if name in sys.modules]), file=sys.stderr)"


def time_code(code: str) -> float:
    """Return the wall seconds of a fresh process that runs this code."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def heavy_modules(code: str) -> list[str]:
    """Return which of the heavy packages are loaded once this code has run."""
    # Click ends the process, so the look at what is loaded must come at its end.
    look = f"import atexit; atexit.register(exec, {LOADED.format(heavy=HEAVY)!r}, {{}})"
    done = subprocess.run([sys.executable, "-c", f"{look}\n{code}"], cwd=ROOT, capture_output=True, text=True, check=True)
    return list(json.loads(done.stderr.splitlines()[-1]))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m bench.startup", description="Start-up time.")
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(runs):  # in turns, so that what else the machine does hits all alike
        for name, code in COMMANDS.items():
            times[name].append(time_code(code))
    floor = min(times["python -c pass"])
    rows = [[name, min(all_s) * 1000, statistics.median(all_s) * 1000, min(all_s) / floor] for name, all_s in times.items()]
    print_table(["command", "best ms", "median ms", "ratio of bests"], rows)
    for name, code in {"import tracegen": "import tracegen", "tracegen --help": HELP}.items():
        print(f"loaded by `{name}`, of {', '.join(HEAVY)}: {', '.join(heavy_modules(code)) or 'none'}")


if __name__ == "__main__":
    main()
