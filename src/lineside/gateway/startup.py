"""Start-up, in an order that finds a wrong setting before anything is spent on it; and the end of everything."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import structlog
from msgspec import Struct

from lineside.agents.agent import Agent
from lineside.demo.launch import demo_back_end
from lineside.engines.registry import EngineRegistry
from lineside.gateway.agent_store import AgentFile, AgentStore
from lineside.gateway.app import Gateway
from lineside.gateway.audiosocket_line import AudioSocketLine
from lineside.gateway.call_runner import settle
from lineside.gateway.listen import check_exposure, gateway_socket
from lineside.gateway.multiprocess import worker_count
from lineside.gateway.runtime import knowledge_cache, open_archive, tool_runner, turn_model, vad_factory, warm_engines
from lineside.gateway.sip_dialer import SipDialer
from lineside.gateway.sip_line import SipLine
from lineside.gateway.worker_pool import WorkerPool
from lineside.host.embedded_agent import host_agent
from lineside.host.monitoring import monitoring
from lineside.http_front import FrontLimits, http_server, raise_file_limit
from lineside.observability.metrics import GatewayMetrics
from lineside.processes.background_work import BackgroundWork
from lineside.protocol import AnsweredBy
from lineside.settings import Settings
from lineside.writable_folder import require_writable

log = structlog.get_logger()

GOODBYE = 2.0  # seconds for open HTTP requests when the gateway closes; calls have had theirs by then


class RunningGateway(Struct, frozen=True):
    """A gateway that answers calls."""

    url: str
    engine_url: str  # of the embedded engine server; empty where none is used
    gateway: Gateway
    registry: EngineRegistry
    agents: AgentStore
    sip: str = ""  # where telephones call, such as sip:agent@127.0.0.1:5060; empty: no calls over SIP
    answering: dict[str, AnsweredBy] = {}  # role → who answers a call that names no engine


@asynccontextmanager
async def running_gateway(
    settings: Settings,
    *,
    insecure: bool = False,
    services: Sequence[str] = (),
    monitored: Callable[[str], None] | None = None,
) -> AsyncGenerator[RunningGateway, None]:
    """Start everything, answer calls while the block runs, and leave nothing behind.

    `services` are started beside it, by a host agent. With `monitored` Prometheus and Grafana are started too;
    `monitored` hears where they answer, or why they do not. Raises `ConfigError` with what to do about it.
    """
    check_exposure(settings, insecure=insecure)
    require_data_folder(settings)
    raise_file_limit()
    file = AgentFile(settings.agent_file, settings.data_dir)
    file.tidy()
    agent = file.read()
    metrics = GatewayMetrics()
    work = BackgroundWork(metrics.process.work_failed)
    with gateway_socket(settings) as listener:
        name = "localhost" if settings.only_this_machine else settings.host
        url = f"http://{name}:{listener.getsockname()[1]}"
        async with (
            demo_back_end(agent, settings.data_dir),
            host_agent(settings, services) as hosted,
            warm_engines(hosted, agent, metrics.engines) as (reached, registry),
            aiohttp.ClientSession() as http,
            turn_model(settings) as turns,
            open_archive(settings, metrics.records, work) as records,
            knowledge_cache(settings, agent) as knowledge,
            tool_runner(settings, agent) as tools,
            AsyncExitStack() as stack,
        ):
            workers = await stack.enter_async_context(_workers(reached, agent, metrics, work))
            in_workers = (workers.set_agent, workers.keep_draft) if workers is not None else ()
            agents = AgentStore(agent, file, registry, *in_workers)
            monitors = None
            if monitored is not None:
                monitors = await stack.enter_async_context(monitoring(settings, url, monitored))
            gateway = Gateway(
                reached,
                agents,
                registry,
                vad_factory(settings),
                http,
                metrics,
                monitors,
                turns,
                workers,
                records,
                work,
                knowledge,
                tools,
            )
            async with (
                _sip(reached, gateway) as sip,
                _audiosocket(reached, gateway),
                _ari(gateway),
                http_server(gateway.app(), listener, grace=GOODBYE, limits=_connections(settings), work=work),
            ):
                address, answering = url + settings.base_path, await registry.answering()
                yield RunningGateway(address, reached.embedded_url, gateway, registry, agents, sip, answering)


@asynccontextmanager
async def _sip(settings: Settings, gateway: Gateway) -> AsyncGenerator[str, None]:
    """The SIP port, where there is one; what telephones call."""
    if not settings.sip:
        yield ""
        return
    port = SipLine(settings, gateway.lines, gateway.telephones.tickets, gateway.telephones.programs)
    async with port.opened() as line:
        gateway.outbound.add_line(SipDialer(line))
        yield f"sip:agent@{settings.sip_host}:{line.endpoint.port}"


def require_data_folder(settings: Settings) -> None:
    """Raise `ConfigError` where calls are kept and DATA_DIR, its spool or its recordings may not be written to."""
    if not settings.keep_calls:
        return
    require_writable(settings.data_dir, "DATA_DIR")
    for name in ("spool", "recordings"):
        if (folder := settings.data_dir / name).exists():
            require_writable(folder, f"{name} of DATA_DIR")


@asynccontextmanager
async def _audiosocket(settings: Settings, gateway: Gateway) -> AsyncGenerator[None, None]:
    """The AudioSocket port, where there is one."""
    if not settings.audiosocket_port:
        yield
        return
    async with AudioSocketLine(settings, gateway.lines, gateway.telephones.tickets).opened():
        yield


@asynccontextmanager
async def _ari(gateway: Gateway) -> AsyncGenerator[None, None]:
    """The calls of an Asterisk's REST interface, where there is one."""
    if gateway.telephones.ari is None:
        yield
        return
    async with gateway.telephones.ari.opened():
        yield


def _connections(settings: Settings) -> FrontLimits:
    """A proxy holds connections for many clients: from one address as many as from all."""
    every = FrontLimits()
    return FrontLimits(waiting_from_one=every.waiting) if settings.trusted_proxies else every


@asynccontextmanager
async def _workers(
    settings: Settings, agent: Agent, metrics: GatewayMetrics, work: BackgroundWork
) -> AsyncGenerator[WorkerPool | None, None]:
    """The processes that hold the calls; None where this process holds them all."""
    count = worker_count(settings)
    if count < 2:
        yield None
        return
    workers = WorkerPool(count, settings, agent, metrics.process.worker_lost, work)
    async with workers.running():
        log.info("workers ready", workers=count)
        yield workers


async def serve(
    settings: Settings,
    *,
    insecure: bool,
    ready: Callable[[RunningGateway], None],
    services: Sequence[str] = (),
    monitored: Callable[[str], None] | None = None,
) -> None:
    """Answer calls until SIGTERM or Ctrl-C. The other arguments are those of `running_gateway`.

    The first SIGTERM leaves the calls that are up DRAIN_S seconds; a second one, or Ctrl-C, ends all at once.
    """
    stop, drain, loop = asyncio.Event(), asyncio.Event(), asyncio.get_running_loop()
    opened = False

    def terminated() -> None:
        (drain if opened and settings.drain_s and not drain.is_set() else stop).set()

    loop.add_signal_handler(signal.SIGTERM, terminated)
    loop.add_signal_handler(signal.SIGINT, stop.set)

    async def keep_open() -> None:
        nonlocal opened
        async with running_gateway(settings, insecure=insecure, services=services, monitored=monitored) as running:
            settle()
            ready(running)
            opened = True
            await drain.wait()  # or until cancelled
            await running.gateway.lines.drain.over(settings.drain_s)

    opening = asyncio.create_task(keep_open(), name="gateway")
    stopped = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({opening, stopped}, return_when=asyncio.FIRST_COMPLETED)
    opening.cancel()  # in start-up as well as later: everything is undone on the way out
    stopped.cancel()
    await asyncio.wait({opening, stopped})
    if not opening.cancelled():
        opening.result()
