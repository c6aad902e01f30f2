"""What was said, for the language model: the caller's words as understood, the agent's only as far as heard.

Tool calls stand between them, with their results, heard or not: what was done was done.
"""

from collections.abc import Callable

from lineside.agents.agent import CALL
from lineside.agents.sensitive_numbers import without_sensitive_numbers
from lineside.call.tool_exchange import ToolExchange
from lineside.engines.protocols import Message
from lineside.text.outside_text import outside_text

DOCUMENTS, FROM_THAT = "Our documents say:", "Answer from that in one sentence:"
KEPT = 6000  # characters of conversation; older exchanges are left out, half of it at once so prompts keep a prefix
LONGEST = KEPT  # characters of one message; of a longer one, such as many turns without an answer, the end is kept


class ChatHistory:
    """The conversation of one call."""

    def __init__(
        self, opening: tuple[Message, ...], before: Callable[[str], tuple[Message, ...]] | None = None
    ) -> None:
        """`opening` is the same for all calls; `before` tells what a question needs besides, such as the time.

        An opening may hold the greeting (`Agent.opening`). It stands there once the caller has heard all of it.
        """
        self._opening, self._before = opening, before
        self._greeting, self._ungreeted = greeting_in(opening), without_greeting(opening)
        self._said: list[Message | ToolExchange] = []

    def caller(self, text: str) -> None:
        """The caller said this. Two turns in a row with no answer heard between them are one message."""
        self._add(Message("user", outside_text(text).strip()))

    def agent(self, heard: str) -> None:
        """The caller heard this much of the agent's reply; nothing of it is no message."""
        self._add(Message("assistant", heard.strip()))

    def tools(self, exchange: ToolExchange) -> None:
        """Tools were called for this turn; what came of it may still come."""
        if exchange.messages:
            self._said.append(exchange)
            self._trim()

    def messages(self, *, asking: str = "", context: str = "") -> tuple[Message, ...]:
        """All of it, for a language model.

        `asking` is a question not committed to history yet, `context` what the model is told of it and forgets then.
        """
        items = _joined(self._said, Message("user", outside_text(asking).strip())) if asking else self._said
        said = _flat(items)
        opening = self._ungreeted
        if self._greeting and said and said[0] == Message("assistant", self._greeting):
            opening = self._opening
            del said[0]
        elif said and said[0].role == "assistant":
            said.insert(0, CALL)
        if self._before is not None and said and said[-1].role == "user":
            said[-1:] = [*self._before(said[-1].content), said[-1]]
        if context and said and said[-1].role == "user":
            said[-1] = Message("user", f"{DOCUMENTS} {outside_text(context)}\n\n{FROM_THAT} {said[-1].content}")
        return (*opening, *said)

    def without_sensitive_numbers(self, text: str, *, unfinished: bool = False) -> str:
        """What the caller says now, without card numbers and the like: for all but the rules that fill slots."""
        before, asked = self.last_caller_words, self.last_agent_words
        return without_sensitive_numbers(text, before=before, asked=asked, unfinished=unfinished)

    @property
    def last_agent_words(self) -> str:
        """What the agent said last, if the caller has not answered it."""
        last = self._said[-1] if self._said else None
        return last.content if isinstance(last, Message) and last.role == "assistant" else ""

    @property
    def last_caller_words(self) -> str:
        """What the caller said last, answered or not."""
        return next((message.content for message in reversed(self.said) if message.role == "user"), "")

    @property
    def said(self) -> tuple[Message, ...]:
        """The conversation without its opening."""
        return tuple(_flat(self._said))

    def _add(self, message: Message) -> None:
        if not message.content:
            return
        self._said = _joined(self._said, message)
        self._trim()

    def _trim(self) -> None:
        if sum(map(_size, self._said)) > KEPT:
            self._said = _younger_half(self._said)


def greeting_in(messages: tuple[Message, ...]) -> str:
    """The greeting that the caller has heard, of the messages of `ChatHistory`; empty where there is none."""
    at = _greeting_at(messages)
    return messages[at].content if at is not None else ""


def without_greeting(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The same conversation as if it had begun with the caller's first question."""
    at = _greeting_at(messages)
    return messages if at is None else (*messages[: at - 1], *messages[at + 1 :])


def _greeting_at(messages: tuple[Message, ...]) -> int | None:
    return next(
        (i for i in range(1, len(messages)) if messages[i - 1] == CALL and messages[i].role == "assistant"), None
    )


def _flat(items: list[Message | ToolExchange]) -> list[Message]:
    return [message for item in items for message in ((item,) if isinstance(item, Message) else item.messages)]


def _size(item: Message | ToolExchange) -> int:
    return len(item.content) if isinstance(item, Message) else item.size


def _joined(said: list[Message | ToolExchange], new: Message) -> list[Message | ToolExchange]:
    last = said[-1] if said else None
    if isinstance(last, Message) and last.role == new.role:
        return [*said[:-1], Message(new.role, f"{last.content} {new.content}"[-LONGEST:])]
    return [*said, Message(new.role, new.content[-LONGEST:])]


def _younger_half(said: list[Message | ToolExchange]) -> list[Message | ToolExchange]:
    """The latest of it; calls and their results stay together."""
    kept: list[Message | ToolExchange] = []
    for item in reversed(said):
        if kept and sum(map(_size, kept)) + _size(item) > KEPT // 2:
            break
        kept.insert(0, item)
    while len(kept) > 1 and (not isinstance(kept[0], Message) or kept[0].role == "assistant"):
        del kept[0]  # what it answers is gone
    return kept
