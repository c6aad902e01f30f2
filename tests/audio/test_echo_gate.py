"""The echo gate: what we play comes back, and is nobody; a caller over it is heard."""

from array import array
from collections.abc import AsyncGenerator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lineside.audio.echo_detector import EchoDetector
from lineside.audio.echo_gate import EchoGate
from lineside.audio.frame import STT_RATE, SpokenAudio
from lineside.audio.g711 import decode, encode
from lineside.audio.input_resampler import InputResampler
from lineside.audio.vad import LoudnessVad
from lineside.audio.wav import read_wav
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.protocol import BargeIn, EndReason, Text
from lineside.transports.base import TransportListener
from lineside.transports.scripted import CallerSends, CallerSilent, CallerSpeaks, Doing, ScriptedTransport
from lineside.turns.floor_events import SoundStarted, VoiceActivity
from lineside.turns.open_turn import Heard, SegmenterRules
from lineside.turns.speech_segmenter import SpeechSegmenter
from tests.call import fixtures
from tests.call.fixtures import FinishedCall, run_call

AUDIO = Path(__file__).parents[3] / "shared" / "audio"
LOUD, WEAKER = 0.07, 10 ** (-15 / 20)  # of full scale, -23 dBFS; what returns
SHORT = 640  # bytes: 20 ms at 16 kHz
Wave = npt.NDArray[np.float64]


@cache
def speech(name: str) -> Wave:
    """A recording at 16 kHz, of a telephone's usual loudness."""
    recording = read_wav(AUDIO / f"{name}.wav")
    resampler = InputResampler(recording.rate, STT_RATE)
    samples = np.frombuffer(resampler.feed(recording.pcm) + resampler.end(), "<i2").astype(float)
    talking = samples[np.abs(samples) > 200]
    scaled: Wave = samples * (LOUD * 32768 / np.sqrt(np.square(talking).mean()))
    return scaled


def room(sound: Wave) -> Wave:
    """A small hard room: the direct sound and a tail of a tenth of a second."""
    many = STT_RATE // 8
    taps = np.random.default_rng(3).standard_normal(many) * np.exp(-np.arange(many) / (0.025 * STT_RATE))
    taps[0] = 3
    filtered: Wave = np.convolve(sound, taps / np.sqrt(np.square(taps).sum()))[: len(sound)]
    return filtered


def over_the_telephone(pcm: bytes) -> bytes:
    """Through G.711 at 8 kHz and back."""
    down, up = InputResampler(STT_RATE, 8000), InputResampler(8000, STT_RATE)
    return up.feed(decode(encode(down.feed(pcm), "g711_ulaw"), "g711_ulaw"))


def talk(
    delay: float, *, noise: float = 0.0, way: str = "wire", caller: str = "", at: float = 4.0, gate: bool = True
) -> list[Heard]:
    """What the ear tells of a caller to whom the agent speaks for fourteen seconds; seconds, noise as RMS."""
    far = np.concatenate([speech("jfk"), np.zeros(8000), speech("hi_how_are_you")])
    near = np.zeros(len(far) + STT_RATE)
    shift = int(delay * STT_RATE)
    near[shift : shift + len(far)] += (far if way == "wire" else room(far)) * WEAKER
    near += np.random.default_rng(1).standard_normal(len(near)) * 32768 * noise
    if caller:
        words = speech(caller)
        near[int(at * STT_RATE) :][: len(words)] += words
    heard, played = np.clip(near, -32768, 32767).astype("<i2").tobytes(), far.astype("<i2").tobytes()
    heard = over_the_telephone(heard) if way == "telephone" else heard
    echo, events, sent = EchoDetector(), list[Heard](), 0
    voice = LoudnessVad(threshold=260)
    segmenter = SpeechSegmenter("pcm", STT_RATE, EchoGate(voice, echo) if gate else voice, SegmenterRules())
    for begin in range(0, len(heard), SHORT):
        while sent < len(played) and sent / SHORT * 0.02 < segmenter.at + 0.6:  # the pace of playout
            echo.played(played[sent : sent + SHORT], STT_RATE, max(segmenter.at, sent / SHORT * 0.02))
            sent += SHORT
        events += segmenter.hear(heard[begin : begin + SHORT])
    return events


def begun(events: list[Heard]) -> list[float]:
    """When voices began."""
    return [event.began for event in events if isinstance(event, VoiceActivity)]


@pytest.mark.parametrize("delay", [0.1, 0.2, 0.3, 0.4])
@pytest.mark.parametrize(("way", "noise"), [("wire", 0.0), ("wire", 0.003), ("room", 0.003), ("telephone", 0.0)])
def test_the_agents_own_words_coming_back_are_nobodys(delay: float, way: str, noise: float) -> None:
    """A telephone's echo, 15 dB weaker, in noise, out of a room, through G.711: not even a first sound is told."""
    assert [
        type(event) for event in talk(delay, way=way, noise=noise) if isinstance(event, SoundStarted | VoiceActivity)
    ] == []


def test_without_the_gate_the_same_line_talks_to_itself() -> None:
    """The echo of these tests is one."""
    assert begun(talk(0.2, gate=False)) != []


@pytest.mark.parametrize("at", [2.0, 4.0, 8.0])
@pytest.mark.parametrize("caller", ["order_status", "help_me", "austen_0880"])
@pytest.mark.parametrize("way", ["wire", "telephone"])
def test_a_caller_over_the_echo_is_heard(way: str, caller: str, at: float) -> None:
    """Both talk at once: the caller's voice is there within a second of their first word, and nothing before."""
    [first, *_] = begun(talk(0.2, way=way, noise=0.001, caller=caller, at=at))
    assert at - 0.05 < first < at + 1.0


def test_a_line_without_an_echo_has_no_deaf_moment() -> None:
    """A headset: whoever is as loud as the agent is heard from the first second on."""
    echo = EchoDetector()
    echo.played(speech("jfk")[: 3 * STT_RATE].astype("<i2").tobytes(), STT_RATE, 0.0)
    caller = speech("order_status").astype("<i2").tobytes()
    quiet = bytes(SHORT) * 20
    segmenter = SpeechSegmenter("pcm", STT_RATE, EchoGate(LoudnessVad(), echo), SegmenterRules())
    plain = SpeechSegmenter("pcm", STT_RATE, LoudnessVad(), SegmenterRules())
    assert begun(segmenter.hear(quiet + caller))[0] == pytest.approx(begun(plain.hear(quiet + caller))[0], abs=0.05)


def test_nothing_is_compared_when_nothing_was_played() -> None:
    """Whatever comes more than a second after our last sound is the caller's."""
    echo, loud = EchoDetector(), speech("jfk")[8000:8512].astype("<i2").tobytes()
    echo.played(loud, STT_RATE, 0.0)
    assert echo.heard(loud)
    for _ in range(40):
        echo.heard(bytes(1024))
    assert not echo.heard(loud)


class EchoingLine(ScriptedTransport):
    """A line on which a quarter of a second later all that was played comes back."""

    async def run(self, listener: TransportListener) -> EndReason:
        self._air = np.zeros(60 * self.rate)
        return await super().run(listener)

    def deliver(self, payload: bytes, listener: TransportListener) -> None:
        super().deliver(self._mixed(payload), listener)

    def send(self, payload: bytes) -> None:
        begins = round(max(self._ends, self.now()) * self.rate)
        self._air[begins : begins + len(payload) // 2] = np.frombuffer(payload, "<i2")
        super().send(payload)

    def clear(self) -> None:
        self._air[round(self.now() * self.rate) :] = 0
        super().clear()

    def _mixed(self, payload: bytes) -> bytes:
        first = round((self.now() - 0.25) * self.rate)
        sound = np.frombuffer(payload, "<i2").astype(float)
        if first >= 0:
            sound = sound + self._air[first : first + len(sound)] * WEAKER
        mixed: bytes = np.clip(sound, -32768, 32767).astype("<i2").tobytes()
        return mixed


class Recorded(ScriptedTTS):
    """Speaks with a real voice, whatever it is told."""

    async def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        pcm = speech("jfk").astype("<i2").tobytes()
        words = sentence.split()
        for number, begin in enumerate(range(0, len(pcm), SHORT)):
            ends = number % 25 == 24 and number // 25 < len(words)
            stretch = pcm[begin : begin + SHORT]
            yield SpokenAudio(stretch, STT_RATE, ((len(stretch) // 2, words[number // 25]),) if ends else ())


def echoing(monkeypatch: pytest.MonkeyPatch, *script: Doing, **given: Any) -> FinishedCall:
    monkeypatch.setattr(fixtures, "ScriptedTransport", EchoingLine)
    llm = ScriptedLLM(answers=["Ask not what your country can do for you."])
    return run_call(
        CallerSends(Text("Go")), *script, llm=llm, tts=Recorded(), stt=ScriptedSTT(hears=["Stop."]), **given
    )


def test_on_a_line_with_an_echo_the_agent_does_not_interrupt_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eleven seconds of a reply: its sound is never held and not one turn begins; without the gate, it is."""
    assert echoing(monkeypatch, CallerSilent(14.0)).transport.cleared == []
    assert echoing(monkeypatch, CallerSilent(14.0), echo_gate=False).transport.cleared != []


def test_who_talks_over_the_echo_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The floor is given to the caller, and to nobody else."""
    call = echoing(monkeypatch, CallerSilent(5.0), CallerSpeaks(1.0), CallerSilent(3.0))
    assert call.one(BargeIn).heard.startswith("Ask not what")
    assert call.transport.cleared[0] == pytest.approx(5.05, abs=0.06)


def test_a_reply_that_is_held_and_goes_on_is_still_known_for_ours() -> None:
    """What was taken back is not expected to return; what is said again is."""
    echo, sound = EchoDetector(), speech("jfk")[: 2 * STT_RATE].astype("<i2").tobytes()
    echo.played(sound, STT_RATE, 0.0)
    echo.taken_back(0.5)
    echo.played(sound[STT_RATE:], STT_RATE, 1.5)
    air = np.zeros(4 * STT_RATE)
    air[3200 : 3200 + 8000] = speech("jfk")[:8000]
    air[3200 + 24000 : 3200 + 48000] = speech("jfk")[8000:32000]
    back = array("h", (air * WEAKER).astype("<i2").tobytes())
    segmenter = SpeechSegmenter("pcm", STT_RATE, EchoGate(LoudnessVad(threshold=260), echo), SegmenterRules())
    assert segmenter.hear(back.tobytes()) == []
