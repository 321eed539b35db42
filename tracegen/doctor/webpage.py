"""The report as one self-contained page: no script, nothing from the network, light or dark as the reader has it."""

import re
from pathlib import Path

from tracegen.doctor.plots import COLOURED, plot_map, plot_sizes, plot_support
from tracegen.doctor.records import Report
from tracegen.errors import OutputError
from tracegen.jsonl import replacing
from tracegen.wording import named_lines

TEMPLATE = Path(__file__).with_name("page.html.j2")


def check_place(file: Path, dataset: Path) -> None:
    """Raise OutputError where the page cannot go there: before the examination, which takes its time."""
    if str(file) == "-":
        raise OutputError("--html -: standard output has the report already. Name a file, such as doctor.html.")
    if file.resolve() == dataset.resolve():
        raise OutputError(f"--html {file} is the dataset itself. Name another file.")
    if file.is_dir():
        raise OutputError(f"--html {file} is a folder. Name a file, such as {file / 'doctor.html'}.")
    if not file.absolute().parent.is_dir():
        raise OutputError(f"--html {file}: there is no folder {file.parent}. Make it first.")


def write_page(report: Report, file: Path) -> None:
    """Write the page, whole or not at all. Raises OutputError where it cannot be written."""
    page = render_page(report)
    with replacing(file) as opened:
        opened.write(page)


def render_page(report: Report) -> str:
    """Return the page."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup, escape

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["lines"] = named_lines
    environment.filters["percent"] = lambda share: f"{share:.0%}"
    environment.filters["number"] = lambda number: f"{number:,}"
    environment.filters["printable"] = _printable
    environment.filters["with_code"] = lambda text: Markup(
        re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(_printable(text))))
    )
    support = {}
    if report.retrieval is not None:
        support = {"One plain search": report.retrieval.search, "Researcher": report.retrieval.researcher}
    if report.documentation is not None:
        support["At best"] = report.documentation.best
    support = {name: figures for name, figures in support.items() if figures.rows}
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return page.render(
        report=report,
        coloured=COLOURED,
        support=support,
        sizes_plot=Markup(plot_sizes(report.sizes)),
        map_plot=Markup(plot_map(report.variety)) if report.variety is not None else "",
        support_plot=Markup(plot_support(support)) if support else "",
    )


def _printable(text: str) -> str:
    """Return the text with control characters, which XML does not allow, written out."""
    from tracegen.traces.chat import visible

    return visible(text)
