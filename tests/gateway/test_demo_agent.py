"""The demonstration agent books a visit: over a real WebSocket, against its real back end, by rule."""

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lineside.demo.launch import ADDRESS
from lineside.gateway.startup import running_gateway
from lineside.settings import complete_settings

SAID = ("I need an engineer for next Tuesday in the morning, order 1 2 3 4 5", "Yes, I have", "555 010 1234")


async def told(call: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    async for message in call:
        if message.type is aiohttp.WSMsgType.TEXT:
            event: dict[str, Any] = json.loads(message.data)
            if event["type"] == kind:
                return event
    raise AssertionError(f"the call ended without {kind}")


def test_a_newcomer_books_a_visit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for, read back, booked once, kept with the call: with scripted engines, and without a language model."""
    monkeypatch.delenv(ADDRESS, raising=False)  # another gateway of this process may have a back end of its own

    async def story() -> tuple[list[str], dict[str, Any]]:
        engines = {f"default_{role}_engine": "scripted" for role in ("stt", "llm", "tts")}
        settings = complete_settings()(_env_file=None, host="127.0.0.1", port=0, data_dir=tmp_path, **engines)  # type: ignore[call-arg, arg-type]
        async with running_gateway(settings) as running, aiohttp.ClientSession() as http:
            address = running.url.replace("localhost", "127.0.0.1")
            async with http.ws_connect(f"{address}/ws/call") as call:
                await call.send_json({"codec": "pcm", "greeting": ""})
                ready, replies = await told(call, "ready"), []
                for text in (*SAID, "Yes, please.", "No, that's all. Goodbye."):
                    await call.send_json({"type": "text", "text": text})
                    replies.append((await told(call, "reply_text"))["text"])
                    if replies[-1].startswith("That"):  # what is read back, and what came of it, has to be heard
                        await told(call, "audio_done")
                assert (await told(call, "ended"))["reason"] == "agent_said_goodbye"
            for _ in range(600):
                async with http.get(f"{address}/api/calls/{ready['call_id']}") as answer:
                    kept = await answer.json()
                if answer.status == 200 and kept["call"]["reason"]:
                    break
                await asyncio.sleep(0.1)
            return replies, kept

    replies, kept = asyncio.run(story())
    assert replies[2].startswith("That is an engineer on Tuesday, ")
    assert replies[3].startswith("That's booked. Your reference is ")
    (booking,) = kept["tool_calls"]
    assert (booking["tool"], booking["state"], booking["heard"]) == ("book_visit", "ok", True)
    with sqlite3.connect(tmp_path / "demo.db") as base:
        ((order, day, part, phone),) = base.execute("select number, day, part_of_day, phone from visits").fetchall()
    assert (order, day, part, phone) == ("12345", booking["arguments"]["day"], "morning", "+15550101234")
