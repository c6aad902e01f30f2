"""The charts on the page, at a real gateway: they draw what it counted."""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.sync_api import Page, expect

from lineside.observability.trends import TrendSample, look
from tests.browser.conftest import OpenGateway, OpenPage
from tests.browser.fixtures import BrowserGateway
from tests.browser.page_checks import until
from tests.browser.test_call_view import AXE, faults
from tests.browser.test_history import elsewhere, keep
from tests.gateway.test_worker_pool import WorkersClient
from tests.project.test_product import SCRIPTED, serving

FIGURE = re.compile(r"^\d+$")
COLOURS = """[...document.querySelectorAll('[data-chart] canvas')].map((canvas) => {
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return new Set(new Uint32Array(pixels.buffer)).size;
}).every((many) => many > 3)"""


def looked(here: BrowserGateway) -> None:
    """The next look at the meters, now and not in ten seconds."""

    async def take() -> TrendSample:
        now = look(here.gateway._meters.all())
        here.gateway._trends.add(now)
        return now

    elsewhere(lambda: asyncio.run_coroutine_threadsafe(take(), here._loop).result(5))


def charts(visit: OpenPage, here: BrowserGateway, **how: Any) -> Page:
    return visit(f"{here.url}/#/charts", **how)


def test_what_the_gateway_counted_is_drawn(gateway: OpenGateway, visit: OpenPage, tmp_path: Path) -> None:
    """A call of one turn: its time stands beside the line, and every picture has something drawn in it."""
    here = gateway(keeps=True, data_dir=tmp_path)
    page = charts(visit, here)
    expect(page.get_by_text("The first figures come")).to_be_visible()
    keep(here, record=False)
    looked(here)
    fast = page.locator('[data-chart="fast"]')
    expect(fast.locator('[data-line="e2e_p50_ms"] b')).to_have_text(FIGURE)
    expect(page.locator('[data-chart="calls"] [data-line="calls"] b')).to_have_text("0")
    expect(page.get_by_role("img", name="Active calls, now: calls 0")).to_be_visible()
    until(page, COLOURS)


@contextmanager
def callers(pid: int, url: str) -> Iterator[list[int]]:
    """Four calls are up while the block runs; gives how many of them each worker holds, and one more was refused."""
    held: list[int] = []
    up, over = threading.Event(), threading.Event()

    async def story() -> None:
        async with aiohttp.ClientSession() as http:
            client = WorkersClient(pid, url, http)
            await client.calls()
            held.extend(client.workers.values())
            with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                await client.call()
            up.set()
            await asyncio.to_thread(over.wait, 300)

    thread = threading.Thread(target=lambda: asyncio.run(story()), name="callers")
    thread.start()
    try:
        assert up.wait(60), "four calls were not answered"
        yield held
    finally:
        over.set()
        thread.join(timeout=60)


def test_calls_in_two_workers_are_one_line(visit: OpenPage, tmp_path: Path) -> None:
    """Two calls in each and one refused: the page draws four, then none; the refusal is there at its time."""
    chosen = SCRIPTED | {"WORKERS": "2", "MAX_CONCURRENT_CALLS": "4", "DATA_DIR": str(tmp_path)}
    with serving(**chosen) as (process, url):
        page = visit(f"{url}/#/charts")
        calls = page.locator('[data-chart="calls"] [data-line="calls"] b')
        refused = page.locator('[data-chart="turns"] [data-line="refused_a_minute"] b')
        with callers(process.pid, url) as held:
            assert sorted(held) == [2, 2]
            expect(calls).to_have_text("4", timeout=60_000)
            expect(refused).not_to_have_text("0")
            until(page, COLOURS.replace("[data-chart]", '[data-chart="calls"]'))
        expect(calls).to_have_text("0", timeout=60_000)
        expect(refused).to_have_text("0")


def test_grafana_and_prometheus_are_linked_where_there_are_any(gateway: OpenGateway, visit: OpenPage) -> None:
    """And not a word of them where there are none."""
    page = charts(visit, gateway())
    expect(page.get_by_role("heading", name="Metrics")).to_be_visible()
    expect(page.get_by_role("link", name="Grafana")).to_have_count(0)
    there = gateway().url
    page = charts(visit, gateway(prometheus_url=f"{there}/docs", grafana_url=f"{there}/health"))
    for name, path in (("Grafana", "/health"), ("Prometheus", "/docs")):
        with page.expect_popup() as opened:
            page.get_by_role("link", name=name).click()
        expect(opened.value).to_have_url(f"{there}{path}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_in_the_charts(gateway: OpenGateway, visit: OpenPage, tmp_path: Path, scheme: Any) -> None:
    """WCAG 2.2 A and AA, in light and in dark; and nothing is wider than a small telephone."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: (cd page && npm ci)")
    here = gateway(keeps=True, data_dir=tmp_path)
    keep(here, record=False)
    looked(here)
    page = charts(visit, here, color_scheme=scheme, record=True, viewport={"width": 360, "height": 640})
    expect(page.locator("[data-chart]")).to_have_count(7)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.add_script_tag(path=AXE)
    assert faults(page) == []
