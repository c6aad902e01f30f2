"""Readings by API: once, as a stream for many, and when the host agent is silent."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lineside.api import machine
from lineside.host.client import HostAgentError
from lineside.host.machine.values import Cpu, Machine, Ram
from tests.api.fixtures import ControlClient, at_home, opened

AGENT_URL = "http://127.0.0.1:3003"


async def event(answer: aiohttp.ClientResponse) -> Any:
    """The next event of a stream."""
    line = await answer.content.readline()
    assert await answer.content.readline() == b"\n"
    return json.loads(line.removeprefix(b"data: "))


def counted() -> tuple[list[int], Any]:
    """A reader that counts its readings."""
    readings: list[int] = []

    async def read() -> Machine:
        readings.append(len(readings))
        return Machine(float(len(readings)), Cpu(2, 3.0), Ram(8, 4))

    return readings, read


def test_a_reading_is_shared_by_all_who_ask_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty requests are one look at the machine."""
    monkeypatch.setattr(machine, "FRESH", 60.0)  # the machine may stall
    readings, read = counted()

    async def story(control: ControlClient) -> None:
        answers = await asyncio.gather(*(control.ask("GET", "/api/gpu") for _ in range(20)))
        assert all(answer == (200, answers[0][1]) for answer in answers)
        assert answers[0][1]["gpus"] == []
        assert len(readings) == 1

    at_home(story, tmp_path, read=read)


def test_a_stream_is_one_reading_a_second_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All watchers see the same readings; when the last has left, nobody reads any more."""
    monkeypatch.setattr(machine, "EVERY", 0.02)
    monkeypatch.setattr(machine, "FRESH", 0.0)
    _, read = counted()

    async def story(control: ControlClient) -> None:
        url = f"{control.url}/api/gpu/stream"
        async with control.http.get(url) as first, control.http.get(url) as second:
            assert first.content_type == "text/event-stream"
            seen = [[(await event(answer))["at"] for _ in range(3)] for answer in (first, second)]
        assert all(one == sorted(one) for one in seen)
        (reading,) = [task for task in asyncio.all_tasks() if task.get_name() == "readings"]
        await asyncio.wait({reading})  # the writing of the next reading notices that they are gone
        async with control.http.get(url) as again:
            assert (await event(again))["at"] > seen[0][-1]

    at_home(story, tmp_path, read=read)


def test_too_many_watchers_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 beyond the bound."""
    monkeypatch.setattr(machine, "WATCHERS", 1)

    async def story(control: ControlClient) -> None:
        async with control.http.get(f"{control.url}/api/gpu/stream") as first:
            await event(first)
            assert (await control.refused("GET", "/api/gpu/stream"))[:2] == (503, "too_many_watchers")

    at_home(story, tmp_path)


def test_a_stream_ends_at_closing_time(tmp_path: Path) -> None:
    """Whoever watches is let go at once, with a proper end."""

    async def main() -> None:
        async with aiohttp.ClientSession() as http, asyncio.timeout(300):
            async with opened(tmp_path) as control:
                answer = await http.get(f"{control.url}/api/gpu/stream")
                await event(answer)
            assert await answer.read() == b""

    asyncio.run(main(), debug=True)


def test_a_stream_has_a_longest_length(tmp_path: Path) -> None:
    """Then it ends properly, and who still watches asks again."""

    async def story(control: ControlClient) -> None:
        async with control.http.get(f"{control.url}/api/gpu/stream") as answer:
            assert (await answer.read()).startswith(b"data: ")

    at_home(story, tmp_path, longest_watch=0.2)


def test_with_a_host_agent_its_machine_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And where it is silent the gateway's own, with a note."""
    monkeypatch.setattr(machine, "FRESH", 0.0)
    monkeypatch.setattr(machine, "STALE", 0.0)

    async def story(control: ControlClient) -> None:
        assert (await control.ask("GET", "/api/gpu"))[1]["note"] == "read by the host agent"
        control.dependencies.host.fault = HostAgentError(503, "no_host_agent", "no host agent answers")  # type: ignore[attr-defined]
        _, here = await control.ask("GET", "/api/gpu")
        assert (
            here["note"] == "this is the gateway's own machine, for the host agent did not tell: no host agent answers"
        )

    at_home(story, tmp_path, given={"host_agent_url": AGENT_URL})
