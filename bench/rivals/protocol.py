"""What the contestants' scripts share: the job, the clock, the answer. Needs nothing but Python."""

import json
import re
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()


def peak_rss_mb() -> float:
    """Return the largest resident memory this process has had; getrusage counts its parent's, too, on Linux."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"VmHWM:\s+(\d+)", status.read_text(encoding="utf-8"))[0]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


class Contest:
    """A job, and the figures for its answer as they are measured."""

    def __init__(self) -> None:
        self.job: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
        self.docs = Path(self.job["docs"])
        self.figures: dict[str, Any] = {}

    def files(self) -> list[Path]:
        """Return all files of the documentation."""
        return sorted(path for path in self.docs.rglob("*") if path.is_file())

    def loaded(self) -> None:
        """Note that imports are done and the model is warm: ingesting begins."""
        self._began, self._cpu = time.perf_counter(), time.process_time()
        self.figures["load_s"] = self._began - STARTED

    def ingested(self, chunks: int) -> None:
        """Note that all is stored."""
        self.figures |= {"ingest_s": time.perf_counter() - self._began, "chunks": chunks}
        self.figures["ingest_cpu_s"] = time.process_time() - self._cpu

    def answer(self, search: Callable[[str], list[str]], *packages: str) -> None:
        """Ask all queries and write the answer."""
        passages, query_ms = [], []
        for query in self.job["queries"]:
            began = time.perf_counter()
            passages.append(search(query))
            query_ms.append((time.perf_counter() - began) * 1000)
        self.figures |= {
            "passages": passages,
            "query_ms": query_ms,
            "rss_mb": peak_rss_mb(),
            "versions": {package: version(package) for package in packages},
        }
        Path(sys.argv[2]).write_text(json.dumps(self.figures))
