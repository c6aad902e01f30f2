"""What an engine must do, as checks that the author of an engine runs in tests of their own.

The same checks hold for every engine that comes with lineside. Each takes an engine that is built and whose back end
is there, and raises `ConformanceError`, which says what is wrong:

    async def test_parrot_conforms():
        async with aiohttp.ClientSession() as http:
            await check_llm(Parrot(Parrot.Options(), EngineHost(http)))
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

import msgspec

from lineside.audio.frame import SAMPLE_BYTES, STT_RATE, SpokenAudio, Utterance
from lineside.audio.input_resampler import InputResampler
from lineside.audio.wav import read_wav
from lineside.engines.protocols import (
    CallsTools,
    Engine,
    HealthChecked,
    LanguageModel,
    LlmRequest,
    Message,
    PredictsTurnEnd,
    Prefills,
    SpeechToText,
    TextToSpeech,
    Thought,
    Token,
    ToolCall,
    ToolSpec,
)

T = TypeVar("T")

SENTENCE = "Your router restarts in thirty seconds."
QUESTION = (Message("system", "Answer in one short sentence."), Message("user", "What colour is the sky?"))

FIND_ORDER = ToolSpec(
    "find_order",
    "Looks an order up by its number, and tells where it is.",
    {"type": "object", "properties": {"order_number": {"type": "string"}}, "required": ["order_number"]},
)
ORDER_QUESTION = (Message("system", "You look orders up."), Message("user", "Where is my order 12345?"))


class ConformanceError(AssertionError):
    """The engine does not do what its protocol asks; the message says what."""


def utterance(path: Path) -> Utterance:
    """A recording as a recogniser gets it.

    Args:
        path: A WAV file, 16-bit, mono, of any rate.

    Returns:
        The recording at 16 kHz.
    """
    recording = read_wav(path)
    resampler = InputResampler(recording.rate, STT_RATE)
    return Utterance(resampler.feed(recording.pcm) + resampler.end(), 0.0, recording.seconds)


async def check_stt(stt: SpeechToText, speech: Utterance) -> None:
    """Words where there are some, none in silence, probabilities between 0 and 1.

    Args:
        stt: The engine.
        speech: An utterance with words in it, see `utterance`.

    Raises:
        ConformanceError: What is wrong.
        EngineError: The engine failed.
    """
    await _check_any(stt)
    _require(isinstance(stt, SpeechToText), "it needs the methods of SpeechToText")
    heard = await stt.transcribe(speech)
    _require(bool(heard.text), "speech was transcribed as nothing")
    _require(heard.text == heard.text.strip(), f"the text has spaces around it: {heard.text!r}")
    _require(0 <= heard.sure <= 1, f"sure is {heard.sure}; it is a probability")
    _require(heard.no_speech is None or 0 <= heard.no_speech <= 1, f"no_speech is {heard.no_speech}")
    silence = await stt.transcribe(Utterance(bytes(2 * STT_RATE), 0.0, 0.0))
    _require(silence.text == "", f"a second of silence was transcribed as {silence.text!r}")


async def check_llm(llm: LanguageModel) -> None:
    """Tokens as they come, no more than asked for; closed early, it is ready for the next question.

    Args:
        llm: The engine.

    Raises:
        ConformanceError: What is wrong.
        EngineError: The engine failed.
    """
    await _check_any(llm)
    _require(isinstance(llm, LanguageModel), "it needs the methods of LanguageModel")
    pieces = await _all(llm.reply(QUESTION, LlmRequest(max_tokens=30)))
    _require(all(isinstance(p, Token | Thought) and p.text for p in pieces), "a piece is no Token or Thought with text")
    _require(len([p for p in pieces if isinstance(p, Token)]) > 1, "the answer came in one piece: stream it")
    few = await _all(llm.reply(QUESTION, LlmRequest(max_tokens=3)))
    _require(len(few) <= 3, f"max_tokens=3 gave {len(few)} pieces")
    async with aclosing(llm.reply(QUESTION, LlmRequest(max_tokens=150))) as broken_off:
        await anext(broken_off)
    await _still_answers(llm, "after an answer that was closed early")
    if isinstance(llm, PredictsTurnEnd):
        said = [Message("system", "You take orders."), Message("user", "I would like to order two of the")]
        for messages in (said, QUESTION):
            odds = await llm.may_end(messages, LlmRequest())
            _require(odds is None or isinstance(odds, float), f"may_end answered {odds!r}; it is a float or None")
        await _still_answers(llm, "after may_end")
    if isinstance(llm, Prefills):
        begun = (QUESTION[0], Message("user", "I would like to"))
        _require(isinstance(await llm.read_ahead(begun, LlmRequest()), bool), "read_ahead answers True or False")
        await _still_answers(llm, "after read_ahead")


async def check_tool_calls(llm: LanguageModel) -> None:
    """One call with arguments that are an object, after all words; words once it has the result; none without tools.

    Args:
        llm: An engine whose model calls a tool that plainly fits the question.

    Raises:
        ConformanceError: What is wrong.
        EngineError: The engine failed.
    """
    _require(isinstance(llm, CallsTools) and await llm.calls_tools(""), "it says that it cannot call tools")
    ask = LlmRequest(max_tokens=100, tools=(FIND_ORDER,))
    pieces = await _all(llm.reply(ORDER_QUESTION, ask))
    calls = [piece for piece in pieces if isinstance(piece, ToolCall)]
    _require([call.name for call in calls] == ["find_order"], f"it called {[call.name for call in calls]}")
    _require(pieces[-1:] == calls, "words come after the call")
    arguments = msgspec.json.decode(calls[0].arguments)
    _require(isinstance(arguments, dict) and set(arguments) == {"order_number"}, f"its arguments are {arguments!r}")
    call = ToolCall("call00001", "find_order", calls[0].arguments)
    result = Message("tool", '{"status": "on its way"}', answers=call.id, tool=call.name)
    after = await _all(llm.reply((*ORDER_QUESTION, Message("assistant", "", (call,)), result), ask))
    _require(any(isinstance(piece, Token) for piece in after), "it says nothing once it has the result")
    plain = await _all(llm.reply(ORDER_QUESTION, LlmRequest(max_tokens=30)))
    _require(not any(isinstance(piece, ToolCall) for piece in plain), "it calls a tool that it was not given")


async def check_tts(tts: TextToSpeech, available: Callable[[str], bool] = lambda voice: True) -> None:
    """One rate, all words once and in order, sound that can be heard, every voice that it names.

    Args:
        tts: The engine.
        available: Whether a voice of `info.choices` can be asked for now; those that cannot are left out.

    Raises:
        ConformanceError: What is wrong.
        EngineError: The engine failed.
    """
    await _check_any(tts)
    _require(isinstance(tts, TextToSpeech), "it needs the methods of TextToSpeech")
    spoken = await _all(tts.speak(SENTENCE, ""))
    _require(len({audio.rate for audio in spoken}) == 1, "the rate changes within a sentence")
    _require(all(len(audio.pcm) % SAMPLE_BYTES == 0 for audio in spoken), "a stretch ends in the middle of a sample")
    for audio in spoken:
        marks = [at for at, _ in audio.words]
        _require(marks == sorted(marks), f"the words of a stretch do not ascend: {marks}")
        _require(all(0 <= at <= audio.samples for at in marks), f"a word ends outside its stretch: {marks}")
    seconds = sum(audio.seconds for audio in spoken)
    _require(1.0 < seconds < 6.0, f"{SENTENCE!r} took {seconds:.1f} s")
    said = " ".join(word for audio in spoken for _, word in audio.words)
    _require(said == SENTENCE, f"the words of the sound are {said!r}")
    _require(_loudest(spoken) > 1000, "nothing can be heard")
    _require(await _all(tts.speak("?! —", "")) == [], "a sentence without words must give no sound")
    for voice in filter(available, tts.info.choices):
        _require(bool(await _all(tts.speak("Yes.", voice))), f"the voice {voice} said nothing")
    async with aclosing(tts.speak(SENTENCE, "")) as broken_off:
        await anext(broken_off)
    _require(bool(await _all(tts.speak("Yes.", ""))), "it says nothing after a sentence that was closed early")


async def _check_any(engine: Engine) -> None:
    _require(isinstance(engine, Engine), "it needs an attribute `info`, an EngineInfo")
    _require(all(engine.info.choices), "a choice is empty")
    if isinstance(engine, HealthChecked):
        await engine.check()


async def _still_answers(llm: LanguageModel, when: str) -> None:
    _require(bool(await _all(llm.reply(QUESTION, LlmRequest(max_tokens=2)))), f"it answers nothing {when}")


async def _all(stream: AsyncGenerator[T, None]) -> list[T]:
    async with aclosing(stream):
        return [item async for item in stream]


def _loudest(spoken: Sequence[SpokenAudio]) -> int:
    return max((abs(s) for audio in spoken for s in memoryview(audio.pcm).cast("h")), default=0)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ConformanceError(what)
