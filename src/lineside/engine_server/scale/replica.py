"""One replica: the engine server's own app with the model of one role, in a process that Ray started and watches.

The app answers on a port of its own on loopback, so that routes, refusals and streams are the very same as without Ray;
the replica passes requests on to it.
"""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import aiohttp

from lineside.engine_server.launch import SECRET
from lineside.engine_server.metrics import BUCKETS, EngineServerMetrics
from lineside.engine_server.middleware import Access
from lineside.engine_server.openai_schema import RequestRefused
from lineside.engine_server.scale.plan import EngineRole, RolePlan
from lineside.engine_server.scale.request_body import body_of, refused
from lineside.engine_server.server import EngineServerOptions, LoadableModels, catalogue_models, open_engine_server
from lineside.errors import EngineError
from lineside.private_files import temporary_folder

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response, StreamingResponse

HOST = "127.0.0.1"
HEALTHY_WITHIN = 5.0  # seconds for the app to answer `/health`; then Ray takes another replica
# Of a request and an answer, those that are about the connection they came over.
OWN = frozenset({"connection", "content-length", "date", "host", "keep-alive", "server", "transfer-encoding"})

ModelSource = Callable[[EngineServerOptions, Path], LoadableModels]


class AnswerHead(NamedTuple):
    """What an answer begins with."""

    status: int
    headers: dict[str, str]


class EngineReplica:
    """A deployment's class. Ray knows that it is ready when it is constructed: the model is loaded then."""

    async def __init__(  # type: ignore[misc]  # Ray awaits it
        self, role: EngineRole, plan: RolePlan, models_dir: str, source: ModelSource = catalogue_models
    ) -> None:
        self._options = _options(role, plan, models_dir)
        self._access = Access(self._options.secret)
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False)
        listener = socket.create_server((HOST, 0))
        self._url = f"http://{HOST}:{listener.getsockname()[1]}"
        ready = asyncio.Event()
        self._serving = asyncio.create_task(self._serve(source, listener, ready), name=f"{role} engine server")
        waiting = asyncio.create_task(ready.wait(), name="ready")
        await asyncio.wait([self._serving, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._serving.done():
            await self._serving  # raises what kept the model from being loaded

    async def _serve(self, source: ModelSource, listener: socket.socket, ready: asyncio.Event) -> None:
        with temporary_folder("lineside-prompts-") as prompts:
            models = source(self._options, prompts)
            async with open_engine_server(self._options, models, listener, RayMetrics()) as loading:
                await loading
                ready.set()
                await asyncio.Event().wait()

    async def __call__(self, request: "Request") -> "Response":
        """A request that came over HTTP."""
        try:
            body = await body_of(request, self._access)
        except RequestRefused as no:
            return refused(no)
        return await streamed(self.answer(request.method, request.url.path, dict(request.headers), body))

    async def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> AsyncGenerator["AnswerHead | bytes", None]:
        """The app's answer: its head, then its body as it comes. Whoever stops reading stops the work."""
        given = {name: value for name, value in headers.items() if name.lower() not in OWN}
        async with self._http.request(method, self._url + path, headers=given, data=body or None) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in OWN}
            yield AnswerHead(answer.status, kept)
            async for block in answer.content.iter_any():
                yield block

    async def check_health(self) -> None:
        """Ray asks now and then; an error means that another replica is to take this one's place."""
        if self._serving.done():
            raise EngineError("the engine server of this replica has ended")
        async with (
            asyncio.timeout(HEALTHY_WITHIN),
            aclosing(self.answer("GET", "/health", {}, b"")) as answer,
        ):
            head = await anext(answer)
        if not isinstance(head, AnswerHead) or head.status != 200:
            raise EngineError("the engine server of this replica is not healthy")

    async def __del__(self) -> None:  # Ray awaits it, once the replica has no requests left
        self._serving.cancel()
        await asyncio.wait([self._serving])
        await self._http.close()


def _options(role: EngineRole, plan: RolePlan, models_dir: str) -> EngineServerOptions:
    return EngineServerOptions(
        host=HOST,
        port=0,
        models_dir=Path(models_dir).expanduser(),
        names={role: plan.model},
        opening=[],
        threads=plan.threads,
        slots=plan.slots,
        end_with_parent=False,
        secret=os.environ.get(SECRET, ""),
    )


async def streamed(answer: AsyncGenerator[AnswerHead | bytes, None]) -> "StreamingResponse":
    """An answer as Serve's entrance takes it."""
    from starlette.responses import StreamingResponse

    head = await anext(answer)
    assert isinstance(head, AnswerHead)  # noqa: S101
    return StreamingResponse(_blocks(answer), status_code=head.status, headers=head.headers)


async def _blocks(answer: AsyncGenerator[AnswerHead | bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(answer):
        async for block in answer:
            assert isinstance(block, bytes)  # noqa: S101
            yield block


class RayMetrics(EngineServerMetrics):
    """The same figures at each machine's Prometheus port of Ray too, where every replica counts."""

    def __init__(self) -> None:
        from ray.serve import metrics

        super().__init__()
        self._all_requests = metrics.Counter(
            "lineside_engine_requests", "Requests by endpoint and status", ("endpoint", "status")
        )
        self._all_seconds = metrics.Histogram(
            "lineside_engine_request_seconds",
            "Seconds from a request to the end of its answer",
            list(BUCKETS),
            ("endpoint",),
        )

    def add(self, endpoint: str, status: int, seconds: float) -> None:
        """See `EngineServerMetrics`."""
        super().add(endpoint, status, seconds)
        self._all_requests.inc(1, {"endpoint": endpoint, "status": str(status)})
        self._all_seconds.observe(seconds, {"endpoint": endpoint})
