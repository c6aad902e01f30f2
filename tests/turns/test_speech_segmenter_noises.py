"""What is nobody speaking begins no turn: keys, rings, knocks, coughs, typing, people in the room. And who speaks does.

The real voice detector, at 16 kHz and through G.711; sounds by `tests/noises.py` and recordings.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.audio.frame import STT_RATE
from lineside.audio.g711 import encode
from lineside.audio.input_resampler import InputResampler
from lineside.audio.near_end import NearEndLevel, key_pressed, pitched
from lineside.audio.vad import LoudnessVad, VadModel
from lineside.audio.wav import read_wav
from lineside.models.store import locate
from lineside.protocol import Codec
from lineside.settings import load_settings
from lineside.turns.floor_events import SoundStarted, SpeechLong, VoiceActivity
from lineside.turns.open_turn import Heard, SegmenterRules
from lineside.turns.speech_segmenter import SpeechSegmenter
from tests.audio.single_vad import SingleVad as Silero
from tests.noises import (
    KEYS,
    Wave,
    again,
    cadence,
    click,
    coloured,
    cough,
    crowd,
    joined,
    key,
    knock,
    loud,
    melody,
    pcm,
    peaking,
    quiet,
    tone,
    typing,
)

AUDIO = Path(__file__).parents[3] / "shared" / "audio"
SPEECH = sorted(path.stem for path in AUDIO.glob("*.wav") if not path.name.startswith("noise"))
CALLER = -26.0  # dBFS while speaking: a telephone's usual level (ITU-T P.56)
CODECS: list[Codec] = ["pcm", "g711_ulaw"]


@cache
def recording(name: str) -> Wave:
    frame = read_wav(AUDIO / f"{name}.wav")
    resampler = InputResampler(frame.rate, STT_RATE)
    return np.frombuffer(resampler.feed(frame.pcm) + resampler.end(), "<i2") / 32768


@cache
def model() -> VadModel:
    return VadModel(locate("silero-vad", load_settings().models_dir) / "silero_vad.onnx")


def heard(
    sound: Wave, codec: Codec = "pcm", noise: float = -65.0, segmenter: SpeechSegmenter | None = None
) -> list[Heard]:
    """What the ear tells of it, on a line with this much noise of its own, dBFS."""
    line = np.concatenate([quiet(1.0), sound, quiet(1.0)])
    line += np.random.default_rng(9).standard_normal(len(line)) * 10 ** (noise / 20)
    payload, size = pcm(line), 640
    rate = STT_RATE if codec == "pcm" else 8000
    if codec != "pcm":
        payload, size = encode(InputResampler(STT_RATE, 8000).feed(payload), codec), 160
    listener = segmenter or SpeechSegmenter(codec, rate, Silero(model()), SegmenterRules())
    return [event for at in range(0, len(payload), size) for event in listener.hear(payload[at : at + size])]


def turns(events: list[Heard]) -> int:
    return sum(isinstance(event, VoiceActivity) for event in events)


DICE = np.random.default_rng(11)
NOISES: dict[str, Wave] = {
    "sixteen keys": joined([key(name) for name in KEYS], 0.1),
    "sixteen keys, as short as may be": joined([key(name, 0.04) for name in KEYS], 0.04),
    "sixteen keys, loud": joined([key(name, low=-4, high=-3) for name in KEYS], 0.1),
    "sixteen keys, soft": joined([key(name, low=-27, high=-25) for name in KEYS], 0.1),
    "sixteen keys, held": joined([key(name, 1.0) for name in KEYS], 0.2),
    "ring-back, 425 Hz": cadence(tone(10, 425), 1, 4),
    "ring-back, 440 and 480 Hz": cadence(tone(12, 440, 480, level=-13), 2, 4),
    "busy, 425 Hz": cadence(tone(5, 425), 0.5, 0.5),
    "busy, 480 and 620 Hz": cadence(tone(5, 480, 620, level=-13), 0.5, 0.5),
    "congestion": cadence(tone(5, 425), 0.25, 0.25),
    "dial tone": tone(5, 350, 440, level=-13),
    "three rising tones": again(np.concatenate([tone(0.33, hertz) for hertz in (950, 1400, 1800)]), 2, 2),
    "a fax calls": cadence(tone(8, 1100), 0.5, 3),
    "clicks": peaking(again(click(DICE), 0.3, 10), -3),
    "knocks on the table": peaking(joined([knock(DICE) for _ in range(8)], 0.1), -6),
    "soft knocks": peaking(joined([knock(DICE) for _ in range(8)], 0.2), -20),
    "a keyboard": peaking(typing(DICE, 8), -10),
    "breath on the microphone": peaking(again(coloured(DICE, 0.6, 2) * np.hanning(9600), 1.2, 4), -3),
    "a fan": peaking(coloured(DICE, 4, 1), -12),
    "a tune on hold": peaking(melody(DICE, 20), -6),
    "a dog": loud(recording("noise_dog_bark"), -20),
    "a telephone beside them": loud(recording("noise_ringing_phone"), -20),
}


@pytest.mark.models
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", NOISES)
def test_the_noises_of_a_call_begin_no_turn(name: str, codec: Codec) -> None:
    """Keys, signals, knocks and music: not one turn."""
    assert turns(heard(NOISES[name], codec)) == 0


@pytest.mark.models
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("peak", [-1, -10, -20])
def test_coughs_without_voice_begin_no_turn(peak: float, codec: Codec) -> None:
    """Ten fits of one to three coughs."""
    dice = np.random.default_rng(4)
    fits = [cough(dice, bursts=1 + number % 3) for number in range(10)]
    assert sum(turns(heard(peaking(fit, peak), codec)) for fit in fits) == 0


@pytest.mark.models
@pytest.mark.parametrize("under", [5, 10, 20])
def test_babble_in_the_room_begins_no_turn(under: float) -> None:
    """Forty seconds of many people, softer than the caller will be."""
    assert turns(heard(loud(recording("noise_people_talking"), CALLER - under))) == 0


@pytest.mark.models
@pytest.mark.parametrize("codec", CODECS)
def test_people_behind_the_caller_are_not_the_caller(codec: Codec) -> None:
    """Three people, each word of them clear, 20 dB softer: once the caller has spoken, they begin no turn for three
    seconds, and hold no sound of the agent's.
    """
    rate = STT_RATE if codec == "pcm" else 8000
    segmenter = SpeechSegmenter(codec, rate, Silero(model()), SegmenterRules())
    assert turns(heard(loud(recording("order_status"), CALLER), codec, segmenter=segmenter)) >= 1
    segmenter.close_turn()
    room = crowd([recording(name) for name in ("jfk", "austen_0870", "austen_0890")], 3)
    assert [
        e
        for e in heard(loud(room, CALLER - 20), codec, segmenter=segmenter)
        if isinstance(e, SoundStarted | VoiceActivity | SpeechLong)
    ] == []


@pytest.mark.models
@pytest.mark.parametrize("name", ["yes", "no", "hello", "help_me"])
@pytest.mark.parametrize("softer", [6, 12])
def test_a_caller_who_speaks_softly_is_heard_after_they_spoke_loudly(name: str, softer: float) -> None:
    """Twelve decibels under their own first sentence is still they."""
    segmenter = SpeechSegmenter("pcm", STT_RATE, Silero(model()), SegmenterRules())
    heard(loud(recording("order_status"), CALLER + 6), segmenter=segmenter)
    segmenter.close_turn()
    assert turns(heard(loud(recording(name), CALLER + 6 - softer), segmenter=segmenter)) >= 1


@pytest.mark.models
def test_a_caller_who_goes_away_from_the_telephone_is_heard_again() -> None:
    """Twenty decibels softer for good: after a quarter of a minute what was known of them has faded."""
    segmenter = SpeechSegmenter("pcm", STT_RATE, Silero(model()), SegmenterRules())
    heard(loud(recording("order_status"), CALLER + 6), segmenter=segmenter)
    segmenter.close_turn()
    heard(quiet(13), segmenter=segmenter)
    assert turns(heard(loud(recording("check_order_12345"), CALLER - 14), segmenter=segmenter)) >= 1


class Anybody(NearEndLevel):
    """Takes all that the detector calls a voice for the caller's."""

    def may_be(self, before: bytearray, at: float) -> bool:
        return True

    def enough(self, voiced: float, bar: float, before: bytearray) -> bool:
        return voiced >= bar


@pytest.mark.models
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("level", [-16, -26, -36])
@pytest.mark.parametrize("name", SPEECH)
def test_whoever_speaks_is_heard(name: str, level: float, codec: Codec) -> None:
    """All who speak, loud or soft, begin a turn, no later than if every voice were taken for the caller's."""
    sound = loud(recording(name), level)
    rate = STT_RATE if codec == "pcm" else 8000
    credulous = SpeechSegmenter(codec, rate, Silero(model()), SegmenterRules())
    credulous._turn._caller = Anybody()
    first, at_best = (
        next(event.at for event in heard(sound, codec, segmenter=segmenter) if isinstance(event, VoiceActivity))
        for segmenter in (SpeechSegmenter(codec, rate, Silero(model()), SegmenterRules()), credulous)
    )
    assert first <= at_best + 0.07


def test_a_whisper_is_heard_a_moment_later() -> None:
    """Speech whose pitch has been taken out, as whispering has none, needs up to twice the voiced time, and no more."""
    spoken, size, dice = recording("order_status"), 256, np.random.default_rng(2)
    whisper = np.zeros(len(spoken))
    for at in range(0, len(spoken) - size, size // 2):  # the loudness of each frequency, with phases at random
        frame = np.abs(np.fft.rfft(spoken[at : at + size] * np.hanning(size)))
        whisper[at : at + size] += np.fft.irfft(frame * np.exp(2j * np.pi * dice.random(len(frame)))) * np.hanning(size)
    assert share_pitched(whisper) < 0.2
    assert share_pitched(spoken) > 0.6
    began: dict[str, float] = {}
    for name, sound in {"spoken": spoken, "whispered": whisper}.items():
        segmenter = SpeechSegmenter("pcm", STT_RATE, LoudnessVad(), SegmenterRules())
        first = next(
            event for event in heard(loud(sound, CALLER), segmenter=segmenter) if isinstance(event, VoiceActivity)
        )
        began[name] = first.at - first.began
    assert began["spoken"] + 0.05 < began["whispered"] < 2.2 * began["spoken"]


def share_pitched(sound: Wave) -> float:
    """Of the loud parts."""
    parts = [sound[at : at + 1024] for at in range(0, len(sound) - 1024, 512)]
    return float(np.mean([pitched(pcm(part)) for part in parts if np.square(part).mean() > np.square(sound).mean()]))


# The rules alone


@given(st.sampled_from(KEYS), st.floats(-25, -3), st.floats(-6, 6), st.integers(0, 511))
def test_a_key_is_known_wherever_it_begins(name: str, level: float, twist: float, begins: int) -> None:
    """At any level that a telephone sends, with one tone up to 6 dB louder than the other."""
    sound = np.concatenate([np.zeros(begins), key(name, 0.1, low=level + twist / 2, high=level - twist / 2)])
    assert key_pressed(pcm(sound[:2048]))


@pytest.mark.parametrize("name", SPEECH)
def test_no_word_is_a_key(name: str) -> None:
    """Not one window of anybody's speech."""
    assert not key_pressed(pcm(loud(recording(name), CALLER)))


@pytest.mark.parametrize("hertz", [75, 110, 180, 260, 390])
def test_a_vowel_has_pitch_and_noise_has_none(hertz: float) -> None:
    """Low and high voices; white and coloured noise."""
    time = np.arange(1024) / STT_RATE
    vowel = np.sum([np.sin(2 * np.pi * hertz * n * time + n) / n for n in range(1, 8)], axis=0) * 0.05
    assert pitched(pcm(vowel))
    dice = np.random.default_rng(1)
    assert not pitched(pcm(dice.standard_normal(1024) * 0.05))
    assert not pitched(pcm(vowel[:1000]))  # fewer samples than are needed


def test_silence_and_emptiness_are_neither_keys_nor_pitch() -> None:
    """Nothing, and nothing at all."""
    assert not key_pressed(b"")
    assert not key_pressed(bytes(4096))
    assert not pitched(bytes(2048))
    assert not NearEndLevel().enough(0.1, 0.2, bytearray(100))


def test_keys_before_a_word_do_not_hold_it_back() -> None:
    """Digits pressed, then speech after a fifth of a second: it begins as soon as it would alone."""

    def begins(sound: Wave) -> float:
        segmenter = SpeechSegmenter("pcm", STT_RATE, LoudnessVad(), SegmenterRules())
        return next(e.at for e in heard(sound, noise=-90, segmenter=segmenter) if isinstance(e, VoiceActivity))

    word = loud(recording("check_order_12345"), CALLER)
    keys = np.concatenate([key("5"), quiet(0.1), key("9"), quiet(0.212)])
    assert begins(np.concatenate([keys, word])) - len(keys) / STT_RATE == pytest.approx(begins(word), abs=0.04)
