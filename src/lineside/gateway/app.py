"""The door: routes, admission, who may enter, and closing time."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial

import aiohttp
import msgspec
import structlog
from aiohttp import web

from lineside.agents.knowledge.agent_knowledge import KnowledgeCache
from lineside.agents.tools.outcome import NOTHING_RUNS, RunsTools
from lineside.api import AgentSource, ApiDependencies, mount
from lineside.api.background import BackgroundTasks
from lineside.audio.turn_model import TurnModel, nobody_knows
from lineside.audio.vad import VoiceDetector
from lineside.engines.registry import EngineRegistry
from lineside.errors import CallRefused, without_secrets
from lineside.gateway.access import AccessGuard, client_of
from lineside.gateway.agent_link import AgentLink
from lineside.gateway.announcements import Announcements
from lineside.gateway.base_path import serve_below
from lineside.gateway.browser_rtc_calls import BrowserRtcCalls
from lineside.gateway.call_handle import CallHandle
from lineside.gateway.call_registry import CallRegistry
from lineside.gateway.call_runner import HEARTBEAT, LARGEST_MESSAGE, CallRunner
from lineside.gateway.gateway_link import GatewayLink
from lineside.gateway.line_host import LineHost
from lineside.gateway.metrics_page import MetricsPage
from lineside.gateway.outbound.outbound_calls import OutboundCallCenter
from lineside.gateway.page_files import add_page
from lineside.gateway.readiness import FAULTS, fault_counts, readiness
from lineside.gateway.realtime_calls import RealtimeCalls
from lineside.gateway.realtime_line import RealtimeLine
from lineside.gateway.runtime import learn_answers, speech_judges
from lineside.gateway.telephone_lines import TelephoneLines
from lineside.gateway.webrtc_calls import WebRtcCalls
from lineside.gateway.worker_pool import WorkerPool
from lineside.host.client import HostAgentClient
from lineside.host.machine import MachineReader
from lineside.host.monitoring import MonitoringAddresses
from lineside.http_front import error_response
from lineside.observability.metrics import GatewayMetrics
from lineside.observability.trends import EVERY, TrendHistory, look
from lineside.openai_api import OpenAiDependencies, add_openai_routes
from lineside.processes.background_work import BackgroundWork
from lineside.records.archive import Archive
from lineside.settings import Settings
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_handshake import refusal

log = structlog.get_logger()

LOOK_EVERY = 15.0  # seconds between two readings of the graphics cards for /metrics
FAREWELL = 3.0  # seconds for calls to end when the gateway closes
LONGEST_ID = 64  # characters of a call's id that are looked at
OWN_MODELS = ("silero-vad", "smart-turn-v3.2", "all-minilm-l6-v2")  # models that this process itself has in memory


class Gateway:
    """One process full of calls."""

    def __init__(
        self,
        settings: Settings,
        agents: AgentSource,
        registry: EngineRegistry,
        new_vad: Callable[[], VoiceDetector],
        http: aiohttp.ClientSession,
        metrics: GatewayMetrics,
        monitors: MonitoringAddresses | None = None,
        turns: TurnModel = nobody_knows,
        workers: WorkerPool | None = None,
        records: Archive | None = None,
        work: BackgroundWork | None = None,
        knowledge: KnowledgeCache | None = None,
        tools: RunsTools = NOTHING_RUNS,
    ) -> None:
        """`agents` says which agent answers; `http` reaches the host agent, if there is one; `turns` is the turn model.

        With `workers` they hold the calls, and this process has the port, the page and the control API.
        `records` is the archive of calls; `monitors` says where Prometheus and Grafana answer;
        None: where the settings say. `work` is what runs for as long as the process does; `tools` runs agents' tools.
        """
        self._records = records
        self._settings, self._agents, self._registry, self._workers = settings, agents, registry, workers
        self._readings = MachineReader()
        self._host = HostAgentClient(settings.host_agent_url, settings.host_agent_token, http)
        self._trends = TrendHistory()
        self._meters = metrics
        self.work = work or BackgroundWork(metrics.process.work_failed)
        self.announcements = Announcements(settings, metrics, self.work, workers, records, self._trends.replies)
        self._monitors = monitors or MonitoringAddresses(settings.prometheus_url, settings.grafana_url)
        self._meters.limit.set(settings.max_concurrent_calls)
        runner = CallRunner(
            settings, agents.agent, registry, new_vad, self._meters, turns, records, agents.drafts, knowledge, tools
        )
        calls = CallRegistry(
            settings.max_concurrent_calls,
            settings.max_calls_per_key,
            self._trends.reply_measured,
            self.announcements.call,
            partial(metrics.call_broken, "gave_way"),
        )
        self.lines = LineHost(calls, runner, metrics)
        outbound = OutboundCallCenter(settings, self.lines, metrics, self.announcements.webhooks.tell, records)
        self.telephones = TelephoneLines(settings, self.lines, http, outbound)
        self._access = AccessGuard(settings, self.telephones.opens_by_itself)

    @property
    def calls(self) -> int:
        """Calls alive now."""
        return self.call_registry.calls

    @property
    def call_registry(self) -> CallRegistry:
        """The calls that are alive."""
        return self.lines.registry

    @property
    def outbound(self) -> OutboundCallCenter:
        """The calls that lineside makes."""
        return self.telephones.outbound

    def app(self) -> web.Application:
        """The routes, ready to be served."""
        app = web.Application(middlewares=[self._access.guard])
        add_page(app)
        app.router.add_get("/health", self._health)
        app.router.add_get("/ready", self._ready)
        app.router.add_post("/api/token", self._access.token)
        app.router.add_get("/metrics", MetricsPage(self._meters).get)
        app.router.add_get("/ws/call", self._call)
        app.router.add_get("/ws/call/{call_id}", self._resume)
        link = GatewayLink(self._settings, self.call_registry, self._access.holders())
        app.cleanup_ctx.append(partial(self._watched, link))
        dependencies = ApiDependencies(
            settings=self._settings,
            registry=self._registry,
            calls=self.call_registry,
            agents=self._agents,
            read=self._readings.latest,
            trends=lambda: self._trends.trends(
                self._settings.max_concurrent_calls,
                without_secrets(self._monitors.prometheus),
                without_secrets(self._monitors.grafana),
            ),
            host=self._host,
            own_models=OWN_MODELS,
            records=self._records,
            loaded=self._meters.engines.models,
            fallbacks=self._trends.fallbacks,
            work=self.work,
            webhooks=self.announcements.webhooks,
            alerts=self.announcements.alerts.standing,
            test_tickets=self.telephones.issue_test_ticket,
            outbound=self.outbound,
            drain=self.lines.drain,
            gateways=link.gateways,
        )
        mount(app, dependencies)
        self.telephones.add_routes(app)
        RealtimeLine(self.lines, self._access, self._workers).add_routes(app)
        calls = WebRtcCalls(self._settings, self.lines)
        app.cleanup_ctx.append(calls.owned)
        BrowserRtcCalls(self._access, calls).add_routes(app)
        RealtimeCalls(self._settings, self.lines, self._access, calls).add_routes(app)
        add_openai_routes(app, OpenAiDependencies(self._registry, speech_judges(self._settings)))
        serve_below(app, self._settings.base_path)
        app.on_shutdown.append(self._close)
        return app

    # ── the small rooms ────────────────────────────────────────────────────────────────────────────────────────────

    async def _health(self, request: web.Request) -> web.Response:
        draining = self.call_registry.draining
        closing = self.call_registry.closing and not draining
        failing = sorted(fault.work for fault in self.work.faults)
        if self._workers is not None:
            own = {FAULTS["lineside_work_failures_total"].format(work) for work in failing}
            failing += sorted(set(self._workers.faults.failing(time.monotonic())) - own)
        status = "closing" if closing else "draining" if draining else "degraded" if failing else "ok"
        body: dict[str, object] = {
            "status": status,
            "calls": self.calls,
            "max_calls": self._settings.max_concurrent_calls,
        }
        if failing:
            body["failing"] = failing  # background work that failed within the last minute, in workers too
        if self._workers is not None:
            body["workers"] = len(self._workers.up)
        if self._records is not None:
            body["records"] = str(self._records.trouble) or "ok"  # calls go on whatever it says
        return web.json_response(body, status=503 if closing else 200)

    async def _ready(self, request: web.Request) -> web.Response:
        ready_state = readiness(
            closing=self.call_registry.closing,
            draining=self.call_registry.draining,
            workers=None if self._workers is None else len(self._workers.up),
            failing=[fault.work for fault in self.work.faults],
            # A database that is away is away for all gateways, and the spool keeps what it should have.
            records="" if self._records is None else self._records.trouble.besides("database", "retention", "deletion"),
            in_workers=() if self._workers is None else self._workers.faults.failing(time.monotonic()),
        )
        return web.json_response(msgspec.to_builtins(ready_state), status=503 if ready_state.reasons else 200)

    async def _watched(self, link: GatewayLink, app: web.Application) -> AsyncGenerator[None, None]:
        """How late the loop is, and what the machine is doing, while the gateway is open."""
        tasks = BackgroundTasks()
        await tasks.begin()
        work: dict[str, Callable[[], Awaitable[object]]] = {"loop lag": self._meters.process.watch_loop}
        work |= {"load shedder": self.lines.runner.shedder.watch, "drain": self.lines.drain.run}
        work |= {"other gateways": link.run, "shared agent": AgentLink(self._settings, self._agents).run}
        work |= {"machine": self._watch_machine, "trends": self._watch_trends}
        work |= {"webhooks": self.announcements.webhooks.run, "alerts": self.announcements.alerts.watch}
        if self._workers is None:
            work["learn answers"] = partial(learn_answers, self._registry, self._agents.agent)
        for name, begin in work.items():
            tasks.start(self.work.keep(name, begin), name)
        async with self.outbound.opened():
            yield
        await self.announcements.webhooks.close()
        await tasks.end()

    async def _watch_trends(self) -> None:
        while True:
            try:
                self._trends.add(await asyncio.to_thread(lambda: look(self._meters.all())))
                if self._workers is not None:
                    counted = await asyncio.to_thread(lambda: fault_counts(self._meters.all().collect()))
                    self._workers.faults.take(counted, time.monotonic())
            except Exception as why:  # a damaged file of a worker that was killed, a full disk: charts are not calls
                self._trends.trouble = f"the meters could not be read: {why}"
                self.work.note("trends", why)
            await asyncio.sleep(EVERY)

    async def _watch_machine(self) -> None:
        while True:
            self._meters.process.machine(await self._readings.latest())
            await asyncio.sleep(LOOK_EVERY)

    # ── calls ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _call(self, request: web.Request) -> web.StreamResponse:
        try:
            with self.lines.slot(self._access.holder(request)) as handle:
                return await self._hold(request, handle)
        except CallRefused as why:
            return self._refuse(why)

    async def _hold(self, request: web.Request, handle: CallHandle) -> web.StreamResponse:
        if refused := refusal(request.method, request.headers):
            return error_response(400, "no_websocket", refused)
        transport = request.transport
        if transport is None:
            return web.Response()  # gone already
        key = request.headers["Sec-WebSocket-Key"]
        log.info("call admitted", call=handle.id, client=client_of(request))
        if self._workers is not None:
            await self._workers.run_call(handle, transport, key)
        else:
            ws = WebSocket(LARGEST_MESSAGE, HEARTBEAT, request.protocol.connection_lost)
            ws.take_over(transport, key)
            await self.lines.runner.run(handle, ws)
        return web.Response()  # to nobody: the connection was the call's, and is gone

    async def _resume(self, request: web.Request) -> web.StreamResponse:
        """Go on with a call whose connection broke: its slot is held, so none is taken."""
        if refused := refusal(request.method, request.headers):
            return error_response(400, "no_websocket", refused)
        transport, call_id = request.transport, request.match_info["call_id"][:LONGEST_ID]
        if transport is None:
            return web.Response()
        key = request.headers["Sec-WebSocket-Key"]
        try:
            if self._workers is not None:
                self._workers.resume_call(call_id, transport, key)
            else:
                ws = WebSocket(LARGEST_MESSAGE, HEARTBEAT, request.protocol.connection_lost)
                ws.take_over(transport, key)
                await self.lines.runner.resume(call_id, ws)
        except CallRefused as nobody_up:
            return self._refuse(nobody_up)
        return web.Response()

    def _refuse(self, why: CallRefused) -> web.Response:
        response = error_response(503, "full", str(why))
        response.headers["Retry-After"] = "5"
        return response

    async def _close(self, app: web.Application) -> None:
        def warn(calls: int) -> None:
            log.warning("calls disconnected at shutdown", calls=calls)

        await self.call_registry.close(FAREWELL, warn)
        await self.lines.runner.close()
