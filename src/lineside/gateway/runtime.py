"""What a process that holds calls needs before the first: engines, voice activity detection, turn model, warm-up.

The gateway, each worker, `lineside doctor`, `replay` and the load tester start from here; no server, no control API.
"""

import asyncio
import itertools
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress

import aiohttp
import structlog

from lineside.agents.agent import Agent
from lineside.agents.knowledge.agent_knowledge import KnowledgeCache, KnowledgePlaces
from lineside.agents.knowledge.encoder_thread import EncoderThread
from lineside.agents.tools.outcome import RunsTools
from lineside.agents.tools.tool_kinds import all_tools
from lineside.agents.versions import version_of
from lineside.audio.frame import STT_RATE, SpokenAudio, Utterance
from lineside.audio.input_resampler import InputResampler
from lineside.audio.turn_model import TurnModel, TurnModelThread, nobody_knows
from lineside.audio.vad import LoudnessVad, VadModel, VadState, VoiceDetector
from lineside.audio.vad_batcher import VadBatcher
from lineside.call.answer import sayings
from lineside.call.fillers import MOMENT, PHRASES
from lineside.engine_server.launch import engine_server
from lineside.engines.engine_trials import LOADED_WITHIN, Deaf
from lineside.engines.fallback import FallbackLLM
from lineside.engines.protocols import HealthChecked, LlmPiece, LlmRequest, Message, SpeechToText, Warmable
from lineside.engines.registry import ROLES, EngineObserver, EngineRegistry, Role
from lineside.errors import ConfigError, EngineBusy, EngineError
from lineside.models.catalogue import needed
from lineside.models.store import locate
from lineside.openai_api.stretches import Judge
from lineside.private_files import mend_data_folder
from lineside.processes.background_work import BackgroundWork
from lineside.records.archive import Archive
from lineside.records.counters import RecordsCounter
from lineside.settings import Settings

log = structlog.get_logger()

ASK_AGAIN = 1.0  # seconds until a busy engine is asked again at start-up
TURN_MODEL, TURN_FILE = "smart-turn-v3.2", "smart-turn-v3.2-cpu.onnx"
LEARNT_BY_HEART = 200  # sentences of the answers; the others are synthesised when they are first said
LOOK_FOR_NEW_AGENT = 5.0  # seconds
PREPARE_AGENT_SECONDS = 90.0  # seconds to synthesise the agent's lines and to read its prompt
ENCODER_MODEL = "all-minilm-l6-v2"
VAD_MODEL, VAD_FILE = "silero-vad", "silero_vad.onnx"


@asynccontextmanager
async def warm_engines(
    settings: Settings, agent: Agent, observer: EngineObserver | None = None
) -> AsyncGenerator[tuple[Settings, EngineRegistry], None]:
    """The engines, checked and warmed up. Starts the embedded engine server if an engine needs one.

    Raises `ConfigError` when the default ones do not answer.
    """
    async with open_registry(settings, observer) as registry:
        if settings.embedded_url or not registry.uses_engine_server:
            await _warm(registry, agent)
            yield settings, registry
            return
        llm = settings.llm_model if await _needs_embedded_llm(registry) else ""
    for name in needed(settings.llm_model):
        locate(name, settings.models_dir)  # a missing or damaged file is named here, before anything is started
    async with engine_server(models_dir=settings.models_dir, llm=llm, opening=agent.opening()) as url:
        reached = settings.model_copy(update={"embedded_url": url})
        async with open_registry(reached, observer) as registry:
            await _warm(registry, agent)
            yield reached, registry


@asynccontextmanager
async def open_registry(
    settings: Settings, observer: EngineObserver | None = None
) -> AsyncGenerator[EngineRegistry, None]:
    """The engines that the settings name, with their connections; closed when the block ends."""
    async with aiohttp.ClientSession() as http:
        registry = EngineRegistry(settings, observer=observer, deaf=_service_restart(settings, http))
        registry.keep_warm()
        try:
            yield registry
        finally:
            await registry.close()


def _service_restart(settings: Settings, http: aiohttp.ClientSession) -> Deaf | None:
    """What restarts a service whose engine is up and deaf, by the host agent; None where there is none."""
    if not settings.host_agent_url:
        return None
    from lineside.gateway.service_restart import ServiceRestart
    from lineside.host.client import HostAgentClient

    return ServiceRestart(HostAgentClient(settings.host_agent_url, settings.host_agent_token, http))


async def _needs_embedded_llm(registry: EngineRegistry) -> bool:
    """Whether calls will use the embedded LLM: it is the default, or the first engine of the chain that is up."""
    llm = registry.engine("llm")
    if isinstance(llm, FallbackLLM):
        try:
            llm = await llm.first_up()
        except EngineError:
            return llm.info.embedded  # nobody answers yet; the embedded one will
    return llm.info.embedded


async def _transcribe_once(stt: SpeechToText, sounds: list[SpokenAudio]) -> None:
    """Transcribe one utterance: the first takes an STT model twice as long as later ones."""
    resampler = InputResampler(sounds[0].rate, STT_RATE)
    pcm = b"".join(resampler.feed(sound.pcm) for sound in sounds) + resampler.end()
    await stt.transcribe(Utterance(pcm, 0.0, 1.0))


async def _warm(registry: EngineRegistry, agent: Agent) -> None:
    """Synthesise the fixed phrases; let each model work once."""
    await prepare_agent(registry, agent)
    try:
        sounds = [sound async for sound in registry.cached_tts().speak(MOMENT, "")]
        await _patiently("stt", lambda: _transcribe_once(registry.stt(), sounds))
        question = (*agent.opening(), Message("user", "Hello"))
        await registry.load_default_llm()
        await _patiently("llm", lambda: _first_word(registry.llm().reply(question, LlmRequest(max_tokens=1))))
    except EngineError as cause:
        raise ConfigError(f"the default engines are unreachable: {cause}. Try: lineside doctor") from cause
    await asyncio.gather(
        *(_check_fallback(registry, role, name) for role in ROLES for name in registry.stand_ins(role))
    )


async def _patiently(role: Role, ask: Callable[[], Awaitable[None]]) -> None:
    """Ask; a server that is busy, as those are that load their model (llama.cpp, vLLM), is asked again and again."""
    until, told = time.monotonic() + LOADED_WITHIN, False
    while True:
        try:
            return await ask()
        except EngineBusy as busy:
            if time.monotonic() > until:
                raise
            if not told:
                log.info("waiting for an engine that is busy", role=role, why=str(busy), seconds=LOADED_WITHIN)
            told = True
        await asyncio.sleep(ASK_AGAIN)


async def _first_word(answer: AsyncGenerator[LlmPiece, None]) -> None:
    async with aclosing(answer) as tokens:
        async for _ in tokens:
            return


async def _check_fallback(registry: EngineRegistry, role: Role, name: str) -> None:
    """Check a fallback engine at start-up, so that an outage is logged now and not during a call."""
    engine = registry.engine(role, name)
    try:
        if isinstance(engine, HealthChecked):
            await engine.check()
    except EngineError as cause:
        log.warning("fallback engine unreachable", role=role, engine=name, why=str(cause))


async def prepare_agent(registry: EngineRegistry, agent: Agent) -> None:
    """Synthesise the fixed phrases and prefill the LLM with the prompt. Raises `ConfigError`."""
    llm, tts = registry.llm(), registry.cached_tts()
    try:
        async with asyncio.timeout(PREPARE_AGENT_SECONDS):
            for phrase in PHRASES:
                await tts.keep(phrase, pinned=True)
            for said in (said for line in agent.lines() for said in sayings(line, agent.speech_tag)):
                await tts.keep(said)
            if isinstance(llm, Warmable):
                await llm.warm(agent.opening())
    except TimeoutError:
        raise ConfigError(
            f"the agent's phrases were not synthesised or its prompt not read within {PREPARE_AGENT_SECONDS:g} s; "
            "make them shorter, or choose faster engines"
        ) from None
    except EngineError as cause:
        raise ConfigError(f"the default engines are unreachable: {cause}. Try: lineside doctor") from cause


async def learn_answers(registry: EngineRegistry, agent: Callable[[], Agent]) -> None:
    """Synthesise the agent's answers while calls are held already, and those of a new agent. Never ends.

    They are spoken without the language model; known by heart they need no voice either.
    """
    learnt = ""
    while True:
        current = agent()
        if learnt != (learnt := version_of(current)):
            texts = [answer.says for answer in current.answers] + [current.unknown]
            sentences = (said for text in texts for said in sayings(text, current.speech_tag))
            with suppress(EngineError):  # a voice that fails now is asked when a caller needs it
                for sentence in itertools.islice(sentences, LEARNT_BY_HEART):
                    await registry.cached_tts().keep(sentence)
        await asyncio.sleep(LOOK_FOR_NEW_AGENT)


def vad_factory(settings: Settings) -> Callable[[], VoiceDetector]:
    """What makes a VAD for each call: Silero, or plain loudness where the STT engine is scripted."""
    if settings.default_stt_engine == "scripted":
        return LoudnessVad
    model = VadModel(locate(VAD_MODEL, settings.models_dir) / VAD_FILE)
    return VadBatcher(model, asyncio.get_running_loop().call_later).new_vad


def speech_judges(settings: Settings) -> Callable[[], Judge]:
    """What makes a judge of recordings, for each one: Silero, or plain loudness where the STT engine is scripted."""
    if settings.default_stt_engine == "scripted":
        loudness = LoudnessVad()
        return lambda: lambda windows: [loudness.feed(window) for window in windows]

    def silero() -> Judge:
        model = VadModel(locate(VAD_MODEL, settings.models_dir) / VAD_FILE)  # its own: a model is for one thread
        state = VadState(model.memories)
        return lambda windows: model.probabilities(windows, [state] * len(windows))

    return silero


@asynccontextmanager
async def turn_model(settings: Settings) -> AsyncGenerator[TurnModel, None]:
    """The turn model, if its file is downloaded; without it, a turn ends by the words and the silence alone."""
    try:
        listener = TurnModelThread(locate(TURN_MODEL, settings.models_dir) / TURN_FILE)
    except ConfigError as missing:
        log.warning("turn model not available, ending turns without it", why=str(missing))
        yield nobody_knows
        return
    try:
        yield listener.probability
    finally:
        listener.close()


def knowledge_places(settings: Settings) -> KnowledgePlaces:
    """Where the agent's documents lie, and what was read of them."""
    meanings, answers = settings.data_dir / "knowledge", settings.models_dir / ".meanings"
    return KnowledgePlaces(settings.agent_file.parent, meanings, answers)


@asynccontextmanager
async def knowledge_cache(settings: Settings, agent: Agent) -> AsyncGenerator[KnowledgeCache, None]:
    """What agents know, this one's read already. Without the sentence encoder's file, words alone find an answer.

    Raises `ConfigError`.
    """
    encoder = None
    try:
        encoder = EncoderThread(locate(ENCODER_MODEL, settings.models_dir))
    except ConfigError as missing:
        log.warning("sentence encoder not available, finding answers by their words alone", why=str(missing))
    try:
        knowledge = KnowledgeCache(encoder, knowledge_places(settings))
        await knowledge.of(agent)
        yield knowledge
    finally:
        if encoder is not None:
            encoder.close()


@asynccontextmanager
async def tool_runner(settings: Settings, agent: Agent) -> AsyncGenerator[RunsTools, None]:
    """What runs the tools of agents, while the block runs. Their secrets come from the environment.

    Raises `ConfigError` where a tool of this agent's cannot run.
    """
    async with all_tools(settings.agent_file.parent, dict(os.environ), agent.tools) as tools:
        yield tools


@asynccontextmanager
async def open_archive(
    settings: Settings, counter: RecordsCounter, work: BackgroundWork
) -> AsyncGenerator[Archive | None, None]:
    """The archive of calls; None where KEEP_CALLS is off. `counter` counts what becomes of records.

    `work` restarts its threads should they fail.
    """
    if not settings.keep_calls:
        await asyncio.to_thread(mend_data_folder, settings.data_dir)  # of the time when they were kept
        yield None
        return
    async with Archive(settings, counter, work).opened() as archive:
        yield archive
