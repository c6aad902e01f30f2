"""The tool calls of one reply and what came of them, as a language model is shown them: one block of the history."""

from collections.abc import Sequence

from msgspec.structs import replace

from lineside.agents.tools.proposals import note_text
from lineside.engines.protocols import Message, ToolCall

RUNNING = note_text("running", "no result yet; the caller will be told when there is one")


class ToolExchange:
    """Calls and results. A result may come long after the reply was cut: its place is there from the beginning."""

    def __init__(self, reply: int) -> None:
        """`reply`: its number, which makes the ids of its calls the call's own."""
        self._reply, self._calls = reply, 0
        self._messages: list[Message] = []

    @property
    def messages(self) -> tuple[Message, ...]:
        """An assistant's message with calls, one result for each of them, and so on."""
        return tuple(self._messages)

    @property
    def size(self) -> int:
        """Characters that it costs of a prompt."""
        calls = sum(len(call.name) + len(call.arguments) for message in self._messages for call in message.calls)
        return calls + sum(len(message.content) for message in self._messages)

    def called(self, words: str, calls: Sequence[ToolCall]) -> list[ToolCall]:
        """The model has said this and called these. Answers the calls under ids of our own.

        Servers send no ids, or the same ones again; some take nothing but nine letters and digits.
        """
        known = []
        for call in calls:
            self._calls += 1
            known.append(replace(call, id=f"t{self._reply % 10_000:04d}{self._calls % 10_000:04d}"))
        self._messages.append(Message("assistant", words, tuple(known)))
        self._messages += [Message("tool", RUNNING, answers=call.id, tool=call.name) for call in known]
        return known

    def answered(self, call: str, content: str) -> None:
        """This came of a call."""
        self._messages = [replace(each, content=content) if each.answers == call else each for each in self._messages]
