"""A reply is measured once: the page, the history, the table, the replay and Prometheus say the same of each."""

import asyncio
import csv
import io
import re
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from rich.console import Console

from lineside.cli.replay import show
from lineside.protocol import (
    AudioStarted,
    BargeIn,
    FirstMessage,
    ReplyMetrics,
    ServerMessage,
    Text,
    decode_server,
    encode,
)
from lineside.records.entries import WholeCall
from lineside.replay.compare import compared
from lineside.replay.runner import ReplayResult
from tests.records.fixtures import FRAME, RecordingGateway, frame, with_records

HELLO = FirstMessage(codec="pcm", greeting="")


class Caller:
    """Speaks until they are told to be silent, and keeps what they are told."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self._ws = ws
        self.told: list[ServerMessage] = []
        self._more = asyncio.Event()
        self._hertz = 0

    async def listen(self) -> None:
        async for message in self._ws:
            if isinstance(message.data, str):
                self.told.append(decode_server.decode(message.data))
                self._more.set()

    async def sound(self) -> None:
        """A frame when it is due, with voice or without."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self._ws.send_bytes(frame(HELLO, self._hertz))
            due += FRAME
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def says(self, seconds: float) -> None:
        """Speak for so long."""
        self._hertz = 300
        await asyncio.sleep(seconds)
        self._hertz = 0

    async def hears(self, kind: type[ServerMessage], many: int) -> None:
        """Until so many of these have been told."""
        while len(self.all(kind)) < many:
            self._more.clear()
            await self._more.wait()

    def all(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]


async def talk(caller: Caller) -> None:
    """A question, one whose answer is talked over, the words that did so, and one that is typed."""
    await caller.says(0.6)
    await caller.hears(ReplyMetrics, 1)
    await caller.says(0.6)
    await caller.hears(AudioStarted, 2)
    await caller.says(1.6)
    await caller.hears(BargeIn, 1)
    await caller.hears(ReplyMetrics, 3)
    await caller._ws.send_str(encode(Text("And typed?")).decode())
    await caller.hears(ReplyMetrics, 4)


async def held(server: RecordingGateway) -> tuple[str, list[ReplyMetrics]]:
    """The id of such a call, and what its caller's program, as the page is one, was told of each reply."""
    async with server.http.ws_connect(f"{server.url}/ws/call") as ws:
        await ws.send_str('{"codec":"pcm","greeting":""}')
        call: str = (await ws.receive_json())["call_id"]
        caller = Caller(ws)
        listening = asyncio.create_task(caller.listen())
        sounding = asyncio.create_task(caller.sound())
        async with asyncio.timeout(60):
            await talk(caller)
        (live,) = (await server.ask("/api/calls"))["calls"]
        assert live["last_e2e_ms"] == caller.all(ReplyMetrics)[-1].e2e_ms
        assert live["turns"] == 4
        assert live["answered"]["tts"]["engine"] == "scripted"
        sounding.cancel()
        await ws.send_str('{"type":"hangup"}')
        await listening
    return call, caller.all(ReplyMetrics)


def shown_by_replay(whole: WholeCall) -> str:
    """The table that `lineside replay` prints, of a call that was held again and came out the same."""
    printed = io.StringIO()
    again = ReplayResult(whole.turns, 1.0, 1.0)
    show(compared(whole, again), Console(width=200, file=printed))
    return printed.getvalue()


async def exported(server: RecordingGateway) -> list[dict[str, str]]:
    async with server.http.get(f"{server.url}/api/history/export.csv") as answer:
        return list(csv.DictReader(io.StringIO(await answer.text())))


async def counted(server: RecordingGateway, sample: str) -> float:
    async with server.http.get(f"{server.url}/metrics") as answer:
        found = re.findall(rf"^lineside_{sample} (\S+)$", await answer.text(), re.MULTILINE)
    return sum(map(float, found))


def test_five_places_say_the_same_of_every_reply(tmp_path: Path) -> None:
    """To the millisecond: event, history, CSV, replay and Prometheus; and who answered, too.

    Of a reply that was heard to its end, one that was talked over, the one after it, and one to typed words.
    """

    async def story(server: RecordingGateway) -> None:
        call, events = await held(server)
        assert len({event.reply for event in events}) == len(events) == 4, "a reply is measured once"
        kept: Any = await server.kept(call)
        rows = await exported(server)
        table = shown_by_replay(msgspec.convert(kept, WholeCall))
        assert len(kept["turns"]) == len(rows) == 4
        assert [turn["cut"] for turn in kept["turns"]] == [False, True, False, False]
        for event, turn, row in zip(events, kept["turns"], rows, strict=True):
            assert event.e2e_ms is not None
            assert turn["stages"] == told(event)
            assert {name: float(row[name]) for name in turn["stages"]} == told(event)
            assert turn["engines"] == msgspec.to_builtins(event.engines)
            assert row["tts_engine"] == event.engines["tts"].engine
            if event is not events[-1]:  # a replay holds what was spoken
                assert f"{event.e2e_ms:.0f} → {event.e2e_ms:.0f}" in table
        assert kept["call"]["slowest_ms"] == max(event.e2e_ms or 0.0 for event in events)
        for stage in ("e2e", "endpoint", "asr", "llm_first", "llm", "tts_first", "tts"):
            every = [ms for event in events if (ms := getattr(event, f"{stage}_ms")) is not None]
            labels = rf'{{engine="\w*",stage="{stage}"}}'
            assert round(await counted(server, f"stage_seconds_sum{labels}") * 1000, 1) == round(sum(every), 1)
            assert await counted(server, f"stage_seconds_count{labels}") == len(every)
        assert await counted(server, r'answered_total\{[^}]*role="tts",why=""\}') == 4
        assert await counted(server, r'turns_total\{line="browser"\}') == 4, "a typed turn is one"
        assert await counted(server, r'barge_ins_total\{kind="true",line="browser"\}') == 1

    with_records(story, tmp_path)


def told(event: ReplyMetrics) -> dict[str, float]:
    """The times of an event, without those that were not measured."""
    times = {name: getattr(event, name) for name in ReplyMetrics.__struct_fields__ if name.endswith("_ms")}
    return {name: ms for name, ms in times.items() if ms is not None}
