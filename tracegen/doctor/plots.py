"""Plots of a report as SVG that stands inside a page: its colours are those of the page, light or dark.

Matplotlib draws with placeholder colours, which become CSS variables afterwards; texts stay texts.
"""

import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tracegen.doctor.records import Sizes, SupportFigures, Variety
from tracegen.wording import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURED = 8
"""Clusters with a colour and a mark of their own; the others are grey dots."""
_MARKS = "os^DvPX*"
_INK, _GRID, _PAPER, _REST = "#010101", "#020202", "#030303", "#040404"
_SERIES = tuple(f"#0505{number:02d}" for number in range(1, COLOURED + 1))
_COLOURS = {_INK: "currentColor", _GRID: "var(--grid)", _PAPER: "var(--paper)", _REST: "var(--rest)"}
_COLOURS |= {colour: f"var(--series-{number})" for number, colour in enumerate(_SERIES, start=1)}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "axes.titlesize": 11,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": _GRID,
}


def plot_sizes(sizes: Sizes) -> str:
    """Return the distribution of prompts and outputs over their tokens."""
    titles = {"Prompts": sizes.prompt, "Outputs": sizes.output}

    def draw(figure: "Figure") -> None:
        for axes, (title, size), colour in zip(figure.subplots(1, 2), titles.items(), _SERIES, strict=False):
            # Leading empty steps say nothing.
            bars = list(size.histogram)
            while bars and not bars[0].rows:
                bars.pop(0)
            labels = [f"{_short(bar.first)}-{_short(bar.last)}" for bar in bars]
            _bars(axes, labels, [bar.rows for bar in bars], colour, title)
            axes.set_xlabel("tokens (estimated)")

    said = "; ".join(f"{title}: median {size.tokens.median:,}, longest {size.tokens.max:,}" for title, size in titles.items())
    return _draw("sizes", f"Rows by length in tokens. {said}.", (9.6, 3.4), draw)


def plot_support(figures: dict[str, SupportFigures]) -> str:
    """Return the rows by support, in ten steps, one panel for each way of retrieving."""

    def draw(figure: "Figure") -> None:
        panels = figure.subplots(1, len(figures), sharey=True, squeeze=False)[0]
        for axes, (title, each), colour in zip(panels, figures.items(), _SERIES, strict=False):
            places = [0.05 + 0.1 * step for step in range(len(each.histogram))]
            axes.bar(places, each.histogram, width=0.085, color=colour)
            axes.axvline(each.mean, color=_INK, linestyle="--", linewidth=1)
            axes.set_xlim(0, 1)
            axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
            axes.set_xlabel("support")
            axes.set_title(f"{title}: mean {each.mean:.2f}", loc="left")
            _rows_axis(axes)
        panels[0].set_ylabel("rows")

    said = "; ".join(f"{title}: mean {each.mean:.2f}, {each.above} of {each.rows} above 0.8" for title, each in figures.items())
    return _draw("support", f"Rows by support. {said}.", (9.6, 3.2), draw)


def plot_map(variety: Variety) -> str:
    """Return the map of the prompts: a dot for each row, the largest clusters in colours of their own."""

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        size = 26 if len(variety.points) < 500 else 9
        rest = [point for point in variety.points if point.cluster > COLOURED]
        axes.scatter([point.x for point in rest], [point.y for point in rest], s=size * 0.7, color=_REST, linewidths=0)
        for number, (colour, mark) in enumerate(zip(_SERIES, _MARKS, strict=True), start=1):
            points = [point for point in variety.points if point.cluster == number]
            axes.scatter([point.x for point in points], [point.y for point in points], s=size, color=colour, marker=mark)
        for number, x, y in _label_places(variety):
            box = {"boxstyle": "circle,pad=0.25", "facecolor": _PAPER, "edgecolor": _SERIES[number - 1], "linewidth": 1.5}
            axes.annotate(str(number), (x, y), ha="center", va="center", fontsize=9, fontweight="bold", bbox=box)
        axes.set_xlabel("first principal component of the prompts' embeddings")
        axes.set_ylabel("second")
        axes.set_xticks([])
        axes.set_yticks([])

    shown = "; ".join(
        f"cluster {each.number}: {counted(each.rows, 'row')}, {', '.join(each.words)}" for each in variety.clusters[:COLOURED]
    )
    return _draw("map", f"Map of {counted(variety.embedded, 'prompt')}, alike ones close together. {shown}.", (9.6, 5.6), draw)


def _label_places(variety: Variety) -> list[tuple[int, float, float]]:
    """Return where the numbers of the coloured clusters go: at their middle, moved apart where two would overlap."""
    xs, ys = [point.x for point in variety.points], [point.y for point in variety.points]
    width, height = (max(xs) - min(xs) or 1.0) * 0.045, (max(ys) - min(ys) or 1.0) * 0.07
    places: list[tuple[int, float, float]] = []
    for number in range(1, min(COLOURED, len(variety.clusters)) + 1):
        points = [point for point in variety.points if point.cluster == number]
        x, y = sum(point.x for point in points) / len(points), sum(point.y for point in points) / len(points)
        while any(abs(x - other_x) < width and abs(y - other_y) < height for _, other_x, other_y in places):
            y += height
        places.append((number, x, y))
    return places


def _bars(axes: "Axes", labels: Sequence[str], values: Sequence[int], colour: str, title: str) -> None:
    axes.bar(range(len(values)), values, width=0.85, color=colour)
    axes.set_xticks(range(len(labels)), labels, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_title(title, loc="left")
    axes.set_ylabel("rows")
    _rows_axis(axes)


def _rows_axis(axes: "Axes") -> None:
    from matplotlib.ticker import MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.grid(visible=True, axis="y")


def _draw(name: str, said: str, inches: tuple[float, float], draw: "Callable[[Figure], None]") -> str:
    """Return a figure as an SVG element, with what it shows as a text for those who do not see it."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=inches, layout="constrained")
        draw(figure)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = file.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.S)
    for colour, value in _COLOURS.items():
        svg = svg.replace(colour, value)
    # Ids are unique within a plot only, and several plots stand in one page.
    svg = re.sub(r'(\bid="|#)(?=[A-Za-z])', rf"\g<1>{name}-", svg)
    return _labelled(svg, said)


def _labelled(svg: str, said: str) -> str:
    from markupsafe import escape

    return re.sub(
        r'<svg [^>]*?viewBox="([^"]*)"[^>]*>',
        lambda match: (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{match[1]}" role="img" aria-label="{escape(said)}">'
        ),
        svg,
        count=1,
        flags=re.S,
    )


def _short(number: int) -> str:
    """Return a number in at most four characters: 512, 1k, 16k."""
    return str(number) if number < 1000 else f"{number / 1024:.0f}k"
