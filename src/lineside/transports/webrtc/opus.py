"""Opus (RFC 6716), one channel, 20 ms a packet; the payloads of RFC 7587."""

from fractions import Fraction

import numpy as np
from av import AudioCodecContext, AudioFrame, FFmpegError
from av.codec import CodecContext
from av.packet import Packet

from lineside.audio.input_resampler import InputResampler

CLOCK = 48_000  # timestamps a second, whatever is inside (RFC 7587, section 4.1)
RATE = 24_000  # samples a second of a call over WebRTC
FRAME_SAMPLES = RATE // 50
FRAME_TICKS = CLOCK // 50
BIT_RATE = 32_000  # bits a second: transparent for one voice (RFC 7587, section 3.1.1: 20 to 40 for super-wideband)
# A fullband frame of 20 ms in which nothing sounds: a decoder makes silence of it, and no encoder need be asked for it.
SILENCE = b"\xf8\xff\xfe"
TIME_BASE = Fraction(1, CLOCK)


class OpusEncoder:
    """Frames of 20 ms at `RATE`, signed 16-bit → packets."""

    def __init__(self) -> None:
        codec = CodecContext.create("libopus", "w")
        assert isinstance(codec, AudioCodecContext)  # noqa: S101 - for the type
        codec.sample_rate, codec.bit_rate = RATE, BIT_RATE
        codec.layout, codec.format = "mono", "s16"
        codec.options = {"application": "voip", "frame_duration": "20"}
        self._codec = codec

    def encode(self, pcm: bytes) -> bytes:
        """One frame."""
        frame = AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2").reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        packets = self._codec.encode(frame)
        return bytes(packets[0]) if packets else SILENCE


class OpusDecoder:
    """Packets of one stream → sound at `RATE`, signed 16-bit."""

    def __init__(self) -> None:
        codec = CodecContext.create("libopus", "r")
        assert isinstance(codec, AudioCodecContext)  # noqa: S101 - for the type
        codec.sample_rate, codec.layout, codec.format = CLOCK, "mono", "s16"
        self._codec = codec
        self._resampler = InputResampler(CLOCK, RATE)

    def decode(self, payload: bytes) -> tuple[bytes, int] | None:
        """The sound of one packet and its length in ticks of `CLOCK`; None for what is no Opus."""
        try:
            frames = self._codec.decode(Packet(payload))
        except (FFmpegError, ValueError):
            return None
        pcm = b"".join(frame.to_ndarray().tobytes() for frame in frames)
        return (self._resampler.feed(pcm), len(pcm) // 2) if pcm else None
