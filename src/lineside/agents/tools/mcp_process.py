"""The process that talks to one MCP server: `mcp_process.py CHANNEL`. One call at a time.

It needs the extra `mcp` and is never imported by lineside, so that a server that sends without end, or a library that
stumbles over it, costs one process and no call. It speaks as `tool_process` does. What it is told first says where the
server is; a server that is a command is started below it, and ends with it.
"""

import asyncio
import hashlib
import ipaddress
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

from lineside.agents.tools import tool_process
from lineside.agents.tools.tool_process import BadArgument

MOST_PAGES = 20  # of a server's list of tools
LISTED_AGAIN = 30.0  # seconds after which a server is asked whether its tools are what they were
ERROR = "error"  # what a tool's own failure is called in `fails`


async def main(channel: socket.socket) -> None:
    """Connect, tell which tools there are, then answer calls until the channel is closed."""
    begin = tool_process.receive(channel)
    if begin is None:
        return
    tool_process.limit(begin["memory"])
    async with AsyncExitStack() as stack:
        try:
            server = Server(await stack.enter_async_context(await _client(begin, stack)))
            await server.list_tools()
        except BaseException as broken:
            tool_process.send(channel, {"broken": _why(broken)})
            raise SystemExit from None
        tool_process.send(channel, {"ready": server.known})
        while (call := await asyncio.to_thread(tool_process.receive, channel)) is not None:
            tool_process.send(channel, {**await server.answer(call), "over": server.gone})
            if server.gone:
                return


async def _client(begin: Mapping[str, Any], stack: AsyncExitStack) -> Any:
    import httpx2
    from mcp import Client, StdioServerParameters
    from mcp.client.streamable_http import streamable_http_client

    if begin["command"]:
        program, *arguments = begin["command"]
        parameters = StdioServerParameters(command=program, args=arguments, env=begin["environment"])
        return Client(parameters, read_timeout_seconds=begin["within"])
    await asyncio.to_thread(_refuse_inside, begin["url"], private=begin["private"])
    http = httpx2.AsyncClient(headers=begin["headers"], timeout=begin["within"], trust_env=False)
    await stack.enter_async_context(http)
    return Client(streamable_http_client(begin["url"], http_client=http), read_timeout_seconds=begin["within"])


def _refuse_inside(url: str, *, private: bool) -> None:
    """Raises `PermissionError` where the server is in this network and need not be."""
    host = urlsplit(url).hostname or ""
    found = {each[4][0] for each in socket.getaddrinfo(host, None)}
    if not private and any(not ipaddress.ip_address(str(each).partition("%")[0]).is_global for each in found):
        raise PermissionError(f"{host} is in this network; the server needs private = true")


class Server:
    """A server's session."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._schemas: dict[str, dict[str, Any]] = {}
        self._listed = 0.0
        self.gone = False

    @property
    def known(self) -> dict[str, dict[str, object]]:
        """The server's tools: what is pinned of each, what it is for, what it takes."""
        return {
            name: {"pin": pin(schema), "about": schema["about"], "takes": sorted(_properties(schema))}
            for name, schema in self._schemas.items()
        }

    async def list_tools(self) -> None:
        """Ask for all of its tools."""
        schemas, cursor = {}, None
        for _ in range(MOST_PAGES):
            page = await self._client.list_tools(cursor=cursor)
            for each in page.tools:
                schemas[each.name] = {
                    "name": each.name,
                    "in": each.input_schema,
                    "out": each.output_schema,
                    "about": str(each.description or "")[:300],
                }
            cursor = page.next_cursor
            if not cursor:
                break
        self._schemas, self._listed = schemas, time.monotonic()

    async def answer(self, call: dict[str, Any]) -> dict[str, object]:
        """Call one tool, if it is what it was when it was pinned."""
        try:
            if time.monotonic() - self._listed > LISTED_AGAIN:
                await self.list_tools()
            schema = self._schemas.get(call["function"])
            if schema is None:
                return {"refused": f"the server has no tool {call['function']}"}
            if pin(schema) != call["pin"]:
                return {"refused": f"{call['function']} has another schema than was pinned: {pin(schema)}"}
            arguments = {name: _typed(name, text, schema) for name, text in call["arguments"].items()}
        except BadArgument as wrong:
            return {"refused": str(wrong)}
        except Exception as broken:
            self.gone = True
            return {"refused": f"the server cannot be asked: {_why(broken)}"}
        try:
            result = await self._client.call_tool(
                call["function"], arguments, meta={"lineside/idempotency-key": call["key"]} if call["key"] else None
            )
        except Exception as broken:
            self.gone = True
            return {"raised": [type(broken).__name__], "at": call["function"]}
        if result.is_error:
            return {"raised": [ERROR], "at": call["function"]}
        return {"gives": _given(result, call["gives"])}


def pin(schema: Mapping[str, Any]) -> str:
    """What stands for a tool's name and schemas: twelve hexadecimal digits of their SHA-256."""
    text = json.dumps([schema["name"], schema["in"], schema["out"]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _properties(schema: Mapping[str, Any]) -> dict[str, Any]:
    found = (schema["in"] or {}).get("properties")
    return found if isinstance(found, dict) else {}


def _typed(name: str, text: str, schema: Mapping[str, Any]) -> object:
    """An argument as the tool's schema wants it. Raises `BadArgument`."""
    wanted = _properties(schema).get(name)
    kinds = wanted.get("type") if isinstance(wanted, dict) else None
    kind = next((each for each in kinds if each != "null"), None) if isinstance(kinds, list) else kinds
    try:
        match kind:
            case "integer":
                return int(text)
            case "number":
                return float(text)
            case "boolean":
                return {"yes": True, "no": False}[text]
    except (ValueError, KeyError):
        raise BadArgument(f"{name} is no {kind}") from None
    return text


def _given(result: Any, wanted: list[str]) -> dict[str, str] | None:
    """The declared values of a result: of its structure, of a JSON text, or the one text itself."""
    record = result.structured_content
    if not isinstance(record, dict):
        texts = [block.text for block in result.content if getattr(block, "type", "") == "text"]
        try:
            record = json.loads(texts[0]) if len(texts) == 1 else None
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict) and len(wanted) == 1 and texts:
            record = {wanted[0]: " ".join(texts)}
    elif len(wanted) == 1 and set(record) == {"result"}:  # how the Python library wraps a plain value
        record = record["result"] if isinstance(record["result"], dict) else {wanted[0]: record["result"]}
    return tool_process.given(record, wanted) if isinstance(record, dict) else None


def _why(broken: BaseException) -> str:
    """The first of what went wrong, for an operator: nothing of a call's is in it."""
    while isinstance(broken, BaseExceptionGroup):
        broken = broken.exceptions[0]
    if isinstance(broken, ImportError):
        return f"{broken}; install lineside[mcp]"
    return f"{type(broken).__name__}: {str(broken)[:300]}"


if __name__ == "__main__":
    os.set_inheritable(int(sys.argv[1]), False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(main(socket.socket(fileno=int(sys.argv[1]))))
