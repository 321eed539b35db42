"""A BERT with mean pooling as an ONNX graph, its linear layers in floats or in integers.

    ids, positions -> embeddings -> layers x (attention, feed-forward) -> pooling -> vector of length 1

As in Devlin et al. 2018 (arXiv 1810.04805) and transformers' modeling_bert.py. Texts of one length may go through it together.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from tracegen.index.onnx_file import FLOAT, INT64, Graph

WEIGHTS = "model.safetensors"


class Shape(NamedTuple):
    """The numbers of a model's config.json that its graph follows from."""

    layers: int
    """Number of layers."""
    size: int
    """Numbers of a token between the layers."""
    inner: int
    """Numbers of a token inside a feed-forward layer."""
    heads: int
    """Heads of attention."""
    words: int
    """Tokens of the vocabulary."""
    places: int
    """Tokens of the longest text."""
    types: int
    """Types of tokens; only the first is used."""
    epsilon: float
    """What layer normalisation adds to the variance."""


class Linears(Protocol):
    """The linear layers of a graph: x is the name of a value of shape (texts, tokens, columns)."""

    def __call__(self, graph: Graph, x: str, names: Sequence[str], rows: int, columns: int) -> list[str]:
        """Multiply x with each of some weights, of shape (rows, columns), and add their biases; return the results' names."""

    def feed_forward(self, graph: Graph, x: str, layer: str, inner: int, size: int) -> str:
        """Return the result of a layer's feed-forward part: linear, GELU, linear."""


class FloatLinears:
    """Linear layers in float32, on the weights as they lie in their file."""

    def __init__(self) -> None:
        self.inputs: dict[str, str] = {}
        """What was multiplied: the name of the first weights to the name of x."""

    def __call__(self, graph: Graph, x: str, names: Sequence[str], rows: int, columns: int) -> list[str]:
        """Multiply in float32."""
        self.inputs[names[0]] = x

        def one(name: str) -> str:
            # Transposed once, when the session is made.
            weight = graph.op("Transpose", graph.weight(f"{name}.weight", rows, columns), perm=[1, 0])
            return graph.op("Add", graph.op("MatMul", x, weight), graph.weight(f"{name}.bias", rows))

        return [one(name) for name in names]

    def feed_forward(self, graph: Graph, x: str, layer: str, inner: int, size: int) -> str:
        """Return the result of a layer's feed-forward part."""
        [within] = self(graph, x, [f"{layer}.intermediate.dense"], inner, size)
        [result] = self(graph, graph.op("Gelu", within), [f"{layer}.output.dense"], size, inner)
        return result


def read_shape(folder: Path) -> Shape:
    """Return the shape of the model in a folder. Raises OSError, KeyError or ValueError where config.json does not tell."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    shape = Shape(
        layers=config["num_hidden_layers"],
        size=config["hidden_size"],
        inner=config["intermediate_size"],
        heads=config["num_attention_heads"],
        words=config["vocab_size"],
        places=config["max_position_embeddings"],
        types=config["type_vocab_size"],
        epsilon=float(config["layer_norm_eps"]),
    )
    if shape.size % shape.heads:
        raise ValueError(f"{shape.size} dimensions cannot be shared among {shape.heads} heads")
    return shape


def layer_names(shape: Shape) -> list[str]:
    """Return the names of the layers, as the weights have them."""
    return [f"encoder.layer.{layer}" for layer in range(shape.layers)]


def attention_names(layer: str) -> list[str]:
    """Return the names of a layer's linear layers that make queries, keys and values."""
    return [f"{layer}.attention.self.{part}" for part in ("query", "key", "value")]


def bert(folder: Path, linears: Linears, outputs: Sequence[str] = ()) -> bytes:
    """Return the model in a folder as an ONNX file: ids (texts, tokens), positions (tokens,) -> vectors (texts, size).

    `outputs` are names of weights whose inputs come out besides, shape (texts, tokens, columns); for FloatLinears alone.
    Raises ValueError or KeyError where the weights are not what config.json says.
    """
    shape = read_shape(folder)
    size = shape.size
    graph = Graph(folder / WEIGHTS)
    op, weight = graph.op, graph.weight

    def norm(x: str, name: str) -> str:
        scale, shift = weight(f"{name}.LayerNorm.weight", size), weight(f"{name}.LayerNorm.bias", size)
        return op("LayerNormalization", x, scale, shift, axis=-1, epsilon=shape.epsilon)

    words = weight("embeddings.word_embeddings.weight", shape.words, size)
    places = weight("embeddings.position_embeddings.weight", shape.places, size)
    types = weight("embeddings.token_type_embeddings.weight", shape.types, size)
    first_type = op("Gather", types, op("Constant", value_int=0))
    x = op("Add", op("Add", op("Gather", words, "ids"), first_type), op("Gather", places, "positions"))
    x = norm(x, "embeddings")
    for layer in layer_names(shape):
        # onnxruntime's own operator (docs/ContribOperators.md): no bias, and no mask, for all texts are of one length.
        attended = linears(graph, x, attention_names(layer), size, size)
        y = op("MultiHeadAttention", *attended, domain="com.microsoft", num_heads=shape.heads)
        [y] = linears(graph, y, [f"{layer}.attention.output.dense"], size, size)
        x = norm(op("Add", y, x), f"{layer}.attention.output")
        x = norm(op("Add", linears.feed_forward(graph, x, layer, shape.inner, size), x), f"{layer}.output")
    # The sum of the tokens: divided by their number or not, it becomes the same vector of length 1. By a product with ones, for
    # onnxruntime's sums (ReduceSum, Einsum) are in another order, and of other bits, where there are several texts.
    places = op("Cast", "positions", to=FLOAT)
    ones = op(
        "Add", op("Mul", places, graph.values("no", np.zeros(1, np.float32))), graph.values("yes", np.ones(1, np.float32))
    )
    op("LpNormalization", op("MatMul", ones, x), output="vectors", axis=-1, p=2)
    given: dict[str, tuple[int, int]] = {"ids": (INT64, 2), "positions": (INT64, 1)}
    inputs = linears.inputs if isinstance(linears, FloatLinears) else {}
    more: dict[str, Any] = {inputs[name]: (FLOAT, 3) for name in outputs}
    return graph.encode(given, {"vectors": (FLOAT, 2), **more})
