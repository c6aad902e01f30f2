"""What is answered from what the agent knows, by rule: a fact as it stands, a question back, or that it is not known.

A small model is asked only where the rules are in doubt, and never what the agent's file does not say: it would invent
an answer. Two things are weighed: how alike the question and a fact are in meaning, where a sentence encoder is there,
and how many of the question's words the fact holds, rare words counting more. A fact that is somewhat like it, or very
much like it but for a word that no fact holds, is asked back for: "Did you mean: is a router included?" What is nearer
to other matters, which callers ask any company, is not known. The figures were set by the questions in
`bench/questions*.toml`.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from lineside.agents.knowledge.index import BEST, Hit, Passage, PassageIndex
from lineside.agents.knowledge.words import all_words, content_words

WORDS_COUNT = 0.35  # weight of the words beside the meaning, which is −1 to 1
KNOWN = 0.72  # meaning and words together that make a fact the answer
COURTESY = 0.58  # the same for what is said on any telephone
PERHAPS = 0.45  # below this a fact of the model's is not about the question
UNREAD = 0.3  # stands for the meaning of a passage that was not read: half of its words must be asked for
PASSAGES = 3  # that may be handed to the model
PLAINLY = 0.72  # meaning alone, from which on a word that nothing here holds does not matter
CLOCKED = 0.8  # the same where the language model would be told the time
OFFERED = 0.4  # meaning and words together that make a fact worth asking back for
NEXT_WITHIN = 0.15  # how much less the second fact that is asked back for may have
MOST_OFFERED = 2  # facts that are asked back for, one after the other
WORDS_BESIDE = 0.2  # share of what the words tell that counts where a fact is held against other matters
OWN = 0.7  # as alike as this, a matter that callers ask any company is one of the file's own
CLAUSE = 0.05  # what one clause must be better than the whole question to count
ALIKE = 0.03  # two facts as close as this are both meant: the one that stands first in the file answers

# With words alone.
SURE_WORDS = 0.7  # share of the question's words, by rarity, that one passage must hold to be its answer
SOME_WORDS = 0.2  # below this share no passage is about what is asked
AHEAD = 1.3  # how much better than the second best passage the best must be

ELLIPTIC = 2  # content words; a question with no more of them may go on with the one before
_GOES_ON = ("and", "what about", "how about", "or", "but")
# Questions of an agent's that leave it open what comes next; after any other the caller answers, and asks nothing.
_OPEN_OFFER = re.compile(r"\b(help|assist|anything|something|do for you|did you mean)\b", re.IGNORECASE)

CLAUSE_WORDS, MOST_CLAUSES = 4, 6  # a shorter piece goes with the next; what is beyond is not looked at
_ASKING = (
    r"(?:would|will|can|could|do|does|did|is|are|am|should|must|may|have|has)\s+"
    r"(?:i|you|we|it|they|he|she|there|that|this|the|my|your|somebody|anybody)\b"
)
_BOUNDARY = re.compile(
    rf"(?<=[.?!;])\s+|,\s+|\s+(?=(?:and|but|because|so|or)\s)|\s+(?={_ASKING})"
    r"|\s+(?=(?:what|when|where|how|which|who|why)(?:'?s)?\s)",
    re.IGNORECASE,
)  # callers' words often come without punctuation

CLOCK = "{clock}"  # a courtesy that the language model answers, who is told the time

Floats = npt.NDArray[np.float32]


class Verbatim(Struct, frozen=True):
    """The answer, as it stands in what the agent knows."""

    passage: Passage


class NotKnown(Struct, frozen=True):
    """Nothing the agent knows is about this question."""


class MayBe(Struct, frozen=True):
    """The language model answers; one of these may be what is asked for, the likeliest first."""

    passages: tuple[Passage, ...] = ()


class LikelyAnswer(Struct, frozen=True):
    """A fact that may be meant."""

    passage: Passage
    asks: str = ""  # the question of its own that is nearest to the caller's; empty: it has none


class DidYouMean(Struct, frozen=True):
    """One of these is asked back for, then the next one; each is spoken as it stands. The likeliest first."""

    candidates: tuple[LikelyAnswer, ...]


class Clause(Struct, frozen=True):
    """A part of a question, by itself: callers say what they need in the midst of much else."""

    words: str
    meaning: Floats


Answer = Verbatim | NotKnown | MayBe | DidYouMean


class Knowledge:
    """What one agent knows. Pure but for reading its index; asked once a turn."""

    def __init__(
        self,
        index: PassageIndex,
        meanings: Floats | None = None,
        owners: Sequence[int] = (),
        others: Floats | None = None,
    ) -> None:
        """What is known, and what its sentences mean.

        Args:
            index: the passages and their words.
            meanings: vectors of length 1, one a sentence.
            owners: the number of the passage that each sentence belongs to.
            others: vectors of what callers ask any company; those that the passages answer count for nothing.
        """
        self._index = index
        self._meanings: Floats = np.zeros((0, 1), np.float32) if meanings is None else meanings
        self._owners = np.array(owners, np.intp)
        self._unread = np.setdiff1d(np.arange(index.size), self._owners)
        self._is_fact = np.array([not _is_courtesy(index.passage(number)) for number in range(index.size)], bool)
        self._others = _beside(others, self._meanings[self._is_fact[self._owners]])

    @property
    def reads_meanings(self) -> bool:
        """Whether the meaning of a question helps."""
        return len(self._meanings) > 0

    def answer(
        self, question: str, *, meaning: Floats | None = None, asked: str = "", clauses: Sequence[Clause] = ()
    ) -> Answer:
        """What is known of a question.

        Args:
            question: the caller's words.
            meaning: their vector; None: the words alone count.
            asked: what the agent said last: after a question of its own, the caller gives an answer.
            clauses: the parts of a long question that by itself was answered with nothing.
        """
        words = content_words(question)
        if not words and meaning is None:
            return MayBe()
        if meaning is None:
            found = _by_words(self._index.find(words), frozenset(words))
        else:
            found = self._by_meaning(self._weighed(words, meaning), clauses)
        answers = asked.rstrip().endswith("?") and not _OPEN_OFFER.search(asked)
        return MayBe() if answers and not isinstance(found, Verbatim) else found

    def _weighed(self, words: Sequence[str], meaning: Floats) -> "_Weighed":
        alike = np.full(self._index.size, -1.0, np.float32)
        alike[self._unread] = UNREAD
        np.maximum.at(alike, self._owners, self._meanings @ meaning)
        score = alike.copy()
        for hit in self._index.find(words):
            score[hit.number] += WORDS_COUNT * hit.covers
        strange = any(not word.isdecimal() and not self._index.holds(word) for word in words)
        other = float((self._others @ meaning).max(initial=-1.0))
        fact = float(alike.max(initial=-1.0, where=self._is_fact))
        return _Weighed(frozenset(words), meaning, score, alike, strange, other, fact)

    def _by_meaning(self, whole: "_Weighed", clauses: Sequence[Clause]) -> Answer:
        if (passage := self._plainly_meant(whole)) is not None:
            return Verbatim(passage)
        score, alike, other = whole.score, whole.alike, whole.other
        for clause in clauses:
            part = self._weighed(content_words(clause.words), clause.meaning)
            passage = self._plainly_meant(part, PLAINLY)
            if passage is not None and not _is_courtesy(passage):  # those are said beside what is asked
                return Verbatim(passage)
            score, alike = np.maximum(score, part.score - CLAUSE), np.maximum(alike, part.alike)
            other = max(other, part.other)
        order = [int(number) for number in np.argsort(-score, kind="stable")[:BEST]]
        passages = tuple(self._index.passage(number) for number in order[:PASSAGES] if score[number] >= PERHAPS)
        if not all(passage.verbatim for passage in passages):
            return MayBe(passages)
        near = alike + WORDS_BESIDE * (score - alike)
        nearer = [number for number in order if near[number] >= other]
        candidates = tuple(self._candidates(nearer, score, whole, clauses))
        return DidYouMean(candidates) if candidates else NotKnown()

    def _plainly_meant(self, weighed: "_Weighed", least: float = -1.0) -> Passage | None:
        """The fact that is the answer, if one is: alike enough, and no word of the question is strange to the file.

        `least`: its meaning alone must be as much as that.
        """
        best = float(weighed.score.max())
        number = int(np.flatnonzero(weighed.score >= best - ALIKE)[0])
        passage = self._index.passage(number)
        if not passage.verbatim or best < (COURTESY if _is_courtesy(passage) else KNOWN):
            return None
        if weighed.strange:
            least = max(least, (CLOCKED if passage.says == CLOCK else -1.0) if _is_courtesy(passage) else PLAINLY)
        if _is_courtesy(passage):
            least = max(least, weighed.other, weighed.fact)
        return passage if weighed.alike[number] >= least else None

    def _candidates(
        self, order: Sequence[int], score: Floats, whole: "_Weighed", clauses: Sequence[Clause]
    ) -> Iterator[LikelyAnswer]:
        """The facts that are worth asking back for, the likeliest first."""
        offered, least = 0, OFFERED
        for number in order:
            if offered == MOST_OFFERED or score[number] < least:
                return
            passage = self._index.passage(number)
            if not passage.verbatim or _is_courtesy(passage):
                continue
            offered, least = offered + 1, float(score[number]) - NEXT_WITHIN
            yield LikelyAnswer(passage, self._nearest_question(number, passage, whole, clauses))

    def _nearest_question(self, number: int, passage: Passage, whole: "_Weighed", clauses: Sequence[Clause]) -> str:
        read = np.flatnonzero(self._owners == number)[2:]  # behind its subject and its answer
        if not passage.asks or not len(read):
            return passage.asks[0] if passage.asks else ""
        meanings = [whole.meaning, *(clause.meaning for clause in clauses)]
        alike = np.max([self._meanings[read] @ meaning for meaning in meanings], axis=0)
        rarity = {word: self._index.rarity(word) for word in whole.words}
        for at, asks in enumerate(passage.asks[: len(read)]):
            common = rarity.keys() & set(content_words(asks))
            alike[at] += WORDS_COUNT * sum(rarity[word] for word in common) / (sum(rarity.values()) or 1.0)
        return passage.asks[int(alike.argmax())]


class _Weighed(Struct, frozen=True):
    words: frozenset[str]
    meaning: Floats
    score: Floats  # of each passage: its meaning and its words
    alike: Floats  # its meaning alone
    strange: bool  # a word of the question stands in no passage
    other: float  # how alike it is to the nearest of the other matters
    fact: float  # the same of all that is no courtesy


def _beside(others: Floats | None, meanings: Floats) -> Floats:
    """The other matters that these sentences do not ask or answer themselves."""
    if others is None or not len(meanings) or not len(others):
        return np.zeros((0, meanings.shape[1]), np.float32)
    beside: Floats = others[(others @ meanings.T).max(axis=1) < OWN]
    return beside


def _is_courtesy(passage: Passage) -> bool:
    """Whether it is said on any telephone, and no fact of the agent's."""
    return not passage.about


def goes_on(question: str) -> bool:
    """Whether it is only half a question: "And on Saturday?", "What about Pro?"."""
    return len(content_words(question)) <= ELLIPTIC and " ".join(all_words(question)).startswith(_GOES_ON)


def clauses_of(question: str) -> list[str]:
    """The parts of a question that may be asked by themselves, of four words at the least; none where it is one."""
    parts: list[str] = []
    rest = ""
    for piece in _BOUNDARY.split(question):
        rest = f"{rest} {piece}".strip()
        if len(rest.split()) >= CLAUSE_WORDS:
            parts.append(rest)
            rest = ""
    if rest and parts:
        parts[-1] += f" {rest}"
    return parts[:MOST_CLAUSES] if len(parts) > 1 else []


def _by_words(hits: Sequence[Hit], words: frozenset[str]) -> Answer:
    if not hits or hits[0].covers < SOME_WORDS:
        return NotKnown()
    asked_so = [hit.passage for hit in hits if hit.passage.verbatim and _asks_exactly(hit.passage, words)]
    if len(asked_so) == 1:
        return Verbatim(asked_so[0])
    best = hits[0]
    rivals = [hit for hit in hits[1:] if best.words <= hit.words and best.score < AHEAD * hit.score]
    if best.covers >= SURE_WORDS and not rivals and best.passage.verbatim:
        return Verbatim(best.passage)
    passages = tuple(hit.passage for hit in hits if not _is_courtesy(hit.passage))[:PASSAGES]
    if not all(passage.verbatim for passage in passages):
        return MayBe(passages)
    candidates = tuple(LikelyAnswer(passage, _closest_question(passage, words)) for passage in passages[:MOST_OFFERED])
    return DidYouMean(candidates) if candidates else NotKnown()


def _closest_question(passage: Passage, words: frozenset[str]) -> str:
    """The one of its questions that has most of these words, and fewest others; empty: it has no questions."""
    return max(passage.asks, key=lambda asks: _in_common(frozenset(content_words(asks)), words), default="")


def _in_common(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(len(one | other), 1)


def _asks_exactly(passage: Passage, words: frozenset[str]) -> bool:
    """Whether these are the words of its subject or of one of its questions, no more and no fewer."""
    return words in {frozenset(content_words(text)) for text in (passage.about, *passage.asks)}
