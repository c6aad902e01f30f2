"""Requests of our own to engines that left a caller waiting: nobody cancels them.

A server that loads its model when it is asked (Ollama, LM Studio, llama-swap, Speaches) begins anew whenever the one
who asked leaves, and callers do not wait for minutes. And a server can answer `/health` while its work hangs. So an
engine that did not answer in time is asked again by a request of lineside's own, with patience, while another engine
takes the calls. It has the calls back when it answers. One that answered a moment ago and is silent now is not loading:
it is deaf, and its service is restarted where lineside started it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing
from functools import lru_cache
from pathlib import Path
from typing import Any

import structlog
from msgspec import Struct

from lineside.audio.frame import STT_RATE, Utterance
from lineside.audio.input_resampler import InputResampler
from lineside.audio.wav import read_wav
from lineside.engines.protocols import (
    Engine,
    LanguageModel,
    LlmRequest,
    Message,
    Preparable,
    SpeechToText,
    TextToSpeech,
)
from lineside.engines.same_answers import plain
from lineside.errors import EngineError, EngineTimeout

log = structlog.get_logger()

LOADED_WITHIN = 300.0  # seconds: a big model from a cold disk; then the engine is given up until it is asked again
DEAF_AFTER = 8.0  # seconds without an answer of an engine that answered lately
LATELY = 60.0  # seconds; servers keep a model for some minutes, so one that answered so lately has not unloaded it
ASK_AGAIN = 1.0  # seconds between two requests of a trial
TOUCH_EVERY = 15.0  # seconds between two looks whether a model would be unloaded soon
QUESTION = (Message("user", "Say yes."),)
SENTENCE = "One moment."
SPEECH = Path(__file__).parents[1] / "loadtest" / "voices" / "saturday.wav"  # a recorded question

Deaf = Callable[[str, str], Awaitable[None]]


class SilentEngine(Struct, frozen=True):
    """An engine that left somebody waiting, or that answers all the same to everything."""

    role: str
    name: str
    engine: Engine
    choice: str = ""  # the model or voice that was wanted
    lately: bool = False  # it answered within `LATELY`
    same: str | None = None  # what it answers to everything


class EngineTrials:
    """The trials of one process: one at a time for each engine. Whoever makes it closes it."""

    def __init__(self, deaf: Deaf | None = None) -> None:
        """`deaf` hears the role and the name of an engine that is up and does not answer; it may restart it."""
        self._deaf = deaf
        self._tasks: dict[tuple[str, ...], asyncio.Task[None]] = {}

    def running(self, role: str, name: str) -> bool:
        """Whether this engine is being tried now, so that no caller should wait for it."""
        return (role, name) in self._tasks

    def begin(self, found: SilentEngine, over: Callable[[bool], None]) -> None:
        """Try it, if it is not being tried; `over` hears whether it answers."""
        if not self.running(found.role, found.name):
            self._start((found.role, found.name), self._try(found, over))

    async def prepared(self, role: str, name: str, engine: Preparable, choice: str) -> None:
        """Wait until it has in memory what it needs; who leaves stops nothing. Raises `EngineError`."""
        which = (role, name, choice)
        failed: list[EngineError] = []

        async def prepare() -> None:
            try:
                await engine.prepare(choice)
            except EngineError as why:
                failed.append(why)

        await asyncio.shield(self._tasks.get(which) or self._start(which, prepare()))
        if failed:
            raise failed[0]

    def keep_warm(self, engines: Callable[[], list[object]]) -> None:
        """From now on have the engines of a moment touch the models that their servers would unload soon."""

        async def touch() -> None:
            while True:
                await asyncio.sleep(TOUCH_EVERY)
                for engine in engines():
                    try:
                        await engine.touch()  # type: ignore[attr-defined]
                    except EngineError as why:
                        log.info("model not kept warm", why=type(why).__name__)

        self._start(("touch",), touch())

    async def close(self) -> None:
        """End all of them."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _start(self, which: tuple[str, ...], work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._tasks[which] = asyncio.create_task(work, name=f"engine trial {' '.join(which)}")
        task.add_done_callback(lambda done: self._tasks.pop(which, None))
        return task

    async def _try(self, found: SilentEngine, over: Callable[[bool], None]) -> None:
        patience, told = DEAF_AFTER if found.lately else LOADED_WITHIN, False
        log.info("trying an engine that did not answer", role=found.role, engine=found.name, seconds=patience)
        until = _now() + patience + LOADED_WITHIN
        while _now() < until:
            try:
                async with asyncio.timeout(patience):
                    await answers(found)
            except (TimeoutError, EngineTimeout):
                if not told:
                    await self._tell_deaf(found)
                told, patience = True, LOADED_WITHIN
                await asyncio.sleep(ASK_AGAIN)
            except Stuck:
                await self._tell_deaf(found)
                break
            except EngineError as why:
                log.info("engine does not answer", role=found.role, engine=found.name, why=type(why).__name__)
                break
            else:
                over(True)
                log.info("engine answers again", role=found.role, engine=found.name)
                return
        over(False)

    async def _tell_deaf(self, found: SilentEngine) -> None:
        log.warning("engine deaf", role=found.role, engine=found.name)
        if self._deaf is not None:
            await self._deaf(found.role, found.name)


class Stuck(EngineError):
    """It hears the same in everything."""


async def answers(found: SilentEngine) -> None:
    """Return once the engine has done a piece of its work. Raises `EngineError` where it does not."""
    engine, choice = found.engine, found.choice
    if isinstance(engine, Preparable):
        await engine.prepare(choice)
    if found.role == "stt" and isinstance(engine, SpeechToText):
        text = (await engine.transcribe(sample_speech())).text
        if found.same is not None and plain(text) == found.same:
            raise Stuck(f"{found.name} hears {'nothing' if not text else 'the same'} in everything")
    elif found.role == "llm" and isinstance(engine, LanguageModel):
        async with aclosing(engine.reply(QUESTION, LlmRequest(choice, max_tokens=8))) as pieces:
            async for _ in pieces:
                return
    elif isinstance(engine, TextToSpeech):
        async with aclosing(engine.speak(SENTENCE, choice)) as sounds:
            async for _ in sounds:
                return


@lru_cache(maxsize=1)
def sample_speech() -> Utterance:
    """A recorded question, as a recogniser is given it."""
    recorded = read_wav(SPEECH)
    resampler = InputResampler(recorded.rate, STT_RATE)
    return Utterance(resampler.feed(recorded.pcm) + resampler.end(), 0.0, recorded.seconds)


def _now() -> float:
    return asyncio.get_running_loop().time()
