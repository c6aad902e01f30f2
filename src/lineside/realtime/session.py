"""A Realtime session as the call sees it: a program that leads, and that is told in OpenAI's events what happens."""

import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from lineside.audio.frame import SpokenAudio
from lineside.call.program import LimitReached, ModelPrompt, ProgramOrders, ProgramRules
from lineside.engines.protocols import Message, Token, ToolCall
from lineside.protocol import (
    AgentWords,
    BargeIn,
    Ended,
    LlmToken,
    Ready,
    ServerMessage,
    Transcript,
    TurnEnded,
    TurnStarted,
)
from lineside.realtime.conversation import Conversation
from lineside.realtime.items import Item
from lineside.realtime.model_request import instructed, model_prompt
from lineside.realtime.response import Response, Status
from lineside.realtime.session_config import rules_of
from lineside.realtime.sound import LINE_RATE
from lineside.realtime.turn_transcripts import TurnTranscripts
from lineside.realtime.usage import response_usage

LEAD = 0.4  # seconds of sound ahead of the caller's ear: a client cannot be made to give back what it has
BEFORE_SPEECH = 0.3  # seconds before the first voiced sample that belong to a turn


class Wanted(Struct, frozen=True):
    """A response that the client asked for."""

    fields: dict[str, Any]  # as the session, with what the client wants otherwise
    input: tuple[Item, ...] | None = None  # in place of the conversation
    metadata: dict[str, Any] | None = None


@dataclass
class SessionHooks:
    """What a session asks of its line, and tells it."""

    apart: Callable[[], float] = lambda: 0.0  # seconds of sound that the ear's clock does not count
    on_quiet: Callable[[], None] = lambda: None  # a response is over, or the caller has spoken


class RealtimeSession:
    """One session. It knows no socket: events leave by `send`, as their type and fields."""

    lead = LEAD
    takes_back = False

    def __init__(
        self,
        config: dict[str, Any],
        send: Callable[[str, dict[str, Any]], None],
        *,
        leads: bool = True,
        llm_model: str = "",
        voices: tuple[str, ...] = (),
    ) -> None:
        """`voices` are those of ours that a client may name; any other name means the usual one."""
        self.config, self._send, self.leads = config, send, leads
        self._ours = llm_model, voices
        self.conversation = Conversation(self.new_id("conv"))
        self.orders: ProgramOrders | None = None
        self.wanted: dict[int, Wanted] = {}  # by number, until they are answered
        self._numbers = itertools.count(1)
        self.asides: dict[int, Response] = {}  # beside the conversation, by the number of what was wanted
        self.response: Response | None = None  # that is under way in the conversation
        self._reply: int | None = None  # its number in the call
        self._shown: tuple[Message, ...] = ()  # to the model, for the response that is under way
        self.open_turn: Item | None = None  # that the caller speaks now
        self.hooks = SessionHooks()
        self._transcripts = TurnTranscripts(
            self.emit, lambda: self.config["audio"]["input"]["transcription"] is not None
        )

    def new_id(self, kind: str) -> str:
        """An id, such as `item_…`: at most 32 characters, as a call's must be."""
        return f"{kind}_{secrets.token_hex(9)}"

    def emit(self, kind: str, /, **fields: Any) -> None:
        """Tell the client this."""
        self._send(kind, {"event_id": f"event_{next(self._numbers)}"} | fields)

    def want(self, wanted: Wanted) -> int:
        """Keep what the client wants; the number to order it by."""
        number = next(self._numbers)
        self.wanted[number] = wanted
        return number

    # ── the call's program ─────────────────────────────────────────────────────────────────────────────────────────

    @property
    def rules(self) -> ProgramRules:
        """See `CallProgram`."""
        return rules_of(self.config)

    def attach(self, orders: ProgramOrders) -> None:
        """See `CallProgram`."""
        self.orders = orders

    def messages(self, asking: str) -> tuple[Message, ...]:
        """See `CallProgram`."""
        turn = self.open_turn.turn if self.open_turn is not None else 0
        return self.conversation.messages(self.config.get("instructions", ""), asking, turn)

    def prompt(self, turn: int, question: str, number: int | None) -> ModelPrompt:
        """See `CallProgram`."""
        wanted = self.wanted.get(number) if number is not None else None
        fields = wanted.fields if wanted is not None else self.config
        instructions = instructed(fields)
        if wanted is not None and wanted.input is not None:
            aside = Conversation("")
            aside.items = list(wanted.input)
            self._shown = aside.messages(instructions)
        else:
            self._shown = self.conversation.messages(instructions, question, turn)
        return model_prompt(fields, self._shown, *self._ours)

    def reply_began(self, reply: int, turn: int, number: int | None) -> None:
        """See `CallProgram`."""
        if self.response is not None and self._reply in (reply, None):
            self._reply = reply  # its sound came first
            return
        self._begin(self.wanted.get(number) if number is not None else None)
        self._reply = reply

    def model_did(self, reply: int, what: ToolCall | LimitReached) -> None:
        """See `CallProgram`."""
        if self.response is not None and reply == self._reply:
            self.response.did(what)

    def heard_so_far(self, turn: int, words: str) -> None:
        """See `CallProgram`."""
        if self.open_turn is not None and self.open_turn.turn == turn:
            self._transcripts.so_far(self.open_turn, words)

    def aside(self, number: int, part: Token | ToolCall | LimitReached | SpokenAudio) -> None:
        """See `CallProgram`."""
        if (response := self.asides.get(number)) is None:
            return
        match part:
            case Token(text=text) if response.text:
                response.token(text)
            case Token(text=text):
                response.thought(text)
            case ToolCall() | LimitReached():
                response.did(part)
            case SpokenAudio():
                before = response.seconds
                if part.pcm:
                    response.sound(response.output_audio.converted(part.pcm), part.seconds)
                for at, word in part.words:
                    response.words(word, round(before + at / LINE_RATE, 3))

    def aside_over(self, number: int, failed: str) -> None:
        """See `CallProgram`."""
        self.end_aside(number, "failed" if failed else "completed", failed)

    def end_aside(self, number: int, status: Status, failed: str = "") -> None:
        """An answer beside the conversation is over."""
        self.wanted.pop(number, None)
        if (response := self.asides.pop(number, None)) is not None:
            response.finish(status, response_usage((), response.written, response.seconds), failed)

    def begin_aside(self, number: int) -> None:
        """An answer beside the conversation is wanted."""
        self.asides[number] = self._new_response(self.wanted[number], in_conversation=False)

    def reply_over(self, reply: int, turn: int, failed: str) -> None:
        """See `CallProgram`."""
        if self.response is not None and reply == self._reply:
            self._finish("failed" if failed else "completed", failed)
        elif failed and (item := self.conversation.of_turn(turn)) is not None and item.waiting:
            self._transcripts.failed(item, failed)

    # ── what happens ───────────────────────────────────────────────────────────────────────────────────────────────

    def on_event(self, event: ServerMessage) -> None:
        """The call tells what happens."""
        match event:
            case Ready():
                self.emit("session.created", session=self.config)
            case TurnStarted():
                self._turn_started(event)
            case TurnEnded():
                self._turn_ended(event)
            case Transcript():
                self._understood(event)
            case AgentWords(reply=reply, filler=False) if reply == self._reply and self.response is not None:
                self.response.words(event.text, event.ends)
            case LlmToken(reply=reply) if reply == self._reply and self.response is not None:
                (self.response.token if self.response.text else self.response.thought)(event.token)
            case BargeIn(reply=reply) if reply == self._reply and self.response is not None:
                self.response.heard(event.heard)
                self._finish("cancelled")
            case Ended(reason="too_long"):  # the last thing that a client hears of it
                expired = {"type": "invalid_request_error", "code": "session_expired", "param": None, "event_id": None}
                self.emit("error", error=expired | {"message": "Your session hit the maximum duration."})
            case _:
                return

    def sound(self, pcm: bytes) -> None:
        """Sound of an answer goes out now, at `LINE_RATE`."""
        if self.response is None:
            self._begin(None)
            self._reply = None
        if (response := self.response) is not None:
            response.sound(response.output_audio.converted(pcm), len(pcm) / 2 / LINE_RATE)

    def _begin(self, wanted: Wanted | None) -> None:
        if self.response is not None:
            self._finish("cancelled")
        self.response = self._new_response(wanted)

    def _new_response(self, wanted: Wanted | None, *, in_conversation: bool = True) -> Response:
        fields = wanted.fields if wanted is not None else self.config
        shape = {
            "conversation_id": self.conversation.id if in_conversation else None,
            "output_modalities": fields.get("output_modalities", ["audio"]),
            "max_output_tokens": fields.get("max_output_tokens", "inf"),
            "audio": {"output": {name: fields["audio"]["output"][name] for name in ("format", "voice")}},
            "metadata": wanted.metadata if wanted is not None else None,
        }
        conversation = self.conversation if in_conversation else None
        begun = Response(self.new_id("resp"), self.emit, self.new_id, conversation, shape)
        self.emit("rate_limits.updated", rate_limits=[])  # there are none but the gateway's slots
        return begun

    def _finish(self, status: Any, failed: str = "") -> None:
        response, self.response, self._reply = self.response, None, None
        if response is not None:
            usage = response_usage(self._shown, response.written, response.seconds)
            response.finish(status, usage, failed)
            self.wanted = {number: one for number, one in self.wanted.items() if number in self.asides}
            self.hooks.on_quiet()

    def _turn_started(self, event: TurnStarted) -> None:
        self.open_turn = item = _spoken_item(self.new_id("item"), event.turn)
        item.seconds = event.at
        start = max(0.0, event.at - BEFORE_SPEECH) + self.hooks.apart()
        self.emit("input_audio_buffer.speech_started", audio_start_ms=round(start * 1000), item_id=item.id)
        self.hooks.on_quiet()

    def _turn_ended(self, event: TurnEnded) -> None:
        item, self.open_turn = self.open_turn, None
        if item is not None and item.turn == event.turn:
            end = event.at + (event.silence_ms or 0.0) / 1000 + self.hooks.apart()
            self.emit("input_audio_buffer.speech_stopped", audio_end_ms=round(end * 1000), item_id=item.id)
            item.seconds = max(0.0, event.at - item.seconds)
        else:
            self.open_turn, item = item, _spoken_item(self.new_id("item"), event.turn)
        self.add_spoken(item)

    def add_spoken(self, item: Item) -> None:
        """A turn of the caller's is in the conversation."""
        before = self.conversation.add(item)
        self.emit("input_audio_buffer.committed", item_id=item.id, previous_item_id=before)
        self.emit("conversation.item.added", item=item.shown(), previous_item_id=before)
        self.emit("conversation.item.done", item=item.shown(), previous_item_id=before)

    def _understood(self, event: Transcript) -> None:
        item = self.conversation.of_turn(event.turn)
        if item is None or not item.waiting:
            return
        self._transcripts.whole(item, event.text)
        if not event.text:
            self.hooks.on_quiet()


def _spoken_item(item_id: str, turn: int) -> Item:
    content: list[dict[str, Any]] = [{"type": "input_audio", "transcript": None}]
    return Item(item_id, "message", content=content, turn=turn, waiting=True)
