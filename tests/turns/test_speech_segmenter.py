"""The ear: sound in, voice and pauses out, counted in the caller's samples."""

import math
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.audio.g711 import encode
from lineside.audio.input_resampler import InputResampler
from lineside.audio.vad import LoudnessVad
from lineside.audio.wav import read_wav
from lineside.protocol import Codec
from lineside.turns.floor_events import Silence, SoundDismissed, SoundStarted, SpeechLong, TurnFull, VoiceActivity
from lineside.turns.open_turn import Heard, SegmenterRules
from lineside.turns.speech_segmenter import SpeechSegmenter

AUDIO = Path(__file__).parents[3] / "shared" / "audio"


def tone(seconds: float, rate: int = 16_000, level: int = 9000) -> bytes:
    return array(
        "h", (round(level * math.sin(2 * math.pi * 300 * n / rate)) for n in range(round(seconds * rate)))
    ).tobytes()


def silence(seconds: float, rate: int = 16_000) -> bytes:
    return bytes(2 * round(seconds * rate))


def segmenter(codec: Codec = "pcm", rate: int = 16_000, min_speech: float = 0.5) -> SpeechSegmenter:
    return SpeechSegmenter(codec, rate, LoudnessVad(), SegmenterRules(min_speech=min_speech))


def hear(listener: SpeechSegmenter, pcm: bytes, size: int = 640) -> list[Heard]:
    return [event for at in range(0, len(pcm), size) for event in listener.hear(pcm[at : at + size])]


def test_speech_is_timed_in_samples_whatever_the_wall_clock_does() -> None:
    """A second of speech after two of silence: voice at two, quiet from three, however fast the frames came."""
    events = hear(segmenter(), silence(2) + tone(1) + silence(1))
    voice = next(e for e in events if isinstance(e, VoiceActivity))
    assert voice.began == pytest.approx(2.0, abs=0.033)
    assert voice.at - voice.began == pytest.approx(0.2, abs=0.033)
    assert [e.since for e in events if isinstance(e, Silence)][-1] == pytest.approx(3.0, abs=0.033)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(1, 3000), min_size=1, max_size=200),
    st.sampled_from([("pcm", 16000), ("pcm", 48000), ("g711_ulaw", 8000)]),
)
def test_frames_of_any_size_are_heard_alike(sizes: list[int], kind: tuple[Codec, int]) -> None:
    """However the network cuts the sound, the ear says the same."""
    codec, rate = kind
    pcm = silence(0.3, rate) + tone(0.5, rate) + silence(0.5, rate)
    payload, sample = (pcm, 2) if codec == "pcm" else (encode(pcm, codec), 1)
    whole, cut = segmenter(codec, rate), segmenter(codec, rate)
    expected = hear(whole, payload, size=len(payload))
    events, at = [], 0
    for size in sizes:
        events += cut.hear(payload[at : at + size * sample])
        at += size * sample
    events += cut.hear(payload[at:])
    assert events == expected


def test_the_utterance_has_its_onset_and_not_its_silence() -> None:
    """A third of a second from before the first voiced window, and as much after the last."""
    listener = segmenter()
    hear(listener, silence(2) + tone(1) + silence(0.9))
    utterance = listener.utterance()
    assert utterance.began == pytest.approx(2 - 0.3, abs=0.07)
    assert utterance.seconds == pytest.approx(1.6, abs=0.1)
    assert utterance.voiced == pytest.approx(1.0, abs=0.04)


class Later:
    """A detector that is asked by hand: it owes its answers until then."""

    def __init__(self) -> None:
        self._owed: list[tuple[float, Callable[[float], None]]] = []
        self._voice = LoudnessVad()

    def feed(self, window: bytes, tell: Callable[[float], None]) -> float | None:
        probability = self._voice.feed(window)
        if not probability and not self._owed:
            return probability  # as behind a closed gate
        self._owed.append((probability, tell))
        return None

    def answer(self) -> None:
        owed, self._owed = self._owed, []
        for probability, tell in owed:
            tell(probability)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_a_detector_that_answers_later_changes_no_time(ticks: list[int]) -> None:
    """Events come later, and say the same of the caller's sound: only how long it has been silent is learnt later."""
    pcm = silence(0.5) + tone(0.8) + silence(0.4) + tone(0.3) + silence(1.5) + tone(0.06) + silence(1)
    expected = [e for e in hear(segmenter(), pcm) if not isinstance(e, Silence)]
    detector, told = Later(), list[Heard]()
    listener = SpeechSegmenter("pcm", 16_000, detector, SegmenterRules(), told.append)
    for frame, at in enumerate(range(0, len(pcm), 640)):
        told += listener.hear(pcm[at : at + 640])
        if frame % ticks[frame % len(ticks)] == 0:
            detector.answer()
    detector.answer()
    assert [e for e in told if not isinstance(e, Silence)] == expected


def test_a_call_that_is_over_is_told_nothing_more() -> None:
    """What the detector still owes is nobody's business."""
    detector, told = Later(), list[Heard]()
    listener = SpeechSegmenter("pcm", 16_000, detector, SegmenterRules(), told.append)
    hear(listener, tone(1))
    listener.close()
    detector.answer()
    assert not told


def test_a_call_that_breaks_while_windows_are_judged_disturbs_no_other() -> None:
    """Another call, judged in the same run after it, gets its answers; the broken one ends with its next frame."""
    detector, told = Later(), list[Heard]()

    def break_down(event: Heard) -> None:
        raise ZeroDivisionError("a fault of ours")

    broken = SpeechSegmenter("pcm", 16_000, detector, SegmenterRules(), break_down)
    well = SpeechSegmenter("pcm", 16_000, detector, SegmenterRules(), told.append)
    for listener in (broken, well):
        hear(listener, tone(0.6))
    detector.answer()
    assert any(isinstance(event, VoiceActivity) for event in told)
    with pytest.raises(ZeroDivisionError):
        broken.hear(silence(0.02))
    assert not well.hear(silence(0.02))


@pytest.mark.parametrize("silence_ms", [600, 1000, 1500])
def test_the_longest_silence_is_told_with_the_frame_that_completes_it(silence_ms: int) -> None:
    """Not with the window of 32 ms that happens to end after it: that would be half a window late on average."""
    listener = SpeechSegmenter("pcm", 16_000, LoudnessVad(), SegmenterRules(silence=silence_ms / 1000))
    quiet = [e for e in hear(listener, tone(0.512) + silence(2)) if isinstance(e, Silence)]
    first = next(e for e in quiet if e.at - e.since >= silence_ms / 1000)
    assert first.since == pytest.approx(0.512)
    assert first.at - first.since < silence_ms / 1000 + 0.02


def test_the_longest_silence_is_told_with_the_last_late_answer() -> None:
    """A detector that owes answers hides how long it is silent; its last answer tells it, to the sample."""
    detector, told = Later(), list[Heard]()
    listener = SpeechSegmenter("pcm", 16_000, detector, SegmenterRules(silence=1.0), told.append)
    hear(listener, tone(0.512) + silence(1.005))  # 31 windows of silence, and 13 ms of the next
    assert not any(isinstance(event, Silence) for event in told)
    detector.answer()
    last = told[-1]
    assert isinstance(last, Silence)
    assert (last.at, last.since) == pytest.approx((1.517, 0.512))


def test_a_click_in_a_pause_does_not_end_the_pause() -> None:
    """One window of sound inside a pause: the silence is still counted from the last speech."""
    events = hear(segmenter(), tone(0.5) + silence(0.4) + tone(0.02) + silence(0.4))
    assert sum(isinstance(e, VoiceActivity) for e in events) == 1
    assert isinstance(events[-1], Silence)
    assert events[-1].since == pytest.approx(0.5, abs=0.04)


def test_going_on_after_a_pause_is_told_once() -> None:
    """Speech, a pause, speech: two voices, the second with the place where it began."""
    voices = [e for e in hear(segmenter(), tone(0.5) + silence(0.5) + tone(0.5)) if isinstance(e, VoiceActivity)]
    assert [v.began for v in voices] == [pytest.approx(0.0, abs=0.04), pytest.approx(1.0, abs=0.04)]


def test_a_long_sound_is_told_though_it_grows_long_as_a_pause_ends() -> None:
    """The bar is passed in the very window in which they go on after a pause: told with the next one, and once."""
    events = hear(segmenter(), tone(0.512) + silence(0.32) + tone(0.4) + silence(0.3) + tone(0.1))
    assert sum(isinstance(event, SpeechLong) for event in events) == 1


def test_who_speaks_on_at_the_limit_is_kept_whole_for_the_next_turn() -> None:
    """Taken in the middle of their speech: nothing is told until they pause, then all that came since is one turn."""
    listener = SpeechSegmenter("pcm", 16_000, LoudnessVad(), SegmenterRules(turn_max=5.0))
    first = hear(listener, tone(5.2))
    assert isinstance(first[-1], TurnFull)
    listener.close_turn()
    assert hear(listener, tone(2.0)) == []
    told = hear(listener, silence(0.5))
    assert [type(event) for event in told if not isinstance(event, Silence)] == [VoiceActivity]
    assert listener.utterance().voiced == pytest.approx(2.0, abs=0.07)
    assert listener.utterance().seconds == pytest.approx(2.3, abs=0.1)  # and nothing of the turn before


def test_who_never_pauses_has_the_floor_again_before_the_next_limit() -> None:
    """Voice, then `SpeechLong` twice, then `TurnFull`: a speaking agent gives way in time for the next answer."""
    listener = SpeechSegmenter("pcm", 16_000, LoudnessVad(), SegmenterRules(turn_max=5.0))
    hear(listener, tone(5.2))
    listener.close_turn()
    kinds = [type(event) for event in hear(listener, tone(5.2))]
    assert kinds[:3] == [VoiceActivity, SpeechLong, SpeechLong]
    assert set(kinds[3:]) == {TurnFull}


def test_clicks_do_not_add_up_to_speech() -> None:
    """Ten clicks half a second apart are ten clicks."""
    events = hear(segmenter(), (tone(0.03) + silence(0.6)) * 10)
    assert {type(event) for event in events} <= {SoundStarted, SoundDismissed}


def test_after_a_turn_was_taken_the_next_one_starts_empty() -> None:
    """What was answered is not heard again."""
    listener = segmenter()
    hear(listener, tone(2) + silence(1))
    listener.close_turn()
    hear(listener, silence(1) + tone(0.5) + silence(0.5))
    assert listener.utterance().voiced == pytest.approx(0.5, abs=0.04)
    assert listener.utterance().seconds < 1.3


def test_a_turn_is_bounded() -> None:
    """A minute of speech without a pause: `TurnFull` at the longest turn, and no more is kept."""
    listener = segmenter()
    longest = SegmenterRules().turn_max
    events = hear(listener, tone(longest + 1))
    assert next(e for e in events if isinstance(e, TurnFull)).at == pytest.approx(longest, abs=0.4)


def test_what_nobody_understood_comes_first_in_the_next_turn() -> None:
    """An utterance given back is heard before the one that is open."""
    listener = segmenter()
    hear(listener, tone(1) + silence(1))
    first = listener.utterance()
    listener.close_turn()
    hear(listener, tone(0.5, level=4000))
    listener.give_back(first)
    assert listener.utterance().pcm.startswith(first.pcm)
    assert listener.utterance().voiced == pytest.approx(1.5, abs=0.07)


@pytest.mark.models
@pytest.mark.parametrize("codec", ["pcm", "g711_ulaw"])
@pytest.mark.parametrize(
    ("name", "turns"),
    [("yes", 1), ("no", 1), ("hello", 1), ("order_status", 1), ("noise_ringing_phone", 0), ("noise_dog_bark", 0)],
)
def test_real_words_begin_turns_and_noises_do_not(name: str, turns: int, codec: Codec) -> None:
    """A real "yes" of half a second begins a turn at the default minimum of 500 ms; a ring and a bark do not."""
    from lineside.audio.vad import VadModel
    from lineside.models.store import locate
    from lineside.settings import load_settings
    from tests.audio.single_vad import SingleVad as Silero

    rate = 16_000 if codec == "pcm" else 8000
    model = VadModel(locate("silero-vad", load_settings().models_dir) / "silero_vad.onnx")
    recording = read_wav(AUDIO / f"{name}.wav")
    resampler = InputResampler(recording.rate, rate)
    pcm = silence(1, rate) + resampler.feed(recording.pcm) + resampler.end() + silence(2, rate)
    listener = SpeechSegmenter(codec, rate, Silero(model), SegmenterRules())
    payload = pcm if codec == "pcm" else encode(pcm, codec)
    events = hear(listener, payload, size=320)
    assert min(1, sum(isinstance(e, VoiceActivity) for e in events)) == turns


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 44_100, 48_000])
def test_sound_is_resampled_once_a_window_and_no_window_is_later_for_it(rate: int) -> None:
    """The detector hears the same windows, with the same frames, as if every frame were resampled by itself."""
    heard: list[tuple[bytes, float]] = []

    class Listening(LoudnessVad):
        def feed(self, window: bytes, on_probability: Callable[[float], None] | None = None) -> float:
            heard.append((window, ear.at))
            return super().feed(window, on_probability)

    ear = SpeechSegmenter("pcm", rate, Listening(), SegmenterRules(min_speech=0.5))
    calls, resampler, one_by_one = 0, ear._resampler, InputResampler(rate, 16_000)
    feed = resampler.feed

    def counted(pcm: bytes) -> bytes:
        nonlocal calls
        calls += 1
        return feed(pcm)

    resampler.feed = counted  # type: ignore[method-assign]
    expected: list[tuple[bytes, float]] = []
    pcm, size, waiting = tone(4.0, rate), 2 * (rate // 50), b""
    for at in range(0, len(pcm), size):
        ear.hear(pcm[at : at + size])
        waiting += one_by_one.feed(pcm[at : at + size])
        while len(waiting) >= 1024:
            expected.append((waiting[:1024], min(len(pcm), at + size) / 2 / rate))
            waiting = waiting[1024:]
    assert heard == expected
    assert calls <= len(heard) + 1
