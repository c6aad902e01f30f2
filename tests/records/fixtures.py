"""A gateway that keeps its calls, over real sockets, with scripted engines; and callers who call it."""

import asyncio
import io
import math
from array import array
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import soundfile
from aiohttp import WSMsgType, web

from lineside.agents.agent import Agent
from lineside.audio import g711
from lineside.audio.vad import LoudnessVad
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.gateway.app import Gateway
from lineside.observability.metrics import GatewayMetrics
from lineside.protocol import AudioDone, Dtmf, Ended, FirstMessage, Ready, ServerMessage, Text, decode_server, encode
from lineside.records.archive import Archive
from tests.browser.fixtures import ScriptedRegistry
from tests.call.fixtures import FixedAgentStore, settings

AGENT = Agent(name="Test", prompt="You answer.", greeting="")
FRAME = 0.02


class RecordingGateway:
    """The gateway, open, and a client at it."""

    def __init__(self, url: str, gateway: Gateway, archive: Archive, http: aiohttp.ClientSession) -> None:
        self.url, self.gateway, self.archive, self.http = url, gateway, archive, http
        self.told: list[str] = []  # every event of every call, as it came over the socket

    async def ask(self, path: str, method: str = "GET") -> Any:
        async with self.http.request(method, self.url + path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def kept(self, call: str) -> Any:
        """A call that is over, once the database has it."""
        await self.archive.settled()
        return await self.ask(f"/api/calls/{call}")

    async def call(self, *doing: float | Text | Dtmf, hello: FirstMessage | None = None) -> str:
        """Speak for `doing[0]` seconds, or type it, listen to the answer to its end, go on with `doing[1]` …; the
        call's id.
        """
        hello = hello or FirstMessage(codec="pcm", greeting="")
        async with self.http.ws_connect(f"{self.url}/ws/call") as ws:
            await ws.send_str(encode(hello).decode())
            answered: asyncio.Queue[ServerMessage] = asyncio.Queue()
            listening = asyncio.create_task(self._listen(ws, answered))
            ready = await answered.get()
            assert isinstance(ready, Ready), ready
            for one in doing:
                if isinstance(one, Text | Dtmf):
                    await ws.send_str(encode(one).decode())
                await self._speak(ws, hello, 0.0 if isinstance(one, Text | Dtmf) else one, answered)
            await ws.send_str('{"type":"hangup"}')
            while not isinstance(await answered.get(), Ended):
                pass
            await listening
        return ready.call_id

    async def _speak(
        self,
        ws: aiohttp.ClientWebSocketResponse,
        hello: FirstMessage,
        seconds: float,
        answered: "asyncio.Queue[ServerMessage]",
    ) -> None:
        loop = asyncio.get_running_loop()
        due, spoken = loop.time(), 0.0
        while True:
            loud = spoken < seconds
            await ws.send_bytes(frame(hello, 300 if loud else 0))
            spoken += FRAME
            due += FRAME
            await asyncio.sleep(max(0.0, due - loop.time()))
            while not answered.empty():
                if isinstance(answered.get_nowait(), AudioDone):
                    return

    async def _listen(self, ws: aiohttp.ClientWebSocketResponse, answered: "asyncio.Queue[ServerMessage]") -> None:
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                self.told.append(message.data)
                answered.put_nowait(decode_server.decode(message.data))


def frame(hello: FirstMessage, hertz: int) -> bytes:
    """Twenty milliseconds of a tone, or of silence, in the call's codec."""
    rate = hello.rate
    tone = (round(9000 * math.sin(2 * math.pi * hertz * n / rate)) for n in range(round(rate * FRAME)))
    pcm = array("h", tone).tobytes()
    return pcm if hello.codec == "pcm" else g711.encode(pcm, hello.codec)


@asynccontextmanager
async def opened(
    folder: Path,
    *,
    hears: Sequence[str] = ("When are you open?",),
    answers: Sequence[str] = ("From nine.",),
    agent: Agent = AGENT,
    **given: Any,
) -> AsyncGenerator[RecordingGateway, None]:
    """Open it."""
    chosen = settings(
        **{f"default_{role}_engine": "scripted" for role in ("stt", "llm", "tts")}, data_dir=folder, **given
    )
    engines: dict[Any, Any] = {
        "stt": ScriptedSTT(hears=hears),
        "llm": ScriptedLLM(answers=answers),
        "tts": ScriptedTTS(),
    }
    metrics = GatewayMetrics()
    async with aiohttp.ClientSession() as http, Archive(chosen, metrics.records).opened() as archive:
        registry = ScriptedRegistry(chosen, http, engines)
        gateway = Gateway(chosen, FixedAgentStore(agent), registry, LoudnessVad, http, metrics, records=archive)
        runner = web.AppRunner(gateway.app(), access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield RecordingGateway(f"http://127.0.0.1:{runner.addresses[0][1]}", gateway, archive, http)
        finally:
            await runner.cleanup()


def with_records(story: Callable[[RecordingGateway], Awaitable[None]], folder: Path, **how: Any) -> None:
    """Tell the story in such a server."""

    async def main() -> None:
        async with asyncio.timeout(300), opened(folder, **how) as server:
            await story(server)

    asyncio.run(main())


def heard(flac: bytes) -> tuple[np.ndarray[Any, Any], int]:
    """Samples × 2, and the rate."""
    sound, rate = soundfile.read(io.BytesIO(flac), dtype="int16")
    return sound, rate


def stretches(side: np.ndarray[Any, Any], rate: int) -> list[tuple[float, float]]:
    """Where there is sound, in seconds: begin and end of each stretch, pauses under 0.1 s counted in."""
    places = np.flatnonzero(np.abs(side.astype(np.int32)) > 300) / rate
    if not len(places):
        return []
    breaks = np.flatnonzero(np.diff(places) > 0.1)
    begins, ends = [places[0], *places[breaks + 1]], [*places[breaks], places[-1]]
    return [(float(begin), float(end)) for begin, end in zip(begins, ends, strict=True)]
