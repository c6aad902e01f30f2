"""Silero VAD's network (MIT, github.com/snakers4/silero-vad, versions 5 and 6, 16 kHz), written out as matrix products.

It is small: a Fourier transform of four frames, four convolutions, one LSTM cell. onnxruntime walks a hundred
nodes for it; written out it is a dozen calls of numpy, for windows of many calls at once, and the transform is an FFT
instead of a convolution with sines. Only the cell, a sixth of it, remembers: all that comes before it is done for many
windows of one call at once too. The weights are read from the publisher's file as they are. The answers
are those of onnxruntime to 1e-5 (tests/audio/test_vad.py holds them side by side over the recordings); what a window
costs each way is in docs/measured/performance.md.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from lineside.audio.onnx_weights import constants
from lineside.errors import ConfigError

WINDOW = 512  # samples
CONTEXT = 64  # samples of the window before, heard again
MEMORY = 128  # numbers in each of the network's two layers of memory
FRAME, HOP, BINS = 256, 128, 129
SHAPES = [(128, BINS, 3), (64, 128, 3), (64, 64, 3), (128, 64, 3)]  # of the convolutions: out, in, taps

Floats = npt.NDArray[np.float32]


class SileroNetwork:
    """The network. It remembers nothing: the caller hands its memory in, and gets it back for the next window."""

    def __init__(self, path: Path) -> None:
        """Raises `ConfigError` if the file is missing, damaged or another model."""
        kernels, biases, cell, last = _weights(path)
        # (out, in, 3 taps) → (taps · in, out). The third convolution has two inputs, the fourth one: the other taps
        # only ever see the padding.
        taps = [slice(0, 3), slice(0, 3), slice(1, 3), slice(1, 2)]
        self._kernels = [_flat(kernel[:, :, tap]) for kernel, tap in zip(kernels, taps, strict=True)]
        self._biases = biases
        self._cell, self._cell_bias = (
            _gates_first(np.concatenate([cell[0].T, cell[1].T])),
            _gates_first(cell[2] + cell[3]),
        )
        self._last, self._last_bias = last[0].ravel(), last[1].ravel()[0]
        # numpy transforms 32-bit numbers as 64-bit ones unless it is to divide by their count: it is given back here.
        self._hann = (np.hanning(FRAME + 1)[:-1] * FRAME).astype(np.float32)
        self._make_room(1)

    def _make_room(self, windows: int) -> None:
        """Arrays for so many windows at once, kept: to make them anew costs more than to fill them."""
        self._padded: Floats = np.empty((windows, CONTEXT + WINDOW + CONTEXT), np.float32)
        self._spectrum: Floats = np.zeros((windows, 6, BINS), np.float32)  # nothing before and after
        self._first: Floats = np.zeros((windows, 5, MEMORY), np.float32)  # nothing before

    def features(self, sound: Floats) -> Floats:
        """What is heard in each window by itself: windows × 576 (64 samples of the one before, then it) → × 128."""
        count = len(sound)
        if count > len(self._padded):
            self._make_room(2 * count)
        spectrum, first = self._spectrum[:count], self._first[:count]
        np.abs(np.fft.rfft(_frames(sound, self._padded) * self._hann, norm="forward"), out=spectrum[:, 1:5])
        first[:, 1:] = self._convolve(0, _taps(spectrum, 4, 1)).reshape(count, 4, MEMORY)
        second = self._convolve(1, _taps(first, 2, 2))
        third = self._convolve(2, second.reshape(count, -1))
        return self._convolve(3, third)

    def probabilities(self, features: Floats, memory: Floats) -> tuple[Floats, Floats]:
        """One window of each of several calls, and their memory, calls × 2 × 128.

        Gives the probabilities of speech, and the memory for the next window.
        """
        seen: Floats = np.empty((len(features), 2 * MEMORY), np.float32)
        seen[:, :MEMORY], seen[:, MEMORY:] = features, memory[:, 0]
        activations: Floats = seen @ self._cell
        activations += self._cell_bias
        np.tanh(activations, out=activations)  # of all at once, in place
        gates, candidate = activations[:, : 3 * MEMORY], activations[:, 3 * MEMORY :]
        gates += _ONE  # from a tanh of half of it to its sigmoid: see `_gates_first`
        gates *= _HALF
        candidate *= gates[:, :MEMORY]
        after: Floats = np.empty((len(features), 2, MEMORY), np.float32)
        said, kept = after[:, 0], after[:, 1]
        np.multiply(gates[:, MEMORY : 2 * MEMORY], memory[:, 1], out=kept)
        kept += candidate
        np.tanh(kept, out=said)
        said *= gates[:, 2 * MEMORY :]
        return _sigmoid(np.maximum(said, 0) @ self._last + self._last_bias), after

    def _convolve(self, number: int, taps: Floats) -> Floats:
        out: Floats = taps @ self._kernels[number]
        out += self._biases[number]
        return np.maximum(out, 0, out=out)


def _weights(path: Path) -> tuple[list[Floats], list[Floats], list[Floats], list[Floats]]:
    """Kernels and biases of the convolutions, the cell's four, the last layer's two."""
    mend = "fetch it again with `lineside models pull silero-vad`"
    try:
        # The file holds two networks, for 16 kHz and, in the "else" of an If, for 8.
        every = constants(path.read_bytes()).items()
        named = {name.rsplit("__", 1)[-1]: values for name, values in every if "else" not in name}
        kernels = [named[f"encoder.{n}.reparam_conv.weight"] for n in range(4)]
        biases = [named[f"encoder.{n}.reparam_conv.bias"] for n in range(4)]
        cell = [named[f"decoder.rnn.{name}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        last = [named[f"decoder.decoder.2.{name}"] for name in ("weight", "bias")]
    except (OSError, ValueError, IndexError) as cause:
        raise ConfigError(f"cannot load the VAD model from {path}: {mend} ({cause})") from None
    except KeyError as missing:
        raise ConfigError(f"{path} is not Silero VAD 5 or 6, it has no {missing}: {mend}") from None
    shapes = [kernel.shape for kernel in kernels] + [part.shape for part in cell]
    if shapes != [*SHAPES, (4 * MEMORY, MEMORY), (4 * MEMORY, MEMORY), (4 * MEMORY,), (4 * MEMORY,)]:
        raise ConfigError(f"{path} is not Silero VAD 5 or 6, its layers are {shapes}: {mend}")
    return kernels, biases, cell, last


def _flat(kernel: Floats) -> Floats:
    return np.ascontiguousarray(kernel.transpose(2, 1, 0).reshape(-1, len(kernel)))


def _frames(sound: Floats, room: Floats) -> Floats:
    """Four frames of 256 samples, 128 apart; the last 64 samples are the ones before them mirrored."""
    calls, length = sound.shape
    padded = room[:calls]
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


def _gates_first(cell: Floats) -> Floats:
    """The cell's columns (in, kept, candidate, out), the three gates first and halved.

    Then one tanh serves all four: sigmoid(x) = (tanh(x / 2) + 1) / 2, which does not overflow as an exponential does.
    """
    opens, kept, candidate, out = np.split(cell, 4, axis=-1)
    return np.ascontiguousarray(np.concatenate([opens * _HALF, kept * _HALF, out * _HALF, candidate], axis=-1))


def _sigmoid(x: Floats) -> Floats:
    out: Floats = np.tanh(x * _HALF)
    out += _ONE
    out *= _HALF
    return out


_ONE, _HALF = np.float32(1), np.float32(0.5)
