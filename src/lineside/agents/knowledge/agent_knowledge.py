"""An agent's knowledge, ready to be asked: its facts indexed, their meanings read by the sentence encoder."""

import asyncio
import tomllib
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np

from lineside.agents.agent import Agent, VerbatimAnswer
from lineside.agents.knowledge.index import Passage, build_index
from lineside.agents.knowledge.knowledge import Answer, Floats, Knowledge, MayBe, NotKnown, Verbatim, goes_on
from lineside.agents.knowledge.sentence_encoder import WIDTH, SentenceEncoder
from lineside.agents.versions import version_of

AT_ONCE = 16  # sentences read in one step, so that a caller's question never waits long behind a new agent's facts
MOST_SENTENCES = 2000  # whose meanings are read; the passages beyond are found by their words alone
MEANING_WITHIN = 0.15  # seconds for the meaning of one question; then its words alone count


AGAIN = "{again}"  # a courtesy that is answered with what the agent said last
CLOCK = "{clock}"  # a courtesy that the language model answers, who is told the time
NOBODY_KNOWS = "{unknown}"  # a courtesy that nothing is known of
AGENTS = 4  # whose knowledge is held; calls that began before an agent was changed keep theirs


class Knows(Protocol):
    """What an agent knows."""

    async def answer(self, question: str, *, before: str = "", asked: str = "") -> Answer:
        """What is known of the caller's words.

        Args:
            question: the caller's words.
            before: the caller's words before them, for half a question such as "And on Saturday?".
            asked: what the agent said last, if the caller has not answered it yet.
        """
        ...


class EncoderThread:
    """The sentence encoder in a thread of its own, so that no frame waits for it. One a process."""

    def __init__(self, folder: Path) -> None:
        """Raises `ConfigError` if the model is not there."""
        self._encoder = SentenceEncoder(folder)
        self._thread = ThreadPoolExecutor(1, "sentence encoder")

    def close(self) -> None:
        """End the thread once it has done what it is at."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def encode(self, sentences: Sequence[str]) -> Floats:
        """See `SentenceEncoder.encode`."""
        loop = asyncio.get_running_loop()
        parts = [
            await loop.run_in_executor(self._thread, self._encoder.encode, sentences[at : at + AT_ONCE])
            for at in range(0, len(sentences), AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, WIDTH), np.float32)


class AgentKnowledge:
    """What one agent knows, for all calls of a process."""

    def __init__(self, knowledge: Knowledge, encoder: EncoderThread | None) -> None:
        self._knowledge, self._encoder = knowledge, encoder

    async def answer(self, question: str, *, before: str = "", asked: str = "") -> Answer:
        """See `Knows`. Takes 0.3 s at the most."""
        found = await self._answer(question, asked)
        if before and not isinstance(found, Verbatim) and goes_on(question):
            found = await self._answer(f"{before} {question}", asked)
        return NotKnown() if isinstance(found, Verbatim) and found.passage.says == NOBODY_KNOWS else found

    async def _answer(self, question: str, asked: str) -> Answer:
        meaning = None
        if self._encoder is not None and self._knowledge.reads_meanings:
            with suppress(TimeoutError):  # the machine is busy: the words alone count
                async with asyncio.timeout(MEANING_WITHIN):
                    meaning = (await self._encoder.encode([question]))[0]
        return self._knowledge.answer(question, meaning=meaning, asked=asked)


class NothingKnown:
    """Of an agent without facts: the language model answers everything."""

    async def answer(self, question: str, *, before: str = "", asked: str = "") -> Answer:
        """See `AgentKnowledge`."""
        return MayBe()


class KnowledgeCache:
    """The knowledge of the agents that answer in this process, read once each."""

    def __init__(self, encoder: EncoderThread | None) -> None:
        """Without an encoder, the words of a question count alone."""
        self._encoder = encoder
        self._read: OrderedDict[str, Knows] = OrderedDict()
        self._reading = asyncio.Lock()

    async def of(self, agent: Agent) -> Knows:
        """What this agent knows; its first call waits until it is read. Raises `ConfigError`."""
        version = version_of(agent)
        async with self._reading:
            if version not in self._read:
                self._read[version] = await read_knowledge(agent, self._encoder)
                if len(self._read) > AGENTS:
                    self._read.popitem(last=False)
            return self._read[version]


async def read_knowledge(agent: Agent, encoder: EncoderThread | None) -> Knows:
    """Index the agent's answers and read their meanings: 0.7 s for a hundred sentences. Raises `ConfigError`.

    Rules for words are there for English alone; in other languages the model answers.
    """
    if not agent.answers or not agent.language.startswith("en"):
        return NothingKnown()
    passages = [Passage(one.about, one.says, one.asks, verbatim=True) for one in agent.answers]
    facts = (fact.partition(": ") for fact in agent.facts)
    passages += [Passage(about, says) for about, _, says in facts if says and says != agent.unknown]
    if encoder is None:
        return AgentKnowledge(Knowledge(build_index(passages)), None)
    for one in (one for one in courtesies() if agent.timezone or one.says != CLOCK):
        passages.append(Passage("", one.says.replace("{name}", agent.name), one.asks, verbatim=True))
    index = build_index(passages)
    sentences = [(n, text) for n, p in enumerate(passages) for text in (p.about, p.says, *p.asks) if text][
        :MOST_SENTENCES
    ]
    meanings = await encoder.encode([text for _, text in sentences])
    return AgentKnowledge(Knowledge(index, meanings, [number for number, _ in sentences]), encoder)


@cache
def courtesies() -> tuple[VerbatimAnswer, ...]:
    """What is said on any telephone, and the answer to it."""
    file = resources.files("lineside").joinpath("data/courtesies.toml")
    return msgspec.convert(tomllib.loads(file.read_text("utf-8"))["answers"], tuple[VerbatimAnswer, ...])
