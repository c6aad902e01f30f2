"""The call of a Realtime session over WebRTC. Imported only where the extra `webrtc` is installed and used."""

import time

from lineside.openai_api.engine_choice import EngineChoice, NamedEngines
from lineside.realtime.opening import AGENT, LINE, RealtimeOpening, first_message
from lineside.realtime.session_config import new_session, updated_session
from lineside.realtime.track_session import TrackSession
from lineside.realtime.track_transport import TrackOutbox, TrackTransport
from lineside.transports.base import AudioMeter
from lineside.transports.call_facts import TEST_LINE, CallFacts
from lineside.transports.line_control import CallLeg, OfferedCall
from lineside.transports.webrtc.connection import WebRtcConnection


def offered_track_session(
    call_id: str, connection: WebRtcConnection, opening: RealtimeOpening, engines: NamedEngines, longest: float
) -> tuple[OfferedCall, TrackSession]:
    """The call, and the program that leads it.

    Args:
        call_id: that the call has in lists and records.
        connection: not yet connected; events wait for its data channel.
        opening: what was asked for.
        engines: names of theirs that the client may use.
        longest: seconds of a session.

    Raises:
        RealtimeError: the session that was given cannot be.
    """
    leads = not opening.model.startswith(AGENT)
    config = new_session(f"sess_{call_id}", opening.model, int(time.time() + longest), opening.kind)
    if opening.session is not None:
        config = updated_session(config, {"type": opening.kind} | opening.session)
    named = EngineChoice(engines).named("llm", opening.model)
    outbox = TrackOutbox(connection)
    voices = engines.engine("tts").info.choices
    session = TrackSession(config, outbox.put, leads=leads, llm_model=named.choice, voices=voices)

    def connect(meter: AudioMeter) -> CallLeg:
        transport = TrackTransport(connection, session, meter)
        return CallLeg(transport, transport)

    facts = CallFacts(line=TEST_LINE if opening.test else LINE, codec="opus")
    first = first_message(named.engine, named.choice, leads=leads, tools=not leads and not opening.test)
    return OfferedCall(facts, first, connect), session
