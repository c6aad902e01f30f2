"""What a client of the Realtime API may say, from the bytes of one message. Pure."""

import re
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from lineside.errors import UNREADABLE
from lineside.realtime.errors import RealtimeError, field_error

ID = Annotated[str, Meta(max_length=64)]


class ClientEvent(Struct, frozen=True, kw_only=True, tag_field="type"):
    """What all have; unknown fields are passed over, for clients are newer than servers."""

    event_id: str | None = None


class SessionUpdate(ClientEvent, frozen=True, kw_only=True, tag="session.update"):
    """Change the session."""

    session: dict[str, Any]


class AudioAppend(ClientEvent, frozen=True, kw_only=True, tag="input_audio_buffer.append"):
    """The caller's next sound, in the session's input format."""

    audio: bytes  # base64 on the wire


class AudioCommit(ClientEvent, frozen=True, kw_only=True, tag="input_audio_buffer.commit"):
    """What was appended is a turn."""


class AudioClear(ClientEvent, frozen=True, kw_only=True, tag="input_audio_buffer.clear"):
    """What was appended is none."""


class ItemCreate(ClientEvent, frozen=True, kw_only=True, tag="conversation.item.create"):
    """Put an item into the conversation."""

    item: Raw
    previous_item_id: ID | None = None  # "root": before all others


class ItemRetrieve(ClientEvent, frozen=True, kw_only=True, tag="conversation.item.retrieve"):
    """Tell an item."""

    item_id: str


class ItemDelete(ClientEvent, frozen=True, kw_only=True, tag="conversation.item.delete"):
    """Take an item out."""

    item_id: str


class ItemTruncate(ClientEvent, frozen=True, kw_only=True, tag="conversation.item.truncate"):
    """Only so much of an item's sound was heard."""

    item_id: str
    content_index: Annotated[int, Meta(ge=0)]
    audio_end_ms: Annotated[int, Meta(ge=0)]


class ResponseCreate(ClientEvent, frozen=True, kw_only=True, tag="response.create"):
    """Answer now."""

    response: dict[str, Any] | UnsetType | None = UNSET


class ResponseCancel(ClientEvent, frozen=True, kw_only=True, tag="response.cancel"):
    """Stop answering."""

    response_id: str | None = None


class OutputClear(ClientEvent, frozen=True, kw_only=True, tag="output_audio_buffer.clear"):
    """Cut what a server still plays; here the client plays."""


AnyClientEvent = (
    SessionUpdate
    | AudioAppend
    | AudioCommit
    | AudioClear
    | ItemCreate
    | ItemRetrieve
    | ItemDelete
    | ItemTruncate
    | ResponseCreate
    | ResponseCancel
    | OutputClear
)


class _Known(Struct):
    """As much of a message that cannot be used as an error needs."""

    type: Any = None
    event_id: Any = None


_decoder: msgspec.json.Decoder[AnyClientEvent] = msgspec.json.Decoder(AnyClientEvent)
_look = msgspec.json.Decoder(_Known).decode
KINDS = frozenset(str(kind.__struct_config__.tag) for kind in AnyClientEvent.__args__)


class UnusableEvent(Exception):
    """A message that is no event; the client's `event_id` where it has one."""

    def __init__(self, why: RealtimeError, event_id: str | None = None) -> None:
        super().__init__(why.message)
        self.why, self.event_id = why, event_id


def read_client_event(message: bytes | str) -> AnyClientEvent:
    """One message. Raises `UnusableEvent`."""
    try:
        return _decoder.decode(message)
    except UNREADABLE as no:
        raise _unusable(message, no) from None


def _unusable(message: bytes | str, why: Exception) -> UnusableEvent:
    try:
        known = _look(message)
    except UNREADABLE:
        return UnusableEvent(RealtimeError("invalid_json", "The message is no JSON object that can be read."))
    event_id = known.event_id if isinstance(known.event_id, str) else None
    if not isinstance(known.type, str):
        wanted = RealtimeError("invalid_event", "The event has no 'type'.", "type")
        return UnusableEvent(wanted, event_id)
    if known.type not in KINDS:
        kind = re.sub(r"[^\w.]", "?", known.type[:64])
        supported = ", ".join(f"'{name}'" for name in sorted(KINDS))
        wrong = f"Invalid value: '{kind}'. Supported values are: {supported}."
        return UnusableEvent(RealtimeError("invalid_value", wrong, "type"), event_id)
    if isinstance(why, msgspec.ValidationError):
        return UnusableEvent(field_error(why), event_id)
    return UnusableEvent(RealtimeError("invalid_json", "The event cannot be read."), event_id)
