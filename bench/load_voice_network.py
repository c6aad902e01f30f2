"""The voice detector's network by matrix products, against onnxruntime: the same answers, and what a window costs.

    OPENBLAS_NUM_THREADS=1 .venv/bin/python bench/load_voice_network.py

Silero's network is small: a Fourier transform of four frames, four convolutions, one LSTM cell. onnxruntime walks a
graph of a hundred nodes for it; written out it is a dozen calls of numpy, and the transform is an FFT instead of a
convolution with sines. The file's weights are read as they are; nothing is trained or rounded.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lineside.audio.vad import VoiceModel, VoiceState
from lineside.audio.wav import read_wav
from lineside.models.store import locate

AUDIO = Path(__file__).parents[2] / "shared" / "audio"
WINDOW, CONTEXT, FRAME, HOP, BINS, MEMORY = 512, 64, 256, 128, 129, 128

Floats = npt.NDArray[np.float32]


class Network:
    """The network at 16 kHz. One window of each of several calls at once."""

    def __init__(self, path: Path) -> None:
        weights = {name.rsplit("__", 1)[-1]: value for name, value in tensors(path.read_bytes()) if "else" not in name}
        kernels = [weights[f"encoder.{n}.reparam_conv.weight"] for n in range(4)]
        self._biases = [weights[f"encoder.{n}.reparam_conv.bias"] for n in range(4)]
        # (out, in, 3 taps) → (taps · in, out). The third convolution has two inputs, the fourth one: the other taps
        # only ever see the padding.
        taps = [slice(0, 3), slice(0, 3), slice(1, 3), slice(1, 2)]
        self._kernels = [_flat(kernel[:, :, tap]) for kernel, tap in zip(kernels, taps, strict=True)]
        self._cell = np.concatenate([weights["decoder.rnn.weight_ih"].T, weights["decoder.rnn.weight_hh"].T])
        self._cell_bias = weights["decoder.rnn.bias_ih"] + weights["decoder.rnn.bias_hh"]
        self._last, self._last_bias = weights["decoder.decoder.2.weight"].ravel(), weights["decoder.decoder.2.bias"][0]
        self._hann = np.hanning(FRAME + 1)[:-1].astype(np.float32)

    def probabilities(self, sound: Floats, memory: Floats) -> tuple[Floats, Floats]:
        """`sound` is calls × 576 (64 samples of the window before, then the window), `memory` is 2 × calls × 128.

        Gives the probabilities and the memory for the next window.
        """
        calls = len(sound)
        spectrum: Floats = np.zeros((calls, 6, BINS), np.float32)  # a frame of nothing before and after: padding
        np.abs(np.fft.rfft(_frames(sound) * self._hann), out=spectrum[:, 1:5])
        first: Floats = np.zeros((calls, 5, MEMORY), np.float32)
        first[:, 1:] = self._convolve(0, _taps(spectrum, 4, 1)).reshape(calls, 4, MEMORY)
        second = self._convolve(1, _taps(first, 2, 2))
        third = self._convolve(2, second.reshape(calls, -1))
        fourth = self._convolve(3, third)
        gates = np.concatenate([fourth, memory[0]], axis=1) @ self._cell + self._cell_bias
        open_in, open_kept, candidate, open_out = (gates[:, n * MEMORY : (n + 1) * MEMORY] for n in range(4))
        kept = _sigmoid(open_kept) * memory[1] + _sigmoid(open_in) * np.tanh(candidate)
        said = _sigmoid(open_out) * np.tanh(kept)
        return _sigmoid(np.maximum(said, 0) @ self._last + self._last_bias), np.stack([said, kept])

    def _convolve(self, number: int, taps: Floats) -> Floats:
        out: Floats = taps @ self._kernels[number]
        out += self._biases[number]
        return np.maximum(out, 0, out=out)


def _flat(kernel: Floats) -> Floats:
    return np.ascontiguousarray(kernel.transpose(2, 1, 0).reshape(-1, len(kernel)))


def _frames(sound: Floats) -> Floats:
    """Four frames of 256 samples, 128 apart; the last 64 samples are the ones before them mirrored."""
    calls, length = sound.shape
    padded = np.empty((calls, length + CONTEXT), np.float32)
    padded[:, :length] = sound
    padded[:, length:] = sound[:, length - 2 : length - 2 - CONTEXT : -1]
    step = padded.strides
    return np.ndarray((calls, 4, FRAME), np.float32, padded, strides=(step[0], HOP * step[1], step[1]))


def _taps(steps: Floats, count: int, stride: int) -> Floats:
    """What each step of a convolution with three taps sees, one row a step."""
    calls, _, width = steps.shape
    step = steps.strides
    seen: Floats = np.ndarray(
        (calls, count, 3 * width), np.float32, steps, strides=(step[0], stride * step[1], step[2])
    )
    return seen.reshape(calls * count, -1)


def _sigmoid(x: Floats) -> Floats:
    return np.float32(1) / (np.float32(1) + np.exp(-x))


# ── the weights: as much of ONNX's protobuf (onnx.proto3, github.com/onnx/onnx) as it takes to find them ─────────────


def tensors(model: bytes) -> Iterator[tuple[str, Floats]]:
    """Every constant of more than one dimension or number, in all branches: the branch's and its own name, and it."""
    for number, graph in _fields(model):
        if number == 7:
            yield from _graph(graph)


def _graph(graph: bytes) -> Iterator[tuple[str, Floats]]:
    for number, node in _fields(graph):
        if number != 1:
            continue
        parts = list(_fields(node))
        names = [value.decode() for part, value in parts if part == 2]
        for part, value in parts:
            if part == 5:
                for inside, content in _fields(value):
                    if inside == 5 and (found := _tensor(content)) is not None:
                        yield names[0], found
                    elif inside == 6:
                        yield from _graph(content)


def _tensor(tensor: bytes) -> Floats | None:
    parts = list(_all_fields(tensor))
    if (2, 1) not in parts:  # 1: float32
        return None
    shape: list[int] = []
    for part, value in parts:
        if part == 1:
            shape += [value] if isinstance(value, int) else _varints(value)
    raw = next((value for part, value in parts if part == 9 and isinstance(value, bytes)), None)
    return None if raw is None else np.frombuffer(raw, "<f4").reshape(shape)


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields that hold bytes: texts and messages."""
    for number, value in _all_fields(data):
        if isinstance(value, bytes):
            yield number, value


def _all_fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        if key & 7 == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
        elif key & 7 == 2:
            size, at = _varint(data, at)
            yield key >> 3, data[at : at + size]
            at += size
        else:
            at += 8 if key & 7 == 1 else 4


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


# ── the comparison ───────────────────────────────────────────────────────────────────────────────────────────────────


def worst_difference(model: VoiceModel, network: Network, pcm: bytes) -> float:
    """Over a recording at 16 kHz, both with their own memory of it."""
    state, memory = VoiceState(), np.zeros((2, 1, MEMORY), np.float32)
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
    heard = np.concatenate([np.zeros(CONTEXT, np.float32), samples])
    worst = 0.0
    for number in range(len(samples) // WINDOW):
        at = number * WINDOW
        (theirs,) = model.probabilities([pcm[2 * at : 2 * (at + WINDOW)]], [state])
        ours, memory = network.probabilities(heard[None, at : at + CONTEXT + WINDOW], memory)
        worst = max(worst, abs(float(ours[0]) - theirs))
    return worst


def microseconds(run: Callable[[], object], windows: int) -> float:
    """Processor time for one window, the best of several: the machine is shared."""
    best = float("inf")
    for _ in range(8):
        began = time.process_time()
        for _ in range(50):
            run()
        best = min(best, (time.process_time() - began) / 50 / windows * 1e6)
    return best


def main() -> None:
    path = locate("silero-vad", Path("~/.cache/lineside").expanduser()) / "silero_vad.onnx"
    model, network = VoiceModel(path), Network(path)
    for file in sorted(AUDIO.glob("*.wav")):
        sound = read_wav(file)
        if sound.rate == 16_000:
            print(f"{file.name:28} worst difference {worst_difference(model, network, sound.pcm):.1e}")
    dice = np.random.default_rng(1)
    print("\n| windows at once | onnxruntime, µs each | matrices, µs each |\n| --- | --- | --- |")
    for many in (1, 2, 4, 8, 16, 32, 64):
        sound_in = (dice.standard_normal((many, CONTEXT + WINDOW)) * 0.1).astype(np.float32)
        pcm = [(row[CONTEXT:] * 32768).astype("<i2").tobytes() for row in sound_in]
        states, memory = [VoiceState() for _ in pcm], np.zeros((2, many, MEMORY), np.float32)

        def theirs(pcm: list[bytes] = pcm, states: list[VoiceState] = states) -> object:
            return model.probabilities(pcm, states)

        def ours(sound: Floats = sound_in, memory: Floats = memory) -> object:
            return network.probabilities(sound, memory)

        print(f"| {many} | {microseconds(theirs, many):.0f} | {microseconds(ours, many):.0f} |", flush=True)


if __name__ == "__main__":
    main()
