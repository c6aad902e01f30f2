"""@openai/agents in Chromium over WebRTC: a page of another origin speaks, has a function called, hears, interrupts.

    python -m scripts.realtime_clients.browser FOLDER

FOLDER has `node_modules` with @openai/agents-realtime, as scripts/realtime_clients.sh leaves it. Prints what was seen.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web
from playwright.async_api import async_playwright
from scripts.realtime_clients.serve import ASKS, LONG
from tests.browser.conftest import FLAGS, chromium
from tests.browser.sounds import recording, silence, voice
from tests.gateway.test_app import opened

from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT

BUNDLE = "node_modules/@openai/agents-realtime/dist/bundle"
SECONDS = 90  # for all of it
ALLOWED = "--use-fake-ui-for-media-stream"
PAGE = "<!doctype html><title>@openai/agents</title><script type=module src=/caller.mjs></script>"


async def main(folder: Path) -> int:
    """Serve the page and the gateway, and look on."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    app = web.Application()
    app.router.add_get("/", _page)
    app.router.add_get("/caller.mjs", _caller)
    app.router.add_static("/bundle", folder / BUNDLE)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with opened(echo_gate=False, host="127.0.0.1", api_keys=("secret",), allowed_origins=(origin,)) as served:
            engines = served.gateway._registry._engines
            engines["llm", "scripted"] = ScriptedLLM(answers=(ASKS, "It is sunny in Rome today.", LONG))
            engines["stt", "scripted"] = ScriptedSTT(hears=("Is it raining in Rome?",))
            right = {"Authorization": "Bearer secret"}
            async with served.http.post(f"{served.url}/v1/realtime/client_secrets", json={}, headers=right) as made:
                secret = (await made.json())["value"]
            saw = await _seen(f"{origin}/?gateway={served.url}&key={secret}")
    finally:
        await runner.cleanup()
    print(json.dumps(saw, indent=1))
    return 0 if saw["done"] and not saw["errors"] else 1


async def _seen(address: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        turns = [silence(3), voice(1.5), silence(9), voice(1.5), silence(3.5), voice(2), silence(9)]
        mic = recording(Path(place) / "mic.wav", turns * 3)
        flags = [*FLAGS, ALLOWED, f"--use-file-for-fake-audio-capture={mic}%noloop"]
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium(), args=flags)
            page = await browser.new_page()
            page.on("pageerror", lambda fault: print("page:", fault, file=sys.stderr))
            await page.goto(address)
            for _ in range(SECONDS):
                await asyncio.sleep(1)
                saw: dict[str, Any] = await page.evaluate("window.seen ? seen() : {done: false, errors: []}")
                if saw["done"] or saw["errors"]:
                    break
            await browser.close()
            return {"browser": browser.version, **saw}


async def _page(request: web.Request) -> web.Response:
    return web.Response(text=PAGE, content_type="text/html")


async def _caller(request: web.Request) -> web.Response:
    return web.Response(
        text=Path(__file__).with_name("browser_caller.mjs").read_text("utf-8"), content_type="text/javascript"
    )


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]))))
