"""The constants of a network file: as much of ONNX's protobuf as it takes to find them (onnx.proto3,
github.com/onnx/onnx; the wire format: protobuf.dev, "Encoding").
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

# Field numbers of onnx.proto3: ModelProto.graph, GraphProto.node, NodeProto.output and .attribute, AttributeProto.t
# and .g, TensorProto.dims, .data_type and .raw_data.
GRAPH, NODE, OUTPUT, ATTRIBUTE, TENSOR, BRANCH, DIMS, TYPE, RAW = 7, 1, 2, 5, 5, 6, 1, 2, 9
FLOAT32 = 1  # TensorProto.DataType


def constants(model: bytes) -> dict[str, Floats]:
    """Every constant of 32-bit floats, in all branches, by its name.

    Raises `ValueError`, `IndexError` or `UnicodeDecodeError` for bytes that are no network.
    """
    found: dict[str, Floats] = {}
    for number, graph in _messages(model):
        if number == GRAPH:
            found |= _graph(graph)
    return found


def _graph(graph: bytes) -> Iterator[tuple[str, Floats]]:
    for number, node in _messages(graph):
        if number != NODE:
            continue
        parts = list(_messages(node))
        name = next((value.decode() for part, value in parts if part == OUTPUT), "")
        for part, attribute in parts:
            if part != ATTRIBUTE:
                continue
            for kind, content in _messages(attribute):
                if kind == BRANCH:
                    yield from _graph(content)
                elif kind == TENSOR and (values := _tensor(content)) is not None:
                    yield name, values


def _tensor(tensor: bytes) -> Floats | None:
    parts = list(_fields(tensor))
    raw = next((value for part, value in parts if part == RAW and isinstance(value, bytes)), None)
    if (TYPE, FLOAT32) not in parts or raw is None:
        return None
    shape: list[int] = []
    for part, value in parts:
        if part == DIMS:
            shape += [value] if isinstance(value, int) else _varints(value)
    return np.frombuffer(raw, "<f4").reshape(shape)


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields that hold bytes: texts and messages."""
    for number, value in _fields(data):
        if isinstance(value, bytes):
            yield number, value


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        match key & 7:
            case 0:
                value, at = _varint(data, at)
                yield key >> 3, value
            case 2:
                size, at = _varint(data, at)
                yield key >> 3, data[at : at + size]
                at += size
            case wire:
                at += {1: 8, 5: 4}.get(wire, len(data))


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _varints(data: bytes) -> list[int]:
    found, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        found.append(value)
    return found
