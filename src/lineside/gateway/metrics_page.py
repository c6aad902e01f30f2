"""`GET /metrics`: written in a thread; who asks while one is being written gets the same."""

import asyncio

from aiohttp import web

from lineside.observability.metrics import CONTENT_TYPE, GatewayMetrics


class MetricsPage:
    """The metrics of all processes, for Prometheus."""

    def __init__(self, meters: GatewayMetrics) -> None:
        self._meters = meters
        self._scrape: asyncio.Task[bytes] | None = None

    async def get(self, request: web.Request) -> web.Response:
        """Answer a scrape."""
        if self._scrape is None:
            self._scrape = asyncio.create_task(asyncio.to_thread(self._meters.text), name="metrics")
            self._scrape.add_done_callback(self._scraped)
        text = await asyncio.shield(self._scrape)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE})

    def _scraped(self, done: "asyncio.Task[bytes]") -> None:
        self._scrape = None
