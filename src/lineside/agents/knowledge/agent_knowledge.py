"""An agent's knowledge, ready to be asked: its answers and documents indexed, their meanings read."""

import asyncio
import tomllib
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
import structlog
from msgspec import Struct

from lineside.agents.agent import Agent, VerbatimAnswer
from lineside.agents.knowledge.documents import read_documents
from lineside.agents.knowledge.encoder_thread import EncoderThread, KeptMeanings, rounded
from lineside.agents.knowledge.index import Passage, build_index
from lineside.agents.knowledge.knowledge import (
    CLOCK,
    Answer,
    Clause,
    DidYouMean,
    Floats,
    Knowledge,
    MayBe,
    NotKnown,
    Verbatim,
    clauses_of,
    goes_on,
)
from lineside.agents.versions import version_of
from lineside.errors import ConfigError

log = structlog.get_logger()

MOST_SENTENCES = 2000  # whose meanings are read; the passages beyond are found by their words alone
MEANING_WITHIN = (
    1.0  # seconds for the meaning of one question (7 ms where nothing else runs); then its words alone count
)

MOST_KEPT = 32  # sets of answers whose meanings are kept, 768 bytes a sentence; the one used longest ago is thrown away

AGAIN = "{again}"  # a courtesy that is answered with what the agent said last
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


class KnowledgePlaces(Struct, frozen=True):
    """Where an agent's documents lie, and what was read of them."""

    documents: Path  # the folder of the agent's file
    meanings: Path  # a folder that can be written
    answers: Path  # what answers mean is kept here too, for all processes of this machine; where that can be


class AgentKnowledge:
    """What one agent knows, for all calls of a process."""

    def __init__(self, knowledge: Knowledge, encoder: EncoderThread | None) -> None:
        self._knowledge, self._encoder = knowledge, encoder

    async def answer(self, question: str, *, before: str = "", asked: str = "") -> Answer:
        """See `Knows`. Takes 4 s at the most, on a machine that is far too busy."""
        found = await self._answer(question, asked)
        if before and not isinstance(found, Verbatim) and goes_on(question):
            found = await self._answer(f"{before} {question}", asked)
        return NotKnown() if isinstance(found, Verbatim) and found.passage.says == NOBODY_KNOWS else found

    async def _answer(self, question: str, asked: str) -> Answer:
        meanings = await self._meanings([question])
        if meanings is None:
            return self._knowledge.answer(question, asked=asked)
        found = self._knowledge.answer(question, meaning=meanings[0], asked=asked)
        if not isinstance(found, NotKnown | DidYouMean) or not (clauses := clauses_of(question)):
            return found
        parts = await self._meanings(clauses)
        if parts is None:
            return found
        read = [Clause(words, meaning) for words, meaning in zip(clauses, parts, strict=True)]
        return self._knowledge.answer(question, meaning=meanings[0], asked=asked, clauses=read)

    async def _meanings(self, sentences: Sequence[str]) -> Floats | None:
        """None where they cannot be read, or not in time: the machine is busy, and the words alone count."""
        if self._encoder is None or not self._knowledge.reads_meanings:
            return None
        with suppress(TimeoutError):
            async with asyncio.timeout(MEANING_WITHIN):
                return await self._encoder.encode(sentences)
        return None


class NothingKnown:
    """Of an agent without facts: the language model answers everything."""

    async def answer(self, question: str, *, before: str = "", asked: str = "") -> Answer:
        """See `AgentKnowledge`."""
        return MayBe()


class KnowledgeCache:
    """The knowledge of the agents that answer in this process, read once each."""

    def __init__(self, encoder: EncoderThread | None, places: KnowledgePlaces | None = None) -> None:
        """Without an encoder, the words of a question count alone; without places, an agent's documents do not."""
        self._encoder, self._places = encoder, places
        self._read: OrderedDict[str, Knows] = OrderedDict()
        self._reading = asyncio.Lock()

    async def of(self, agent: Agent) -> Knows:
        """What this agent knows; its first call waits until it is read. Raises `ConfigError`."""
        version = version_of(agent)
        async with self._reading:
            if version not in self._read:
                self._read[version] = await read_knowledge(agent, self._encoder, self._places)
                if len(self._read) > AGENTS:
                    self._read.popitem(last=False)
            return self._read[version]


async def read_knowledge(
    agent: Agent, encoder: EncoderThread | None, places: KnowledgePlaces | None = None, *, build: bool = False
) -> Knows:
    """Index what the agent knows and read what its answers mean: 0.5 s for a hundred sentences, once a machine.

    What documents mean is read with `build` (1 s for a hundred passages), and kept; without, what was kept counts.
    Rules for words are there for English alone; in other languages the model answers. Raises `ConfigError`.
    """
    if not (agent.answers or agent.documents) or not agent.language.startswith("en"):
        return NothingKnown()
    passages = [Passage(one.about, one.says, one.asks, verbatim=True) for one in agent.answers]
    facts = (fact.partition(": ") for fact in agent.facts)
    passages += [Passage(about, says) for about, _, says in facts if says and says != agent.unknown]
    if encoder is not None:
        for one in (one for one in courtesies() if agent.timezone or one.says != CLOCK):
            passages.append(Passage("", one.says.replace("{name}", agent.name), one.asks, verbatim=True))
    papers: list[Passage] = []
    if agent.documents and places is not None:
        documents = await asyncio.to_thread(read_documents, places.documents, agent.documents)
        papers = [passage for document in documents for passage in document.passages]
    index = build_index([*passages, *papers])
    if encoder is None:
        return AgentKnowledge(Knowledge(index), None)
    # What a courtesy says is no sign of what it answers: it names the agent, as a question about the company does.
    sentences = [
        (n, text) for n, p in enumerate(passages) for text in (p.about, p.says if p.about else "", *p.asks) if text
    ]
    meanings = await _read_once([text for _, text in sentences[:MOST_SENTENCES]], encoder, places)
    owners = [number for number, _ in sentences[:MOST_SENTENCES]]
    if papers and places is not None:
        of_papers = await _meanings_of(papers, encoder, places, build=build)
        if of_papers is None:
            log.warning("documents are found by their words alone; run: lineside knowledge build")
        else:
            meanings = np.concatenate([meanings, of_papers])
            owners += range(len(passages), len(passages) + len(papers))
    others = await _read_once(other_matters(), encoder, places)
    return AgentKnowledge(Knowledge(index, meanings, owners, others), encoder)


async def _read_once(sentences: Sequence[str], encoder: EncoderThread, places: KnowledgePlaces | None) -> Floats:
    """From an earlier start, if one has read just these, or another process."""
    if places is None:
        return await encoder.encode(sentences)
    kept = KeptMeanings(places.answers, MOST_KEPT)
    found = await asyncio.to_thread(kept.find, sentences)
    if found is None:
        found = rounded(await encoder.encode(sentences))  # the next start answers as this one does
        with suppress(OSError):  # on a disk that cannot be written they are read at each start
            await asyncio.to_thread(kept.keep, sentences, found)
    return found


async def _meanings_of(
    papers: Sequence[Passage], encoder: EncoderThread, places: KnowledgePlaces, *, build: bool
) -> Floats | None:
    texts, kept = [f"{paper.about}. {paper.says}" for paper in papers], KeptMeanings(places.meanings)
    found = await asyncio.to_thread(kept.find, texts)
    if found is None and build:
        found = await encoder.encode(texts)
        try:
            await asyncio.to_thread(kept.keep, texts, found)
        except OSError as cause:
            raise ConfigError(f"cannot write {places.meanings}: {cause.strerror}") from None
    return found


@cache
def other_matters() -> tuple[str, ...]:
    """What callers ask any company."""
    file = resources.files("lineside").joinpath("data/other_matters.toml")
    return tuple(tomllib.loads(file.read_text("utf-8"))["asks"])


@cache
def courtesies() -> tuple[VerbatimAnswer, ...]:
    """What is said on any telephone, and the answer to it."""
    file = resources.files("lineside").joinpath("data/courtesies.toml")
    return msgspec.convert(tomllib.loads(file.read_text("utf-8"))["answers"], tuple[VerbatimAnswer, ...])
