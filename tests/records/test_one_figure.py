"""One reply, measured once: the page, the history, the table, the replay and Prometheus say the same of it."""

import asyncio
import csv
import io
import re
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from lineside.cli.replay import show
from lineside.protocol import FirstMessage, ReplyMetrics, decode_server
from lineside.records.entries import WholeCall
from lineside.replay.compare import compared
from lineside.replay.runner import ReplayResult
from tests.records.fixtures import FRAME, RecordingGateway, frame, with_records


async def one_reply(server: RecordingGateway) -> tuple[str, ReplyMetrics]:
    """The id of a call of one question, and what its caller's program (the page) was told of the reply."""
    hello = FirstMessage(codec="pcm", greeting="")
    told: list[ReplyMetrics] = []
    async with server.http.ws_connect(f"{server.url}/ws/call") as ws:
        await ws.send_str('{"codec":"pcm","greeting":""}')
        call: str = (await ws.receive_json())["call_id"]
        over = asyncio.Event()

        async def listen() -> None:
            async for message in ws:
                if isinstance(message.data, str):
                    event = decode_server.decode(message.data)
                    if isinstance(event, ReplyMetrics):
                        told.append(event)
                        over.set()

        listening = asyncio.create_task(listen())
        loop = asyncio.get_running_loop()
        due, spoken = loop.time(), 0.0
        while not over.is_set():
            await ws.send_bytes(frame(hello, 300 if spoken < 0.6 else 0))
            spoken, due = spoken + FRAME, due + FRAME
            await asyncio.sleep(max(0.0, due - loop.time()))
        (live,) = (await server.ask("/api/calls"))["calls"]
        assert live["last_e2e_ms"] == told[0].e2e_ms
        await ws.send_str('{"type":"hangup"}')
        await listening
    assert len(told) == 1, "one reply is measured once"
    return call, told[0]


def shown_by_replay(whole: WholeCall) -> str:
    """The table that `lineside replay` prints, of a call that was held again and came out the same."""
    out = Console(record=True, width=200, file=io.StringIO())
    again = ReplayResult(whole.turns, {}, 1.0, 1.0)
    show(compared(whole, again), out)
    return out.export_text()


def test_five_places_say_the_same_of_one_reply(tmp_path: Path) -> None:
    """To the millisecond: event, history, CSV, replay and Prometheus; and who answered, too."""

    async def story(server: RecordingGateway) -> None:
        call, event = await one_reply(server)
        assert event.e2e_ms is not None
        kept: Any = await server.kept(call)
        (turn,) = kept["turns"]
        assert turn["stages"]["e2e_ms"] == event.e2e_ms
        assert kept["call"]["slowest_ms"] == event.e2e_ms
        assert turn["engines"] == msgspec.to_builtins(event.engines)
        async with server.http.get(f"{server.url}/api/history/export.csv") as answer:
            (row,) = csv.DictReader(io.StringIO(await answer.text()))
        assert float(row["e2e_ms"]) == event.e2e_ms
        assert row["tts_engine"] == event.engines["tts"].engine
        for stage, ms in turn["stages"].items():
            assert float(row[stage]) == ms == getattr(event, stage)
        table = shown_by_replay(msgspec.convert(kept, WholeCall))
        assert f"{event.e2e_ms:.0f} → {event.e2e_ms:.0f}" in table
        async with server.http.get(f"{server.url}/metrics") as answer:
            metrics = await answer.text()
        (seconds,) = re.findall(r'lineside_stage_seconds_sum{engine="",stage="e2e"} (\S+)', metrics)
        (count,) = re.findall(r'lineside_stage_seconds_count{engine="",stage="e2e"} (\S+)', metrics)
        assert (round(float(seconds) * 1000, 1), float(count)) == (event.e2e_ms, 1.0)
        (spoke,) = re.findall(r'lineside_answered_total{engine="(\w+)",model="\w*",role="tts",why=""} 1.0', metrics)
        assert spoke == event.engines["tts"].engine

    with_records(story, tmp_path)
