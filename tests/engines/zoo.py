"""A zoo of servers: each answers as users report that a well-known one does, with its oddities.

What they refuse and how they word it is theirs; that an answer reaches the caller all the same is ours.
"""

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web
from msgspec import Struct

SAID = "We open at nine."
PIECES = ("We open", " at", " nine.")
Handler = Callable[[web.Request], Any]


class Refusal(Struct, frozen=True):
    """A refusal in a server's own words."""

    status: int
    body: dict[str, Any] | str

    def answer(self) -> web.Response:
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        kind = "text/plain" if isinstance(self.body, str) else "application/json"
        return web.Response(status=self.status, text=text, content_type=kind)


def openai_error(message: str, param: str | None = None, status: int = 400) -> Refusal:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": "unsupported_parameter"}
    return Refusal(status, {"error": error})


class Animal(Struct, frozen=True):
    """One server: what it refuses of a request, and how it streams."""

    name: str
    refuses: Callable[[dict[str, Any]], Refusal | None] = lambda asked: None
    stream: Sequence[bytes | dict[str, Any]] = ()  # events, raw or as JSON; empty: OpenAI's own
    kind: str = "text/event-stream"
    tries: int = 1  # requests of a first answer; one from then on
    think: bool = False  # whether it thinks aloud until it is told not to
    reads: int = 1_000_000  # characters of a prompt that it reads; the first of a longer one are cut, in silence
    pause: float = 0.0  # seconds between two events


def strict_template(asked: dict[str, Any]) -> Refusal | None:
    """vLLM with the template of Mistral, Llama 2 or Gemma: user and assistant in turn."""
    roles = [message["role"] for message in asked["messages"] if message["role"] != "system"]
    if roles != ["user", "assistant"] * (len(roles) // 2) + ["user"] * (len(roles) % 2):
        said = "After the optional system message, conversation roles must alternate user/assistant/user/assistant/..."
        return openai_error(said)
    if any(message["role"] == "system" for message in asked["messages"][1:]):
        return openai_error("System message must be at the beginning.")
    return None


def no_system(said: str, status: int = 400) -> Callable[[dict[str, Any]], Refusal | None]:
    def refuse(asked: dict[str, Any]) -> Refusal | None:
        if any(message["role"] == "system" for message in asked["messages"]):
            return Refusal(status, {"error": {"message": said, "type": "BadRequestError"}})
        return strict_template(asked)

    return refuse


def reasoning_model(asked: dict[str, Any]) -> Refusal | None:
    """OpenAI's o-series and gpt-5."""
    if "max_tokens" in asked:
        return openai_error(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "max_tokens",
        )
    if asked.get("temperature", 1) != 1:
        return openai_error(
            "Unsupported value: 'temperature' does not support 0.0 with this model. "
            "Only the default (1) value is supported.",
            "temperature",
        )
    return None


def knows_only(*fields: str) -> Callable[[dict[str, Any]], Refusal | None]:
    """A server that validates with pydantic and forbids the rest, as Mistral's does."""

    def refuse(asked: dict[str, Any]) -> Refusal | None:
        extra = [name for name in asked if name not in fields]
        if not extra:
            return None
        detail = [{"type": "extra_forbidden", "loc": ["body", extra[0]], "msg": "Extra inputs are not permitted"}]
        return Refusal(422, {"detail": detail})

    return refuse


def chunk(content: Any = None, **more: Any) -> dict[str, Any]:
    delta = {"content": content} if content is not None else {}
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta | more}]}


PLAIN = [chunk("", role="assistant"), *map(chunk, PIECES), {"choices": [{"delta": {}, "finish_reason": "stop"}]}]
USAGE = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}
FILTERS = {"choices": [], "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]}
WHOLE = {"object": "chat.completion", "choices": [{"message": {"role": "assistant", "content": SAID}}]}

ZOO = (
    Animal("openai"),
    Animal("openai gpt-5", reasoning_model, tries=3),
    Animal("azure", stream=[FILTERS, *PLAIN, USAGE]),
    Animal("vllm strict template", strict_template, stream=[*PLAIN, USAGE]),
    Animal("vllm gemma", no_system("System role not supported"), tries=2),
    Animal("llama.cpp jinja", no_system("Value is not callable: System role not supported", 500), tries=2),
    Animal("gemini compatibility", no_system("Developer instruction is not enabled for models/gemma-3-4b-it"), tries=2),
    Animal("mistral", knows_only("model", "messages", "max_tokens", "temperature", "stream")),
    Animal("sparse", knows_only("model", "messages", "stream"), tries=4),
    Animal("llama.cpp thinking", stream=[b"data: null\n\n", b": keep-alive\n\n", *PLAIN]),
    Animal("last chunk without choices", stream=[*PLAIN, {"choices": None}]),
    Animal("delta is null", stream=[{"choices": [{"index": 0, "delta": None}]}, *PLAIN]),
    Animal("numbers and lists", stream=[b"data: 5\n\n", b"data: []\n\n", b"data: \n\n", b"data:\n\n", *PLAIN]),
    Animal("named events", stream=[b"event: ping\r\ndata: {}\r\n\r\n", *PLAIN]),
    Animal("no space after the colon", stream=[b"data:" + json.dumps(one).encode() + b"\n\n" for one in PLAIN]),
    Animal(
        "mistral reasoning",
        stream=[
            chunk([{"type": "thinking", "thinking": [{"type": "text", "text": "The caller wants hours."}]}]),
            chunk([{"type": "text", "text": SAID}]),
        ],
    ),
    Animal("parts of text", stream=[chunk([{"type": "text", "text": piece}]) for piece in PIECES]),
    Animal("completions shape", stream=[{"choices": [{"text": piece}]} for piece in PIECES]),
    Animal("one json instead of a stream", stream=[json.dumps(WHOLE).encode()], kind="application/json"),
    Animal("half a character", stream=[b'data: {"choices":[{"delta":{"content":""},"x":"\xe2\x82"}]}\n\n', *PLAIN]),
    Animal("thinks aloud", think=True, tries=2),
)


class Server:
    """One animal on loopback."""

    def __init__(self, animal: Animal) -> None:
        self.animal = animal
        self.asked: list[dict[str, Any]] = []
        self.refused = 0

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [web.post("/v1/chat/completions", self.chat), web.get("/v1/models", self.models)],
        )
        return app

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "a-model"}]})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self.asked.append(asked)
        if (no := self.animal.refuses(asked)) is not None:
            self.refused += 1
            return no.answer()
        answer = web.StreamResponse(headers={"Content-Type": self.animal.kind})
        await answer.prepare(request)
        for event in self._events(asked):
            raw = event if isinstance(event, bytes) else b"data: " + json.dumps(event).encode() + b"\n\n"
            await answer.write(raw)
            await asyncio.sleep(self.animal.pause)
        if self.animal.kind == "text/event-stream":
            await answer.write(b"data: [DONE]\n\n")
        await answer.write_eof()
        return answer

    def _events(self, asked: dict[str, Any]) -> Sequence[bytes | dict[str, Any]]:
        if self.animal.think and "reasoning_effort" not in asked:
            return [chunk(reasoning_content="hm ") for _ in range(40)]
        read = "\n".join(str(message["content"]) for message in asked["messages"])[-self.animal.reads :]
        if (secret := re.search(r"The secret word is (\w+)\.", read)) and "What is the secret word?" in read:
            return [chunk(f"{secret[1]}.")]
        return self.animal.stream or PLAIN
