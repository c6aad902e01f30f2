"""A gateway on scripted engines and the stock client at it; every event is read by OpenAI's published types."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import openai
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from lineside.engines.protocols import Message
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT
from tests.gateway.test_app import ServedGateway, opened
from tests.realtime.events import checked

RATE = 24_000
TONE = (np.sin(np.arange(RATE) * 0.3) * 9000).astype("<i2").tobytes()  # a second of voice, to the loudness detector


def sound(seconds: float, *, voiced: bool = True) -> bytes:
    """Voice, or quiet."""
    size = round(seconds * RATE) * 2
    return (TONE * (int(seconds) + 1))[:size] if voiced else bytes(size)


class Client:
    """The stock client in one session."""

    def __init__(self, connection: AsyncRealtimeConnection, gateway: ServedGateway) -> None:
        self.connection, self.gateway = connection, gateway
        self.events: list[dict[str, Any]] = []

    @property
    def llm(self) -> ScriptedLLM:
        """What answers, with all that it was asked."""
        llm = self.gateway.gateway._registry.engine("llm", "scripted")
        assert isinstance(llm, ScriptedLLM)
        return llm

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    def one(self, kind: str) -> dict[str, Any]:
        (event,) = self.all(kind)
        return event

    async def send(self, kind: str, **fields: Any) -> None:
        await self.connection.send({"type": kind, **fields})  # type: ignore[arg-type]  # of one event each

    async def next(self) -> dict[str, Any]:
        raw = await asyncio.wait_for(self.connection.recv_bytes(), 60)
        told: dict[str, Any] = json.loads(raw)
        checked(told)
        self.events.append(told)
        return told

    async def until(self, kind: str) -> dict[str, Any]:
        """The next event of that type; what comes before is kept."""
        while (event := await self.next())["type"] != kind:
            continue
        return event

    async def speak(self, *stretches: bytes) -> None:
        """Send sound in pieces of 100 ms, as fast as it goes."""
        data = b"".join(stretches)
        for at in range(0, len(data), RATE // 5):
            piece = base64.b64encode(data[at : at + RATE // 5]).decode()
            await self.send("input_audio_buffer.append", audio=piece)

    async def update(self, **session: Any) -> dict[str, Any]:
        await self.send("session.update", session={"type": "realtime", **session})
        return await self.until("session.updated")

    async def type(self, text: str) -> str:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        await self.send("conversation.item.create", item=item)
        return str((await self.until("conversation.item.done"))["item"]["id"])

    async def answered(self, **response: Any) -> dict[str, Any]:
        await self.send("response.create", **({"response": response} if response else {}))
        return dict((await self.until("response.done"))["response"])

    def kinds(self, *without: str) -> list[str]:
        """The types of all events, those in a row once."""
        found: list[str] = []
        for event in self.events:
            if event["type"] not in without and found[-1:] != [event["type"]]:
                found.append(event["type"])
        return found


@asynccontextmanager
async def sessions(
    model: str = "gpt-realtime",
    *,
    answers: tuple[str | Message, ...] | None = None,
    hears: tuple[str, ...] | None = None,
    query: dict[str, Any] | None = None,
    **given: Any,
) -> AsyncGenerator[Client]:
    """A session, after its first event."""
    async with opened(**({"echo_gate": False} | given)) as gateway:  # tones are like each other
        registry = gateway.gateway._registry
        if answers is not None:
            llm = ScriptedLLM(answers=answers)
            registry._engines["llm", "scripted"] = llm
        if hears is not None:
            registry._engines["stt", "scripted"] = ScriptedSTT(hears=hears)
        async with (
            openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="secret") as client,
            client.realtime.connect(model=model, extra_query=query or {}) as connection,
        ):
            session = Client(connection, gateway)
            assert (await session.next())["type"] == "session.created"
            yield session


def with_session(story: Callable[[Client], Awaitable[None]], model: str = "gpt-realtime", **given: Any) -> None:
    async def main() -> None:
        async with sessions(model, **given) as client:
            await story(client)

    asyncio.run(main(), debug=True)
