"""Start-up, in an order that finds a wrong setting before anything is spent on it; and the end of it all."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import aiohttp
import structlog
from aiohttp import web
from msgspec import Struct

from lineside.agents.agent import Agent, AgentFile
from lineside.audio.frame import EAR_RATE, Sound, Utterance
from lineside.audio.input_resampler import InputResampler
from lineside.audio.vad import LoudnessVad, VadModel
from lineside.audio.vad_batcher import VadBatcher
from lineside.call.reply import MOMENT, PHRASES, sayings
from lineside.call.turn_model import TurnModel, TurnModelThread, nobody_knows
from lineside.engine_server.launch import engine_server
from lineside.engines.fallback import FallbackLLM
from lineside.engines.protocols import HealthChecked, LlmRequest, Message, SpeechToText, Warmable
from lineside.engines.registry import ROLES, EngineRegistry, Role
from lineside.errors import ConfigError, EngineError
from lineside.gateway.app import Gateway
from lineside.gateway.call_runner import settle
from lineside.gateway.listen import gateway_socket
from lineside.gateway.multiprocess import worker_count
from lineside.gateway.worker_pool import WorkerPool
from lineside.host.embedded_agent import host_agent
from lineside.host.monitoring import monitoring
from lineside.models.catalogue import needed
from lineside.models.store import locate
from lineside.records.archive import Archive
from lineside.settings import Settings, check_exposure
from lineside.turns.speech_segmenter import VoiceDetector

log = structlog.get_logger()

TURN_MODEL, TURN_FILE = "smart-turn-v3.2", "smart-turn-v3.2-cpu.onnx"
VAD_MODEL, VAD_FILE = "silero-vad", "silero_vad.onnx"
GOODBYE = 2.0  # seconds for open HTTP requests when the house closes; calls have had theirs by then


class RunningGateway(Struct, frozen=True):
    """A gateway that answers calls."""

    url: str
    engine_url: str  # of the embedded engine server; empty where none is used
    gateway: Gateway
    registry: EngineRegistry
    desk: "AgentStore"


@asynccontextmanager
async def open_house(
    settings: Settings, *, insecure: bool = False, services: Sequence[str] = ()
) -> AsyncGenerator[RunningGateway, None]:
    """Start everything, answer calls while the block runs, and leave nothing behind.

    `services` are started beside it, by a host agent.

    Raises `ConfigError` with what to do about it.
    """
    check_exposure(settings, insecure=insecure)
    book = AgentFile(settings.agent_file, settings.data_dir)
    agent = book.read()
    with gateway_socket(settings) as door:
        async with (
            host_agent(settings, services) as hosted,
            reachable(hosted, agent) as (reached, registry),
            aiohttp.ClientSession() as http,
            turn_model(settings) as turns,
            kept(settings) as records,
            AsyncExitStack() as stack,
        ):
            desk = AgentStore(agent, book, registry)
            workers = await stack.enter_async_context(_workers(reached, desk))
            gateway = Gateway(reached, desk, registry, voices(settings), http, turns, workers, records)
            runner = web.AppRunner(gateway.app(), access_log=None, shutdown_timeout=GOODBYE)
            await runner.setup()
            try:
                await web.SockSite(runner, door).start()
                name = "localhost" if settings.only_this_machine else settings.host
                url = f"http://{name}:{door.getsockname()[1]}"
                yield RunningGateway(url, reached.embedded_url, gateway, registry, desk)
            finally:
                await runner.cleanup()


@asynccontextmanager
async def _workers(settings: Settings, desk: "AgentStore") -> AsyncGenerator[WorkerPool | None, None]:
    """The processes that hold the calls; none where one holds them all, which is then this one."""
    count = worker_count(settings)
    if count < 2:
        yield None
        return
    workers = WorkerPool(count, settings, desk.agent)
    desk.others = workers.learn
    async with workers.running():
        log.info("workers are up", workers=count)
        yield workers


async def serve(
    settings: Settings,
    *,
    insecure: bool,
    ready: Callable[[RunningGateway], None],
    services: Sequence[str] = (),
    monitored: Callable[[str], None] | None = None,
) -> None:
    """Answer calls until SIGTERM or Ctrl-C. `monitored`: start Prometheus too; it hears where that answers."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    opening = asyncio.create_task(_keep_open(settings, insecure, ready, services, monitored), name="house")
    stopped = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({opening, stopped}, return_when=asyncio.FIRST_COMPLETED)
    opening.cancel()  # in start-up as well as later: everything is undone on the way out
    stopped.cancel()
    await asyncio.wait({opening, stopped})
    if not opening.cancelled():
        opening.result()


async def _keep_open(
    settings: Settings,
    insecure: bool,
    ready: Callable[[RunningGateway], None],
    services: Sequence[str],
    monitored: Callable[[str], None] | None,
) -> None:
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(open_house(settings, insecure=insecure, services=services))
        if monitored is not None:
            house.gateway.monitors = await stack.enter_async_context(monitoring(settings, house.url, monitored))
        settle()
        ready(house)
        await asyncio.Event().wait()  # until cancelled


def voices(settings: Settings) -> Callable[[], VoiceDetector]:
    """What makes a voice detector for a call: Silero, or plain loudness where the recogniser is scripted too."""
    if settings.default_stt_engine == "scripted":
        return LoudnessVad
    model = VadModel(locate(VAD_MODEL, settings.models_dir) / VAD_FILE)
    return VadBatcher(model, asyncio.get_running_loop().call_later).voice


@asynccontextmanager
async def turn_model(settings: Settings) -> AsyncGenerator[TurnModel, None]:
    """The turn model, where it has been fetched; without it turns end by their words and the silence."""
    try:
        listener = TurnModelThread(locate(TURN_MODEL, settings.models_dir) / TURN_FILE)
    except ConfigError as missing:
        log.warning("no turn model", why=str(missing))
        yield nobody_knows
        return
    try:
        yield listener.probability
    finally:
        listener.close()


@asynccontextmanager
async def kept(settings: Settings) -> AsyncGenerator[Archive | None, None]:
    """What is kept of calls, if anything is."""
    if not settings.keep_calls:
        yield None
        return
    async with Archive(settings).opened() as archive:
        yield archive


class AgentStore:
    """Who answers, and how that is changed."""

    def __init__(self, agent: Agent, book: AgentFile, registry: EngineRegistry) -> None:
        self._agent, self._book, self._registry = agent, book, registry
        self.others: Callable[[Agent], Awaitable[None]] | None = None  # who has to learn it as well: the workers

    def agent(self) -> Agent:
        """The one who answers now."""
        return self._agent

    async def change(self, agent: Agent) -> None:
        """Let this one answer from the next call on, after it has learnt its lines. Raises `ConfigError`."""
        await learn(self._registry, agent)
        self._book.write(agent)
        self._agent = agent
        if self.others is not None:
            await self.others(agent)


@asynccontextmanager
async def reachable(settings: Settings, agent: Agent) -> AsyncGenerator[tuple[Settings, EngineRegistry], None]:
    """The engines, reachable and warm. Starts the embedded engine server if an engine lives in it.

    Raises `ConfigError` when the default ones do not answer.
    """
    async with engines(settings) as registry:
        if settings.embedded_url or not registry.uses_engine_server:
            await _warm(registry, agent)
            yield settings, registry
            return
        llm = settings.llm_model if await _thinks_here(registry) else ""
    for name in needed(settings.llm_model):
        locate(name, settings.models_dir)  # a missing or damaged file is named here, before anything is started
    async with engine_server(models_dir=settings.models_dir, llm=llm, opening=agent.opening()) as url:
        reached = settings.model_copy(update={"embedded_url": url})
        async with engines(reached) as registry:
            await _warm(registry, agent)
            yield reached, registry


@asynccontextmanager
async def engines(settings: Settings) -> AsyncGenerator[EngineRegistry, None]:
    registry = EngineRegistry(settings)
    try:
        yield registry
    finally:
        await registry.close()


async def _thinks_here(registry: EngineRegistry) -> bool:
    """Whether the embedded language model will be asked: it is the default, or nobody before it answers."""
    mind = registry.engine("llm")
    if isinstance(mind, FallbackLLM):
        try:
            mind = await mind.first_up()
        except EngineError:
            return bool(mind.embedded)  # nobody answers yet; the embedded one will
    return bool(getattr(mind, "embedded", False))


async def _hear(stt: SpeechToText, sounds: list[Sound]) -> None:
    """Let the recogniser hear something once: its first utterance takes twice as long as later ones."""
    resampler = InputResampler(sounds[0].frame.rate, EAR_RATE)
    pcm = b"".join(resampler.feed(sound.frame.pcm) for sound in sounds) + resampler.end()
    await stt.transcribe(Utterance(pcm, 0.0, 1.0))


async def _warm(registry: EngineRegistry, agent: Agent) -> None:
    """Learn the phrases for bad moments and the greeting; let the models do each thing once."""
    await learn(registry, agent)
    try:
        await _hear(registry.answering("stt"), [sound async for sound in registry.voice().speak(MOMENT, "")])
        question = (*agent.opening(), Message("user", "Hello"))
        async with aclosing(registry.answering("llm").reply(question, LlmRequest(max_tokens=1))) as tokens:
            async for _ in tokens:
                break
    except EngineError as cause:
        raise ConfigError(f"the default engines do not answer: {cause}. Try: lineside doctor") from cause
    await asyncio.gather(*(_greet(registry, role, name) for role in ROLES for name in registry.stand_ins(role)))


async def _greet(registry: EngineRegistry, role: Role, name: str) -> None:
    """Open a connection to one who stands in; say now, and not in the middle of a call, if nobody is there."""
    engine = registry.engine(role, name)
    try:
        if isinstance(engine, HealthChecked):
            await engine.check()
    except EngineError as cause:
        log.warning("a fallback engine does not answer", role=role, engine=name, why=str(cause))


async def learn(registry: EngineRegistry, agent: Agent) -> None:
    """Synthesise what will be said often, and in bad moments; let the model read the prompt. Raises `ConfigError`."""
    mind = registry.answering("llm")
    try:
        for phrase in (*PHRASES, *(said for line in agent.lines() for said in sayings(line))):
            await registry.voice().keep(phrase)
        if isinstance(mind, Warmable):
            await mind.warm(agent.opening())
    except EngineError as cause:
        raise ConfigError(f"the default engines do not answer: {cause}. Try: lineside doctor") from cause
