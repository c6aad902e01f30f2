"""A telephone call that a program leads: the line's sound, in its codec, and the Realtime session between.

Events go to the WebSockets beside the call (`LedCall`), and keys are one of them.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from lineside.openai_api.engine_choice import NamedEngines
from lineside.protocol import ClientMessage, Codec, Dtmf, EndReason, ServerMessage
from lineside.realtime.idle_timer import IdleTimer
from lineside.realtime.led_call import LedCall
from lineside.realtime.opening import RealtimeOpening, new_program
from lineside.realtime.sound import LINE_RATE, OutputAudio
from lineside.realtime.track_session import TrackAudio, TrackCommands, TrackSession
from lineside.transports.base import AudioMeter, Transport, TransportListener
from lineside.transports.line_control import CallLeg, OfferedCall

SHAPES: dict[Codec, dict[str, Any]] = {"g711_ulaw": {"type": "audio/pcmu"}, "g711_alaw": {"type": "audio/pcma"}}


def led_telephone_call(
    led: LedCall, offered: OfferedCall, opening: RealtimeOpening, engines: NamedEngines, longest: float
) -> tuple[OfferedCall, TrackSession]:
    """The call that a line has for us, led by a program.

    Args:
        led: the call as programs have it; `control` is set once the line is connected.
        offered: what the line gives.
        opening: the session that the program wants.
        engines: names of theirs that it may use.
        longest: seconds of a session.

    Raises:
        RealtimeError: the session cannot be.
    """
    session, first = new_program(TrackSession, led.id, opening, engines, longest, led.put)

    def connect(meter: AudioMeter) -> CallLeg:
        leg = offered.connect(meter)
        led.control = leg.control
        return CallLeg(TelephoneTransport(leg.transport, session, led), leg.control)

    first = replace(first, caller=offered.first.caller)
    return OfferedCall(offered.facts, first, connect, offered.plan), session


class TelephoneTransport:
    """The media face of such a call: the line's own, at the session's rate."""

    codec: Codec = "pcm"
    rate = LINE_RATE

    def __init__(self, line: Transport, session: TrackSession, led: LedCall) -> None:
        loop = asyncio.get_running_loop()
        self._line, self._session, self._led = line, session, led
        self._shape = SHAPES.get(line.codec) or {"type": "audio/pcm", "rate": line.rate}
        self._output = OutputAudio(self._shape)
        self._listener: TransportListener | None = None
        self._input = TrackAudio(self._hear, loop.call_later, self._shape)
        self._commands = TrackCommands(session, self._input)
        self._idle = IdleTimer(self._commands, loop.call_later)
        session.hooks.apart = lambda: self._input.apart
        session.hooks.on_quiet = self._idle.begin_anew
        self.mark: Callable[[str], bool] = line.mark

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""
        self._listener = listener
        self._idle.line_is_up()
        self._led.line_is_up(self._session, self._commands.take)
        try:
            return await self._line.run(_LineListener(listener, self._input.heard, self._message))
        finally:
            self._listener = None
            self._idle.line_is_over()
            self._led.over()

    def send(self, payload: bytes) -> None:
        """See `Transport`."""
        self._session.sound(payload)
        self._line.send(self._output.converted(payload))

    def clear(self) -> float | None:
        """See `Transport`."""
        self._output = OutputAudio(self._shape)  # what its filter holds is of the answer that is cut
        return self._line.clear()

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`."""
        self._session.on_event(event)

    def _hear(self, pcm: bytes) -> None:
        if self._listener is not None:
            self._listener.on_audio(pcm)

    def _message(self, message: ClientMessage) -> None:
        """Keys are told to the program that leads; an agent of ours has them as on every other line."""
        if isinstance(message, Dtmf):
            for key in message.digits:
                kind = "input_audio_buffer.dtmf_event_received"
                self._session.emit(kind, event=key, received_at=int(time.time()))
            if self._session.leads:
                return
        if self._listener is not None:
            self._listener.on_message(message)


class _LineListener:
    """The call, as the line has it: another takes sound and messages first."""

    def __init__(
        self, call: TransportListener, hear: Callable[[bytes], None], message: Callable[[ClientMessage], None]
    ) -> None:
        self.on_audio, self.on_message = hear, message
        self.on_bad_message, self.on_hold, self.on_mark = call.on_bad_message, call.on_hold, call.on_mark
        self.on_line_away, self.on_line_back = call.on_line_away, call.on_line_back
        self.on_line_measured = call.on_line_measured
