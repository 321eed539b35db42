"""Findings about chat rows: a table of named checks, over one row or over a whole dataset, each with its page in its docstring.

Nothing is dropped by a finding: it is a tag that a person reads, or that `--drop` and `--error` act upon. To add a check, write
its function where its like stands, give it a line in `CHECKS`, and run `scripts/docs`.
"""

from tracegen.findings.check import Check
from tracegen.findings.rows import Digests, Rows
from tracegen.findings.table import CHECKS, check_chat, check_names, check_row

__all__ = ["CHECKS", "Check", "Digests", "Rows", "check_chat", "check_names", "check_row"]
