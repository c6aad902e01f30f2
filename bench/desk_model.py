"""A language model that behaves, for a desk whose tools a model calls: an OpenAI-shaped server without a model.

It decides by the rules that the agent's own file declares, and does what a good model does with them: it asks for what
a tool needs, calls it with what the caller said, and tells what it gave. What a rehearsal with it proves is the wire,
the native path and its guards, not how well a model understands.

    python -m bench.desk_model bench/desk/agent.toml --today 2026-12-01 --port 8800
    lineside rehearse bench/desk --native --llm openai --set OPENAI_URL=http://127.0.0.1:8800
"""

import argparse
import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from aiohttp import web
from msgspec.structs import replace

from lineside.agents.agent import CALL, Agent, load_agent
from lineside.agents.slots.extract import Place, Said
from lineside.agents.tasks.state import Desk, Do, Move, TaskState, Think, Turn, joined
from lineside.agents.tasks.steps import after_tool
from lineside.agents.tasks.turn import next_turn
from lineside.agents.tools.outcome import Outcome, Use

UNKNOWN = "I'm sorry, I don't know that."
DONE = b"data: [DONE]\n\n"


class BehavedModel:
    """Reads a conversation from its beginning, every time, as a model does."""

    def __init__(self, agent: Agent, today: date) -> None:
        self._agent, self._today = agent, today
        self._state = TaskState()
        self._doing: Use | None = None
        self._next: str | Use = UNKNOWN  # what it says, or calls

    def answer(self, messages: Iterable[dict[str, Any]]) -> str | Use:
        """What it says now, or the tool that it calls."""
        for message in messages:
            match message["role"]:
                case "user" if message["content"] != CALL.content:
                    self._settle(next_turn(self._state, self._desk(), Said(message["content"])))
                case "tool":
                    self._came(json.loads(message["content"]))
        return self._next

    def _came(self, result: dict[str, Any]) -> None:
        """A tool has answered; what waits for the caller's yes is theirs."""
        if self._doing is None or result["status"] in ("waiting", "running"):
            return
        use, self._doing = self._doing, None
        outcome = Outcome(result["status"], result.get("result", {}), result.get("why", ""))
        self._settle(after_tool(self._state, self._desk(), use, outcome))

    def _settle(self, turn: Turn) -> None:
        self._state, move = turn
        self._doing = move.use if isinstance(move, Do) else None
        self._next = self._call() or _words(move)

    def _call(self) -> Use | None:
        asked = self._state.asked
        if self._doing is not None:
            return self._doing
        if asked is not None and asked.kind == "write":
            return asked.use  # the system reads it back, and asks
        if asked is not None and asked.kind == "slot" and self._agent.slots[asked.slot].secret:
            known = {name: given.value for name, given in self._state.slots.items()}
            tool = next(name for name, tool in self._agent.tools.items() if asked.slot in tool.takes)
            takes = self._agent.tools[tool].takes
            return Use(tool, {name: value for name, value in known.items() if name in takes})
        return None

    def _desk(self) -> Desk:
        place = Place(self._today, self._agent.month_first, self._agent.region)
        return Desk(self._agent, place, 0.0, self._state.asked.text if self._state.asked is not None else "")


def _words(move: Move) -> str:
    match move:
        case Think(then=then):
            return joined(UNKNOWN, then)
        case Do():
            return ""
    return move.text


class BehavedServer:
    """Streams the model's answers as OpenAI's API does."""

    def __init__(self, agent: Agent, today: date) -> None:
        self._agent, self._today = agent, today
        self.asked = 0

    def app(self) -> web.Application:
        """Its two routes."""
        app = web.Application(client_max_size=4 << 20)
        app.add_routes([web.get("/v1/models", self.models), web.post("/v1/chat/completions", self.chat)])
        return app

    async def models(self, request: web.Request) -> web.Response:
        """One."""
        return web.json_response({"object": "list", "data": [{"id": "behaved", "object": "model"}]})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Words one by one, or a call in pieces."""
        self.asked += 1
        given = await request.json()
        said = BehavedModel(self._agent, self._today).answer(given["messages"])
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        if isinstance(said, Use) and given.get("tools"):
            arguments = json.dumps(said.arguments)
            function = {"name": said.tool, "arguments": ""}
            deltas.append({"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": function}]})
            pieces = (arguments[:7], arguments[7:])
            deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces]
        else:
            words = said if isinstance(said, str) else "One moment, please."
            deltas += [{"content": f"{word} "} for word in words.split()]
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for delta in deltas:
            await answer.write(b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n")
        await answer.write(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n' + DONE)
        await answer.write_eof()
        return answer


def main() -> None:
    """Serve until it is interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agent", type=Path, help="an agent's file")
    parser.add_argument("--today", type=date.fromisoformat, default=date(2026, 12, 1), help="of the desk")
    parser.add_argument("--port", type=int, default=8800)
    chosen = parser.parse_args()
    agent = replace(load_agent(chosen.agent), tool_calls="by_rule")
    web.run_app(BehavedServer(agent, chosen.today).app(), host="127.0.0.1", port=chosen.port)


if __name__ == "__main__":
    main()
