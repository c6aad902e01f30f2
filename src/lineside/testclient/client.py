"""A caller that is not a person: speaks recordings in real time, listens, and measures what a caller would feel."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

import aiohttp
import msgspec
import numpy as np
from msgspec import Struct

from lineside.audio import g711
from lineside.audio.frame import FRAME_SECONDS, SAMPLE_BYTES, AudioFrame
from lineside.audio.input_resampler import InputResampler
from lineside.audio.wav import read_wav, wav_bytes
from lineside.errors import CallRefused, LinesideError, TransportError
from lineside.protocol import (
    AudioDone,
    AudioStarted,
    BargeIn,
    Ended,
    Error,
    FirstMessage,
    Ready,
    ReplyMetrics,
    ReplyText,
    ServerMessage,
    Text,
    Transcript,
    TurnEnded,
)
from lineside.testclient.connection import CallConnection

ANSWER_WITHIN = 60.0  # seconds for one turn, greeting included; then the caller gives up on it
QUIET = 0.03  # of the loudest 20 ms: what is softer at the end of a recording is silence
BETWEEN = 0.5  # seconds of silence between replies in the saved sound
ENDED = {
    "ended_by_operator": "an operator ended it",
    "drained": "the server was to stop",
    "server_stopping": "the server is stopping",
}
AFTERWARDS = 0.3  # seconds of silence a caller leaves before speaking


class ClientTurn(Struct):
    """What came of one recording."""

    file: str
    transcript: str = ""
    reply: str = ""
    heard: str | None = None  # what reached the caller, where that was not all of it
    voice_to_voice_ms: float | None = None  # last sample of speech sent → first sample of the reply received
    audio_before_last_token: bool | None = None
    seconds: float = 0.0  # of reply audio
    metrics: ReplyMetrics | None = None
    errors: list[str] = []


class ClientCall(Struct):
    """What came of the call."""

    url: str
    call_id: str
    engines: dict[str, str]
    turns: list[ClientTurn]
    reason: str = ""
    resumed: int = 0  # times that the connection broke and the call went on over another one


class CallClient:
    """One call to a lineside gateway."""

    def __init__(
        self,
        url: str,
        hello: FirstMessage,
        *,
        key: str = "",
        notice: Callable[[ServerMessage], None] = lambda event: None,
        interrupt_after: float | None = None,  # seconds into each reply at which the next recording is spoken over it
        before_each: Callable[[int], Awaitable[None]] | None = None,  # called before each recording
        tls: ssl.SSLContext | None = None,  # whose certificates are trusted; None: those of the system
    ) -> None:
        self._interrupt_after, self._before_each, self._tls = interrupt_after, before_each, tls
        self._url, self._hello, self._key, self._notice = url.rstrip("/"), hello, key, notice
        self._law = None if hello.codec == "pcm" else hello.codec
        self._mouth = bytearray()  # signed 16-bit at the line's rate, still to be spoken
        self._spoken = asyncio.Event()
        self._speech_left = 0  # bytes of the recording until the end of its speech
        self._speech_ended = 0.0
        self._replies: list[bytearray] = []
        self._line: CallConnection | None = None
        self._arrived: asyncio.Queue[ServerMessage | float] = asyncio.Queue(100_000)  # a whole call's worth

    async def run(self, recordings: Sequence[tuple[str, AudioFrame | str]]) -> ClientCall:
        """Call, speak each recording when the answer to the last one is over, hang up. Text is typed instead.

        Raises `CallRefused` when the call is not taken, `TransportError` when it breaks.
        """
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        async with aiohttp.ClientSession(headers=headers, connector=_connector(self._tls)) as http:
            self._line = CallConnection(http, self._url, self._hello)
            await self._line.open()
            try:
                return await self._converse(self._line, recordings)
            except* (LinesideError, TimeoutError, ConnectionError) as faults:
                fault = _first(faults)
            finally:
                await self._line.close()
            raise fault

    def reply_wav(self, *, last: bool = False) -> bytes:
        """All that was said to the caller, replies apart by half a second; with `last`, the last reply alone."""
        gap = bytes(round(BETWEEN * self._hello.rate) * SAMPLE_BYTES)
        replies = self._replies[-1:] if last else self._replies
        return wav_bytes(gap.join(bytes(reply) for reply in replies), self._hello.rate)

    async def _converse(self, line: CallConnection, recordings: Sequence[tuple[str, AudioFrame | str]]) -> ClientCall:
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(self._listen(line), name="listen")
            ready = await self._next()
            if not isinstance(ready, Ready):
                listening.cancel()
                raise CallRefused(str(getattr(ready, "message", ready)))
            talking = tasks.create_task(self._talk(line), name="talk")
            conversation = ClientCall(self._url, ready.call_id, ready.engines, [])
            if self._hello.greeting != "" and self._hello.mode == "conversation":
                await self._turn(ClientTurn("(greeting)"), greeting=True, last=not recordings)
            for number, (name, recording) in enumerate(recordings):
                if self._before_each is not None:
                    await self._before_each(number)
                turn = ClientTurn(name)
                conversation.turns.append(turn)
                if isinstance(recording, str):
                    await line.send(msgspec.json.encode(Text(recording)).decode())
                else:
                    self._say(recording)
                await self._turn(turn, last=number == len(recordings) - 1)
            talking.cancel()
            await line.send(json.dumps({"type": "hangup"}))
            conversation.reason = await self._farewell()
            conversation.resumed = line.resumed
            listening.cancel()
        return conversation

    async def _listen(self, line: CallConnection) -> None:
        clock = asyncio.get_running_loop().time
        async with aclosing(line.messages()) as messages:
            async for message in messages:
                if isinstance(message, bytes):
                    pcm = message if self._law is None else g711.decode(message, self._law)
                    self._arrived.put_nowait(clock())
                    if self._replies:
                        self._replies[-1] += pcm
                    continue
                if isinstance(message, AudioStarted):
                    self._replies.append(bytearray())
                self._arrived.put_nowait(message)
                self._notice(message)
        self._arrived.put_nowait(Ended(at=0.0, reason="line_lost"))

    async def _talk(self, line: CallConnection) -> None:
        """Twenty milliseconds at a time, by deadline: speech if there is any, else silence."""
        clock = asyncio.get_running_loop().time
        size = round(self._hello.rate * FRAME_SECONDS) * SAMPLE_BYTES
        due = clock()
        while True:
            frame = bytes(self._mouth[:size])
            del self._mouth[:size]
            await line.send(self._coded(frame.ljust(size, b"\0")))
            if 0 < self._speech_left <= size:
                self._speech_ended = clock()
            self._speech_left -= size
            due += FRAME_SECONDS
            await asyncio.sleep(max(0.0, due - clock()))

    def _say(self, recording: AudioFrame) -> None:
        resampler = InputResampler(recording.rate, self._hello.rate)
        pcm = resampler.feed(recording.pcm) + resampler.end()
        lead = bytes(round(AFTERWARDS * self._hello.rate) * SAMPLE_BYTES)
        self._speech_left = len(lead) + _end_of_speech(pcm, self._hello.rate)
        self._speech_ended = 0.0
        self._mouth += lead + pcm

    async def _turn(self, turn: ClientTurn, *, greeting: bool = False, last: bool = False) -> None:
        """Collect what happens until the reply has been heard to its end, or until it is to be interrupted."""
        number: int | None = 0 if greeting else None
        async with asyncio.timeout(ANSWER_WITHIN):
            while True:
                event = await self._next()
                if isinstance(event, float):
                    if self._speech_ended and turn.voice_to_voice_ms is None and number is not None and not greeting:
                        turn.voice_to_voice_ms = round((event - self._speech_ended) * 1000, 1)
                    continue
                if isinstance(event, TurnEnded | Transcript):  # what is typed has no end of a turn
                    number = event.turn
                self._note(event, turn)
                if isinstance(event, AudioStarted) and self._interrupt_after is not None and not last:
                    await asyncio.sleep(self._interrupt_after)
                    return
                if greeting and isinstance(event, AudioDone):
                    return
                if isinstance(event, ReplyMetrics) and event.turn == number and (turn.transcript or turn.errors):
                    reply = self._replies[-1] if self._replies else b""
                    turn.metrics, turn.seconds = event, round(len(reply) / SAMPLE_BYTES / self._hello.rate, 2)
                    return

    def _note(self, event: ServerMessage, turn: ClientTurn) -> None:
        match event:
            case Transcript(text=text):
                turn.transcript = f"{turn.transcript} {text}".strip()
            case AudioStarted(filler=False):
                turn.audio_before_last_token = not turn.reply
            case ReplyText(text=text):
                turn.reply = text
            case BargeIn(heard=heard):
                turn.heard = heard
            case Error(fatal=False, message=message):
                turn.errors.append(message)
            case Error(message=message):
                raise TransportError("line_lost", f"the call was ended: {message}")
            case Ended(reason=reason):
                raise TransportError("line_lost", f"the call was ended: {ENDED.get(reason, reason.replace('_', ' '))}")
            case _:
                return

    async def _farewell(self) -> str:
        async with asyncio.timeout(ANSWER_WITHIN):
            while True:
                event = await self._next()
                if isinstance(event, Ended):
                    return event.reason

    async def _next(self) -> ServerMessage | float:
        return await self._arrived.get()

    def _coded(self, pcm: bytes) -> bytes:
        return pcm if self._law is None else g711.encode(pcm, self._law)


def _connector(tls: ssl.SSLContext | None) -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector() if tls is None else aiohttp.TCPConnector(ssl=tls)


def recordings(files: Sequence[Path]) -> list[tuple[str, AudioFrame]]:
    """Read them all before the call begins. Raises `ConfigError` naming the one that is no recording."""
    return [(file.name, read_wav(file)) for file in files]


def _end_of_speech(pcm: bytes, rate: int) -> int:
    """Bytes until the last frame that is not silence."""
    size = round(rate * FRAME_SECONDS) * SAMPLE_BYTES
    levels = [float(np.abs(np.frombuffer(pcm[at : at + size], "<i2")).mean()) for at in range(0, len(pcm), size)]
    loud = [index for index, level in enumerate(levels) if level > QUIET * max(levels)]
    return (loud[-1] + 1) * size if loud else len(pcm)


def _first(faults: BaseExceptionGroup[BaseException]) -> LinesideError:
    """What ended the call, out of what its tasks failed with: our own word before the network's."""
    leaves: list[BaseException] = []
    waiting: list[BaseException] = [faults]
    while waiting:
        fault = waiting.pop()
        if isinstance(fault, BaseExceptionGroup):
            waiting += fault.exceptions
        else:
            leaves.append(fault)
    ours = [fault for fault in leaves if isinstance(fault, LinesideError)]
    if ours:
        return ours[0]
    if any(isinstance(fault, ConnectionError) for fault in leaves):
        return TransportError("line_lost", "the connection broke")
    return LinesideError(f"no answer within {ANSWER_WITHIN:g} s")
