"""The linear layers of a BERT in int8: half the time of float32, and vectors that hardly differ.

What is multiplied is rounded by fixed steps, one for each of its columns: how large a column gets is known beforehand, from
`calibration.txt`. So the vector of a text has the same bits alone and together with others, which steps that follow from the
texts at hand would not give it, and the sums, of integers, are the same on every processor.

    x -> times 1 / step of each column -> rounded to uint8 around 128 -> products with int8 weights -> float

Columns of large numbers get large steps. As what a column's step is multiplied with is in its weights then, part of the
difficulty is left to x: SmoothQuant's `alpha`, the part that the weights take (Xiao et al. 2023, arXiv 2211.10438).
"""

from collections.abc import Sequence
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracegen.index import models
from tracegen.index.bert_graph import Shape, attention_names, layer_names, read_shape
from tracegen.index.onnx_file import Graph

Floats = NDArray[np.float32]

LARGEST = 64
"""Largest weight in int8. On x86-64 without VNNI onnxruntime adds two products with uint8 in 16 bits (VPMADDUBSW, see its page
"Quantize ONNX Models"): 2 x 64 x 255 still fits, with 127 the sum would be cut off there and the vectors be others."""
STEPS = 127
"""Steps from 0 to the largest number of a column."""
ATTENTION, ATTENDED, INTERMEDIATE, OUTPUT = 0.85, 0.6, 0.5, 0.7
"""Alpha of what goes into each of the four multiplications of a layer. Chosen by the cosine to float32 (2026-11)."""
OUTLIERS = 32
"""Columns inside a feed-forward layer that are multiplied apart: a few are far larger than all others, and would take most of
what the weights of the others have for their rounding. With none, 32 and 64 the mean cosine of chunks to float32 is 0.994,
0.9956 and 0.995 (2026-11)."""
MARGIN = 1.15
"""How much larger than seen the other columns inside a feed-forward layer may get: their largest numbers are rare."""
SMALLEST = 1e-3
"""What a column comes to at least: one that was never seen large has a step all the same."""

CALIBRATION = "calibration.txt"
SEPARATOR = "\n%%\n"
RANGES = "minilm_ranges.npy"


class Ranges:
    """The largest absolute numbers that go into the linear layers of a model, for each column of each layer."""

    def __init__(self, shape: Shape, values: NDArray[np.floating]) -> None:
        """Take an array of shape (layers, 3 * size + inner). Raises ValueError where it has another."""
        if values.shape != (shape.layers, 3 * shape.size + shape.inner):
            raise ValueError(f"{values.shape} are no ranges of {shape}")
        places = np.cumsum([0, shape.size, shape.size, shape.size, shape.inner])
        self._of: dict[str, Floats] = {}
        for layer, row in zip(layer_names(shape), np.maximum(values.astype(np.float32), SMALLEST), strict=True):
            for name, start, end in zip(measured_at(layer), places[:-1], places[1:], strict=True):
                self._of[name] = row[start:end]

    def __getitem__(self, name: str) -> Floats:
        """Return those of what the weights of a name are multiplied with, shape (columns,)."""
        return self._of[name]


def measured_at(layer: str) -> list[str]:
    """Return the names of the weights of a layer whose inputs have ranges, in the order of these."""
    return [attention_names(layer)[0], *(f"{layer}.{name}.dense" for name in ("attention.output", "intermediate", "output"))]


def known_ranges(weights: str) -> NDArray[np.float16] | None:
    """Return the ranges of the model whose weights have this digest, where they were measured beforehand: the default one's.

    They are what `tracegen.index.onnx_bert.measure_ranges` gives, made by scripts/int8_ranges.py.
    """
    if weights != models.OFFICIAL_SHA256["model.safetensors"]:
        return None
    ranges: NDArray[np.float16] = np.load(BytesIO((files(__package__) / RANGES).read_bytes()), allow_pickle=False)
    return ranges


def calibration_texts() -> list[str]:
    """Return texts of all kinds that documentation, questions and code are made of."""
    return (files(__package__) / CALIBRATION).read_text(encoding="utf-8").rstrip("\n").split(SEPARATOR)


class Int8Linears:
    """Linear layers in int8. Its weights are rounded, and let go, one by one."""

    def __init__(self, folder: Path, ranges: NDArray[np.floating]) -> None:
        """Take the ranges of the model in a folder."""
        self._ranges = Ranges(read_shape(folder), ranges)

    def __call__(self, graph: Graph, x: str, names: Sequence[str], rows: int, columns: int) -> list[str]:
        """Multiply in int8; the weights share what x is rounded to."""
        weights = [graph.read(f"{name}.weight", rows, columns) for name in names]
        alpha = ATTENTION if len(names) > 1 else ATTENDED
        rounded, steps = _rounded_input(graph, names[0], x, self._ranges[names[0]], weights, alpha)
        biases = [graph.weight(f"{name}.bias", rows) for name in names]
        return [
            _product(graph, name, rounded, weight * steps, bias)
            for name, weight, bias in zip(names, weights, biases, strict=True)
        ]

    def feed_forward(self, graph: Graph, x: str, layer: str, inner: int, size: int) -> str:
        """Return the result of a layer's feed-forward part: that of the outliers and that of the others, added."""
        first, second = f"{layer}.intermediate.dense", f"{layer}.output.dense"
        into, bias = graph.read(f"{first}.weight", inner, size), graph.read(f"{first}.bias", inner)
        out = graph.read(f"{second}.weight", size, inner)
        rounded, steps = _rounded_input(graph, first, x, self._ranges[first], [into], INTERMEDIATE)
        ranges = self._ranges[second]
        order = np.argsort(-ranges, kind="stable")
        results = []
        for part, (columns, margin) in enumerate(((order[:OUTLIERS], 1.0), (order[OUTLIERS:], MARGIN))):
            name = f"{second}.{part}"
            part_bias = graph.values(f"{first}.bias.{part}", bias[columns])
            y = graph.op("Gelu", _product(graph, f"{first}.{part}", rounded, into[columns] * steps, part_bias))
            y, y_steps = _rounded_input(graph, name, y, margin * ranges[columns], [out[:, columns]], OUTPUT)
            results.append(
                _product(graph, name, y, out[:, columns] * y_steps, "" if part else graph.weight(f"{second}.bias", size))
            )
        return graph.op("Add", *results)


def _rounded_input(
    graph: Graph, name: str, x: str, ranges: Floats, weights: Sequence[Floats], alpha: float
) -> tuple[str, Floats]:
    """Return x as uint8, in steps for each column, and the steps, shape (columns,).

    No number of x is cut off that is within its range; the largest of each column times its weights is what alpha shares out.
    """
    largest = np.maximum(np.max([np.abs(weight).max(axis=0) for weight in weights], axis=0), np.float32(1e-6))
    smooth = ranges**alpha / largest ** (1 - alpha)
    steps = np.asarray(smooth * (ranges / smooth).max() / STEPS, dtype=np.float32)
    scaled = graph.op("Mul", x, graph.values(f"{name}.steps", 1 / steps))
    return graph.op("QuantizeLinear", scaled, *_whole_numbers(graph)), steps


def _product(graph: Graph, name: str, x: str, weight: Floats, bias: str) -> str:
    """Return the product of a rounded x with weights, shape (rows, columns), rounded too, and a bias where there is one."""
    codes, scales = rounded(weight, LARGEST)
    one, zero = _whole_numbers(graph)
    # An onnxruntime operator (docs/ContribOperators.md); an empty name stands for the zero point of the weights, 0.
    names = graph.values(f"{name}.codes", codes.astype(np.int8).T), one, graph.values(f"{name}.scales", scales), zero, ""
    return graph.op("MatMulIntegerToFloat", x, *names, *([bias] if bias else []), domain="com.microsoft")


def _whole_numbers(graph: Graph) -> tuple[str, str]:
    """Return the names of the step 1 and the zero point 128."""
    return graph.values("one", np.array(1, dtype=np.float32)), graph.values("zero", np.array(128, dtype=np.uint8))


def rounded(weights: Floats, largest: int) -> tuple[Floats, Floats]:
    """Return weights as whole numbers of at most `largest`, and for each last axis of them the scale that they stand for."""
    scales = np.maximum(np.abs(weights).max(axis=-1), np.float32(1e-30)) / np.float32(largest)  # never zero
    return np.rint(weights / scales[..., None]), scales
