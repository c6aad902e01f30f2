"""sipp as the telephone, with scenarios of our own: what another's SIP says of ours."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.test_sip_line import Line, line
from tests.gateway.test_telephone_programs import Program, with_program
from tests.telephones.ports import free_ports

SCENARIOS = Path(__file__).parent / "scenarios"
WITHIN = 120.0  # seconds

pytestmark = pytest.mark.skipif(shutil.which("sipp") is None, reason="sipp is missing: apt-get install sip-tester")


async def sipp(one: Line, scenario: str, folder: Path, *more: str, calls: int = 1) -> None:
    """Run a scenario against the line; every call of it must succeed."""
    errors = folder / f"{scenario}.log"
    arguments = [
        "sipp", f"127.0.0.1:{one.line.endpoint.port}", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-m", str(calls),
        "-r", "10", "-l", "20", "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", str(free_ports()),
        "-mp", str(free_ports(4)), "-max_socket", "1000", "-nostdin",
        "-trace_err", "-error_file", str(errors), *more,
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *arguments, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env={"TERM": "xterm"}
    )
    try:
        async with asyncio.timeout(WITHIN):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    said = errors.read_text("utf-8", "replace")[-2000:] if errors.exists() else ""
    assert process.returncode == 0, f"{scenario}: {said or output.decode('utf-8', 'replace')[-2000:]}"


def play(folder: Path, scenario: str, *more: str, calls: int = 1, **given: Any) -> None:
    """One scenario against a fresh gateway."""

    async def story() -> None:
        async with line(**given) as one:
            await sipp(one, scenario, folder, *more, calls=calls)

    asyncio.run(story())


@pytest.mark.parametrize("transport", ["u1", "t1", "tn"])
def test_twenty_calls_at_once_with_sound_and_keys(tmp_path: Path, transport: str) -> None:
    """Over UDP, over one TCP connection, and over one for each call."""
    play(tmp_path, "answered", "-t", transport, calls=8 if transport == "tn" else 20)


@pytest.mark.parametrize("scenario", ["held", "late_offer", "options", "referred", "remapped"])
def test_a_telephone_holds_offers_late_asks_and_refers(tmp_path: Path, scenario: str) -> None:
    """Each as its scenario says; what must be in an answer is checked there."""
    play(tmp_path, scenario, calls=3)


def test_a_program_accepts_a_call_and_hands_it_on(tmp_path: Path) -> None:
    """By OpenAI's API: `accept`, then `refer`, which is answered when the NOTIFY says that somebody took the call."""

    async def story(program: Program) -> None:
        calls = program.client.realtime.calls
        async with asyncio.TaskGroup() as telephone:
            telephone.create_task(sipp(program.one, "transferred", tmp_path), name="sipp")
            call_id = await program.rings()
            await calls.accept(call_id, type="realtime")
            async with program.beside(call_id):
                await calls.refer(call_id, target_uri="tel:+442079460000")
        await program.one.until("the call is over", lambda: program.one.gateway.calls == 0)

    with_program(story, transfer_allowed=("+442079460000",))


def test_a_telephone_registers_and_calls_with_its_password(tmp_path: Path) -> None:
    """Digest with MD5, which is all that sipp knows."""
    known = {"sip_trusted": (), "sip_allowed": ("127.0.0.1",), "sip_users": ("anna:secret",)}
    play(tmp_path, "registered", calls=2, **known)
    play(tmp_path, "digest", calls=3, **known)


def test_a_full_gateway_is_busy(tmp_path: Path) -> None:
    """486 and when to come again."""

    async def story() -> None:
        async with line(max_concurrent_calls=1) as one:
            first = await one.phone.call(one.uri)
            await sipp(one, "busy", tmp_path, calls=3)
            first.hang_up()

    asyncio.run(story())


@pytest.mark.skipif("LINESIDE_SLOW" not in os.environ, reason="takes 33 seconds of real time; LINESIDE_SLOW=1 runs it")
def test_a_caller_whose_acknowledgement_is_lost_is_ended(tmp_path: Path) -> None:
    """After 32 seconds there is a BYE; the slot is free."""
    play(tmp_path, "no_ack")
