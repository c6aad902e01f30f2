"""lineside as the agent of a benchmark that speaks in text: what the user says is typed, tools are the benchmark's own.

One conversation is one call over the WebSocket. The benchmark's tools are offered as `client_tools`; a `tool_call` goes
to the benchmark, its result comes back as `tool_result`. The agent's words count once they have been heard.
"""

import asyncio
import json
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import aiohttp
from msgspec import Struct

LONGEST = 4000  # characters of a result; the rest is cut off
ANSWER_WITHIN = 120.0  # seconds
PLAIN = {"string", ""}  # types of arguments that are text as they stand; others are JSON text


class ToolWanted(Struct, frozen=True):
    """lineside calls a tool of the benchmark's."""

    id: str
    name: str
    arguments: dict[str, Any]


class Said(Struct, frozen=True):
    """lineside has said this, and was heard."""

    text: str
    over: bool = False  # the call is over


Answer = ToolWanted | Said


class TextConversation:
    """One call. Its methods wait; the call itself runs in a thread of its own."""

    def __init__(
        self, url: str, first: Mapping[str, Any], tools: Sequence[Mapping[str, Any]], *, key: str = ""
    ) -> None:
        """Call.

        Args:
            url: of the gateway, such as "http://127.0.0.1:3001".
            first: of the first message: prompt, engines.
            tools: as OpenAI's API has them: name, description, parameters, and "writes" where it changes something.
            key: one of API_KEYS.
        """
        self._url, self._key = url.rstrip("/"), key
        self._types = {tool["name"]: _types(tool) for tool in tools}
        self._hello = {"codec": "pcm", "greeting": "", **first, "client_tools": [offered(tool) for tool in tools]}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lineside", daemon=True)
        self._thread.start()
        self._answers: asyncio.Queue[Answer] = asyncio.Queue(1000)
        self._session = self._line = None  # type: Any
        self._listening: asyncio.Task[None] | None = None
        self._done(self._open())

    def say(self, text: str) -> Answer:
        """The user says this. Raises `TimeoutError`, `ConnectionError`."""
        return self._asked({"type": "text", "text": text[:4000]})

    def give(self, call: str, content: str, *, failed: bool = False) -> Answer:
        """This came of a tool."""
        state = {"state": "failed", "why": content[:200]} if failed else {"text": content[:LONGEST]}
        return self._asked({"type": "tool_result", "id": call, **state})

    def close(self) -> None:
        """Hang up."""
        self._done(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _asked(self, message: Mapping[str, Any]) -> Answer:
        async def ask() -> Answer:
            await self._line.send_json(message)
            return await asyncio.wait_for(self._answers.get(), ANSWER_WITHIN)

        answer: Answer = self._done(ask())
        return answer

    def _done(self, work: Any) -> Any:
        waiting: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return waiting.result(ANSWER_WITHIN + 10)

    async def _open(self) -> None:
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._session = aiohttp.ClientSession(headers=headers)
        self._line = await self._session.ws_connect(f"{self._url}/ws/call")
        await self._line.send_json(self._hello)
        first = json.loads((await self._line.receive(30)).data)
        if first["type"] != "ready":
            raise ConnectionError(first.get("message", "the call was not taken"))
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        texts: dict[int, str] = {}
        async for message in self._line:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            event = json.loads(message.data)
            match event["type"]:
                case "tool_call":
                    name, arguments = event["tool"], event["arguments"]
                    self._answers.put_nowait(ToolWanted(event["id"], name, self._decoded(name, arguments)))
                case "reply_text":
                    texts[event["reply"]] = event["text"]
                case "audio_done" if event["reply"] in texts:
                    self._answers.put_nowait(Said(texts.pop(event["reply"])))
                case "ended":
                    self._answers.put_nowait(Said(" ".join(texts.values()), over=True))

    def _decoded(self, tool: str, arguments: Mapping[str, str]) -> dict[str, Any]:
        """Arguments as the benchmark's tool takes them: numbers, lists and objects come as JSON text."""
        found: dict[str, Any] = {}
        for name, value in arguments.items():
            plain = self._types.get(tool, {}).get(name, "string") in PLAIN
            try:
                found[name] = value if plain else json.loads(value)
            except ValueError:
                found[name] = value
        return found

    async def _close(self) -> None:
        if self._line is not None and not self._line.closed:
            await self._line.send_json({"type": "hangup"})
        if self._listening is not None:
            await asyncio.wait([self._listening], timeout=5)
        await self._session.close()


def offered(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool as lineside is offered it. Its arguments are the model's: they may come from any part of a result."""
    takes = {
        name: {"about": _about(schema), "from": "model"}
        for name, schema in tool.get("parameters", {}).get("properties", {}).items()
    }
    return {
        "name": tool["name"],
        "about": (tool.get("description") or tool["name"])[:1000],
        "effect": "writes" if tool.get("writes") else "reads",
        "takes": takes,
        "within": 30,
        "most": 100,
    }


def _about(schema: Mapping[str, Any]) -> str:
    kind = str(schema.get("type", ""))
    said = str(schema.get("description") or schema.get("title") or "")
    return (said if kind in PLAIN else f"{said} (as JSON text, {kind})")[:1000]


def _types(tool: Mapping[str, Any]) -> dict[str, str]:
    properties = tool.get("parameters", {}).get("properties", {})
    return {name: str(schema.get("type", "")) for name, schema in properties.items()}
