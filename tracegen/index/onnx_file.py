"""An ONNX file written by hand: the few messages of onnx.proto3 that a model of standard operators needs.

It is the `onnx` package's work, for one dependency less. Weights are in it as their places in a safetensors file; only what
was made of them, such as integers, lies in it itself.
"""

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Numbers from onnx.proto3 (github.com/onnx/onnx, read 2026-11): data types, and the fields of each message below.
FLOAT, UINT8, INT8, INT64 = 1, 2, 3, 7
EXTERNAL = 1
TYPES = {"float32": FLOAT, "uint8": UINT8, "int8": INT8}
"""Names of numpy's types to those of ONNX."""


class Graph:
    """An ONNX graph while it is written: the encoded operators and initializers; every value is known by its name."""

    def __init__(self, weights: Path) -> None:
        weights = weights.resolve()
        with weights.open("rb") as file:
            # https://huggingface.co/docs/safetensors: length of the header, header in JSON, data in the header's order.
            (length,) = struct.unpack("<Q", file.read(8))
            self._header = json.loads(file.read(length))
        self._header.pop("__metadata__", None)
        self._start = 8 + length
        self._file = weights
        if weights.stat().st_size != self._start + max(tensor["data_offsets"][1] for tensor in self._header.values()):
            raise ValueError(f"{weights} is cut off")
        self._operators: list[bytes] = []
        self._initializers: dict[str, bytes] = {}

    def op(self, kind: str, *inputs: str, output: str = "", domain: str = "", **attributes: Any) -> str:
        """Add an operator and return the name of its output."""
        output = output or f"{kind}{len(self._operators)}"
        encoded = [_field(5, _attribute(key, value)) for key, value in attributes.items()]
        names = [_field(1, name) for name in inputs]
        self._operators.append(b"".join([*names, _field(2, output), _field(4, kind), *encoded, _field(7, domain)]))
        return output

    def weight(self, name: str, *shape: int) -> str:
        """Add a tensor of the weights' file, by its place there, and return its name."""
        begin, end = self._place(name, shape)
        place = {"location": self._file.name, "offset": begin, "length": end - begin}
        entries = [_field(13, _field(1, key) + _field(2, str(value))) for key, value in place.items()]
        dimensions = [_field(1, dimension) for dimension in shape]
        self._initializers[name] = b"".join([*dimensions, _field(2, FLOAT), _field(8, name), *entries, _field(14, EXTERNAL)])
        return name

    def read(self, name: str, *shape: int) -> NDArray[np.float32]:
        """Return a tensor of the weights' file, mapped: it leaves memory when it is let go."""
        begin, _ = self._place(name, shape)
        return np.memmap(self._file, dtype="<f4", mode="r", offset=begin, shape=shape)

    def values(self, name: str, values: NDArray[Any]) -> str:
        """Add a tensor that lies in the ONNX file itself, and return its name."""
        dimensions = [_field(1, dimension) for dimension in values.shape]
        kind, raw = _field(2, TYPES[values.dtype.name]), _field(9, values.astype(values.dtype.newbyteorder("<")).tobytes())
        self._initializers[name] = b"".join([*dimensions, kind, _field(8, name), raw])
        return name

    def _place(self, name: str, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return where a tensor begins and ends in the weights' file. Raises ValueError where it has another type or shape."""
        tensor = self._header[name]
        begin, end = tensor["data_offsets"]
        if (tensor["dtype"], tuple(tensor["shape"]), end - begin) != ("F32", shape, 4 * math.prod(shape)):
            raise ValueError(f"{name} is {tensor}, not F32 of shape {shape}")
        return self._start + begin, self._start + end

    def encode(self, inputs: dict[str, tuple[int, int]], outputs: dict[str, tuple[int, int]]) -> bytes:
        """Return the whole as an ONNX file; inputs and outputs are given as data type and number of dimensions."""
        graph = [
            *(_field(1, operator) for operator in self._operators),
            _field(2, "bert"),
            *(_field(5, initializer) for initializer in self._initializers.values()),
            *(_field(11, _value(name, *kind)) for name, kind in inputs.items()),
            *(_field(12, _value(name, *kind)) for name, kind in outputs.items()),
        ]
        # IR version 9 and operator set 20, the first with Gelu: onnxruntime 1.17 and later.
        versions = [_field(8, _field(1, domain) + _field(2, number)) for domain, number in (("", 20), ("com.microsoft", 1))]
        return b"".join([_field(1, 9), _field(7, b"".join(graph)), *versions])


def _value(name: str, kind: int, dimensions: int) -> bytes:
    shape = b"".join(_field(1, b"") for _ in range(dimensions))  # of any length
    return _field(1, name) + _field(2, _field(1, _field(1, kind) + _field(2, shape)))


def _attribute(name: str, value: float | str | list[int]) -> bytes:
    if isinstance(value, list):
        return _field(1, name) + b"".join(_field(8, number) for number in value) + _field(20, 7)
    field, kind = {float: (2, 1), int: (3, 2), str: (4, 3)}[type(value)]
    return _field(1, name) + _field(field, value) + _field(20, kind)


def _field(number: int, value: float | str | bytes) -> bytes:
    """Encode one field of a message (https://protobuf.dev/programming-guides/encoding)."""
    if isinstance(value, float):
        return _varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    value %= 1 << 64  # negative numbers are in two's complement
    groups = []
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])
