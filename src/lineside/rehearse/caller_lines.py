"""How callers of a rehearsal call: with a telephone of ours over SIP, or as a browser does."""

import asyncio
from contextlib import aclosing
from typing import Any

import aiohttp

from lineside.audio.frame import FRAME_SECONDS
from lineside.errors import CallRefused
from lineside.loadtest.sip_line import CODEC_NAMES
from lineside.loadtest.telephone_ear import ANSWER_OVER, BUFFER
from lineside.protocol import (
    AudioDone,
    AudioStarted,
    Clear,
    Codec,
    FirstMessage,
    ReplyMetrics,
    ServerMessage,
    TurnStarted,
)
from lineside.rehearse.heard_sound import HeardSound, speak_frames
from lineside.rehearse.rehearsal_gateway import RehearsalLine
from lineside.rehearse.speaking_caller import CallerEar
from lineside.rehearse.spoken_call import SpokenCall
from lineside.testclient.connection import CallConnection
from lineside.testclient.sip_phone import CallNotAnswered, sip_phone
from lineside.transports.silence import is_silence

RTP_PORTS = (36_000, 39_999)  # of the callers' telephones
FAREWELL = 15.0  # seconds for the gateway to end a call whose caller hung up


class TelephoneCallerEar(CallerEar):
    """What a caller hears at a telephone, which is sound and nothing else.

    The agent speaks from the first sound that is no silence until there was silence for a while. Whether more is to
    come, which people guess, is known from the call.
    """

    def __init__(self, codec: Codec) -> None:
        super().__init__(asyncio.get_running_loop().time)
        self._codec, self._silent = codec, 0.0

    def on_event(self, event: ServerMessage) -> None:
        """The call says what is to come; what sounds is heard."""
        match event:
            case TurnStarted(turn=turn) | AudioStarted(turn=turn):
                self.more_comes(turn)
            case AudioDone(turn=turn) | ReplyMetrics(turn=turn):
                self.all_came(turn)
            case _:
                return

    def hear(self, frame: bytes) -> None:
        """Twenty milliseconds came."""
        if not is_silence(frame, self._codec):
            self._silent = 0.0
            self.sounds()
        elif self.sounding:
            self._silent += FRAME_SECONDS
            if self._silent >= ANSWER_OVER:
                self.falls_silent(ended=True)


def new_ear(line: RehearsalLine, codec: Codec) -> CallerEar:
    """What callers on this line hear with."""
    return TelephoneCallerEar(codec) if line == "sip" else CallerEar(asyncio.get_running_loop().time)


async def call_over(line: RehearsalLine, address: str, codec: Codec, spoken: SpokenCall, heard: HeardSound) -> None:
    """Call there and talk, to the end of the call; `heard` is played what the caller hears. Raises `LinesideError`."""
    if line == "sip":
        await _call_by_telephone(address, codec, spoken, heard)
    else:
        await _call_by_browser(address, codec, spoken, heard)


async def _call_by_telephone(address: str, codec: Codec, spoken: SpokenCall, heard: HeardSound) -> None:
    def hear(frame: bytes) -> None:
        heard.play(frame)
        if isinstance(spoken.ear, TelephoneCallerEar):
            spoken.ear.hear(frame)

    async with sip_phone(rtp_ports=RTP_PORTS) as phone:
        try:
            call = await phone.call(address, hear, codecs=(CODEC_NAMES[codec],))
        except (CallNotAnswered, TimeoutError, OSError) as why:
            raise CallRefused(f"the call was not answered: {why}") from None

        async def put(frame: bytes) -> None:
            if call.waiting_seconds < BUFFER or not is_silence(frame, codec):  # after a stall silence is left out
                call.send(frame)

        speaking = asyncio.create_task(speak_frames(spoken.mouth, codec, put), name="mouth")
        try:
            await _converse(spoken, call.ended, speaking)
        finally:
            speaking.cancel()
            call.hang_up()
        await call.ended  # at the latest when SIP gives its BYE up, after 32 s (timer F of RFC 3261)


async def _call_by_browser(url: str, codec: Codec, spoken: SpokenCall, heard: HeardSound) -> None:
    async with aiohttp.ClientSession() as http:
        connection = CallConnection(http, url, FirstMessage(codec=codec))
        await connection.open()
        listening = asyncio.create_task(_listen(connection, spoken, heard), name="ear")
        speaking = asyncio.create_task(speak_frames(spoken.mouth, codec, connection.send), name="mouth")
        try:
            await _converse(spoken, listening, speaking)
            speaking.cancel()
            await connection.send('{"type":"hangup"}')
            await asyncio.wait([listening], timeout=FAREWELL)
        finally:
            speaking.cancel()
            listening.cancel()
            await connection.close()


async def _listen(connection: CallConnection, spoken: SpokenCall, heard: HeardSound) -> None:
    async with aclosing(connection.messages()) as messages:
        async for message in messages:
            if isinstance(message, bytes):
                heard.play(message)
                continue
            if isinstance(message, Clear):
                heard.take_back()
            spoken.ear.on_event(message)


async def _converse(spoken: SpokenCall, over: "asyncio.Future[Any]", speaking: "asyncio.Task[None]") -> None:
    """From the greeting to the caller's last line, or until the call is over; a fault of theirs is raised."""
    talking = asyncio.create_task(spoken.caller.converse(), name="caller")
    try:
        await asyncio.wait([talking, over, speaking], return_when=asyncio.FIRST_COMPLETED)
    finally:
        talking.cancel()
        await asyncio.wait([talking])
    for work in (speaking, over, talking):
        if work.done() and not work.cancelled():
            work.result()
