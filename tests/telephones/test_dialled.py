"""Others' telephones are called by us: sipp as a PBX that answers or is busy, baresip that picks up."""

import asyncio
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from lineside.audio import g711
from lineside.audio.frame import AudioFrame
from lineside.gateway.sip_dialer import SipDialer
from lineside.protocol import EndReason
from lineside.transports.base import AudioMeter
from lineside.transports.dialer import DialedCall, DialOrder, DialOutcome
from lineside.transports.line_control import OfferedCall
from tests.gateway.test_sip_line import Line, line
from tests.telephones.baresip import answering_baresip, best_share, it_listens, tone
from tests.telephones.ports import free_ports
from tests.transports.conformance import Listening

SCENARIOS = Path(__file__).parent / "scenarios"
RATE = 8000


class Holding:
    """Talks for two seconds, then hangs up; keeps what it hears."""

    def __init__(self) -> None:
        self.rang = 0
        self.codec = ""
        self.heard = b""

    async def hold(self, offered: OfferedCall) -> EndReason:
        leg, listener = offered.connect(AudioMeter()), Listening()
        self.codec = leg.transport.codec
        running = asyncio.create_task(leg.transport.run(listener))
        await leg.control.answer()
        pcm = tone(0.2, leg.transport.rate)
        for _ in range(10):
            leg.transport.send(pcm if leg.transport.codec == "pcm" else g711.encode(pcm, leg.transport.codec))
            await asyncio.sleep(0.2)
        await leg.control.hang_up("agent_said_goodbye")
        await asyncio.wait([running], timeout=60)
        sound = listener.sound
        self.heard = sound if leg.transport.codec == "pcm" else g711.decode(sound, leg.transport.codec)
        return "agent_said_goodbye"

    def _ringing(self) -> None:
        self.rang += 1

    async def dial(self, one: Line, to: str) -> DialOutcome:
        async with asyncio.timeout(120):
            return await SipDialer(one.line).dial(
                DialOrder(to=to, ring_seconds=60), DialedCall("c1", self.hold, self._ringing)
            )


@asynccontextmanager
async def sipp_waits(scenario: str, folder: Path) -> AsyncGenerator[int, None]:
    """A sipp that waits for one call; afterwards it has to be content. Gives its port."""
    port, errors = free_ports(), folder / "errors.log"
    process = await asyncio.create_subprocess_exec(
        "sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-m", "1", "-i", "127.0.0.1", "-mi", "127.0.0.1",
        "-p", str(port), "-mp", str(free_ports(4)), "-rtp_echo", "-nostdin", "-trace_err",
        "-error_file", str(errors), "-timeout", "120s",
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env={"TERM": "xterm"},
    )  # fmt: skip
    try:
        if await it_listens(port, process):
            yield port
        async with asyncio.timeout(150):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    said = errors.read_text("utf-8", "replace")[-2000:] if errors.exists() else ""
    assert process.returncode == 0, said or output.decode("utf-8", "replace")[-2000:]


def dial_sipp(scenario: str, folder: Path, to: str, **given: Any) -> tuple[DialOutcome, Holding]:
    async def story() -> tuple[DialOutcome, Holding]:
        holding = Holding()
        async with sipp_waits(scenario, folder) as port:
            accounts = {name: tuple(one.format(port=port) for one in value) for name, value in given.items()}
            async with line(**accounts) as one:
                outcome = await holding.dial(one, to.format(port=port))
        return outcome, holding

    return asyncio.run(story())


needs_sipp = pytest.mark.skipif(shutil.which("sipp") is None, reason="sipp is missing: apt-get install sip-tester")


@needs_sipp
def test_a_pbx_that_answers_hears_us_and_is_hung_up_on(tmp_path: Path) -> None:
    """It rings, takes the call in A-law, gives our sound back, and gets a BYE."""
    outcome, holding = dial_sipp("dialled", tmp_path, "sip:200@127.0.0.1:{port}")
    assert (outcome.result, outcome.ended) == ("answered", "agent_said_goodbye")
    assert holding.rang == 1
    assert holding.codec == "g711_alaw"
    assert best_share(AudioFrame(holding.heard, RATE)) > 0.9


@needs_sipp
def test_a_pbx_that_is_busy_says_so(tmp_path: Path) -> None:
    """And has its ACK."""
    outcome, holding = dial_sipp("dialled_busy", tmp_path, "sip:200@127.0.0.1:{port}")
    assert (outcome.result, outcome.detail) == ("busy", "486 Busy Here")
    assert holding.heard == b""


@pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is missing: apt-get install baresip-core")
@pytest.mark.parametrize("codec", ["pcmu", "g722"])
def test_a_softphone_that_picks_up_hears_us_and_we_hear_it(tmp_path: Path, codec: str) -> None:
    """A tone each way; then we hang up."""
    rate = 16_000 if codec == "g722" else RATE

    async def story() -> tuple[DialOutcome, Holding, AudioFrame]:
        holding = Holding()
        async with answering_baresip(tmp_path, AudioFrame(tone(12, rate), rate), codec) as softphone:
            async with line() as one:
                outcome = await holding.dial(one, softphone.uri)
            heard = await softphone.heard()
        return outcome, holding, heard

    outcome, holding, heard = asyncio.run(story())
    assert (outcome.result, outcome.ended) == ("answered", "agent_said_goodbye")
    assert best_share(AudioFrame(holding.heard, rate)) > 0.9
    assert best_share(heard) > 0.9
