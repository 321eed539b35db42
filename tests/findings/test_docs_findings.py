"""docs/findings.md is what the table says."""

import re
import runpy

from tests.conftest import ROOT
from tracegen.findings import CHECKS

PAGE = (ROOT / "docs/findings.md").read_text(encoding="utf-8")


def test_the_checks_of_the_page_are_up_to_date() -> None:
    page = runpy.run_path(str(ROOT / "scripts/findings_reference.py"))["page"]
    assert page(PAGE) == PAGE, "run scripts/docs"
    assert re.findall(r"^### (.+)$", PAGE, re.MULTILINE) == [
        check.name for over in (False, True) for check in CHECKS if (check.find_over is not None) == over
    ]


def test_every_check_has_a_reason_an_example_and_advice() -> None:
    for check in CHECKS:
        assert (check.find is None) != (check.find_over is None)
        for text in (check.reason, check.example, check.advice):
            assert text.endswith((".", "`")), check.name
            assert len(text) > 10, check.name
        assert "\n" not in check.reason


def test_names_are_unique() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_every_check_that_struck_was_looked_at() -> None:
    """The table of what was looked at names checks that there are."""
    looked_at = set(re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE))
    assert looked_at
    assert looked_at <= {check.name for check in CHECKS}
