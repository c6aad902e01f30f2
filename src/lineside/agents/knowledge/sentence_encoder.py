"""What a sentence means, as 384 numbers: sentences that mean alike point the same way.

all-MiniLM-L6-v2 (Apache-2.0, sentence-transformers): BERT's encoder (Devlin et al. 2019) with six layers of 384, its
outputs averaged and brought to length 1 (Reimers and Gurevych, "Sentence-BERT", 2019). Written out as matrix products:
one question of ten words takes 5 to 15 ms of one core, and neither torch nor onnxruntime is needed. The weights are
read from the publisher's file where it lies, so that all processes of the machine share them.
"""

import json
import math
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lineside.agents.knowledge.wordpiece import WordPieces
from lineside.errors import ConfigError

WIDTH, LAYERS, HEADS = 384, 6, 12
MOST_PIECES = 128  # of a sentence; what is beyond is not read
_NORM_EPSILON = np.float32(1e-12)

Floats = npt.NDArray[np.float32]
_MEND = "fetch it again with `lineside models pull all-minilm-l6-v2`"


class SentenceEncoder:
    """The network, loaded once a process. `encode` blocks: call it in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        """`folder` holds `model.safetensors` and `vocab.txt`. Raises `ConfigError` if one is missing or another."""
        try:
            weights = _read_safetensors(folder / "model.safetensors")
            self._pieces = WordPieces((folder / "vocab.txt").read_text("utf-8").splitlines())
            self._words = weights["embeddings.word_embeddings.weight"]
            self._places = weights["embeddings.position_embeddings.weight"]
            self._first = weights["embeddings.token_type_embeddings.weight"][0]
            self._norm = _Norm(weights, "embeddings.LayerNorm")
            self._layers = [_Layer(weights, f"encoder.layer.{number}") for number in range(LAYERS)]
        except (OSError, KeyError, ValueError, struct.error) as cause:
            raise ConfigError(f"cannot load the sentence encoder from {folder}: {_MEND} ({cause})") from None
        if self._words.shape[1:] != (WIDTH,):
            raise ConfigError(f"{folder} is not all-MiniLM-L6-v2: {_MEND}")

    def encode(self, sentences: Sequence[str]) -> Floats:
        """Vectors of length 1, one a sentence: n × 384. The product of two is how alike they are, −1 to 1.

        All at once: alone, a sentence costs three times as much, for the weights are read from memory for each.
        """
        if not sentences:
            return np.zeros((0, WIDTH), np.float32)
        numbers = [self._pieces.numbers(sentence, MOST_PIECES) for sentence in sentences]
        ends = np.cumsum([len(of_one) for of_one in numbers]).tolist()
        rows = [slice(end - len(of_one), end) for end, of_one in zip(ends, numbers, strict=True)]
        places = np.concatenate([self._places[: len(of_one)] for of_one in numbers])
        state = self._norm(self._words[np.concatenate(numbers)] + places + self._first)
        for layer in self._layers:
            state = layer(state, rows)
        means: Floats = np.stack([state[row].mean(axis=0) for row in rows])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        return means


class _Layer:
    """Attention, then two products with GELU between them; each added to what came in, and normalised."""

    def __init__(self, weights: dict[str, Floats], name: str) -> None:
        attention = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
        self._attention = [_Product(weights, part) for part in attention]
        self._mixed, self._mixed_norm = (
            _Product(weights, f"{name}.attention.output.dense"),
            _Norm(weights, f"{name}.attention.output.LayerNorm"),
        )
        self._wide, self._narrow = (
            _Product(weights, f"{name}.intermediate.dense"),
            _Product(weights, f"{name}.output.dense"),
        )
        self._norm = _Norm(weights, f"{name}.output.LayerNorm")

    def __call__(self, state: Floats, sentences: Sequence[slice]) -> Floats:
        query, key, value = (part(state).reshape(-1, HEADS, WIDTH // HEADS) for part in self._attention)
        mixed = np.concatenate([_attention(query[one], key[one], value[one]) for one in sentences])
        state = self._mixed_norm(state + self._mixed(mixed))
        return self._norm(state + self._narrow(_gelu(self._wide(state))))


def _attention(query: Floats, key: Floats, value: Floats) -> Floats:
    """What each piece of one sentence takes from the others: pieces × heads × 32 each, out: pieces × 384."""
    scores = query.transpose(1, 0, 2) @ key.transpose(1, 2, 0) * np.float32(1 / math.sqrt(WIDTH / HEADS))
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    scores /= scores.sum(axis=-1, keepdims=True)
    mixed: Floats = (scores @ value.transpose(1, 0, 2)).transpose(1, 0, 2).reshape(len(query), WIDTH)
    return mixed


class _Product:
    def __init__(self, weights: dict[str, Floats], name: str) -> None:
        self._weight, self._bias = weights[f"{name}.weight"].T, weights[f"{name}.bias"]

    def __call__(self, state: Floats) -> Floats:
        result: Floats = state @ self._weight + self._bias
        return result


class _Norm:
    def __init__(self, weights: dict[str, Floats], name: str) -> None:
        self._weight, self._bias = weights[f"{name}.weight"], weights[f"{name}.bias"]

    def __call__(self, state: Floats) -> Floats:
        centred = state - state.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + _NORM_EPSILON)
        result: Floats = centred / spread * self._weight + self._bias
        return result


def _gelu(x: Floats) -> Floats:
    """x · Φ(x), with the error function by Abramowitz and Stegun 7.1.26 (wrong by at most 1.5e-7)."""
    z = np.abs(x) * np.float32(1 / math.sqrt(2))
    t = 1 / (1 + np.float32(0.3275911) * z)
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * np.float32(1.061405429)))))
    erf = np.copysign(1 - poly * np.exp(-z * z), x)
    result: Floats = (x * (1 + erf) * np.float32(0.5)).astype(np.float32, copy=False)
    return result


def _read_safetensors(path: Path) -> dict[str, Floats]:
    """The file's tensors, where they lie on the disk (format: github.com/huggingface/safetensors)."""
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        if size > 1 << 20:
            raise ValueError("its header is too long")
        header = json.loads(file.read(size))
    data = np.memmap(path, np.uint8, mode="r", offset=8 + size)
    tensors: dict[str, Floats] = {}
    for name, about in header.items():
        if name != "__metadata__" and about["dtype"] == "F32":
            begin, end = about["data_offsets"]
            tensors[name] = np.asarray(data[begin:end]).view(np.float32).reshape(about["shape"])
    return tensors
