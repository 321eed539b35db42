"""Prints docs/findings.md: its hand-written head and tail from docs/findings.md itself, and the checks from their table."""

import re
from pathlib import Path

from tracegen.findings import CHECKS

PAGE = Path(__file__).parent.parent / "docs/findings.md"
BEGIN, END = (
    "<!-- checks: made by scripts/docs from the docstrings of tracegen/findings; do not edit -->",
    "<!-- end of checks -->",
)
SCOPES = (("Over one row", False), ("Over the whole file", True))


def checks() -> str:
    """Return the sections of all checks."""
    lines = []
    for title, over in SCOPES:
        lines += [f"## {title}", ""]
        for check in CHECKS:
            if (check.find_over is not None) == over:
                lines += [f"### {check.name}", "", f"**{check.level.capitalize()}.** {check.reason}", ""]
                lines += [f"- Example: {check.example}", f"- To do: {check.advice}", ""]
    return "\n".join(lines)


def page(text: str) -> str:
    """Return the page with its checks anew."""
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: f"{BEGIN}\n\n{checks()}\n{END}", text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
