"""Catches an answer that the agent has given already to another question: small models copy what they have said. Pure.

Only what a language model writes is looked at; what the agent says by rule it may say as often as it is asked. And an
answer may come again where the caller asks the same again, did not understand, or asks for another part of it: where
words of their question stand in the earlier question or in its answer, or where it has too few words to tell.
"""

import re
from collections.abc import Sequence

from lineside.agents.promises import says_not_known
from lineside.engines.protocols import Message, Token

AT_LEAST = 5  # words of a sentence that is no turn of phrase
TELLING = 2  # words of a question that name its subject; with fewer nobody can tell that it is another one
STEM = 4  # letters in which two forms of a word are the same: open, opening
ASK_BACK = "I'm not sure that I understood you. Could you say that in other words?"
OFFER_PERSON = "I'm sorry, I can't help you with that. If you want to speak to a person, please say so."

_END = re.compile(r"[.!?][\"')\]]*(?=\s)")
_AGAIN = re.compile(
    r"\b(?:repeat|again|once more|pardon|slower|slowly|louder|what (?:was|is) that|what did you (?:say|tell)"
    r"|(?:didn't|did not|couldn't|could not|can't|cannot) (?:hear|catch|get|understand|follow|note|write))\b",
    re.IGNORECASE,
)
# English words of four letters and more that name no subject.
_COMMON = frozenset(
    re.findall(
        r"[\w']+",
        """
        about after also another anything because been before being call called calling can't come could does doing
        don't done else ever every from gave give going good great have having hear hello here hold just know let's like
        little look made make many maybe mean more much need okay only other over please question quite really right
        said same some someone something sorry still such sure take talk tell thank thanks that that's their them then
        there they thing things think this those time told very wait want wanted well went were what what's when where
        which while will with wonder would yeah your you're yours
        """,
    )
)


class SaidAgain(Exception):
    """The model says an earlier answer instead of one to the question. Nothing of it has been passed on."""

    def __init__(self, answer: str) -> None:
        super().__init__(answer)
        self.answer = answer


class RepetitionGuard:
    """Holds tokens back while their first sentence could be that of an earlier answer."""

    def __init__(self, said: Sequence[str]) -> None:
        """`said` are the answers that do not fit the question that is answered now (`misplaced`)."""
        self._said = {words: answer for answer in said if len(words := tuple(_words(_first(answer)))) >= AT_LEAST}
        self._held: list[Token] = []

    def feed(self, token: Token) -> list[Token]:
        """The tokens that may go on now. Raises `SaidAgain` when the first sentence is an earlier one."""
        if not self._said:
            return [token]
        self._held.append(token)
        text = "".join(held.text for held in self._held)
        if _END.search(text.lstrip()):
            return self.end()
        said = tuple(_words(text))
        *known, growing = said or ("",)
        if any(one[: len(known)] == tuple(known) and _begins(one[len(known) :], growing) for one in self._said):
            return []
        return self.release()

    def end(self) -> list[Token]:
        """What is still held: the answer is over. Raises `SaidAgain` as `feed` does."""
        answer = self._said.get(tuple(_words(_first("".join(held.text for held in self._held)))))
        if answer is not None:
            raise SaidAgain(answer)
        return self.release()

    def release(self) -> list[Token]:
        """What is held, whatever it is; nothing is held from here on."""
        held, self._held, self._said = self._held, [], {}
        return held


def misplaced(said: Sequence[Message], question: str) -> list[str]:
    """The answers of a conversation that were given to something else than this question."""
    asked = _telling(question)
    if len(asked) < TELLING or _AGAIN.search(_plain(question)):
        return []
    pairs = [(said[i - 1], said[i]) for i in range(1, len(said)) if said[i].role == "assistant"]
    return [
        answer.content
        for before, answer in pairs
        if before.role == "user"
        and not answer.content.rstrip().endswith("?")  # what was asked back may be asked again
        and not says_not_known(answer.content)
        and not asked & _telling(f"{before.content} {answer.content}")
    ]


def without_answer(messages: tuple[Message, ...], answer: str) -> tuple[Message, ...]:
    """The same conversation as if the answer and its question had never been."""
    at = next((i for i in range(len(messages) - 1, 0, -1) if messages[i] == Message("assistant", answer)), None)
    return messages if at is None else (*messages[: at - 1], *messages[at + 1 :])


def in_place_of(said: Sequence[Message]) -> str:
    """What is said where a model has nothing but an earlier answer: asked back, and the next time a person offered."""
    asked_back = any(message.role == "assistant" and ASK_BACK in message.content for message in said[-3:])
    return OFFER_PERSON if asked_back else ASK_BACK


def _begins(rest: tuple[str, ...], growing: str) -> bool:
    """Whether the word that is still growing may become the next one; of a sentence that is over, none may."""
    return rest[0].startswith(growing) if rest else not growing


def _first(text: str) -> str:
    """Its first sentence."""
    text = text.strip()
    found = _END.search(text)
    return text[: found.end()] if found else text


def _telling(text: str) -> set[str]:
    """The words that name a subject, cut to their stems."""
    return {word[:STEM] for word in _words(text) if len(word) >= STEM and word not in _COMMON}


def _plain(text: str) -> str:
    return text.replace("\u2019", "'")


def _words(text: str) -> list[str]:
    return re.findall(r"[\w']+", _plain(text).casefold())
