"""What a Realtime client wants, carried out on its session: one answer or one error for every event."""

from typing import Any

import msgspec

from lineside.realtime.client_events import (
    AnyClientEvent,
    AudioAppend,
    AudioClear,
    AudioCommit,
    ItemCreate,
    ItemDelete,
    ItemRetrieve,
    ItemTruncate,
    OutputClear,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    UnusableEvent,
    read_client_event,
)
from lineside.realtime.errors import RealtimeError, field_error
from lineside.realtime.items import Item, read_item
from lineside.realtime.session import RealtimeSession, Wanted
from lineside.realtime.session_config import ResponseFields, response_config, updated_session, without_nulls
from lineside.realtime.sound import InputAudio, too_short

ASIDES = 8  # responses beside the conversation at once
LONGEST_TYPED = 4000  # characters of a turn that is typed to an agent of ours


class ClientCommands:
    """The client's side of one session."""

    def __init__(self, session: RealtimeSession, sound: InputAudio) -> None:
        self._session, self._sound = session, sound
        self.configure()

    def configure(self) -> None:
        """Do what the session says now."""
        heard = self._session.config["audio"]["input"]
        self._sound.configure(heard["format"], manual=heard["turn_detection"] is None)

    @property
    def idle_timeout(self) -> float | None:
        """Seconds without speech after which the model prompts the caller, while nobody has the floor."""
        session = self._session
        detection = session.config["audio"]["input"]["turn_detection"] or {}
        wait = detection.get("idle_timeout_ms")
        busy = session.open_turn is not None or session.response is not None or session.config["type"] != "realtime"
        return None if wait is None or busy else float(wait) / 1000

    def nobody_speaks(self) -> None:
        """The time is over: an empty turn, and a response to it."""
        session = self._session
        if self.idle_timeout is None or session.orders is None:
            return
        item = Item(session.new_id("item"), "message", content=[{"type": "input_audio", "transcript": None}])
        now = round(self._sound.seconds * 1000)
        place = {"audio_start_ms": now, "audio_end_ms": now, "item_id": item.id}
        session.emit("input_audio_buffer.timeout_triggered", **place)
        session.add_spoken(item)
        self._respond({})

    def take(self, message: bytes | str) -> None:
        """One message of the client's."""
        try:
            event = read_client_event(message)
        except UnusableEvent as no:
            self._refuse(no.why, no.event_id)
            return
        try:
            self._carry_out(event)
        except RealtimeError as no:
            self._refuse(no, event.event_id)

    def _refuse(self, why: RealtimeError, event_id: str | None) -> None:
        error = {"type": why.kind, "code": why.code, "message": why.message, "param": why.param, "event_id": event_id}
        self._session.emit("error", error=error)

    def _carry_out(self, event: AnyClientEvent) -> None:
        session = self._session
        match event:
            case AudioAppend(audio=audio):
                self._sound.append(audio)
            case SessionUpdate(session=given):
                self._update(given)
            case AudioCommit():
                self._commit()
            case AudioClear():
                self._clear()
            case ItemCreate():
                self._create(event)
            case ItemRetrieve(item_id=item_id):
                item = session.conversation.known(item_id, "retrieving", "item_retrieve_invalid_item_id")
                session.emit("conversation.item.retrieved", item=item.shown())
            case ItemDelete(item_id=item_id):
                session.conversation.delete(item_id)
                session.emit("conversation.item.deleted", item_id=item_id)
            case ItemTruncate():
                self._truncate(event)
            case ResponseCreate(response=given):
                self._respond(without_nulls(given or {}))
            case ResponseCancel(response_id=response_id):
                self._cancel(response_id)
            case OutputClear():
                wrong = "output_audio_buffer.clear is for WebRTC and SIP: over a WebSocket the client plays."
                raise RealtimeError("invalid_event", wrong, "type")

    def _update(self, given: dict[str, Any]) -> None:
        session = self._session
        session.config = updated_session(session.config, given)
        self.configure()
        if session.orders is not None:
            session.orders.rules_changed()
        session.emit("session.updated", session=session.config)

    def _commit(self) -> None:
        session = self._session
        if session.config["audio"]["input"]["turn_detection"] is not None:
            if session.open_turn is None:
                raise too_short(0.0)
            said = None
        else:
            said = self._sound.take()
        if session.orders is not None:
            session.orders.commit(said)

    def _clear(self) -> None:
        session = self._session
        self._sound.clear()
        session.open_turn = None
        if session.orders is not None:
            session.orders.clear()
        session.emit("input_audio_buffer.cleared")

    def _create(self, event: ItemCreate) -> None:
        session = self._session
        item = read_item(event.item, session.new_id("item"))
        before = session.conversation.add(item, event.previous_item_id)
        session.emit("conversation.item.added", item=item.shown(), previous_item_id=before)
        session.emit("conversation.item.done", item=item.shown(), previous_item_id=before)

    def _truncate(self, event: ItemTruncate) -> None:
        item = self._session.conversation.truncate(event.item_id, event.audio_end_ms)
        self._session.emit(
            "conversation.item.truncated",
            item_id=item.id,
            content_index=event.content_index,
            audio_end_ms=event.audio_end_ms,
        )

    def _respond(self, given: dict[str, Any]) -> None:
        session = self._session
        if session.config["type"] == "transcription":
            raise RealtimeError("invalid_event", "A transcription session has no responses.", "type")
        aside = given.get("conversation") == "none"
        if session.response is not None and not aside:
            raise RealtimeError(
                "conversation_already_has_active_response",
                f"Conversation already has an active response in progress: {session.response.id}. "
                "Wait until the response is finished before creating a new one.",
            )
        try:
            fields = msgspec.convert(given, ResponseFields)
        except msgspec.ValidationError as wrong:
            raise field_error(wrong, "response") from None
        news = msgspec.to_builtins(fields)
        metadata, items = news.pop("metadata", None), self._input(news.pop("input", None))
        news.pop("conversation", None)
        if not session.leads:
            self._type_to_agent()
            return
        if "tools" in news:
            news["tools"] = given["tools"]
        whole = response_config(session.config, news)
        if session.orders is None:
            return
        if aside and len(session.asides) >= ASIDES:
            raise RealtimeError("rate_limit_exceeded", f"{ASIDES} responses beside the conversation are under way.")
        number = session.want(Wanted(whole, items, metadata))
        if aside:
            session.begin_aside(number)
            session.orders.respond_aside(number)
        else:
            session.orders.respond(number)

    def _type_to_agent(self) -> None:
        """An agent of ours answers what was typed since its last answer; it speaks first by itself."""
        session = self._session
        texts: list[str] = []
        for item in reversed(session.conversation.items):
            if item.kind != "message" or item.role != "user" or item.turn:
                break
            texts.insert(0, item.text)
        if texts and session.orders is not None:
            session.orders.typed(" ".join(texts)[:LONGEST_TYPED])

    def _input(self, given: list[dict[str, Any]] | None) -> tuple[Item, ...] | None:
        """Items in place of the conversation. Raises `RealtimeError`."""
        if given is None:
            return None
        session = self._session
        found = []
        for at, raw in enumerate(given):
            if raw.get("type") == "item_reference":
                wanted = str(raw.get("id", ""))
                found.append(session.conversation.known(wanted, "referring to", "item_reference_invalid_item_id"))
            else:
                found.append(read_item(raw, session.new_id("item"), f"response.input[{at}]"))
        return tuple(found)

    def _cancel(self, response_id: str | None) -> None:
        session = self._session
        for number, aside in tuple(session.asides.items()):
            if aside.id == response_id:
                aside.cancelled_by = "client_cancelled"
                if session.orders is not None:
                    session.orders.cancel(number)
                session.end_aside(number, "cancelled")
                return
        if session.response is None or response_id not in (None, session.response.id):
            raise RealtimeError("response_cancel_not_active", "Cancellation failed: no active response found")
        session.response.cancelled_by = "client_cancelled"
        if session.orders is not None:
            session.orders.cancel()
