"""Simulated callers on SIP: a telephone of ours, which speaks SIP and RTP."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp

from lineside.errors import CallRefused
from lineside.loadtest.plan import Plan
from lineside.loadtest.telephone_call import CallOutcome, CallScript, NoTicket, test_ticket
from lineside.loadtest.telephone_ear import BUFFER, TelephoneEar
from lineside.protocol import Codec
from lineside.rtp.codecs import CodecName
from lineside.sip.core import SessionEnd
from lineside.testclient.sip_phone import CallNotAnswered, SipPhone, sip_phone
from lineside.transports.silence import is_silence

CODEC_NAMES: dict[Codec, CodecName] = {"g711_ulaw": "PCMU", "g711_alaw": "PCMA", "pcm": "G722"}
FIRST_PORT, PORTS_EACH = 36_000, 8  # UDP ports of a caller: each rests for ten seconds after a call
TEST_HEADER = "X-Lineside-Test"  # of an INVITE: its ticket


@asynccontextmanager
async def load_phone(plan: Plan) -> AsyncGenerator[SipPhone, None]:
    """The telephone of one worker's callers."""
    first = FIRST_PORT + plan.first * PORTS_EACH % 20_000
    async with sip_phone(rtp_ports=(first, min(65_534, first + max(2, plan.callers) * PORTS_EACH))) as phone:
        yield phone


async def hold_sip_call(
    phone: SipPhone, http: aiohttp.ClientSession, plan: Plan, intervals: list[int], script: CallScript
) -> CallOutcome:
    """One call, from the ticket to its end. `intervals` counts the milliseconds between two packets."""
    ears: list[TelephoneEar] = []

    def hear(sound: bytes) -> None:
        if ears:
            ears[0].hear(sound)

    try:
        ticket = await test_ticket(http, plan)
        call = await phone.call(plan.sip, hear, codecs=(CODEC_NAMES[plan.codec],), headers=((TEST_HEADER, ticket),))
    except NoTicket:
        return CallOutcome(None, "no_ticket")
    except CallNotAnswered as why:
        return CallOutcome(None, "refused" if why.end.status in (486, 503) else f"refused_{why.end.status}")
    except TimeoutError:
        return CallOutcome(None, "no_ready")
    except (OSError, CallRefused):
        return CallOutcome(None, "no_connection")
    caller = script.new_caller()
    ears.append(TelephoneEar(caller, plan.codec, asyncio.get_running_loop().time, intervals))

    async def send(frame: bytes) -> None:
        if call.waiting_seconds < BUFFER or not is_silence(frame, plan.codec):  # after a stall silence is left out
            call.send(frame)

    speaking = asyncio.ensure_future(script.speak(caller, send))
    call.ended.add_done_callback(lambda ended: speaking.cancel())
    try:
        await asyncio.wait([speaking])
    finally:
        speaking.cancel()
        call.hang_up()
    if not speaking.cancelled():
        speaking.result()
    end: SessionEnd = await call.ended
    return CallOutcome(caller, "caller_hung_up" if end.by == "us" else "line_lost")
