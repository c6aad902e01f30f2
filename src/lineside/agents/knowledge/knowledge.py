"""What is answered from what the agent knows, by rule: a fact as it stands, or that it is not known.

A small model is asked only where the rules are in doubt, and never what the agent's file does not say: it would invent
an answer. Two things are weighed: how alike the question and a fact are in meaning, where a sentence encoder is there,
and how many of the question's words the fact holds, rare words counting more. The figures were set by the questions in
`bench/questions.toml`.
"""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from lineside.agents.knowledge.index import Hit, Passage, PassageIndex
from lineside.agents.knowledge.words import all_words, content_words

WORDS_COUNT = 0.35  # weight of the words beside the meaning, which is −1 to 1
KNOWN = 0.58  # meaning and words together that make a fact the answer
PERHAPS = 0.45  # below this a fact of the model's is not about the question
UNREAD = 0.3  # stands for the meaning of a passage that was not read: half of its words must be asked for
PASSAGES = 3  # that may be handed to the model
ALIKE = 0.03  # two facts as close as this are both meant: the one that stands first in the file answers

# The same with words alone.
SURE_WORDS = 0.7  # share of the question's words, by rarity, that one passage must hold to be its answer
SOME_WORDS = 0.2  # below this share no passage is about what is asked
AHEAD = 1.3  # how much better than the second best passage the best must be

ELLIPTIC = 2  # content words; a question with no more of them may go on with the one before
_GOES_ON = ("and", "what about", "how about", "or", "but")
# Questions of an agent's that leave it open what comes next; after any other the caller answers, and asks nothing.
_OPEN_OFFER = re.compile(r"\b(help|assist|anything|something|do for you)\b", re.IGNORECASE)

Floats = npt.NDArray[np.float32]


class Verbatim(Struct, frozen=True):
    """The answer, as it stands in what the agent knows."""

    passage: Passage


class NotKnown(Struct, frozen=True):
    """Nothing the agent knows is about this question."""


class MayBe(Struct, frozen=True):
    """The language model answers; one of these may be what is asked for, the likeliest first."""

    passages: tuple[Passage, ...] = ()


Answer = Verbatim | NotKnown | MayBe


class Knowledge:
    """What one agent knows. Pure but for reading its index; asked once a turn."""

    def __init__(self, index: PassageIndex, meanings: Floats | None = None, owners: Sequence[int] = ()) -> None:
        """`meanings`: vectors of length 1, one a sentence; `owners`: the number of the passage each belongs to."""
        self._index = index
        self._meanings: Floats = np.zeros((0, 1), np.float32) if meanings is None else meanings
        self._owners = np.array(owners, np.intp)
        self._unread = np.setdiff1d(np.arange(index.size), self._owners)

    @property
    def reads_meanings(self) -> bool:
        """Whether the meaning of a question helps."""
        return len(self._meanings) > 0

    def answer(self, question: str, *, meaning: Floats | None = None, asked: str = "") -> Answer:
        """What is known of a question.

        Args:
            question: the caller's words.
            meaning: their vector; None: the words alone count.
            asked: what the agent said last: after a question of its own, the caller gives an answer.
        """
        words = content_words(question)
        if not words and meaning is None:
            return MayBe()
        hits = self._index.find(words)
        found = _by_words(hits) if meaning is None else self._by_meaning(hits, meaning)
        answers = asked.rstrip().endswith("?") and not _OPEN_OFFER.search(asked)
        return MayBe() if answers and not isinstance(found, Verbatim) else found

    def _by_meaning(self, hits: Sequence[Hit], meaning: Floats) -> Answer:
        alike = np.full(self._index.size, -1.0, np.float32)
        alike[self._unread] = UNREAD
        np.maximum.at(alike, self._owners, self._meanings @ meaning)
        for hit in hits:
            alike[hit.number] += WORDS_COUNT * hit.covers
        best = float(alike.max())
        meant = [int(number) for number in np.flatnonzero(alike >= best - ALIKE)]
        if best >= KNOWN and (passage := self._index.passage(meant[0])).verbatim:
            return Verbatim(passage)
        likeliest = [int(number) for number in np.argsort(-alike, kind="stable")[:PASSAGES] if alike[number] >= PERHAPS]
        passages = tuple(self._index.passage(number) for number in likeliest)
        return NotKnown() if all(passage.verbatim for passage in passages) else MayBe(passages)


def goes_on(question: str) -> bool:
    """Whether it is only half a question: "And on Saturday?", "What about Pro?"."""
    return len(content_words(question)) <= ELLIPTIC and " ".join(all_words(question)).startswith(_GOES_ON)


def _by_words(hits: Sequence[Hit]) -> Answer:
    if not hits or hits[0].covers < SOME_WORDS:
        return NotKnown()
    best = hits[0]
    rivals = [hit for hit in hits[1:] if best.words <= hit.words and best.score < AHEAD * hit.score]
    if best.covers >= SURE_WORDS and not rivals and best.passage.verbatim:
        return Verbatim(best.passage)
    return MayBe(tuple(hit.passage for hit in hits[:PASSAGES]))
