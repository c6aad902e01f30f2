"""Simulated callers behind a media stream: Twilio's, and Asterisk's `chan_websocket`. We play the far end.

It buffers what it gets and plays it frame by frame, says when a mark has been reached, and forgets at `clear`.
"""

import asyncio
import base64
from collections import deque
from typing import Protocol

import aiohttp
import msgspec
from msgspec import Struct

from lineside.audio.frame import FRAME_SECONDS
from lineside.loadtest.plan import Plan
from lineside.loadtest.telephone_call import CallOutcome, CallScript, NoTicket, test_ticket, until_over
from lineside.loadtest.telephone_ear import TelephoneEar
from lineside.protocol import Codec

OPENS_WITHIN = 10.0  # seconds
SILENCE: dict[Codec, bytes] = {"pcm": b"\0", "g711_ulaw": b"\xff", "g711_alaw": b"\xd5"}
Message = bytes | str


class FarEndWords(Protocol):
    """How a far end speaks."""

    def path(self, ticket: str) -> str:
        """Where its socket is opened."""
        ...

    def opening(self) -> list[str]:
        """What it says first."""
        ...

    def media(self, frame: bytes) -> Message:
        """Twenty milliseconds of the caller."""
        ...

    def read(self, message: Message) -> tuple[str, bytes | str]:
        """`sound`, `mark`, `clear`, `status`, `hang up` or nothing, with what belongs to it."""
        ...

    def marked(self, name: str) -> str:
        """A mark has been reached."""
        ...

    echoes_cleared: bool  # marks that wait at a clear come back at once


class _Inner(Struct, frozen=True):
    payload: str = ""
    name: str = ""


class _TwilioMessage(Struct, frozen=True):
    event: str
    media: _Inner | None = None
    mark: _Inner | None = None


_twilio = msgspec.json.Decoder(_TwilioMessage).decode


class TwilioWords:
    """See `FarEndWords`."""

    echoes_cleared = True

    def path(self, ticket: str) -> str:
        return f"/lines/twilio/media/{ticket}"

    def opening(self) -> list[str]:
        return [
            '{"event":"connected","protocol":"Call","version":"1.0.0"}',
            '{"event":"start","sequenceNumber":"1","streamSid":"MZload","start":{"accountSid":"ACload","callSid":"CAload",'
            '"streamSid":"MZload","tracks":["inbound"],'
            '"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{}}}',
        ]

    def media(self, frame: bytes) -> Message:
        payload = base64.b64encode(frame).decode()
        return f'{{"event":"media","streamSid":"MZload","media":{{"track":"inbound","payload":"{payload}"}}}}'

    def read(self, message: Message) -> tuple[str, bytes | str]:
        it = _twilio(message)
        if it.media is not None:
            return "sound", base64.b64decode(it.media.payload)
        return (it.event, it.mark.name) if it.mark is not None else (it.event, "")

    def marked(self, name: str) -> str:
        return f'{{"event":"mark","streamSid":"MZload","mark":{{"name":"{name}"}}}}'


class _Command(Struct, frozen=True):
    command: str
    correlation_id: str = ""


_command = msgspec.json.Decoder(_Command).decode
COMMANDS = {"MARK_MEDIA": "mark", "FLUSH_MEDIA": "clear", "GET_STATUS": "status", "HANGUP": "hang up"}


class AsteriskWords:
    """See `FarEndWords`. JSON control."""

    echoes_cleared = False

    def __init__(self, codec: Codec) -> None:
        self._format, self._size = {"pcm": ("slin16", 640), "g711_ulaw": ("ulaw", 160)}.get(codec, ("alaw", 160))

    def path(self, ticket: str) -> str:
        return f"/lines/asterisk?t={ticket}"

    def opening(self) -> list[str]:
        return [
            f'{{"event":"MEDIA_START","connection_id":"load","channel":"WebSocket/load","channel_id":"load.1",'
            f'"format":"{self._format}","optimal_frame_size":{self._size},"ptime":20,"channel_variables":{{}}}}'
        ]

    def media(self, frame: bytes) -> Message:
        return frame

    def read(self, message: Message) -> tuple[str, bytes | str]:
        if isinstance(message, bytes):
            return "sound", message
        it = _command(message)
        return COMMANDS.get(it.command, ""), it.correlation_id

    def marked(self, name: str) -> str:
        return f'{{"event":"MEDIA_MARK_PROCESSED","correlation_id":"{name}"}}'

    def status(self, frames: int) -> str:
        """How many frames wait."""
        return f'{{"event":"STATUS","queue_length":{frames},"xon_level":800,"xoff_level":900,"ptime":20}}'


class FarEndBuffer:
    """Sound on its way to the ear, and the marks in it. Pure: time is handed in."""

    def __init__(self, ear: TelephoneEar, frame_bytes: int, silence: bytes, *, echoes_cleared: bool) -> None:
        self._ear, self._size, self._echoes = ear, frame_bytes, echoes_cleared
        self._silence = silence * frame_bytes
        self._waiting = bytearray()
        self._marks = deque[tuple[int, str]]()  # bytes before each, counted since the call began
        self._came = self._played = 0
        self._due: float | None = None

    @property
    def frames(self) -> int:
        """That wait."""
        return len(self._waiting) // self._size

    def sound(self, payload: bytes) -> None:
        """To be played after what waits."""
        self._waiting += payload
        self._came += len(payload)

    def mark(self, name: str) -> None:
        """Behind what waits."""
        self._marks.append((self._came, name))

    def clear(self) -> list[str]:
        """Forget what waits; the marks that come back for it."""
        self._came = self._played
        self._waiting.clear()
        names = [name for _, name in self._marks]
        self._marks.clear()
        return names if self._echoes else []

    def play(self, now: float) -> list[str]:
        """Play the frames that are due; the marks that have been reached."""
        self._due = now if self._due is None else self._due
        while self._due <= now:
            self._due += FRAME_SECONDS
            frame = bytes(self._waiting[: self._size])
            del self._waiting[: self._size]
            self._played += len(frame)
            self._ear.hear(frame + self._silence[len(frame) :])
        reached = []
        while self._marks and self._marks[0][0] <= self._played:
            reached.append(self._marks.popleft()[1])
        return reached


async def hold_stream_call(http: aiohttp.ClientSession, plan: Plan, script: CallScript) -> CallOutcome:
    """One call, from the ticket to its end."""
    words = TwilioWords() if plan.line == "twilio" else AsteriskWords(plan.codec)
    try:
        ticket = await test_ticket(http, plan)
        async with asyncio.timeout(OPENS_WITHIN):
            ws = await http.ws_connect(plan.url + words.path(ticket), max_msg_size=0)
    except NoTicket:
        return CallOutcome(None, "no_ticket")
    except aiohttp.WSServerHandshakeError as refused:
        return CallOutcome(None, "refused" if refused.status == 503 else f"refused_{refused.status}")
    except (aiohttp.ClientError, TimeoutError, OSError):
        return CallOutcome(None, "no_connection")
    async with ws:
        for message in words.opening():
            await ws.send_str(message)
        caller, clock = script.new_caller(), asyncio.get_running_loop().time
        ear = TelephoneEar(caller, plan.codec, clock)
        frame_bytes = 640 if plan.codec == "pcm" else 160
        far = FarEndBuffer(ear, frame_bytes, SILENCE[plan.codec], echoes_cleared=words.echoes_cleared)

        async def send(frame: bytes) -> None:
            for name in far.play(clock()):
                await ws.send_str(words.marked(name))
            said = words.media(frame)
            await (ws.send_str(said) if isinstance(said, str) else ws.send_bytes(said))

        return await until_over(caller, _listen(ws, words, far), script.speak(caller, send))


async def _listen(ws: aiohttp.ClientWebSocketResponse, words: TwilioWords | AsteriskWords, far: FarEndBuffer) -> None:
    """Take what lineside sends, until it hangs up."""
    async for message in ws:
        if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            continue
        what, value = words.read(message.data)
        if what == "sound" and isinstance(value, bytes):
            far.sound(value)
        elif what == "mark" and isinstance(value, str):
            far.mark(value)
        elif what == "clear":
            for name in far.clear():
                await ws.send_str(words.marked(name))
        elif what == "status" and isinstance(words, AsteriskWords):
            await ws.send_str(words.status(far.frames))
        elif what == "hang up":
            return
