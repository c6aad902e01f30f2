"""What a real server does with the questions that tell: for `lineside doctor --engine`.

The engine is asked as calls ask it, so what is learned of the server is learned by what calls use. An engine that can
say more of its server is `Examinable`.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing

from msgspec import Struct

from lineside.audio.frame import STT_RATE, Utterance
from lineside.engines.engine_trials import sample_speech
from lineside.engines.protocols import (
    Engine,
    Examinable,
    Fact,
    HealthChecked,
    LanguageModel,
    LlmRequest,
    Message,
    SpeechToText,
    TextToSpeech,
    Thought,
    Token,
)
from lineside.engines.same_answers import plain
from lineside.errors import EngineError

PATIENCE = 120.0  # seconds for one question: a model may have to be loaded first
SOON = {"stt": 1.5, "llm": 1.5, "tts": 1.0}  # seconds, above which a caller notices; each has a fallback deadline of 2
AT_ONCE = 0.02  # seconds; pieces that come closer together came in one piece
PROMPT = 18_000  # characters of a long agent
WORD = "Kingfisher"
QUESTION = "When are you open on Saturday?"
SENTENCE = "We are open from nine to five, and on Saturday from ten to two."
QUIET = Utterance(bytes(STT_RATE * 2), 0.0, 0.0)  # a second


async def examine(role: str, engine: Engine) -> AsyncGenerator[Fact, None]:
    """Facts as they are found. Nothing is asked further of an engine that does not answer at all."""
    if isinstance(engine, HealthChecked):
        fact = await _asked("answers", engine.check())
        yield fact
        if not fact.ok:
            return
    async with aclosing(_questions(role, engine)) as facts:
        async for fact in facts:
            yield fact
            if not fact.ok and fact.question == "does its work":
                return
    if isinstance(engine, Examinable):
        try:
            async with asyncio.timeout(PATIENCE):
                for fact in await engine.examine():
                    yield fact
        except (EngineError, TimeoutError) as why:
            yield Fact("its server", _words(why), ok=False)


def _questions(role: str, engine: Engine) -> AsyncGenerator[Fact, None]:
    if role == "stt" and isinstance(engine, SpeechToText):
        return _recogniser(engine)
    if role == "llm" and isinstance(engine, LanguageModel):
        return _language_model(engine)
    if isinstance(engine, TextToSpeech):
        return _voice(engine)
    raise TypeError(f"{type(engine).__name__} does not play {role}")


class Timed(Struct):
    """One answer: when its first and last piece came, in how many, and what was in it."""

    began: float
    first: float = 0.0
    last: float = 0.0
    pieces: int = 0
    thoughts: int = 0  # characters
    text: str = ""
    seconds: float = 0.0  # of sound
    rate: int = 0

    def note(self) -> None:
        now = _now()
        self.first = self.first or now
        self.pieces, self.last = self.pieces + 1, now

    @property
    def first_ms(self) -> int:
        return round(1000 * (self.first - self.began))

    @property
    def streams(self) -> bool:
        return self.pieces > 1 and self.last - self.first > AT_ONCE


async def _language_model(engine: LanguageModel) -> AsyncGenerator[Fact, None]:
    opening = Message("system", "You answer the telephone of a shop. Answer in one short sentence.")
    fact = await _asked("does its work", _answer(engine, (opening, Message("user", QUESTION))))
    yield fact
    if not fact.ok:
        return
    timed = await _answer(engine, (opening, Message("user", "Count from one to twenty, in words.")))
    soon = timed.first_ms <= 1000 * SOON["llm"]
    slow = "" if soon else "callers hear a filler first; choose a smaller model or a faster machine"
    yield Fact("first token", f"after {timed.first_ms} ms", slow, ok=soon)
    streams = f"{timed.pieces} pieces over {1000 * (timed.last - timed.first):.0f} ms"
    none = "" if timed.streams else "the voice begins when the whole answer is there: is a proxy buffering?"
    yield Fact("streams", streams if timed.streams else f"the answer comes in one piece ({timed.pieces})", none)
    if timed.thoughts:
        yield Fact("thinks", f"{timed.thoughts} characters before it speaks", "shown, never spoken; asked for little")
    else:
        yield Fact("thinks", "not aloud")
    yield await _long_prompt(engine)


async def _long_prompt(engine: LanguageModel) -> Fact:
    filler = "The shop sells nets, ropes and lamps. "
    first = f"The secret word is {WORD}. "
    system = Message("system", first + filler * ((PROMPT - len(first)) // len(filler)))
    question = "What is the secret word? Answer with that word alone."
    try:
        timed = await _answer(engine, (system, Message("user", question)))
    except (EngineError, TimeoutError) as why:
        does = "give the model a larger context, or shorten the agent"
        return Fact("long prompt", f"{PROMPT} characters: {_words(why)}", does, ok=False)
    if plain(WORD) in plain(timed.text):
        return Fact("long prompt", f"knows the beginning of {PROMPT} characters")
    does = "its context may be too short, and cut in silence; where it is not, the model is too small for this"
    return Fact("long prompt", f"does not know the beginning of {PROMPT} characters", does, ok=False)


async def _answer(engine: LanguageModel, messages: tuple[Message, ...]) -> Timed:
    timed = Timed(_now())
    async with asyncio.timeout(PATIENCE), aclosing(engine.reply(messages, LlmRequest(max_tokens=80))) as pieces:
        async for piece in pieces:
            if isinstance(piece, Thought):
                timed.thoughts += len(piece.text)
            elif isinstance(piece, Token):
                timed.text += piece.text
                timed.note()
    return timed


async def _recogniser(engine: SpeechToText) -> AsyncGenerator[Fact, None]:
    speech = sample_speech()
    english = Utterance(speech.pcm, 0.0, speech.seconds, language="en")
    fact = await _asked("does its work", _heard(engine, english))
    yield fact
    if not fact.ok:
        return
    began = _now()
    heard = await engine.transcribe(english)
    took = _now() - began
    soon = took <= SOON["stt"]
    does = "" if soon else "callers wait; the next recogniser is asked after two seconds"
    yield Fact("speed", f"{speech.seconds:.1f} s of speech in {1000 * took:.0f} ms", does, ok=soon)
    well = "saturday" in plain(heard.text)
    yield Fact("hears", f"{heard.text!r}", "" if well else f"the recording says {QUESTION!r}", ok=well)
    figures = heard.no_speech is not None or heard.avg_logprob is not None
    by_shape = "" if figures else "made-up words are found by their shape alone"
    yield Fact("figures", "tells how sure it is" if figures else "none", by_shape)
    guessed = await engine.transcribe(Utterance(speech.pcm, 0.0, speech.seconds))
    same = plain(guessed.text) == plain(heard.text)
    yield Fact(
        "language",
        "hears the same without being told" if same else f"without being told: {guessed.text!r}",
        "" if same else "the agent's language goes along with every utterance",
    )
    quiet = await engine.transcribe(QUIET)
    does = "what it makes up starts no turn and reaches no model" if quiet.text else ""
    yield Fact("silence", f"hears {quiet.text!r}" if quiet.text else "hears nothing", does)


async def _heard(engine: SpeechToText, utterance: Utterance) -> str:
    heard = await engine.transcribe(utterance)
    if not heard.text:
        raise EngineError("hears nothing in a recorded question")
    return ""


async def _voice(engine: TextToSpeech) -> AsyncGenerator[Fact, None]:
    fact = await _asked("does its work", _spoken(engine, "One moment."))
    yield fact
    if not fact.ok:
        return
    timed = await _spoken(engine, SENTENCE)
    soon = timed.first_ms <= 1000 * SOON["tts"]
    does = "" if soon else "the next voice is asked after a second and a half"
    yield Fact("first sound", f"after {timed.first_ms} ms", does, ok=soon)
    yield Fact("sound", f"{timed.seconds:.1f} s at {timed.rate} Hz for {len(SENTENCE)} letters")
    streams = f"{timed.pieces} pieces over {1000 * (timed.last - timed.first):.0f} ms"
    none = "" if timed.streams else "a sentence is heard when all of it is made"
    yield Fact("streams", streams if timed.streams else "the sentence comes at once", none)


async def _spoken(engine: TextToSpeech, sentence: str) -> Timed:
    timed = Timed(_now())
    async with asyncio.timeout(PATIENCE), aclosing(engine.speak(sentence, "")) as sounds:
        async for sound in sounds:
            if sound.pcm:
                timed.note()
            timed.seconds, timed.rate = timed.seconds + sound.seconds, sound.rate
    return timed


async def _asked(question: str, answer: Awaitable[object]) -> Fact:
    """Whether this comes to a good end."""
    began = _now()
    try:
        async with asyncio.timeout(PATIENCE):
            await answer
    except (EngineError, TimeoutError) as why:
        return Fact(question, _words(why), ok=False)
    return Fact(question, f"yes, in {1000 * (_now() - began):.0f} ms")


def _words(why: BaseException) -> str:
    return str(why) or f"no answer in {PATIENCE:g} s"


def _now() -> float:
    return asyncio.get_running_loop().time()
