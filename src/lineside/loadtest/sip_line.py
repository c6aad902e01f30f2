"""Simulated callers on SIP: a telephone of ours, and what its ear makes of a stream that says nothing of itself.

A telephone hears no events. So an answer begins with the first sound that is no silence, and is over after a while of
silence; a caller who talks over it notices that it stopped. Sound is played through a small buffer, as in a
telephone, so a packet that comes a little late is no gap; how evenly packets come is counted apart.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from lineside.audio.frame import FRAME_SECONDS, SAMPLE_BYTES
from lineside.errors import CallRefused
from lineside.loadtest.plan import Plan
from lineside.loadtest.simulated_caller import SimulatedCaller
from lineside.protocol import AudioDone, AudioStarted, BargeIn, Clear, Codec
from lineside.rtp.codecs import CodecName
from lineside.sip.core import SessionEnd
from lineside.testclient.sip_phone import CallNotAnswered, SipPhone, sip_phone

CODEC_NAMES: dict[Codec, CodecName] = {"g711_ulaw": "PCMU", "g711_alaw": "PCMA", "pcm": "G722"}
FIRST_PORT, PORTS_EACH = 36_000, 8  # UDP ports of a caller: each rests for ten seconds after a call
BUFFER = 0.06  # seconds that a telephone waits before it plays
ANSWER_OVER = 0.5  # seconds of silence after which an answer is over
STOPPED = 0.06  # seconds of silence by which whoever talks over an answer knows that it stopped
QUIET = {"pcm": b"\0", "g711_ulaw": b"\xff\x7f\xfe\x7e", "g711_alaw": b"\xd5\x55"}  # silence, and the bits next to it
LONGEST_INTERVAL_MS = 500  # between two packets; longer ones count as that


class SipEar:
    """What one telephone hears, told to its caller as a browser's program would be told."""

    def __init__(self, caller: SimulatedCaller, codec: Codec, clock: Callable[[], float], intervals: list[int]) -> None:
        """`intervals` counts the milliseconds between two packets."""
        self._caller, self._quiet, self._clock, self._intervals = caller, QUIET[codec], clock, intervals
        rate = 16_000 * SAMPLE_BYTES if codec == "pcm" else 8000
        self._rate = rate
        self._plays = 0.0  # when the next sound is played
        self._latest: float | None = None
        self._reply = 0
        self._sounding = False
        self._silent: list[tuple[bytes, float]] = []  # frames that may be a pause in an answer, or its end

    def hear(self, sound: bytes) -> None:
        """Twenty milliseconds came."""
        now = self._clock()
        if self._latest is not None:
            self._intervals[min(round((now - self._latest) * 1000), LONGEST_INTERVAL_MS)] += 1
        self._latest = now
        self._plays = self._plays if now <= self._plays else now + BUFFER  # after a late one it fills again
        at, self._plays = self._plays, self._plays + len(sound) / self._rate
        if sound.strip(self._quiet):
            self._loud(sound, at)
        elif not self._sounding:
            self._plays = min(self._plays, now + BUFFER)  # after a stall the buffer is full: silence lets it shrink
        else:
            self._silent.append((sound, at))
            quiet = len(self._silent) * FRAME_SECONDS
            if quiet >= ANSWER_OVER or (self._caller.interrupting and quiet >= STOPPED):
                self._over()

    def _loud(self, sound: bytes, at: float) -> None:
        if not self._sounding:
            self._sounding = True
            self._reply += 1
            self._caller.on_event(AudioStarted(at=0.0, turn=0, reply=self._reply, latency_ms=0.0), at)
        for pause, then in self._silent:
            self._caller.heard(pause, then)
        self._silent.clear()
        self._caller.heard(sound, at)

    def _over(self) -> None:
        at = self._silent[0][1]
        self._silent.clear()
        self._sounding = False
        if self._caller.interrupting:
            self._caller.on_event(Clear(at=0.0, turn=0, reply=self._reply), at)
            self._caller.on_event(BargeIn(at=0.0, turn=0, reply=self._reply, heard=""), at)
        else:
            self._caller.on_event(AudioDone(at=0.0, turn=0, reply=self._reply), at)


@asynccontextmanager
async def load_phone(plan: Plan) -> AsyncGenerator[SipPhone, None]:
    """The telephone of one worker's callers."""
    first = FIRST_PORT + plan.first * PORTS_EACH % 20_000
    async with sip_phone(rtp_ports=(first, min(65_534, first + max(2, plan.callers) * PORTS_EACH))) as phone:
        yield phone


async def hold_sip_call(
    phone: SipPhone,
    plan: Plan,
    new_caller: Callable[[], SimulatedCaller],
    intervals: list[int],
    speak: Callable[[SimulatedCaller, Callable[[bytes], Awaitable[None]]], Awaitable[None]],
) -> tuple[SimulatedCaller | None, str]:
    """One call, from INVITE to its end.

    Args:
        phone: that calls.
        plan: whom, and in which codec.
        new_caller: makes the caller when the call is up.
        intervals: counts the milliseconds between two packets.
        speak: says what the caller says, frame by frame, until they are done.

    Returns:
        The caller, if the call came up, and why it ended.
    """
    ears: list[SipEar] = []

    def hear(sound: bytes) -> None:
        if ears:
            ears[0].hear(sound)

    try:
        call = await phone.call(plan.sip, hear, codecs=(CODEC_NAMES[plan.codec],))
    except CallNotAnswered as why:
        return None, "refused" if why.end.status in (486, 503) else f"refused_{why.end.status}"
    except TimeoutError:
        return None, "no_ready"
    except (OSError, CallRefused):
        return None, "no_connection"
    caller = new_caller()
    ears.append(SipEar(caller, plan.codec, asyncio.get_running_loop().time, intervals))

    async def send(frame: bytes) -> None:
        if call.waiting_seconds < BUFFER or frame.strip(QUIET[plan.codec]):  # after a stall silence is left out
            call.send(frame)

    speaking = asyncio.ensure_future(speak(caller, send))
    call.ended.add_done_callback(lambda ended: speaking.cancel())
    try:
        await asyncio.wait([speaking])
    finally:
        speaking.cancel()
        call.hang_up()
    if not speaking.cancelled():
        speaking.result()
    end: SessionEnd = await call.ended
    return caller, "caller_hung_up" if end.by == "us" else "line_lost"
