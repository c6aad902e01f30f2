"""Items of a Realtime conversation: messages, calls of functions, and what came of them. Pure."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from lineside.realtime.errors import RealtimeError, field_error

LONGEST_TEXT = 100_000  # characters of one part
LONGEST_ITEM = 200_000  # characters of all parts: what is told of it stays under 1 MiB, the least that clients read
Text = Annotated[str, Meta(max_length=LONGEST_TEXT)]
Id = Annotated[str, Meta(min_length=1, max_length=64)]
ItemStatus = Literal["in_progress", "completed", "incomplete"]
ItemKind = Literal["message", "function_call", "function_call_output"]


class SpokenWord(Struct, frozen=True):
    """Words of an answer, as they are written, and when they have been heard."""

    ends: float  # seconds of the item's sound
    text: str


class Item(Struct):
    """One item. Its conversation changes it; nothing else does."""

    id: str
    kind: ItemKind
    role: Literal["user", "assistant", "system"] = "user"
    content: list[dict[str, Any]] = []
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    output: str = ""
    status: ItemStatus = "completed"
    spoken: list[SpokenWord] = []  # of an answer that sounds
    seconds: float = 0.0  # of sound, sent or heard
    heard_to: float | None = None  # seconds of it that were heard, where it was cut short
    told_to: float | None = None  # what the client says of that
    turn: int = 0  # of the caller's, that it is the words of
    waiting: bool = False  # its words are not known yet
    words: str = ""  # of the caller's sound, whether the client is told of them or not
    sent_words: str = ""  # of these, in pieces
    said: str = ""  # all that was spoken, whether it was heard or not

    @property
    def text(self) -> str:
        """What is written or was said in it."""
        return self.words or " ".join(
            filter(None, (part.get("text") or part.get("transcript") or "" for part in self.content))
        )

    @property
    def audible(self) -> bool:
        """Whether it is an answer with sound."""
        return self.role == "assistant" and any(part["type"] == "output_audio" for part in self.content)

    def limit(self, seconds: float) -> None:
        """Only so much of it was heard; of two such limits the smaller holds."""
        self.heard_to = seconds if self.heard_to is None else min(self.heard_to, seconds)
        self.status = "incomplete"
        self.write()

    def say(self, word: SpokenWord) -> None:
        """One more word was said. Nothing is joined anew: an answer has hundreds."""
        self.spoken.append(word)
        self.said += word.text
        if self.heard_to is None:
            self.content = [{"type": "output_audio", "transcript": self.said.strip()}]
        else:
            self.write()

    def write(self) -> None:
        """Have its transcript be the words that were said, as far as they were heard."""
        limit = self.heard_to
        words = "".join(word.text for word in self.spoken if limit is None or word.ends <= limit)
        self.content = [{"type": "output_audio", "transcript": words.strip()}]

    def shown(self) -> dict[str, Any]:
        """As events have it."""
        head: dict[str, Any] = {"id": self.id, "object": "realtime.item", "type": self.kind, "status": self.status}
        if self.kind == "message":
            return head | {"role": self.role, "content": [dict(part) for part in self.content]}
        if self.kind == "function_call":
            return head | {"call_id": self.call_id, "name": self.name, "arguments": self.arguments}
        return head | {"call_id": self.call_id, "output": self.output}


class _Part(Struct, frozen=True):
    type: Literal["input_text", "input_audio", "input_image", "output_text", "output_audio", "text", "audio"]
    text: Text | None = None
    transcript: Text | None = None
    audio: bytes | None = None


class _Given(Struct, frozen=True):
    type: ItemKind
    id: Id | None = None
    role: Literal["user", "assistant", "system"] | None = None
    content: Annotated[list[_Part], Meta(max_length=64)] = []
    call_id: Annotated[str, Meta(max_length=64)] | None = None
    name: Annotated[str, Meta(max_length=64)] | None = None
    arguments: Text | None = None
    output: Text | None = None


def read_item(raw: Any, new_id: str, root: str = "item") -> Item:
    """An item that a client gives, from JSON or from what was read of it. Raises `RealtimeError`."""
    try:
        given = msgspec.json.decode(raw, type=_Given) if isinstance(raw, msgspec.Raw) else msgspec.convert(raw, _Given)
    except msgspec.ValidationError as wrong:
        raise field_error(wrong, root) from None
    size = sum(len(part.text or "") + len(part.transcript or "") for part in given.content)
    if size > LONGEST_ITEM:
        too_long = f"An item has at most {LONGEST_ITEM} characters."
        raise RealtimeError("invalid_value", too_long, f"{root}.content")
    item_id = given.id or new_id
    if given.type == "message":
        if given.role is None:
            raise _missing(f"{root}.role")
        content = [_part(part, given.role, f"{root}.content[{at}]") for at, part in enumerate(given.content)]
        return Item(item_id, "message", given.role, content)
    if not given.call_id:
        raise _missing(f"{root}.call_id")
    if given.type == "function_call":
        if not given.name:
            raise _missing(f"{root}.name")
        arguments = given.arguments or "{}"
        return Item(item_id, "function_call", call_id=given.call_id, name=given.name, arguments=arguments)
    return Item(item_id, "function_call_output", call_id=given.call_id, output=given.output or "")


def _part(part: _Part, role: str, place: str) -> dict[str, Any]:
    if part.type == "input_image":
        raise RealtimeError("unsupported_content_type", "No model of this gateway sees images.", place)
    if role == "assistant":
        if part.type not in ("output_text", "text", "output_audio"):
            wrong = f"Assistant messages hold 'output_text', not '{part.type}'."
            raise RealtimeError("invalid_value", wrong, f"{place}.type")
        return {"type": "output_text", "text": part.text or part.transcript or ""}
    if part.type in ("input_text", "text"):
        if part.text is None:
            raise _missing(f"{place}.text")
        return {"type": "input_text", "text": part.text}
    if part.type == "input_audio" and role == "user":
        if part.transcript is None:
            wrong = "Send recorded sound by input_audio_buffer.append, or with its transcript."
            raise RealtimeError("unsupported_content_type", wrong, place)
        return {"type": "input_audio", "transcript": part.transcript}
    raise RealtimeError("invalid_value", f"A message of the role {role} cannot hold '{part.type}'.", f"{place}.type")


def _missing(param: str) -> RealtimeError:
    return RealtimeError("missing_required_parameter", f"Missing required parameter: '{param}'.", param)
