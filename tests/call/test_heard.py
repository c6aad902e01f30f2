"""What was heard, and what is remembered of it: the ledger, the wording and the history."""

import asyncio
from collections.abc import AsyncGenerator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.audio.frame import SpokenAudio
from lineside.call.chat_history import KEPT, ChatHistory
from lineside.call.playout import PlayoutLedger
from lineside.engines.protocols import EngineInfo, Message
from lineside.engines.tts_cache import MAX_RECENT, CachedTTS
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedTTS
from lineside.errors import EngineError
from lineside.protocol import BargeIn, Text
from lineside.text.alignment import Alignment, rest_after
from lineside.text.normalize import SpokenStretch, spoken
from lineside.text.sentences import Sentences
from lineside.transports.scripted import CallerSends, CallerSilent, CallerSpeaks
from tests.call.fixtures import run_call

STRETCHES = [*"abc ABC0123456789.,!?$%*_-:/()\n", "€", "é", "@", "10:30 ", "$5.50 ", "**bold** ", "e.g. ", "word "]
WRITTEN = st.lists(st.sampled_from(STRETCHES), max_size=60).map("".join)


def sound(seconds: float, says: str) -> SpokenAudio:
    """Silence of this length that says this at its end."""
    samples = round(seconds * 16_000)
    return SpokenAudio(bytes(2 * samples), 16_000, ((samples, says),) if says else ())


def test_a_word_is_heard_when_its_last_sample_has_been_played() -> None:
    """Not when it was sent."""
    ledger = PlayoutLedger()
    ledger.sent(sound(0.5, "one "), now=10.0)
    ledger.sent(sound(0.5, "two "), now=10.0)
    assert [ledger.heard(now) for now in (10.4, 10.5, 10.9, 11.0)] == ["", "one ", "one ", "one two "]


def test_sound_that_comes_late_is_heard_later() -> None:
    """A gap in the voice moves everything after it."""
    ledger = PlayoutLedger()
    ledger.sent(sound(0.5, "one "), now=0.0)
    ledger.sent(sound(0.5, "two "), now=3.0)
    assert ledger.heard(3.4) == "one "
    assert ledger.heard(3.5) == "one two "


@given(
    st.lists(st.tuples(st.floats(0.01, 2.0), st.sampled_from(["", "a ", "b c "]), st.floats(0.0, 3.0)), max_size=30),
    st.lists(st.floats(0.0, 100.0), min_size=2, max_size=5),
)
def test_what_was_heard_only_grows_and_is_a_beginning_of_what_was_sent(
    sent: list[tuple[float, str, float]], times: list[float]
) -> None:
    """At any two moments the earlier is a beginning of the later, and all is heard when playout ends."""
    ledger, now = PlayoutLedger(), 0.0
    for seconds, says, pause in sent:
        now += pause
        ledger.sent(sound(seconds, says), now)
    whole = "".join(says for _, says, _ in sent)
    heard = [ledger.heard(time) for time in sorted(times)]
    assert all(later.startswith(earlier) for earlier, later in pairwise(heard))
    assert whole.startswith(heard[-1])
    assert ledger.heard(ledger.ends) == whole


@given(WRITTEN, st.data())
def test_the_written_words_come_out_whole_however_the_voice_cuts_them(text: str, data: st.DataObject) -> None:
    """Whatever words the voice says in whatever frames: the written stretches add up to the text, in order."""
    wording = Alignment(spoken(text))
    words, out = wording.said.split(), ""
    while words:
        count = data.draw(st.integers(1, 3))
        out += wording.written(" ".join(words[:count]))
        del words[:count]
        assert text.startswith(out)
    assert out + wording.rest() == text


def test_an_amount_is_heard_when_all_its_words_have_been_said() -> None:
    """ "$5.50" is four words to the voice and one to the reader."""
    wording = Alignment(
        [SpokenStretch("It is ", "It is "), SpokenStretch("$5.50", "five dollars fifty cents"), SpokenStretch(".", ".")]
    )
    assert [wording.written(says) for says in ("It is five", "dollars fifty", "cents.")] == ["It is ", "", "$5.50."]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["one", "two,", "three.", "It", "costs", "$35", "at", "10:30."]), min_size=1, max_size=12),
    st.floats(0.0, 4.0),
)
def test_history_holds_what_was_heard_wherever_the_caller_interrupts(words: list[str], after: float) -> None:
    """Any answer, any moment: history equals the words whose sound had been played, in the spelling of the answer."""
    answer = " ".join(words)
    call = run_call(
        *(CallerSends(Text("Q")), CallerSilent(round(after, 2)), CallerSpeaks(0.5), CallerSilent(0.4)),
        llm=ScriptedLLM(answers=[answer, "x"]),
        speculation=False,
    )
    said = [content for role, content in call.conversation if role == "assistant"]
    for barge_in in call.all(BargeIn):
        assert said == ([barge_in.heard] if barge_in.heard else [])
    heard = said[0] if said else ""
    assert "".join(answer.split()).startswith("".join(heard.split()))
    assert "".join((heard + rest_after(answer, heard)).split()) == "".join(answer.split())


@given(WRITTEN, st.integers(0, 120))
def test_the_rest_follows_what_was_heard(text: str, index: int) -> None:
    """Heard and rest together are the text, whatever became of the spaces."""
    heard = text[:index]
    assert "".join((heard + rest_after(text, heard)).split()) == "".join(text.split())


@given(WRITTEN)
def test_sentences_lose_nothing(text: str) -> None:
    """What is cut for the voice is the text, up to spaces."""
    sentences = Sentences()
    pieces = [piece for char in text for piece in sentences.feed(char)] + sentences.end()
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_two_turns_without_an_answer_between_them_are_one_message() -> None:
    """Models want turns to alternate; nothing the caller said is left out."""
    history = ChatHistory((Message("system", "system"),))
    history.caller("I would like")
    history.agent("  ")
    history.caller("to pay.")
    assert [(m.role, m.content) for m in history.messages(asking="Now.")] == [
        ("system", "system"),
        ("user", "I would like to pay. Now."),
    ]


def test_history_is_bounded_and_keeps_the_latest() -> None:
    """An hour of talk does not grow the prompt for ever."""
    history = ChatHistory((Message("system", "system"),))
    for number in range(500):
        history.caller(f"question {number} " + "x" * 50)
        history.agent(f"answer {number} " + "y" * 50)
        assert sum(len(m.content) for m in history.said) <= KEPT
    assert history.said[-1].content.startswith("answer 499")


def test_a_sentence_is_synthesised_once() -> None:
    """Said again, it is the same sound, from memory; a sentence broken off is not remembered."""

    async def story() -> None:
        tts = ScriptedTTS(takes=0)
        memory = CachedTTS(tts)
        first = [sound async for sound in memory.speak("Hello there.", "")]
        assert [sound async for sound in memory.speak("Hello there.", "")] == first
        assert tts.spoken == ["Hello there."]
        broken = memory.speak("Something long.", "")
        await anext(broken)
        await broken.aclose()
        assert [sound async for sound in memory.speak("Something long.", "")]
        assert tts.spoken.count("Something long.") == 2

    asyncio.run(story(), debug=True)


def test_what_is_kept_is_said_when_the_voice_is_dead_and_memory_is_bounded() -> None:
    """The apology survives the voice, and any number of other sentences."""

    class Brief:
        info = EngineInfo(choices=("v",))
        dead = False

        async def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
            if self.dead:
                raise EngineError("dead")
            yield SpokenAudio(b"\0\0", 8000, ((1, sentence),))

    async def story() -> None:
        tts = Brief()
        memory = CachedTTS(tts)
        await memory.keep("Sorry.")
        for number in range(2 * MAX_RECENT):
            assert [s async for s in memory.speak(str(number), "")]
        tts.dead = True
        assert [s.words async for s in memory.speak("Sorry.", "v")] == [((1, "Sorry."),)]
        with pytest.raises(EngineError):
            [s async for s in memory.speak("0", "")]
        assert [s async for s in memory.speak(str(2 * MAX_RECENT - 1), "")]

    asyncio.run(story(), debug=True)
