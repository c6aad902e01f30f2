"""Bad callers: who never pause, never speak, speak over everything; hold music, another agent, bad lines.

Whole calls on virtual time. None of them may hold a call for ever, lose what was said, or keep the engines busy for
nothing.
"""

import ast
import asyncio
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.agents.agent import Agent
from lineside.audio.frame import FRAME_SECONDS, Utterance
from lineside.audio.vad import LoudnessVad
from lineside.call.fillers import PHRASES
from lineside.call.session import CallSession
from lineside.engines.protocols import Transcription
from lineside.engines.registry import Engines
from lineside.engines.tts_cache import CachedTTS
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.protocol import AudioStarted, BargeIn, Ended, EndReason, FirstMessage, TurnEnded, TurnStarted
from lineside.protocol import Transcript as HeardWords
from lineside.transports.base import TransportListener
from lineside.transports.scripted import CallerSilent, CallerSpeaks, Doing, ScriptedTransport
from tests.call import fixtures
from tests.call.fixtures import FinishedCall, run_call, settings
from tests.virtual_time import run

AGENT = Agent(
    name="Test",
    prompt="You answer.",
    greeting="Hello, how can I help?",
    reprompt="Are you still there?",
    goodbye="I will hang up now. Goodbye.",
)
TONES: dict[str, Any] = {"speculation": False, "echo_gate": False}  # caller and agent are tones here, and much alike
ANSWER = "one two three four five six."


# Who never pauses


@pytest.mark.parametrize("recogniser", [0.1, 2.0, 6.0])
@pytest.mark.parametrize("most", [10, 27])
def test_a_caller_who_never_pauses_is_heard_in_pieces_and_answered(most: int, recogniser: float) -> None:
    """A hundred seconds without a pause: every `TURN_MAX_S` a piece is understood and answered, nothing is left out."""
    pieces = [f"piece {number}" for number in range(1, 20)]
    stt = ScriptedSTT(hears=pieces, takes=recogniser)
    call = run_call(
        *(CallerSilent(0.5), CallerSpeaks(100.0), CallerSilent(15.0)),
        stt=stt,
        llm=ScriptedLLM(answers=[ANSWER]),
        turn_max_s=most,
        **TONES,
    )
    full = [told for told in call.all(TurnEnded) if told.by == "limit"]
    assert len(full) in (100 // most, 100 // most + 1)
    assert all(utterance.seconds <= most + 0.1 for utterance in stt.utterances)
    assert len(stt.utterances) <= len(full) + 2  # no piece is transcribed twice, but what a pause may end
    assert sum(utterance.seconds for utterance in stt.utterances) >= 99
    said = " ".join(content for role, content in call.conversation if role == "user")
    assert said.split() == " ".join(pieces[: len(stt.utterances)]).split()
    assert len(call.all(AudioStarted)) >= len(full)  # they are answered, whether they listen or not
    assert call.conversation[-1] == ("assistant", ANSWER)


@pytest.mark.parametrize("recogniser", [0.1, 2.0, 6.0])
@pytest.mark.parametrize("pause", [0.1, 0.25, 0.4])
def test_a_caller_who_hardly_pauses_keeps_nobody_busy_for_nothing(pause: float, recogniser: float) -> None:
    """A minute and a half with a breath every two seconds: every piece is understood, and hardly any twice."""
    stt = ScriptedSTT(hears=[f"piece {number}" for number in range(1, 200)], takes=recogniser)
    llm = ScriptedLLM(answers=[ANSWER])
    call = run_call(*(CallerSpeaks(2.0), CallerSilent(pause)) * 40, CallerSilent(30.0), stt=stt, llm=llm, **TONES)
    assert all(utterance.seconds <= 27.1 for utterance in stt.utterances)
    heard = sum(utterance.seconds for utterance in stt.utterances)
    assert heard >= 40 * 2.0  # none of it is lost
    assert heard <= 40 * (2.0 + pause) * 1.5 + 30  # and little of it is heard twice
    assert call.conversation[-1] == ("assistant", ANSWER)


# Who never speaks


def test_a_caller_who_never_speaks_is_asked_once_told_goodbye_and_hung_up_on() -> None:
    """However long the line stays open: one question, one goodbye, one hanging up."""
    call = run_call(CallerSilent(600.0), agent=AGENT)
    assert call.reason == "caller_silent"
    assert [content for _, content in call.conversation] == [f"{AGENT.greeting} {AGENT.reprompt} {AGENT.goodbye}"]
    assert call.one(Ended).at < 45
    assert call.stt.utterances == []


def test_without_words_for_it_a_silent_call_ends_all_the_same() -> None:
    """An agent that has no goodbye: the idle time ends it."""
    call = run_call(CallerSilent(600.0), call_idle_timeout_s=60)
    assert (call.reason, call.all(AudioStarted)) == ("idle", [])
    assert call.one(Ended).at == pytest.approx(60, abs=2)


def test_clicks_on_the_line_are_no_sign_of_life() -> None:
    """A line that crackles every second is as silent as any other."""
    call = run_call(*(CallerSpeaks(0.02), CallerSilent(0.98)) * 300, agent=AGENT)
    assert call.reason == "caller_silent"
    assert call.one(Ended).at < 60


def test_music_on_hold_is_not_listened_to_for_ever() -> None:
    """Ten minutes of sounds without a word: they are asked, told goodbye, and hung up on; no model thinks about it."""
    stt = ScriptedSTT(hears=[""])
    call = run_call(*(CallerSpeaks(3.0), CallerSilent(2.0)) * 120, agent=AGENT, stt=stt)
    assert call.reason == "caller_silent"
    assert call.one(Ended).at < 120
    assert call.llm.asked == []
    said = " ".join(content for _, content in call.conversation)
    assert said.count(AGENT.reprompt) == said.count(AGENT.goodbye) == 1


def test_an_agent_without_a_goodbye_says_its_sentence_to_the_end() -> None:
    """An announcement repeats itself, there are no words to part with: the answer under way is heard, then it ends."""
    stt, llm = ScriptedSTT(hears=["All our lines are busy."]), ScriptedLLM(answers=[ANSWER])
    call = run_call(*(CallerSpeaks(1.0), CallerSilent(6.0)) * 20, stt=stt, llm=llm)
    assert call.reason == "caller_repeats"
    assert len(stt.utterances) == 5
    assert call.conversation[-1] == ("assistant", ANSWER)


def test_a_cough_between_words_makes_nobody_hang_up() -> None:
    """Wordless sounds between real turns: only those in a row count."""
    stt = ScriptedSTT(hears=["", "", "Hello?", "", "", "Are you there?", "", "", "Well."])
    call = run_call(
        CallerSilent(3.0),
        *(CallerSpeaks(1.0), CallerSilent(5.0)) * 9,
        agent=AGENT,
        stt=stt,
        llm=ScriptedLLM(answers=[ANSWER]),
    )
    assert call.reason == "caller_hung_up"
    assert len(call.llm.asked) == 3


# Who speaks over everything


class Contrary(ScriptedTransport):
    """A caller who speaks whenever the agent does, and for some seconds more."""

    def __init__(self, script: Sequence[Doing], **given: Any) -> None:
        super().__init__(script, **given)
        self._until = 0.0

    def deliver(self, payload: bytes, listener: TransportListener) -> None:
        if self.now() < self._ends:
            self._until = self.now() + 1.5
        super().deliver(self._frames()[0] if self.now() < self._until else payload, listener)


def test_a_caller_who_speaks_over_everything_gets_the_floor_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent gives way within a second every time and answers every turn once."""
    monkeypatch.setattr(fixtures, "ScriptedTransport", Contrary)
    stt = ScriptedSTT(hears=[f"and another thing {number}" for number in range(100)])
    call = run_call(
        CallerSpeaks(1.0), CallerSilent(120.0), stt=stt, llm=ScriptedLLM(answers=["word " * 60]), agent=AGENT
    )
    started, gave_way = len(call.all(AudioStarted)), len(call.all(BargeIn))
    assert gave_way >= started - 1 >= 10
    assert all(len(barge_in.heard.split()) <= 4 for barge_in in call.all(BargeIn))
    assert sorted({told.turn for told in call.all(HeardWords)}) == [told.turn for told in call.all(HeardWords)]
    assert len(stt.utterances) < 4 * started


# Another agent at the other end


class Wire:
    """One direction: what is sent plays in time, what is taken back does not."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now, self._air, self._first = now, bytearray(), 0.0

    def send(self, pcm: bytes) -> None:
        if self._ends < self._now():
            self._air.clear()
            self._first = self._now()
        self._air += pcm

    def clear(self) -> None:
        del self._air[self._at(self._now()) :]

    def frame(self) -> bytes:
        """The twenty milliseconds that have just been played."""
        until = self._at(self._now())
        return bytes(self._air[max(0, until - 640) : until]).rjust(640, b"\0")

    @property
    def _ends(self) -> float:
        return self._first + len(self._air) / 32_000

    def _at(self, moment: float) -> int:
        if moment >= self._ends + FRAME_SECONDS:
            return 0  # nothing is played any more
        return min(len(self._air), max(0, round((moment - self._first) * 16_000) * 2))


class PairedLine(ScriptedTransport):
    """Hears what the other call says."""

    def __init__(self, out: Wire, back: Wire, seconds: float) -> None:
        super().__init__(())
        self._out, self._back, self._lasts = out, back, seconds
        self.other_is_gone = asyncio.Event()

    async def run(self, listener: TransportListener) -> EndReason:
        began = due = self.now()
        while due < began + self._lasts and not self.other_is_gone.is_set():
            due += FRAME_SECONDS
            await asyncio.sleep(max(0.0, due - self.now()))
            listener.on_audio(self._back.frame())
        return "caller_hung_up" if self.other_is_gone.is_set() else "too_long"

    def send(self, payload: bytes) -> None:
        super().send(payload)
        self._out.send(payload)

    def clear(self) -> None:
        super().clear()
        self._out.clear()


class Overhearing(ScriptedSTT):
    """Understands what the other agent said: the words come along beside the sound."""

    def __init__(self, words: Callable[[], str]) -> None:
        super().__init__()
        self._words = words

    async def transcribe(self, utterance: Utterance) -> Transcription:
        await asyncio.sleep(0.1)
        self.utterances.append(utterance)
        return Transcription(self._words(), sure=1.0)


def two_agents(answers: Sequence[str], *, fails: int = 0, seconds: float = 200.0) -> tuple[FinishedCall, FinishedCall]:
    """Two calls of lineside wired to each other, until one of them hangs up."""

    async def story() -> tuple[FinishedCall, FinishedCall]:
        now = asyncio.get_running_loop().time
        wires = Wire(now), Wire(now)
        ends = [PairedLine(wires[side], wires[1 - side], seconds) for side in (0, 1)]
        held: list[FinishedCall] = []

        async def one(side: int) -> None:
            tts = ScriptedTTS(takes=0.05 + 0.03 * side)
            memory = CachedTTS(tts)
            for phrase in PHRASES:
                await memory.keep(phrase)
            llm = ScriptedLLM(answers=answers, fails=fails)
            stt = Overhearing(lambda: voices[1 - side].spoken[-1] if voices[1 - side].spoken else "Hello")
            voices[side] = tts
            engines = Engines(stt, llm, memory, {}, memory)
            call = CallSession(
                ends[side],
                FirstMessage(codec="pcm"),
                agent=AGENT,
                engines=engines,
                settings=settings(),
                vad=LoudnessVad(),
            )
            reason = await call.run()
            ends[1 - side].other_is_gone.set()
            held.append(FinishedCall(ends[side], call, reason, stt, llm, tts))

        voices: list[ScriptedTTS] = [ScriptedTTS(), ScriptedTTS()]
        await asyncio.gather(one(0), one(1))
        return held[0], held[1]

    return run(story())


SORRY = ["I'm sorry, I did not catch that. Could you say that again?"]


def test_two_agents_do_not_apologise_to_each_other_for_ever() -> None:
    """Both greet at once, both give way, both say the same again and again: a goodbye, and the line is free."""
    first, second = two_agents(SORRY)
    assert first.reason in ("caller_repeats", "caller_silent")
    assert second.reason in ("caller_repeats", "caller_silent", "caller_hung_up")
    for call in (first, second):
        said = " ".join(content for role, content in call.conversation if role == "assistant")
        assert said.count("Are you still there?") <= 1
        assert said.count("Goodbye.") <= 1
        assert said.count("Could you say that again?") < 10
        assert call.one(Ended).at < 180


def test_two_agents_whose_models_fail_do_not_apologise_for_ever() -> None:
    """Engines that are dead on both sides: so many apologies in a row, then a goodbye."""
    first, second = two_agents(SORRY, fails=1000)
    for call in (first, second):
        assert call.reason in ("engines_failed", "caller_repeats", "caller_silent", "caller_hung_up")
        said = " ".join(content for role, content in call.conversation if role == "assistant")
        assert said.count("something went wrong") < 10
        assert call.one(Ended).at < 180


def test_two_agents_with_something_to_say_end_at_the_limit_of_a_call() -> None:
    """Each answer is another one: nobody can tell them from people, and `CALL_MAX_S` ends it."""
    answers = [f"this is point {number} of a long list" for number in range(2000)]
    first, _ = two_agents(answers, seconds=100.0)
    assert first.reason == "too_long"
    turns = len(first.all(TurnStarted))
    assert turns > 8
    assert len(first.stt.utterances) < 4 * turns


# Clocks that jump


class Jumping:
    """A wall clock that somebody sets while calls go on, an hour forth and an hour back."""

    def __init__(self) -> None:
        self.looks, self._dice = 0, random.Random(3)  # noqa: S311

    def time(self) -> float:
        self.looks += 1
        return 1.8e9 + self._dice.choice((-3600, 0, 3600))

    def time_ns(self) -> int:
        return int(self.time() * 1e9)


def test_a_wall_clock_that_jumps_changes_nothing_in_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns, timers, playout and the watch on silent callers: event for event the same, sample for sample."""

    def once() -> FinishedCall:
        stt = ScriptedSTT(hears=["When are you open?", "Stop.", "Thank you."])
        script = (
            CallerSilent(3.0),
            CallerSpeaks(1.0),
            CallerSilent(3.0),
            CallerSpeaks(1.0),
            CallerSilent(6.0),
            CallerSpeaks(0.5),
            CallerSilent(60.0),
        )
        return run_call(*script, agent=AGENT, stt=stt, llm=ScriptedLLM(answers=["word " * 30, ANSWER]))

    steady = once()
    wall = Jumping()
    monkeypatch.setattr(time, "time", wall.time)
    monkeypatch.setattr(time, "time_ns", wall.time_ns)
    jumping = once()
    assert jumping.transport.events == steady.transport.events
    assert jumping.transport.sent == steady.transport.sent
    assert jumping.reason == steady.reason


MEDIA = ("call", "turns", "text", "audio", "transports", "engines/tts_cache", "engines/timeouts", "engines/fallback")


def test_nothing_on_the_path_of_the_sound_knows_what_time_of_day_it_is() -> None:
    """No module between the caller's sound and the agent's reads the wall clock."""
    root = Path(__file__).parents[2] / "src" / "lineside"
    files = [
        file
        for name in MEDIA
        for file in ((root / name).rglob("*.py") if (root / name).is_dir() else [root / f"{name}.py"])
    ]
    assert len(files) > 30
    for file in files:
        names = {
            f"{node.value.id}.{node.attr}"
            for node in ast.walk(ast.parse(file.read_text("utf-8")))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        }
        assert not names & {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today"}, file


# Frames that are lost, late, twice there, in bursts


class Rough(ScriptedTransport):
    """A network that loses a share of the frames, sends some twice, and holds all back for a while now and then."""

    loses, twice, bursts, seed = 0.0, 0.0, 0, 0

    def __init__(self, script: Sequence[Doing], **given: Any) -> None:
        super().__init__(script, **given)
        self._dice, self._waiting = random.Random(self.seed), list[bytes]()  # noqa: S311

    def probe(self, answered: Callable[[], None]) -> None:
        if not self._waiting:
            answered()  # an answer comes behind the sound

    def deliver(self, payload: bytes, listener: TransportListener) -> None:
        if self._dice.random() >= self.loses:
            self._waiting.append(payload)
        if self._dice.random() < self.twice:
            self._waiting.append(payload)
        if self._dice.randint(0, self.bursts) == 0:
            for late in self._waiting:
                super().deliver(late, listener)
            self._waiting.clear()


@pytest.mark.parametrize(
    ("loses", "twice", "bursts"),
    [(0.05, 0.0, 0), (0.2, 0.0, 0), (0.0, 0.2, 0), (0.0, 0.0, 10), (0.0, 0.0, 40), (0.1, 0.1, 20)],
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_rough_line_costs_frames_and_no_turn(loses: float, twice: float, bursts: int, seed: int) -> None:
    """Three questions over a line that loses, doubles or bunches frames: three answers, each heard to its end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fixtures, "ScriptedTransport", Rough)
        for name, value in {"loses": loses, "twice": twice, "bursts": bursts, "seed": seed}.items():
            patch.setattr(Rough, name, value)
        stt = ScriptedSTT(hears=["First.", "Second.", "Third."])
        llm = ScriptedLLM(answers=["one two.", "three four.", "five six."])
        call = run_call(
            *(CallerSilent(1.0), CallerSpeaks(1.2), CallerSilent(6.0)) * 3, stt=stt, llm=llm, speculation=False
        )
    assert [event.text for event in call.all(HeardWords)] == ["First.", "Second.", "Third."]
    assert [content for role, content in call.conversation if role == "assistant"] == llm._answers
    assert call.all(BargeIn) == []


def test_a_line_that_stands_still_and_catches_up_is_no_pause_and_no_flood() -> None:
    """Four seconds in which nothing comes, then all of it at once, in the middle of a sentence: one turn."""

    waiting = list[bytes]()

    class Stalled(ScriptedTransport):
        def probe(self, answered: Callable[[], None]) -> None:
            if not waiting:
                answered()  # what answers comes behind the sound

        def deliver(self, payload: bytes, listener: TransportListener) -> None:
            waiting.append(payload)
            if not 1.5 < self.now() < 5.5:
                for late in waiting:
                    super().deliver(late, listener)
                waiting.clear()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fixtures, "ScriptedTransport", Stalled)
        call = run_call(CallerSilent(0.5), CallerSpeaks(6.0), CallerSilent(6.0))
    assert len(call.all(TurnStarted)) == len(call.stt.utterances) == 1
    assert call.stt.utterances[0].voiced == pytest.approx(6.0, abs=0.1)


@given(st.lists(st.binary(max_size=2000), max_size=30))
def test_no_sound_whatever_breaks_a_call(payloads: list[bytes]) -> None:
    """Any whole samples in frames of any length."""

    class Anything(ScriptedTransport):
        async def run(self, listener: TransportListener) -> EndReason:
            for payload in payloads:
                listener.on_audio(payload[: len(payload) // 2 * 2])
                await asyncio.sleep(FRAME_SECONDS)
            return "caller_hung_up"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fixtures, "ScriptedTransport", Anything)
        assert run_call().reason == "caller_hung_up"
