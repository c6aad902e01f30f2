"""A program that leads a call, as OpenAI's Realtime API has it: instructions, tools, when to answer are its own.

The call still listens, ends turns, notices interruptions, synthesises and keeps the ledger of heard words. What is said
to the model, and when, `CallProgram` says; what it wants done, it orders from the call's `ProgramOrders`.
"""

from typing import Literal, Protocol

from msgspec import Struct

from lineside.audio.frame import SpokenAudio, Utterance
from lineside.call.chat_history import ChatHistory
from lineside.call.tool_exchange import ToolExchange
from lineside.engines.protocols import LlmRequest, Message, Token, ToolCall
from lineside.turns.endpointing import Profile


class ProgramRules(Struct, frozen=True):
    """How turns end and what follows them."""

    profile: Profile | Literal["silence"] = "silence"
    silence: float = 0.5  # seconds inside a turn at most
    answers: bool = True  # a spoken turn is answered by itself
    interruptible: bool = True  # the caller may talk over a reply


class LimitReached(Struct, frozen=True):
    """The model's answer was as long as it might be: it may have meant to go on."""


class ModelPrompt(Struct, frozen=True):
    """What the language model is asked for one reply, and how its answer leaves."""

    messages: tuple[Message, ...]
    request: LlmRequest
    speaks: bool = True  # False: text only
    voice: str = ""


class ProgramOrders(Protocol):
    """What a leading program may have done. Nothing here waits."""

    def rules_changed(self) -> None:
        """`CallProgram.rules` are others now."""
        ...

    def respond(self, number: int) -> None:
        """Answer from the conversation as it stands. `number` comes back in `CallProgram.prompt`."""
        ...

    def respond_aside(self, number: int) -> None:
        """The same beside the conversation: the answer comes by `CallProgram.aside`, and nobody hears it here."""
        ...

    def typed(self, text: str) -> None:
        """The caller's program typed a turn, which an agent of ours answers."""
        ...

    def cancel(self, aside: int | None = None) -> None:
        """Stop the reply that sounds or is written, or the answer `aside` of that number."""
        ...

    def commit(self, said: Utterance | None = None) -> None:
        """End the open turn by hand, or take this sound as one. It is written down, not answered."""
        ...

    def clear(self) -> None:
        """Drop the open turn."""
        ...


class CallProgram(Protocol):
    """The program, as the call sees it. Nothing here waits."""

    leads: bool  # False: an agent of ours leads, and the program is only told
    lead: float  # seconds of sound that are sent ahead of the caller's ear
    takes_back: bool  # what was sent and not played can be made unsaid

    @property
    def rules(self) -> ProgramRules:
        """How turns end now."""
        ...

    def attach(self, orders: ProgramOrders) -> None:
        """The call is there."""
        ...

    def messages(self, asking: str) -> tuple[Message, ...]:
        """The conversation for a language model, with a question that is not part of it yet."""
        ...

    def prompt(self, turn: int, question: str, number: int | None) -> ModelPrompt:
        """What the model is asked: to answer a spoken turn, or what was ordered under that number."""
        ...

    def reply_began(self, reply: int, turn: int, number: int | None) -> None:
        """A reply may be heard from now on. `number`: it was ordered."""
        ...

    def model_did(self, reply: int, what: ToolCall | LimitReached) -> None:
        """The model calls a tool of the program's, or its answer was cut."""
        ...

    def heard_so_far(self, turn: int, words: str) -> None:
        """The caller's open turn begins with these words, which will hardly change."""
        ...

    def aside(self, number: int, part: Token | ToolCall | LimitReached | SpokenAudio) -> None:
        """A part of an answer beside the conversation; sound at the line's rate, words and calls as they come."""
        ...

    def aside_over(self, number: int, failed: str) -> None:
        """That answer is complete, or an engine failed."""
        ...

    def reply_over(self, reply: int, turn: int, failed: str) -> None:
        """A reply was heard to its end, or there was nothing to say; `failed`: what an engine could not do."""
        ...


class ProgramHistory(ChatHistory):
    """The conversation of a call that a program leads: the program keeps it."""

    def __init__(self, program: CallProgram) -> None:
        super().__init__(())
        self._program = program

    def caller(self, text: str) -> None:
        """See `ChatHistory`: the program is told by events."""

    def agent(self, heard: str) -> None:
        """See `ChatHistory`: the program is told by events."""

    def tools(self, exchange: ToolExchange) -> None:
        """See `ChatHistory`: the program has its own tools."""

    def messages(self, *, asking: str = "", context: str = "") -> tuple[Message, ...]:
        """See `ChatHistory`."""
        return self._program.messages(asking)

    @property
    def last_agent_words(self) -> str:
        """See `ChatHistory`."""
        last = self.said[-1:]
        return last[0].content if last and last[0].role == "assistant" else ""

    @property
    def said(self) -> tuple[Message, ...]:
        """See `ChatHistory`."""
        return tuple(message for message in self._program.messages("") if message.role in ("user", "assistant"))
