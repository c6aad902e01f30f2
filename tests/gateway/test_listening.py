"""Operators who listen to a call: both voices, live, in bounds, and nothing of it while nobody does."""

import asyncio
import io
import wave
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from lineside.audio import g711
from lineside.errors import CallRefused
from lineside.gateway.listening import BEHIND, LISTENERS, CallListeners, TapTransport, stereo
from lineside.protocol import FirstMessage
from lineside.records.recorder import RecordedStretch
from lineside.transports.base import TransportListener
from lineside.transports.scripted import ScriptedTransport
from tests.patience import PATIENCE
from tests.records.fixtures import RecordingGateway, frame, with_records

LOUD, QUIET = b"\x10\x27" * 160, bytes(320)


class Line(ScriptedTransport):
    """A line that gives the call sound when the test says so."""

    async def run(self, listener: TransportListener) -> Any:
        self.listener = listener
        await asyncio.Event().wait()


class Call:
    """What hears the line."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def on_audio(self, payload: bytes) -> None:
        self.heard.append(payload)

    def __getattr__(self, name: str) -> Any:
        return lambda *given: None


def test_a_tap_that_is_closed_costs_a_frame_nothing() -> None:
    """The line's and the call's own functions are called, and nothing between them; so it is again afterwards."""

    async def story() -> None:
        line, call, got = Line(()), Call(), list[RecordedStretch]()
        tap = TapTransport(line, got.append)
        running = asyncio.create_task(tap.run(call))
        await asyncio.sleep(0)
        for opened in (False, True, False):
            if opened:
                tap.open()
            else:
                tap.close()
            assert (line.listener.on_audio == call.on_audio) is not opened
            assert (tap.send == line.send) is not opened
            for _ in range(150):
                line.listener.on_audio(LOUD)
            tap.send(QUIET)
        running.cancel()
        assert len(call.heard) == 450
        assert got
        assert all(len(stretch.caller) == len(stretch.agent) == 6400 for stretch in got)
        assert got[0].caller == LOUD * 20

    asyncio.run(story())


def test_g711_comes_as_samples_side_by_side() -> None:
    """Whatever the line's codec, an operator hears WAV."""
    tone = (np.arange(160, dtype="<i2") * 100).tobytes()
    both = np.frombuffer(stereo(RecordedStretch(g711.encode(tone, "g711_ulaw"), b"\xff" * 160), "g711_ulaw"), "<i2")
    assert np.abs(both[::2].astype(int) - np.frombuffer(tone, "<i2")).max() < 600
    assert np.abs(both[1::2]).max() == 0


def test_a_listener_who_does_not_read_is_let_go_and_the_others_are_not() -> None:
    """Ten seconds behind; the call never waits. The last one to leave closes the tap."""

    async def story() -> None:
        told: list[bool] = []
        listeners = CallListeners()
        slow, quick = listeners.listen(16_000, told.append), listeners.listen(16_000, told.append)
        assert (await anext(slow))[:4] == (await anext(quick))[:4] == b"RIFF"
        for _ in range(BEHIND + 5):
            listeners.hear(RecordedStretch(LOUD, QUIET), "pcm")
            assert len(await anext(quick)) == 640
        assert len(listeners) == 1
        assert len([piece async for piece in slow]) == BEHIND
        await quick.aclose()
        assert (told, len(listeners)) == ([True, False], 0)

    asyncio.run(story())


def test_so_many_listen_and_no_more() -> None:
    """One more is refused and told so; the end of the call ends all their streams."""

    async def story() -> None:
        listeners = CallListeners()
        streams: list[AsyncGenerator[bytes, None]] = [
            listeners.listen(8000, lambda somebody: None) for _ in range(LISTENERS)
        ]
        with pytest.raises(CallRefused, match="8 operators already listen"):
            listeners.listen(8000, lambda somebody: None)
        heads = [await anext(stream) for stream in streams]
        with wave.open(io.BytesIO(heads[0])) as told:
            assert told.getnchannels() == 2
        listeners.close()
        for stream in streams:
            async with aclosing(stream):
                assert [piece async for piece in stream] == []

    asyncio.run(story())


async def stays_silent(ws: aiohttp.ClientWebSocketResponse, quiet: bytes) -> None:
    """Send silence until cancelled."""
    while True:
        await ws.send_bytes(quiet)
        await asyncio.sleep(0.02)


def test_an_operator_hears_a_call_and_speaks_in_it_over_real_sockets(tmp_path: Path) -> None:
    """The caller's tone on the left; what the operator types is in the history, and the audit has all they did."""

    async def story(server: RecordingGateway) -> None:
        hello, told = FirstMessage(codec="pcm", greeting=""), dict[str, Any]()
        async with server.http.ws_connect(f"{server.url}/ws/call") as ws:
            await ws.send_str('{"codec":"pcm","greeting":""}')
            call = (await ws.receive_json())["call_id"]
            async with server.http.get(f"{server.url}/api/calls/{call}/listen") as sound:
                assert sound.headers["Content-Type"] == "audio/wav"
                for _ in range(90):
                    await ws.send_bytes(frame(hello, 300))
                    await asyncio.sleep(0.005)
                heard = await sound.content.readexactly(44 + 4 * 3200)
                (live,) = (await server.ask("/api/calls"))["calls"]
                assert (live["listeners"], live["taken_over"]) == (1, False)
            both = np.frombuffer(heard[44:], "<i2")
            assert np.abs(both[::2]).max() > 8000
            await server.ask(f"/api/calls/{call}/take-over", "POST")
            async with server.http.post(f"{server.url}/api/calls/{call}/say", json={"text": "This is Ann."}) as said:
                assert said.status == 200, await said.text()
            assert (await server.ask("/api/calls"))["calls"][0]["taken_over"] is True
            silent = asyncio.create_task(stays_silent(ws, frame(hello, 0)))
            begun = False
            while not begun or told["type"] != "audio_done":
                message = await ws.receive(timeout=PATIENCE)
                told = message.json() if message.type is aiohttp.WSMsgType.TEXT else {"type": "sound"}
                begun |= told.get("text") == "This is Ann."
            silent.cancel()
            await asyncio.wait([silent])
            await server.ask(f"/api/calls/{call}/hand-back", "POST")
            await ws.send_str('{"type":"hangup"}')
            async for _ in ws:
                pass
        kept = await server.kept(call)
        assert any(turn["said"] == "This is Ann." for turn in kept["turns"])
        acts = [decision["reason"] for decision in kept["decisions"] if decision["what"] == "operator"]
        assert acts[0] == "listens"
        assert set(acts) >= {"takes_over", "says", "hands_back"}
        async with server.http.post(f"{server.url}/api/calls/{call}/say", json={"text": "Hello?"}) as gone:
            assert gone.status == 404

    with_records(story, tmp_path)
