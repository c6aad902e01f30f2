"""Tools of MCP servers: which are reached, what is used of their answers, and what no server can do to calls."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from msgspec.structs import replace

from lineside.agents.declared import Takes, Tool
from lineside.agents.tools import mcp_process
from lineside.agents.tools.mcp_listing import list_servers
from lineside.agents.tools.outcome import Outcome, Use
from lineside.agents.tools.process_tools import ProcessTools
from lineside.errors import ConfigError
from tests.agents.tools.mcp_server import server

COMMAND = (sys.executable, str(Path(__file__).with_name("mcp_server.py")))


async def pins() -> dict[str, str]:
    """What is pinned of the test server's tools."""
    listed = await server().list_tools()
    schemas = [{"name": each.name, "in": each.input_schema, "out": each.output_schema} for each in listed]
    return {str(schema["name"]): mcp_process.pin(schema) for schema in schemas}


PINS = asyncio.run(pins())


def tool(name: str, **declared: Any) -> Tool:
    """A tool of the test server."""
    given: dict[str, Any] = {"mcp": COMMAND, "effect": "reads", "gives": {"status": "text"}, "within": 120.0}
    return Tool("It.", remote=name, schema=PINS.get(name, "000"), takes={"number": Takes()}, **(given | declared))


def outcomes(*uses: tuple[Tool, str], environment: dict[str, str] | None = None) -> list[Outcome]:
    """What comes of these uses, one after the other."""

    async def story() -> list[Outcome]:
        tools = ProcessTools(Path(), dict(os.environ) | (environment or {}))
        try:
            return [await tools.run(Use("t", {"number": number}), tool, "key-1") for tool, number in uses]
        finally:
            await tools.close()

    return asyncio.run(story())


def test_what_is_sent_and_what_is_used_of_the_answers() -> None:
    """A number is a number to the server; an id in the answer goes nowhere; what does not fit is not sent."""
    uses = [("find", "12345"), ("say", "7"), ("flag", "yes"), ("find", "soon"), ("flag", "perhaps"), ("fails", "98765")]
    named = tool("fails", fails={"error": "not_found"})
    unnamed = tool("fails", effect="writes", confirm="So?")
    found, said, flag, soon, perhaps, fails, nothing, gone, known, unknown = outcomes(
        *((tool(name), number) for name, number in uses),
        (tool("nothing"), "1"),
        (tool("gone"), "1"),
        (named, "1"),
        (unnamed, "1"),
    )
    assert (found.kind, found.gives) == ("ok", {"status": "sent 12346"})
    assert said.gives["status"].startswith("said 7 xxx")
    assert len(said.gives["status"]) == 300
    assert flag.gives == {"status": "True"}
    assert (soon.kind, soon.why) == ("refused", "number is no integer")
    assert (perhaps.kind, perhaps.why) == ("refused", "number is no boolean")
    assert (fails.kind, fails.why) == ("failed", "error at fails")
    assert (nothing.kind, nothing.why) == ("failed", "its answer lacks status")
    assert (gone.kind, gone.why) == ("refused", "the server has no tool gone")
    assert (known.kind, known.why) == ("failed", "not_found")
    assert unknown.kind == "unknown"


def test_only_what_the_file_declares_is_called_and_only_as_it_was_pinned() -> None:
    """A tool that changed its schema, or is gone, is refused by name, also when lineside starts."""
    changed = replace(tool("find"), mcp=(*COMMAND, "changed"))
    (other,) = outcomes((changed, "1"))
    assert other.kind == "refused"
    assert other.why.startswith("find has another schema than was pinned: ")

    async def prepare(name: str, declared: Tool) -> None:
        tools = ProcessTools(Path(), os.environ)
        try:
            await tools.prepare({name: declared})
        finally:
            await tools.close()

    asyncio.run(prepare("find", tool("find")))
    with pytest.raises(
        ConfigError, match=r'tools.find: the schema of find is not the one .* write schema = "[0-9a-f]{12}"'
    ):
        asyncio.run(prepare("find", changed))
    with pytest.raises(ConfigError, match="find does not take day"):
        asyncio.run(prepare("find", replace(tool("find"), takes={"day": Takes()})))
    with pytest.raises(ConfigError, match="has no tool gone; it has dies, fails"):
        asyncio.run(prepare("gone", tool("gone")))


@pytest.mark.parametrize(
    ("name", "kind", "why"),
    [("hangs", "timeout", "no answer within 2 s"), ("dies", "failed", "MCPError at dies"), ("floods", "failed", None)],
    ids=["hangs", "dies", "floods"],
)
def test_a_server_that_misbehaves_costs_one_outcome(name: str, kind: str, why: str | None) -> None:
    """Whatever its tool does, the next call is answered."""
    bad_tool = tool(name, within=2.0 if name == "hangs" else 120.0)
    first, bad, good = outcomes((tool("find"), "0"), (bad_tool, "98765"), (tool("find"), "1"))
    assert first.gives == {"status": "sent 1"}
    assert bad.kind == kind
    assert why is None or bad.why == why
    assert "98765" not in bad.why
    assert good.gives == {"status": "sent 2"}


def test_a_servers_command_knows_the_secrets_that_are_named() -> None:
    """And no others."""
    wanted = tool("find", gives={"status": "text", "token": "text"}, environment=("CRM_TOKEN",))
    secrets = {"CRM_TOKEN": "s3cret"}
    (with_it,) = outcomes((wanted, "1"), environment=secrets)
    (without,) = outcomes((replace(wanted, environment=()), "1"), environment=secrets)
    assert with_it.gives == {"status": "sent 2", "token": secrets["CRM_TOKEN"]}
    assert without.why == "its answer lacks token"


@pytest.mark.parametrize(
    "command",
    [("no-such-program",), ("sleep", "600"), ("yes", "{")],
    ids=["missing", "silent", "nonsense"],
)
def test_a_command_that_is_no_server_is_refused_before_anything_is_tried(command: tuple[str, ...]) -> None:
    """Within the tool's deadline, whatever it does instead of answering."""
    (found,) = outcomes((tool("find", mcp=command, within=4.0, effect="writes", confirm="So?"), "1"))
    assert found.kind in {"refused", "timeout"}
    assert found.ms < 60_000


def test_what_servers_offer_is_listed_for_whoever_writes_the_file() -> None:
    """With what to write as `schema`; each server once, whatever else the file lacks."""
    one = f'mcp = ["{COMMAND[0]}", "{COMMAND[1]}"]\nabout = "It."\n'
    text = f"[tools.a]\n{one}[tools.b]\n{one}[tools.c]\nabout = 'x'\n"
    ((_, offered),) = asyncio.run(list_servers(text, Path(), os.environ)).items()
    assert {each.name: each.schema for each in offered} == PINS
    assert next(each for each in offered if each.name == "find").takes == ("number",)
    with pytest.raises(ConfigError, match="try: lineside check"):
        asyncio.run(list_servers("[tools.a", Path(), {}))


@asynccontextmanager
async def http_server() -> AsyncGenerator[str, None]:
    """The test server over HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(server().streamable_http_app(), log_config=None, lifespan="on")
        running = uvicorn.Server(config)
        task = asyncio.create_task(running.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        finally:
            running.should_exit = True
            await task


def test_a_server_over_http_is_asked_and_must_be_allowed_in_this_network() -> None:
    """An address of this network needs `private`; one that is not there is refused."""

    async def story() -> list[Outcome]:
        async with http_server() as url:
            tools = ProcessTools(Path(), os.environ)
            uses = [
                tool("find", mcp=url, private=True),
                tool("find", mcp=url),
                tool("find", mcp=f"{url}x", private=True),
            ]
            found = [await tools.run(Use("t", {"number": "1"}), each, "") for each in uses]
            await tools.close()
            return found

    found, inside, missing = asyncio.run(story())
    assert found.gives == {"status": "sent 2"}
    assert (inside.kind, "needs private = true" in inside.why) == ("refused", True)
    assert missing.kind == "refused"
