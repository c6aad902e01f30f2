"""Ollama, by github.com/ollama/ollama docs/api.md and docs.ollama.com/capabilities/thinking."""

import asyncio
import json
from typing import Any

from aiohttp import web

from tests.fakes import ANSWERED, WHAT_IT_THOUGHT, called

GB = 10**9
INLINE = ("<think>\n", *WHAT_IT_THOUGHT.split(" "), "\n</think>\n\n")


class FakeOllama:
    """Models on its disk, some in memory. `thinks`: those that can be told to; `inline`: think in their text."""

    def __init__(self) -> None:
        self.disk: dict[str, int] = {"llama3.2:3b": 2 * GB, "qwen3:1.7b": GB, "old-thinker:latest": GB}
        self.memory: dict[str, str | int] = {}  # model → its keep_alive
        self.thinks = {"qwen3:1.7b"}
        self.inline = {"old-thinker:latest"}
        self.asked: list[dict[str, Any]] = []
        self.goes_on: asyncio.Event | None = None  # an answer waits for it after its first token
        self.left = asyncio.Event()  # somebody left in the middle of an answer
        self.endless: set[str] = set()  # models that think until they are told not to
        self.evaluated: int | None = None  # tokens that it says it has read of a prompt
        self.tools = {"llama3.2:3b", "qwen3:1.7b"}  # models that can call them
        self.shown: list[str] = []  # models that it was asked about
        self.streams: list[dict[str, Any]] = []  # lines of an answer, in place of its own
        self.breaks = ""  # what it says in the middle of an answer

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.post("/api/chat", self.chat),
                web.post("/api/generate", self.generate),
                web.post("/api/show", self.show),
                web.post("/api/pull", self.pull),
                web.get("/api/tags", self.tags),
                web.get("/api/ps", self.ps),
            ]
        )
        return app

    async def chat(self, request: web.Request) -> web.StreamResponse:
        ask = await request.json()
        self.asked.append(ask)
        model = _tagged(ask["model"])
        if model not in self.disk:
            return web.json_response({"error": f"model '{ask['model']}' not found"}, status=404)
        if ask.get("think") and model not in self.thinks:
            return web.json_response({"error": f'"{ask["model"]}" does not support thinking'}, status=400)
        if ask.get("tools") and model not in self.tools:
            return web.json_response({"error": f"{ask['model']} does not support tools"}, status=400)
        self.memory[model] = ask.get("keep_alive", "5m")
        if self.streams:
            return await self._stream(request, [*self.streams, {"model": model, "message": {}, "done": True}])
        parts: list[dict[str, Any]] = [{"thinking": w + " "} for w in WHAT_IT_THOUGHT.split(" ")]
        if model not in self.thinks or ask.get("think") is False:
            parts = [{"content": w + " "} for w in INLINE] if model in self.inline else []
        if model in self.endless and ask.get("think") is not False:
            parts = [{"thinking": "hm "}] * 400
        else:
            parts += [{"content": w + " "} for w in ANSWERED.split(" ")]
        if ask.get("tools") and ask["messages"][-1]["role"] == "user":
            parts = [{"tool_calls": [{"function": called(ask["tools"])}]}]
        lines = [
            {"model": model, "message": {"role": "assistant", "content": "", **part}, "done": False}
            for part in parts[: ask["options"]["num_predict"]]
        ]
        last = {"model": model, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
        if self.evaluated is not None:
            last["prompt_eval_count"] = self.evaluated
        return await self._stream(request, [*lines, last])

    async def generate(self, request: web.Request) -> web.Response:
        """An empty prompt: load, or unload where it is to be kept for no time."""
        ask = await request.json()
        self.asked.append(ask)
        model = _tagged(ask["model"])
        if model not in self.disk:
            return web.json_response({"error": f"model '{ask['model']}' not found"}, status=404)
        unload = ask.get("keep_alive") == 0
        if unload:
            self.memory.pop(model, None)
        else:
            self.memory[model] = ask.get("keep_alive", "5m")
        said = {"model": model, "response": "", "done": True, "done_reason": "unload" if unload else "load"}
        return web.json_response(said)

    async def show(self, request: web.Request) -> web.Response:
        ask = await request.json()
        self.shown.append(ask["model"])
        model = _tagged(ask["model"])
        can = [
            "completion",
            *(["tools"] if model in self.tools else []),
            *(["thinking"] if model in self.thinks else []),
        ]
        return web.json_response({"details": {}, "capabilities": can})

    async def tags(self, request: web.Request) -> web.Response:
        models = [{"name": name, "model": name, "size": size, "digest": "d"} for name, size in self.disk.items()]
        return web.json_response({"models": models})

    async def ps(self, request: web.Request) -> web.Response:
        models = [
            {"name": name, "model": name, "size": self.disk[name] + GB, "size_vram": self.disk[name] + GB}
            for name in self.memory
        ]
        return web.json_response({"models": models})

    async def pull(self, request: web.Request) -> web.StreamResponse:
        model = _tagged((await request.json())["model"])
        lines: list[dict[str, Any]] = [{"status": "pulling manifest"}]
        if model == "nowhere:latest":
            return await self._stream(request, [*lines, {"error": "pull model manifest: file does not exist"}])
        layer = {
            "status": "pulling d",
            "digest": "sha256:d",
            "total": GB,
        }  # `completed` is left out before the first byte
        lines += [layer, layer | {"completed": GB // 2}, layer | {"completed": GB}]
        lines += [{"status": "verifying sha256 digest"}, {"status": "writing manifest"}, {"status": "success"}]
        self.disk[model] = GB
        return await self._stream(request, lines)

    async def _stream(self, request: web.Request, lines: list[dict[str, Any]]) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await answer.prepare(request)
        try:
            for number, line in enumerate(lines):
                if number == 1 and self.goes_on:
                    await self.goes_on.wait()
                if number == 1 and self.breaks:
                    await answer.write(json.dumps({"error": self.breaks}).encode() + b"\n")
                    return answer
                await answer.write(json.dumps(line).encode() + b"\n")
            await answer.write_eof()
        except (asyncio.CancelledError, ConnectionError):
            self.left.set()
            raise
        return answer


def _tagged(model: str) -> str:
    return model if ":" in model else f"{model}:latest"
