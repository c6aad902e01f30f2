"""One response: its items and parts, opened and closed in the order in which clients want to hear of them. Pure."""

from collections.abc import Callable
from typing import Any, Literal

from lineside.call.program import LimitReached
from lineside.engines.protocols import ToolCall
from lineside.realtime.conversation import Conversation
from lineside.realtime.items import Item, SpokenWord
from lineside.realtime.sound import OutputAudio

Emit = Callable[..., None]  # takes an event's type and its fields
Status = Literal["completed", "cancelled", "failed", "incomplete"]


class Response:
    """A response that is under way."""

    def __init__(
        self,
        response_id: str,
        emit: Emit,
        new_id: Callable[[str], str],
        conversation: Conversation | None,
        shape: dict[str, Any],
    ) -> None:
        """`conversation`: whose items its output becomes; None: out of band. `shape`: what all its events repeat."""
        self.id, self._emit, self._new_id, self._conversation = response_id, emit, new_id, conversation
        self._shape = shape
        self.text = shape["output_modalities"] == ["text"]  # not spoken
        self.output_audio = OutputAudio(shape["audio"]["output"]["format"])
        self.output: list[Item] = []
        self.message: Item | None = None  # the open one
        self._number = 0  # of its place in the output
        self.cancelled_by: Literal["turn_detected", "client_cancelled"] = "turn_detected"
        self.written = ""
        self._limited = False  # cut short by max_output_tokens
        self._will_speak = False  # it has words that are to be heard
        emit("response.created", response=self._shown("in_progress", None))

    def sound(self, payload: bytes, seconds: float) -> None:
        """Sound of the answer, in the client's format."""
        item = self._open()
        item.seconds += seconds
        self._emit("response.output_audio.delta", **self._place(item), delta=payload)

    def words(self, text: str, ends: float) -> None:
        """Words go out that will have been heard at that second of the answer's sound."""
        item = self._open()
        begins = item.spoken[-1].ends if item.spoken else 0.0
        item.say(SpokenWord(ends, text))
        self.written += text
        # LiveKit's plugin reads `start_time`, seconds of the item's sound; others pass over it.
        self._emit("response.output_audio_transcript.delta", **self._place(item), delta=text, start_time=begins)

    def thought(self, text: str) -> None:
        """The model writes this; it will be heard later, if it is words."""
        self._will_speak = self._will_speak or bool(text.strip())

    def token(self, text: str) -> None:
        """Text of an answer that is not spoken."""
        item = self._open()
        self.written += text
        item.content = [{"type": "output_text", "text": self.written.strip()}]
        self._emit("response.output_text.delta", **self._place(item), delta=text)

    def did(self, what: ToolCall | LimitReached) -> None:
        """The model calls a function, or its answer was cut."""
        if isinstance(what, ToolCall):
            self._called(what)
        else:
            self._limited = True

    def _called(self, call: ToolCall) -> None:
        """The model calls a function: a whole item at once, behind the words that it wrote before."""
        if self._will_speak:
            self._open()
        item = Item(self._new_id("item"), "function_call", "assistant", call_id=self._new_id("call"), name=call.name)
        item.status = "in_progress"
        self._added(item)
        place = {"response_id": self.id, "item_id": item.id, "output_index": len(self.output) - 1}
        item.arguments, item.status = call.arguments or "{}", "completed"
        self.written += item.arguments
        told = place | {"call_id": item.call_id}
        self._emit("response.function_call_arguments.delta", **told, delta=item.arguments)
        self._emit("response.function_call_arguments.done", **told, name=item.name, arguments=item.arguments)
        self._finished(item)

    def heard(self, text: str) -> None:
        """The answer was cut: this is what the caller heard of it, by the ledger of its sound."""
        item = self.message
        if item is None or self.text:
            return
        reached, limit = "", 0.0
        for word in item.spoken:
            reached += word.text
            if len(reached.strip()) > len(text):
                break
            limit = word.ends
        item.limit(limit)

    def finish(self, status: Status, usage: dict[str, Any], failed: str = "") -> None:
        """Close all that is open, in order, and the response."""
        status = "incomplete" if status == "completed" and self._limited else status
        if (item := self.message) is not None:
            self._close(item, status)
        details: dict[str, Any] = {"type": status}
        if status == "cancelled":
            details["reason"] = self.cancelled_by
        elif status == "incomplete":
            details["reason"] = "max_output_tokens"
        elif status == "failed":
            details["error"] = {"type": "server_error", "code": "engine_failed", "message": failed}
        told = None if status == "completed" else details
        self._emit("response.done", response=self._shown(status, told) | {"usage": usage})

    @property
    def seconds(self) -> float:
        """Of sound that was sent."""
        return sum(item.seconds for item in self.output)

    def _close(self, item: Item, status: Status) -> None:
        place = self._place(item)
        item.status = "completed" if status == "completed" else "incomplete"
        if self.text:
            part = {"type": "text", "text": item.text}
            self._emit("response.output_text.done", **place, text=item.text)
        else:
            part = {"type": "audio", "transcript": item.text}
            self._emit("response.output_audio.done", **place)
            self._emit("response.output_audio_transcript.done", **place, transcript=item.text)
        self._emit("response.content_part.done", **place, part=part)
        self._finished(item)

    def _open(self) -> Item:
        if self.message is not None:
            return self.message
        item = Item(self._new_id("item"), "message", "assistant", status="in_progress")
        self._added(item)
        self.message, self._number = item, len(self.output) - 1
        part: dict[str, Any] = {"type": "text", "text": ""} if self.text else {"type": "audio", "transcript": ""}
        kind = "output_text" if self.text else "output_audio"
        item.content = [{"type": kind, "text" if self.text else "transcript": ""}]
        self._emit("response.content_part.added", **self._place(item), part=part)
        return item

    def _added(self, item: Item) -> None:
        self.output.append(item)
        self._emit(
            "response.output_item.added", response_id=self.id, output_index=len(self.output) - 1, item=item.shown()
        )
        if self._conversation is not None:
            before = self._conversation.add(item)
            self._emit("conversation.item.added", item=item.shown(), previous_item_id=before)

    def _finished(self, item: Item) -> None:
        index = self.output.index(item)
        self._emit("response.output_item.done", response_id=self.id, output_index=index, item=item.shown())
        if self._conversation is not None and self._conversation.find(item.id) is item:
            before = self._conversation.before(item)
            self._emit("conversation.item.done", item=item.shown(), previous_item_id=before)

    def _place(self, item: Item) -> dict[str, Any]:
        return {"response_id": self.id, "item_id": item.id, "output_index": self._number, "content_index": 0}

    def _shown(self, status: str, details: dict[str, Any] | None) -> dict[str, Any]:
        output = [item.shown() for item in self.output]
        head = {"id": self.id, "object": "realtime.response", "status": status, "status_details": details}
        return head | {"output": output, "usage": None} | self._shape
