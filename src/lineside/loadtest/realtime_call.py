"""Simulated callers behind a program of OpenAI's Realtime API: sound as base64 in JSON, both ways, at 24 kHz.

The session leads itself: it has no tools and no greeting, so that nothing outside is reached.
"""

import asyncio
import base64
from collections.abc import Callable

import aiohttp
import msgspec
from msgspec import Struct

from lineside.loadtest.plan import Plan
from lineside.loadtest.simulated_caller import SimulatedCaller
from lineside.loadtest.telephone_call import CallOutcome, CallScript, until_over
from lineside.protocol import AudioDone, AudioStarted, BargeIn, Clear, Error, ReplyText, Transcript

OPENS_WITHIN = 10.0  # seconds
FORMATS = {"pcm": {"type": "audio/pcm", "rate": 24_000}, "g711_ulaw": {"type": "audio/pcmu"}}
FORMATS["g711_alaw"] = {"type": "audio/pcma"}
SAID = 10_000  # frames whose messages are kept: all that recordings have, said again and again


class _Response(Struct, frozen=True):
    status: str = ""


class _Wrong(Struct, frozen=True):
    code: str | None = None


class _Event(Struct, frozen=True):
    type: str
    delta: str = ""
    transcript: str = ""
    response: _Response | None = None
    error: _Wrong | None = None


_decode = msgspec.json.Decoder(_Event).decode
_messages: dict[bytes, str] = {}  # of frames, which all callers share


class SessionEar:
    """What a session's events tell its caller, in the words of a browser's."""

    def __init__(self, caller: SimulatedCaller, clock: Callable[[], float]) -> None:
        self._caller, self._clock = caller, clock
        self._reply, self._sounding = 0, False

    def on_event(self, event: _Event) -> None:
        """An event of the server's."""
        caller, now, where = self._caller, self._clock(), {"at": 0.0, "turn": 0, "reply": self._reply}
        match event.type:
            case "response.output_audio.delta":
                if not self._sounding:
                    self._sounding, self._reply = True, self._reply + 1
                    caller.on_event(AudioStarted(at=0.0, turn=0, reply=self._reply, latency_ms=0.0), now)
                caller.heard(base64.b64decode(event.delta), now)
            case "input_audio_buffer.speech_started" if self._sounding:
                caller.on_event(msgspec.convert(where, Clear), now)
            case "response.done" if self._sounding:
                self._sounding = False
                cut = event.response is not None and event.response.status == "cancelled"
                over = (
                    BargeIn(at=0.0, turn=0, reply=self._reply, heard="") if cut else msgspec.convert(where, AudioDone)
                )
                caller.on_event(over, now)
            case "conversation.item.input_audio_transcription.completed":
                caller.on_event(Transcript(at=0.0, turn=0, reply=0, text=event.transcript, latency_ms=0.0), now)
            case "response.output_audio_transcript.done":
                caller.on_event(ReplyText(at=0.0, turn=0, reply=self._reply, text=event.transcript), now)
            case "error" if event.error is not None:
                code = event.error.code or "error"
                caller.on_event(Error(at=0.0, code="engine_error", message=code, fatal=False), now)


def session_update(plan: Plan) -> str:
    """What a caller's program asks for first."""
    shape = FORMATS[plan.codec]
    detection = (
        {"type": "server_vad", "silence_duration_ms": plan.silence_ms} if plan.silence_ms else {"type": "server_vad"}
    )
    heard = {"format": shape, "transcription": {"model": "whisper-1"}, "turn_detection": detection}
    session = {
        "type": "realtime",
        "instructions": "You answer.",
        "audio": {"input": heard, "output": {"format": shape}},
    }
    return msgspec.json.encode({"type": "session.update", "session": session}).decode()


async def hold_realtime_call(http: aiohttp.ClientSession, plan: Plan, script: CallScript) -> CallOutcome:
    """One session, from its opening to its end."""
    try:
        async with asyncio.timeout(OPENS_WITHIN):
            ws = await http.ws_connect(f"{plan.url}/v1/realtime?test=true", max_msg_size=0)
            await ws.receive_str()  # session.created
            await ws.send_str(session_update(plan))
    except aiohttp.WSServerHandshakeError as refused:
        return CallOutcome(None, "refused" if refused.status == 503 else f"refused_{refused.status}")
    except (aiohttp.ClientError, TimeoutError, OSError, TypeError):
        return CallOutcome(None, "no_connection")
    async with ws:
        caller = script.new_caller()
        ear = SessionEar(caller, asyncio.get_running_loop().time)
        return await until_over(
            caller, _listen(ws, ear), script.speak(caller, lambda frame: ws.send_str(appended(frame)))
        )


def appended(frame: bytes) -> str:
    """Twenty milliseconds as a message."""
    if (message := _messages.get(frame)) is None:
        audio = base64.b64encode(frame).decode()
        message = f'{{"type":"input_audio_buffer.append","audio":"{audio}"}}'
        if len(_messages) < SAID:
            _messages[frame] = message
    return message


async def _listen(ws: aiohttp.ClientWebSocketResponse, ear: SessionEar) -> None:
    async for message in ws:
        if message.type is aiohttp.WSMsgType.TEXT:
            ear.on_event(_decode(message.data))
