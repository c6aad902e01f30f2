"""An agent's knowledge as calls ask it: courtesies, kept meanings, an encoder that is late."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from lineside.agents.agent import Agent, VerbatimAnswer
from lineside.agents.knowledge.agent_knowledge import (
    AGAIN,
    KnowledgeCache,
    KnowledgePlaces,
    courtesies,
    read_knowledge,
)
from lineside.agents.knowledge.encoder_thread import EncoderThread, KeptMeanings
from lineside.agents.knowledge.knowledge import Answer, Floats, MayBe, NotKnown, Verbatim
from lineside.agents.knowledge.sentence_encoder import WIDTH
from lineside.errors import ConfigError
from lineside.models.store import locate
from lineside.settings import load_settings

DESK = Agent(
    name="Harbour",
    prompt="x",
    answers=(VerbatimAnswer("opening hours on Sunday", "On Sunday we are closed.", ("are you open on Sunday",)),),
    unknown="I don't know.",
    timezone="UTC",
)


class Counting:
    """Stands for the encoder: every sentence has a direction of its own, and how often it is asked is counted."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.read: list[str] = []
        self._directions: dict[str, int] = {}
        self._seconds = seconds

    async def encode(self, sentences: Sequence[str]) -> Floats:
        self.read += sentences
        await asyncio.sleep(self._seconds if len(sentences) == 1 else 0)
        vectors = np.zeros((len(sentences), WIDTH), np.float32)
        for at, sentence in enumerate(sentences):
            direction = self._directions.setdefault(sentence.lower().strip("?!. "), len(self._directions))
            vectors[at, direction] = 1
        return vectors

    def close(self) -> None: ...


def test_an_agent_is_read_once_whoever_calls() -> None:
    """Until it is changed."""

    async def story() -> None:
        encoder = Counting()
        cache = KnowledgeCache(encoder)  # type: ignore[arg-type]
        first, again = await asyncio.gather(cache.of(DESK), cache.of(DESK))
        assert first is again
        known = len(encoder.read)
        changed = Agent(name="Harbour", prompt="y", answers=DESK.answers)
        assert await cache.of(changed) is not first
        assert len(encoder.read) > known

    asyncio.run(story())


def test_a_late_encoder_holds_nobody_up() -> None:
    """The words alone answer then."""

    async def story() -> None:
        knows = await read_knowledge(DESK, Counting(seconds=60))  # type: ignore[arg-type]
        async with asyncio.timeout(60):
            found = await knows.answer("Are you open on Sunday?")
        assert isinstance(found, Verbatim)

    asyncio.run(story())


def test_courtesies_are_answered_and_the_agents_own_answers_come_first() -> None:
    """As the list has them, word for word."""

    async def story() -> None:
        own = replace(DESK, answers=(VerbatimAnswer("thanks", "My pleasure!", ("Thank you",)), *DESK.answers))
        knows = await read_knowledge(own, Counting())  # type: ignore[arg-type]
        found = await knows.answer("Thank you.")
        assert isinstance(found, Verbatim)
        assert found.passage.says == "My pleasure!"
        named = await knows.answer("Who is this?")
        assert isinstance(named, Verbatim)
        assert named.passage.says == "This is the automated assistant of Harbour."

    asyncio.run(story())


def test_every_courtesy_is_said_as_it_stands() -> None:
    """Only the four marks that lineside fills in, and no question twice."""
    asks = [ask for one in courtesies() for ask in one.asks]
    assert len(asks) == len(set(asks))
    assert any(one.says == AGAIN for one in courtesies())
    for one in courtesies():
        rest = one.says
        for mark in ("{name}", "{again}", "{clock}", "{unknown}"):
            rest = rest.replace(mark, "")
        assert not set(rest) & set("{}")


def test_what_documents_mean_is_read_once_and_kept(tmp_path: Path) -> None:
    """By the command; a start reads nothing but what was kept. A damaged file is as none."""
    (tmp_path / "house.md").write_text("# Parking\n\nThe car park is free.\n")
    desk = Agent(name="Harbour", prompt="x", documents=("*.md",))
    places = KnowledgePlaces(tmp_path, tmp_path / "meanings", tmp_path / "answers")

    async def sentences_read(*, build: bool) -> list[str]:
        encoder = Counting()
        await read_knowledge(desk, encoder, places, build=build)  # type: ignore[arg-type]
        return [sentence for sentence in encoder.read if "car park" in sentence]

    assert asyncio.run(sentences_read(build=False)) == []
    assert asyncio.run(sentences_read(build=True)) == ["Parking. The car park is free."]
    assert asyncio.run(sentences_read(build=True)) == []
    [kept] = (tmp_path / "meanings").glob("*.npy")
    kept.write_bytes(b"\x93NUMPY damaged")
    assert asyncio.run(sentences_read(build=False)) == []
    assert asyncio.run(sentences_read(build=True)) == ["Parking. The car park is free."]


def test_what_answers_mean_is_read_once_on_a_machine(tmp_path: Path) -> None:
    """The next start reads nothing, and answers alike; a changed answer is read; a damaged file is as none."""
    places = KnowledgePlaces(tmp_path, tmp_path, tmp_path / "answers")

    async def start(desk: Agent = DESK) -> tuple[int, Answer]:
        encoder = Counting()
        knows = await read_knowledge(desk, encoder, places)  # type: ignore[arg-type]
        read = len(encoder.read)
        return read, await knows.answer("are you open on Sunday")

    (read, answer), (again, same) = asyncio.run(start()), asyncio.run(start())
    assert read > 50
    assert again == 0
    assert isinstance(answer, Verbatim)
    assert same == answer
    changed = replace(DESK, answers=(replace(DESK.answers[0], asks=("open on Sunday?",)),))
    assert 0 < asyncio.run(start(changed))[0] < read
    for kept in (tmp_path / "answers").glob("*.npy"):
        kept.write_bytes(b"\x93NUMPY damaged")
    assert asyncio.run(start())[0] == read


def test_only_so_many_answers_are_kept(tmp_path: Path) -> None:
    """The one used longest ago is thrown away; one that was found was used."""
    kept, vectors = KeptMeanings(tmp_path, 2), np.eye(1, WIDTH, dtype=np.float32)
    for age, sentence in enumerate(("new", "old")):
        kept.keep([sentence], vectors)
        [file] = (file for file in tmp_path.iterdir() if file.stat().st_mtime > 10)
        os.utime(file, (age, age))
    assert kept.find(["new"]) is not None
    kept.keep(["newest"], vectors)
    assert [kept.find([sentence]) is not None for sentence in ("new", "old", "newest")] == [True, False, True]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """With what is wrong with it."""
    (tmp_path / "house.md").write_text("The car park is free.")
    (tmp_path / "file").write_text("")
    places = KnowledgePlaces(tmp_path, tmp_path / "file" / "meanings", tmp_path / "file")
    desk = Agent(name="Harbour", prompt="x", documents=("*.md",))
    with pytest.raises(ConfigError, match="cannot write"):
        asyncio.run(read_knowledge(desk, Counting(), places, build=True))  # type: ignore[arg-type]


def test_kept_meanings_are_those_of_exactly_these_sentences(tmp_path: Path) -> None:
    """In this order; "a" and "b" are not "ab"."""
    kept = KeptMeanings(tmp_path)
    vectors = np.eye(2, WIDTH, dtype=np.float32)
    kept.keep(["a", "b"], vectors)
    found = kept.find(["a", "b"])
    assert found is not None
    assert np.array_equal(found, vectors)
    assert kept.find(["ab", ""]) is None
    assert kept.find(["b", "a"]) is None


@pytest.mark.models
def test_callers_in_other_words_are_answered_by_the_real_encoder() -> None:
    """And what is said on any telephone; what nobody knows is not known."""

    async def story() -> None:
        encoder = EncoderThread(locate("all-minilm-l6-v2", load_settings().models_dir))
        try:
            knows = await read_knowledge(DESK, encoder)
            for said in ("Can I come to you on Sunday?", "Is your shop closed on Sundays?"):
                found = await knows.answer(said)
                assert isinstance(found, Verbatim), said
                assert found.passage.says == "On Sunday we are closed.", said
            again = await knows.answer("Sorry, could you say that once more?")
            assert isinstance(again, Verbatim)
            assert again.passage.says == AGAIN
            assert await knows.answer("What is the weather tomorrow?") == NotKnown()
            for nobody_knows in ("Who won the football match?", "Who owns Harbour?", "Can I get my money back?"):
                assert await knows.answer(nobody_knows) == NotKnown(), nobody_knows
            assert await knows.answer("12345", asked="May I have the order number?") == MayBe()
        finally:
            encoder.close()

    asyncio.run(story())
