"""A Realtime session whose sound has a line of its own, WebRTC or a telephone's: events alone go to the client.

What differs from a WebSocket: the server plays, what the line brings is the input buffer, no sound stands in events,
the buffer of what is to be heard is here (`output_audio_buffer.*`), and an interruption truncates by itself.
"""

from collections.abc import Callable
from typing import Any

from lineside.call.playout_marks import USUAL_PACING
from lineside.protocol import AudioDone, BargeIn, ServerMessage
from lineside.realtime.client_events import AnyClientEvent, AudioAppend, OutputClear
from lineside.realtime.commands import ClientCommands
from lineside.realtime.errors import RealtimeError
from lineside.realtime.session import RealtimeSession
from lineside.realtime.sound import LINE_RATE, InputAudio

SOUND = "response.output_audio.delta"
LARGEST = 256 * 1024  # bytes of a message, as the SDP answer says
TRACK = {"type": "audio/pcm", "rate": LINE_RATE}


class TrackSession(RealtimeSession):
    """The session, as the call sees it."""

    lead, takes_back = USUAL_PACING.lead, USUAL_PACING.takes_back

    def __init__(self, config: dict[str, Any], send: Callable[[str, dict[str, Any]], None], **given: Any) -> None:
        """As `RealtimeSession`."""

        def but_sound(kind: str, fields: dict[str, Any]) -> None:
            if kind != SOUND:
                send(kind, fields)

        super().__init__(config, but_sound, **given)
        self._playing = ""  # id of the response whose sound is in the buffer

    def sound(self, pcm: bytes) -> None:
        """See `RealtimeSession`. The first of a response begins the buffer."""
        super().sound(pcm)
        if self.response is not None and self.response.id != self._playing:
            self._stopped("stopped")
            self._playing = self.response.id
            self.emit("output_audio_buffer.started", response_id=self._playing)

    def on_event(self, event: ServerMessage) -> None:
        """See `RealtimeSession`."""
        if isinstance(event, BargeIn):
            self._stopped("cleared")
        super().on_event(event)
        if isinstance(event, AudioDone):
            self._stopped("stopped")

    def cut(self) -> None:
        """The client wants the buffer to be empty: what is being said is over."""
        if self.response is not None and self.orders is not None:
            self.response.cancelled_by = "client_cancelled"
            self.orders.cancel()
        elif not self._playing:
            raise RealtimeError("output_audio_buffer_clear_empty", "Nothing is being played.")

    def _stopped(self, how: str) -> None:
        if self._playing:
            playing, self._playing = self._playing, ""
            self.emit(f"output_audio_buffer.{how}", response_id=playing)


class TrackAudio(InputAudio):
    """The input audio buffer: what the line brings, whatever format the session names."""

    def __init__(
        self,
        hear: Callable[[bytes], None],
        later: Callable[[float, Callable[[], None]], object],
        shape: dict[str, Any] = TRACK,
    ) -> None:
        """As `InputAudio`; `shape` is the line's format."""
        super().__init__(hear, later)
        self._track = shape

    def configure(self, shape: dict[str, Any], *, manual: bool) -> None:
        """See `InputAudio`."""
        super().configure(self._track, manual=manual)

    def heard(self, pcm: bytes) -> None:
        """The line's next sound. What nobody commits within half an hour is forgotten."""
        try:
            self.append(pcm)
        except RealtimeError:
            self.clear()


class TrackCommands(ClientCommands):
    """The client's side: a data channel, or WebSockets beside the call."""

    def __init__(self, session: TrackSession, sound: TrackAudio) -> None:
        super().__init__(session, sound)
        self._track_session = session

    def take(self, message: bytes | str) -> None:
        """See `ClientCommands`."""
        if len(message) > LARGEST:
            self._refuse(RealtimeError("invalid_value", f"The message has more than {LARGEST} bytes."), None)
        else:
            super().take(message)

    def _carry_out(self, event: AnyClientEvent) -> None:
        match event:
            case AudioAppend():
                wrong = "The call's own line is the input: input_audio_buffer.append is for sessions over WebSockets."
                raise RealtimeError("invalid_event", wrong, "type")
            case OutputClear():
                self._track_session.cut()
            case _:
                super()._carry_out(event)
