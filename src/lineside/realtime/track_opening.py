"""The call of a Realtime session over WebRTC. Imported only where the extra `webrtc` is installed and used."""

from typing import Any

from lineside.openai_api.engine_choice import NamedEngines
from lineside.realtime.led_call import LedCall
from lineside.realtime.opening import LINE, RealtimeOpening, new_program
from lineside.realtime.track_session import TrackSession
from lineside.realtime.track_transport import TrackOutbox, TrackTransport
from lineside.transports.base import AudioMeter
from lineside.transports.call_facts import TEST_LINE, CallFacts
from lineside.transports.line_control import CallLeg, OfferedCall
from lineside.transports.webrtc.connection import WebRtcConnection


def offered_track_session(
    led: LedCall, connection: WebRtcConnection, opening: RealtimeOpening, engines: NamedEngines, longest: float
) -> tuple[OfferedCall, TrackSession]:
    """The call, and the program that leads it.

    Args:
        led: the call as programs beside it have it.
        connection: not yet connected; events wait for its data channel.
        opening: what was asked for.
        engines: names of theirs that the client may use.
        longest: seconds of a session.

    Raises:
        RealtimeError: the session that was given cannot be.
    """
    outbox = TrackOutbox(connection)

    def send(kind: str, fields: dict[str, Any]) -> None:
        outbox.put_event(kind, fields)
        led.put(kind, fields)

    session, first = new_program(TrackSession, led.id, opening, engines, longest, send)

    def connect(meter: AudioMeter) -> CallLeg:
        transport = TrackTransport(connection, session, led, meter)
        return CallLeg(transport, transport)

    facts = CallFacts(line=TEST_LINE if opening.test else LINE, codec="opus")
    return OfferedCall(facts, first, connect), session
