"""Sound over each telephone line, both ways: words written down again, a tone, and how soon a line is silent.

    .venv/bin/python -m bench.line_sound [--audio ../shared/audio] [--models-dir ~/.cache/lineside] [--lines sip,twilio]
        [--most 3] [--no-words]

The transports are real, the far ends those of the conformance suite; time is virtual, so only the recogniser takes any.
WER counts errors that the line adds and those that the recogniser makes anyway: the row "no line" is the same sound at
the line's rate without a line, "browser" the page's own line. Ends with 1 if a line is over a bar.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `lineside` does; read when numpy is loaded

import argparse
import asyncio
import sys
from pathlib import Path

import numpy as np
from bench.wer import distance, plain, transcripts
from msgspec import Struct
from tests.transports.carriers import StreamRig
from tests.transports.conformance import FRAME, LineRig, Listening
from tests.transports.test_conformance import RIGS
from tests.transports.test_media_streams import share_of_tone, tone, written_by
from tests.virtual_time import run

from lineside.audio import g711
from lineside.audio.frame import STT_RATE, SpokenAudio
from lineside.audio.input_resampler import InputResampler
from lineside.audio.output_resampler import OutputResampler
from lineside.audio.wav import read_wav
from lineside.call.clock import LineClock
from lineside.call.playout import Playout
from lineside.engine_server.asr.whisper import WhisperModel

TONE_SHARE, STOPS_WITHIN = 0.9, 0.06  # of the energy; seconds on a line without a far buffer
QUIET, AROUND = 200, 0.2  # of 32768; seconds of silence that stay before and after speech
OWN_QUEUE = ("sip", "audiosocket", "audiosocket wide")


class LineSound(Struct, frozen=True):
    """What came through, as signed 16-bit at `rate`."""

    rate: int
    to_agent: bytes
    to_caller: bytes


def main() -> int:
    """Print a row a line; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audio", type=Path, default=Path(__file__).parents[2] / "shared" / "audio")
    parser.add_argument("--models-dir", type=Path, default=Path("~/.cache/lineside").expanduser())
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--most", type=float, default=3.0)
    parser.add_argument("--lines", default=",".join(name for name in RIGS if name != "scripted"))
    parser.add_argument("--no-words", action="store_true")
    wish = parser.parse_args()
    stt = None if wish.no_words else WhisperModel(wish.models_dir / "faster-whisper-base", wish.threads)
    said = transcripts(wish.audio / "README.md") if stt is not None else {}
    sounds = {name: read_wav(wish.audio / name) for name in said}
    good = True
    print("line              rate    WER heard  WER spoken  tone in  tone out  silent after")
    if stt is not None:
        for rate in (8000, STT_RATE):
            plain_sound = {name: through(one.pcm, one.rate, rate) for name, one in sounds.items()}
            print(f"{'no line':17} {rate:5}  {wer(stt, plain_sound, rate, said):8.1f} %", flush=True)
    for line in wish.lines.split(","):
        rate = run(rate_of(line))
        heard, spoken = dict[str, bytes](), dict[str, bytes]()
        for name, one in sounds.items():
            came = run(carried(line, through(one.pcm, one.rate, rate)))
            heard[name], spoken[name] = came.to_agent, came.to_caller
        came = run(carried(line, tone(rate)))
        shares = [share_of_tone(sound, rate) for sound in (came.to_agent, came.to_caller)]
        stop = run(stops(line))
        rates = [wer(stt, sound, rate, said) for sound in (heard, spoken)] if stt is not None else [0.0, 0.0]
        fine = max(rates) <= wish.most and min(shares) > TONE_SHARE and (line not in OWN_QUEUE or stop <= STOPS_WITHIN)
        good = good and fine
        print(
            f"{line:17} {rate:5}  {rates[0]:8.1f} %  {rates[1]:8.1f} %  {shares[0]:6.3f}  {shares[1]:8.3f}  "
            f"{stop * 1000:6.0f} ms{'' if fine else '   OVER A BAR'}",
            flush=True,
        )
    return 0 if good else 1


def wer(stt: WhisperModel, sounds: dict[str, bytes], rate: int, said: dict[str, str]) -> float:
    """Percent of all words."""
    wrong = words = 0
    for name, pcm in sounds.items():
        samples = speech(through(pcm, rate, STT_RATE)).astype(np.float32) / np.float32(32768)
        expected = plain(said[name])
        wrong += distance(expected, plain(stt.transcribe(samples).text))
        words += len(expected)
    return 100 * wrong / words


def speech(pcm: bytes) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    """From just before the first sound to just after the last, as a call hands it to the recogniser.

    A line plays silence before and after, which Whisper fills with the words that it knows, said again.
    """
    samples = np.frombuffer(pcm, np.int16)
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > QUIET)
    if not len(loud):
        return samples
    around = round(AROUND * STT_RATE)
    return samples[max(0, loud[0] - around) : loud[-1] + around]


async def rate_of(line: str) -> int:
    """Samples a second."""
    async with RIGS[line]() as rig:
        return rig.leg.transport.rate


async def carried(line: str, pcm: bytes) -> LineSound:
    """A call in which both sides say this, one after the other."""
    async with RIGS[line]() as rig:
        listener, transport = Listening(), rig.leg.transport
        running = asyncio.create_task(transport.run(listener))
        await rig.leg.control.answer()
        await asyncio.sleep(0.3)
        spoken = written_by(rig.carrier, pcm) if isinstance(rig, StreamRig) else in_codec(rig, pcm)
        step = len(spoken) * 2 * transport.rate // 50 // len(pcm) // 2 * 2 or 160
        for at in range(0, len(spoken), step):
            await rig.say(spoken[at : at + step])
            await asyncio.sleep(FRAME)
        await asyncio.sleep(0.5)
        heard = listener.sound if transport.codec == "pcm" else g711.decode(listener.sound, transport.codec)
        playout = Playout(transport, LineClock(asyncio.get_running_loop().time, 0.0), lambda gap: None)
        await playout.play(SpokenAudio(pcm, transport.rate))
        await asyncio.sleep(1.0)
        ear = rig.heard()
        running.cancel()
        await asyncio.wait([running])
        return LineSound(transport.rate, heard, decoded(rig, ear))


async def stops(line: str) -> float:
    """Seconds of sound that the caller hears after the agent was told to stop in mid speech."""
    async with RIGS[line]() as rig:
        transport = rig.leg.transport
        running = asyncio.create_task(transport.run(Listening()))
        await rig.leg.control.answer()
        await asyncio.sleep(0.3)
        loud = in_codec(rig, tone(transport.rate, 0.7))
        transport.send(loud)
        await asyncio.sleep(0.3)
        before = loudness(decoded(rig, rig.heard()), transport.rate)
        transport.clear()
        await asyncio.sleep(1.5)
        after = loudness(decoded(rig, rig.heard()), transport.rate)
        running.cancel()
        await asyncio.wait([running])
        return max(0.0, after - before)


def in_codec(rig: LineRig, pcm: bytes) -> bytes:
    """Sound as the transport takes it."""
    codec = rig.leg.transport.codec
    return pcm if codec == "pcm" else g711.encode(pcm, codec)


def decoded(rig: LineRig, ear: bytes) -> bytes:
    """What reached the ear, which may be in another codec than the call's."""
    rate = rig.leg.transport.rate
    if isinstance(rig, StreamRig):
        return g711.decode(ear, "g711_ulaw") if rig.carrier.second() == rate else ear
    codec = rig.leg.transport.codec
    return ear if codec == "pcm" else g711.decode(ear, codec)


def loudness(pcm: bytes, rate: int) -> float:
    """Seconds that are no silence, counted in stretches of 5 ms."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    size = rate // 200
    whole = samples[: len(samples) // size * size].reshape(-1, size)
    return float((np.abs(whole).max(axis=1) > 500).sum()) * 0.005 if len(whole) else 0.0


def through(pcm: bytes, rate: int, to: int) -> bytes:
    """Sound at another rate."""
    if to > rate:
        up = InputResampler(rate, to)
        return up.feed(pcm) + up.end()
    down = OutputResampler(rate, to)
    return down.feed(pcm) + down.end()


if __name__ == "__main__":
    sys.exit(main())
