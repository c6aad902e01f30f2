"""What a connection to `/v1/realtime` asks for, and the call that comes of it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

from msgspec import Struct

from lineside.openai_api.engine_choice import EngineChoice, NamedEngines
from lineside.protocol import EndReason, FirstMessage
from lineside.realtime.session import RealtimeSession
from lineside.realtime.session_config import new_session, updated_session
from lineside.realtime.sound import LINE_RATE
from lineside.realtime.transport import RealtimeOutbox, RealtimeTransport
from lineside.transports.base import AudioMeter
from lineside.transports.call_facts import TEST_LINE, CallFacts
from lineside.transports.frame_grace import FrameGrace
from lineside.transports.line_control import CallLeg, OfferedCall
from lineside.transports.websocket import WebSocket
from lineside.transports.work_budget import WorkBudget

LINE = "realtime"
LARGEST = 28 << 20  # bytes of one message: more than the 15 MiB of sound that one may hold, so that an error can say so
WORK_PER_SECOND, WORK_AT_ONCE = 8 << 20, 64 << 20  # of frames and bytes: a client may bring minutes of sound at once
LONGEST_MODEL = 200  # characters
AGENT = "agent:"  # before the name of an agent of ours in `model`
USUAL_MODEL = "gpt-realtime"
KEY_PROTOCOL = "openai-insecure-api-key."  # before the key, among the subprotocols that a browser offers
SUBPROTOCOL = "realtime"
S = TypeVar("S", bound=RealtimeSession)


class RealtimeOpening(Struct, frozen=True):
    """A connection, before it is a session."""

    model: str = USUAL_MODEL
    kind: Literal["realtime", "transcription"] = "realtime"
    session: dict[str, Any] | None = None  # what a client secret was made for
    subprotocol: str = ""
    test: bool = False  # no customer's: the history can leave it out


def read_opening(query: Mapping[str, str], offered: str, secret: dict[str, Any] | None) -> RealtimeOpening:
    """What the request says.

    Args:
        query: of its address.
        offered: its `Sec-WebSocket-Protocol`.
        secret: the session of the client secret that it came with, if it did.
    """
    names = [name.strip() for name in offered.split(",")]
    given = secret or {}
    transcribes = query.get("intent") == "transcription" or given.get("type") == "transcription"
    return RealtimeOpening(
        model=str(query.get("model") or given.get("model") or USUAL_MODEL)[:LONGEST_MODEL],
        kind="transcription" if transcribes else "realtime",
        session=secret,
        subprotocol=SUBPROTOCOL if SUBPROTOCOL in names else "",
        test=query.get("test") == "true",
    )


def key_offered(offered: str | None) -> str | None:
    """The key among the subprotocols: a browser's socket carries no header."""
    names = (name.strip() for name in (offered or "").split(","))
    return next((name.removeprefix(KEY_PROTOCOL) for name in names if name.startswith(KEY_PROTOCOL)), None)


def realtime_socket(gone: Any) -> WebSocket:
    """The server's end of a client's WebSocket. `gone` as in `WebSocket`."""
    budget = WorkBudget(asyncio.get_running_loop().time, WORK_PER_SECOND, WORK_AT_ONCE)
    return WebSocket(LARGEST, 20.0, gone, budget, sound_in_text=True)


def offered_session(
    call_id: str, ws: WebSocket, opening: RealtimeOpening, engines: NamedEngines, longest: float
) -> tuple[OfferedCall, RealtimeSession]:
    """The call, and the program that leads it.

    Args:
        call_id: that the call has in lists and records.
        ws: is open.
        opening: what was asked for.
        engines: names of theirs that the client may use.
        longest: seconds of a session.

    Raises:
        RealtimeError: the session of its client secret no longer holds.
    """
    over: asyncio.Future[EndReason] = asyncio.get_running_loop().create_future()
    outbox = RealtimeOutbox(ws, over)
    session, first = new_program(RealtimeSession, call_id, opening, engines, longest, outbox.put)

    def connect(meter: AudioMeter) -> CallLeg:
        transport = RealtimeTransport(ws, session, outbox, meter)
        return CallLeg(FrameGrace(transport), transport)

    return OfferedCall(CallFacts(line=TEST_LINE if opening.test else LINE, codec="audio/pcm"), first, connect), session


def new_program(
    kind: type[S],
    call_id: str,
    opening: RealtimeOpening,
    engines: NamedEngines,
    longest: float,
    send: Callable[[str, dict[str, Any]], None],
) -> tuple[S, FirstMessage]:
    """The session that leads a call, and what the call asks for. `send` takes its events; the rest as above.

    Raises:
        RealtimeError: the session that was given cannot be.
    """
    leads = not opening.model.startswith(AGENT)
    config = new_session(f"sess_{call_id}", opening.model, int(time.time() + longest), opening.kind)
    if opening.session is not None:
        config = updated_session(config, {"type": opening.kind} | opening.session)
    named = EngineChoice(engines).named("llm", opening.model)
    voices = engines.engine("tts").info.choices
    session = kind(config, send, leads=leads, llm_model=named.choice, voices=voices)
    first = FirstMessage(
        codec="pcm",
        sample_rate=LINE_RATE,
        llm_engine=named.engine,
        llm_model=named.choice,
        system_prompt="" if leads else None,
        greeting="" if leads else None,
        tools=not leads and not opening.test,
    )
    return session, first
