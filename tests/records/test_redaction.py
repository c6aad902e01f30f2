"""One call in which numbers are said, typed and keyed that nobody may keep; then every place where they might be."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from msgspec.structs import replace

from lineside.agents.declared import Slot, Task
from lineside.protocol import Dtmf, FirstMessage, Text
from lineside.rehearse.process import for_the_page
from lineside.rehearse.report import write_html, write_junit
from lineside.rehearse.scenario import Expect, RehearsalDesk, Scenario
from lineside.rehearse.text_level import rehearse_by_text
from tests.records.fixtures import AGENT, heard, opened, stretches

SPOKEN = "card 4539148803436467"
TYPED = "please take 4539 1488 0343 6467"
KEYED = "4111111111111111"
DIGITS = re.compile(rb"1488 ?0343|0343 ?6467|4111 ?1111|4 1 1 1 1")
DESK = replace(
    AGENT,
    unknown="I don't know that.",
    slots={"card": Slot("digits", "Your card?", check="luhn", secret=True)},
    tasks={"pay": Task(("pay my bill",), needs=("card",), says="Paid.", then="Bye?")},
)


@asynccontextmanager
async def outside() -> AsyncGenerator[tuple[str, dict[str, list[bytes]]]]:
    """The operator's other programs: what each was sent, by the path."""
    got: dict[str, list[bytes]] = {"/hook": [], "/v1/traces": []}

    async def take(request: web.Request) -> web.Response:
        got[request.path].append(await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/{any:.*}", take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", got
    finally:
        await runner.cleanup()


def reports(folder: Path) -> dict[str, bytes]:
    """The same caller in a rehearsal that goes wrong: its reports, for build servers, people, programs and the page."""
    expect = Expect(slots={"card": KEYED}, heard=(KEYED, SPOKEN), ends="caller_silent")
    scenario = Scenario("pays", caller=("pay my bill", KEYED, TYPED, SPOKEN), expect=expect)
    results = rehearse_by_text(RehearsalDesk(DESK, date(2026, 12, 1), {}, {}, (scenario,)))
    write_junit(folder / "rehearsal.xml", results)
    write_html(folder / "rehearsal.html", results, "a rehearsal")
    programs = [msgspec.json.encode(told) for one in results for told in (one.runs, for_the_page(one))]
    assert "•••" in (folder / "rehearsal.html").read_text("utf-8")
    return {"rehearsals": b"\n".join(programs)}


def test_no_number_that_nobody_may_keep_is_anywhere(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Events, database, spool, the API and its exports, search, webhooks, traces, metrics, logs, recording, reports."""

    async def main() -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        async with asyncio.timeout(300), outside() as (url, got):
            told = {"webhook_url": f"{url}/hook", "webhook_secret": "a secret of twenty letters", "otlp_endpoint": url}
            async with opened(tmp_path, hears=[SPOKEN], agent=DESK, turn_profile="silence", **told) as server:
                call = await server.call(
                    Text("pay my bill"),
                    Dtmf(f"{KEYED}#"),
                    Text(TYPED),
                    0.8,
                    hello=FirstMessage(codec="pcm", greeting="", record=True),
                )
                await server.kept(call)
                pages = ("/api/calls/" + call, "/api/history", "/api/history/export.jsonl", "/api/history/export.csv")
                for page in (*pages, "/api/unanswered", "/api/webhooks", "/api/calls", "/metrics"):
                    async with server.http.get(server.url + page) as answer:
                        assert answer.status == 200, page
                        found[page] = await answer.read()
                async with server.http.get(f"{server.url}/api/calls/{call}/audio") as answer:
                    sound, rate = heard(await answer.read())
                found["events"] = "\n".join(server.told).encode()
                assert (await server.ask("/api/history?search=0343"))["calls"] == []
            found |= {path: b"\n".join(bodies) for path, bodies in got.items()}
        assert stretches(sound[:, 0], rate) == [], "the caller's side is silence where the number was said"
        assert stretches(sound[:, 1], rate), "the agent's side is not"
        return found

    found = asyncio.run(main()) | reports(tmp_path)
    found |= {str(file): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    found["logs"] = "".join(capfd.readouterr()).encode()
    assert all(found[place] for place in ("events", "/hook", "/v1/traces", "/metrics", "/api/history/export.csv"))
    assert "•••".encode() in found["events"]
    assert [place for place, content in found.items() if DIGITS.search(content)] == []
