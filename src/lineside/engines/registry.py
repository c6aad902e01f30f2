"""The engines of this process: which there are, which a call may name, and which stand in for another.

Every engine comes in through an entry point of the package that brings it, lineside's own too (`engine_options`).
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar, cast

import aiohttp
import structlog

from lineside.engine_options import ROLES, EngineClass, EngineHost, Role, engine_classes
from lineside.engines import http_environment
from lineside.engines.engine_observer import EngineObserver, NoObserver
from lineside.engines.engine_trials import Deaf, EngineTrials
from lineside.engines.fallback import FallbackLLM, FallbackSTT, FallbackTTS
from lineside.engines.fallback_chain import FallbackChain
from lineside.engines.pool_metrics import queue_trace
from lineside.engines.protocols import (
    Engine,
    EngineInfo,
    KeepsWarm,
    LanguageModel,
    Preparable,
    SpeechToText,
    TextToSpeech,
)
from lineside.engines.roles import MEMBERS, Engines, plays
from lineside.engines.tts_cache import CachedTTS
from lineside.errors import ConfigError, EngineError, TransportError
from lineside.protocol import AnsweredBy
from lineside.settings import Settings

__all__ = ["ROLES", "EngineObserver", "EngineRegistry", "Engines", "Role"]

log = structlog.get_logger()

LOADED_WITHIN = 6.0  # seconds that a caller waits for a model to be loaded, as for a telephone that rings
KEPT_OPEN = 60.0  # seconds that an idle connection to a back end stays open


C = TypeVar("C", bound=FallbackChain[Any])


class EngineRegistry:
    """All engines of this process, each built once, with a pool of connections of its own, and shared by all calls."""

    def __init__(
        self,
        settings: Settings,
        http: aiohttp.ClientSession | None = None,
        observer: EngineObserver | None = None,
        deaf: Deaf | None = None,
    ) -> None:
        """`http`, if given, is used by all engines and stays the caller's; without it `close` closes the pools.

        `deaf` hears of an engine that is up and does not answer; it may restart it.

        Raises `ConfigError` for a default or a fallback engine that there is not, or that lacks what it needs.
        """
        self._settings, self._http, self._observer = settings, http, observer or NoObserver()
        self._classes: dict[Role, dict[str, EngineClass]] = {role: engine_classes(role) for role in ROLES}
        self._engines: dict[tuple[Role, str], Engine] = {}
        self._trials = EngineTrials(deaf)
        self._stt: dict[str, SpeechToText] = {}
        self._llm: dict[str, LanguageModel] = {}
        self._tts: dict[str, TextToSpeech] = {}
        self._caches: dict[str, CachedTTS] = {}
        self._pools: list[aiohttp.ClientSession] = []
        self.defaults: dict[Role, str] = {
            "stt": settings.default_stt_engine,
            "llm": settings.default_llm_engine,
            "tts": settings.default_tts_engine,
        }
        self._fallbacks: dict[Role, tuple[str, ...]] = {
            "stt": settings.fallback_stt_engines,
            "llm": settings.fallback_llm_engines,
            "tts": settings.fallback_tts_engines,
        }
        for role in ROLES:
            self._check(role)

    async def close(self) -> None:
        """End what was begun by nobody's request, then close every connection."""
        await self._trials.close()
        for pool in self._pools:
            await pool.close()

    def keep_warm(self) -> None:
        """From now on keep the models in memory that calls use, where servers would unload them between two calls."""
        self._trials.keep_warm(lambda: [engine for engine in self._engines.values() if isinstance(engine, KeepsWarm)])

    @property
    def uses_engine_server(self) -> bool:
        """Whether a default engine, or one that stands in for it, lives in the engine server that lineside starts."""
        named = [(role, name) for role in ROLES for name in (self.defaults[role], *self.stand_ins(role))]
        return any(self.info(role, name).embedded for role, name in named)

    def names(self, role: Role) -> tuple[str, ...]:
        """The engines that can be named for a role."""
        return tuple(sorted(name for name in self._classes[role] if self._offered(role, name)))

    def engine(self, role: Role, name: str = "") -> Engine:
        """The engine of that name (empty: the default one) itself, built at its first use. Raises `TransportError`."""
        name = name or self.defaults[role]
        if not self._offered(role, name):
            raise TransportError(
                "unknown_engine", f"{role}_engine: {name!r} is not known; allowed: {', '.join(self.names(role))}"
            )
        if (role, name) not in self._engines:
            self._engines[role, name] = self._build(role, name)
        return self._engines[role, name]

    def order(self, role: Role, name: str = "") -> tuple[str, ...]:
        """The engine and those that stand in for it, in the order in which a call asks them."""
        return tuple(dict.fromkeys([name or self.defaults[role], self.defaults[role], *self.stand_ins(role)]))

    def lacking(self, role: Role) -> dict[str, str]:
        """The engines that calls may not name yet → what each lacks: a setting or a program."""
        options = {name: kind.Options for name, kind in sorted(self._classes[role].items())}
        lacks = {name: self._settings.options(one).missing() for name, one in options.items() if not one.test_double}
        return {name: what for name, what in lacks.items() if what}

    def info(self, role: Role, name: str = "") -> EngineInfo:
        """What the engine says of itself. Raises `TransportError`."""
        return self.engine(role, name).info

    def stt(self, name: str = "") -> SpeechToText:
        """The recogniser as calls use it: with those that stand in for it (the default one, then the fallbacks)."""
        name = name or self.defaults["stt"]
        if name not in self._stt:
            chain = [(n, cast(SpeechToText, engine)) for n, engine in self._chain("stt", name)]
            self._stt[name] = self._tried(FallbackSTT(chain, self._failed))
        return self._stt[name]

    def llm(self, name: str = "") -> LanguageModel:
        """The language model as calls use it. See `stt`."""
        name = name or self.defaults["llm"]
        if name not in self._llm:
            chain = [(n, cast(LanguageModel, engine)) for n, engine in self._chain("llm", name)]
            self._llm[name] = self._tried(FallbackLLM(chain, self._failed))
        return self._llm[name]

    def tts(self, name: str = "") -> TextToSpeech:
        """The voice as calls use it: with a cache, and those that stand in for it. See `stt`."""
        name = name or self.defaults["tts"]
        if name not in self._tts:
            chain = [(n, self._cached(n)) for n, _ in self._chain("tts", name)]
            self._tts[name] = self._tried(FallbackTTS(chain, self._failed))
        return self._tts[name]

    def cached_tts(self) -> CachedTTS:
        """The default voice, which can be made to know sentences by heart."""
        return self._cached(self.defaults["tts"])

    def choices(self, role: Role, name: str = "") -> tuple[str, ...]:
        """The models or voices that the engine knows; empty when it takes any."""
        return self.info(role, name).choices

    def choose(self, *, stt: str = "", llm: str = "", tts: str = "", model: str = "", voice: str = "") -> Engines:
        """The engines of one call. Raises `TransportError` naming the field and what is allowed there."""
        wishes: Sequence[tuple[str, Role, str, str]] = (
            ("llm_model", "llm", llm, model),
            ("tts_voice", "tts", tts, voice),
        )
        for field, role, name, wanted in wishes:
            known = self.choices(role, name)
            if wanted and known and wanted not in known:
                raise TransportError("unknown_choice", f"{field}: {wanted!r} is not known; allowed: {', '.join(known)}")
        names = {
            "stt": stt or self.defaults["stt"],
            "llm": llm or self.defaults["llm"],
            "tts": tts or self.defaults["tts"],
        }
        choices: Sequence[tuple[Role, str]] = (("stt", ""), ("llm", model), ("tts", voice))
        usual = {str(role): self._chain_of(role, names[role]).likely(choice) for role, choice in choices}
        return Engines(self.stt(stt), self.llm(llm), self.tts(tts), names, self.cached_tts(), usual)

    async def answering(self) -> dict[str, AnsweredBy]:
        """Who answers a call that names no engine, by role, as their checks say; without roles of which nobody does.

        What is found out here is known to the calls that begin next.
        """
        found: dict[str, AnsweredBy] = {}
        for role in ROLES:
            with suppress(EngineError):
                found[role] = await self._chain_of(role, self.defaults[role]).usual()
        return found

    async def prepare(self, chosen: dict[Role, tuple[str, str]]) -> None:
        """Have ready what a call named that is not the default: role → engine and model or voice.

        The caller waits for it, `LOADED_WITHIN` seconds at most. What is not ready then is asked all the same, and
        stood in for if it is too slow.
        """
        wanted = [(role, name, choice) for role, (name, choice) in chosen.items() if name or choice]
        await asyncio.gather(*(self._prepare(*one) for one in wanted))

    async def load_default_llm(self) -> None:
        """Wait until the default language model is in memory, where nobody could answer meanwhile."""
        name = self.defaults["llm"]
        engine = self.engine("llm", name)
        if isinstance(engine, Preparable) and not self.stand_ins("llm"):
            await self._trials.prepared("llm", name, engine, "")

    def stand_ins(self, role: Role) -> tuple[str, ...]:
        """Who answers when the engine of a call does not, besides the default one; not those who lack something."""
        return tuple(name for name in self._fallbacks[role] if self._offered(role, name))

    async def _prepare(self, role: Role, name: str, choice: str) -> None:
        engine = self.engine(role, name)
        if not isinstance(engine, Preparable):
            return
        try:
            async with asyncio.timeout(LOADED_WITHIN):
                await self._trials.prepared(role, name, engine, choice)
        except (EngineError, TimeoutError) as cause:
            log.warning("engine not ready for a call", role=role, engine=name, why=str(cause) or "too slow")

    def _chain(self, role: Role, name: str) -> list[tuple[str, Engine]]:
        """The engine and those that stand in for it, in order; each has the methods of its role (`_build`)."""
        return [(n, self.engine(role, n)) for n in self.order(role, name)]

    def _chain_of(self, role: Role, name: str) -> FallbackChain[Any]:
        made: dict[Role, Callable[[str], object]] = {"stt": self.stt, "llm": self.llm, "tts": self.tts}
        return cast("FallbackChain[Any]", made[role](name))

    def _tried(self, chain: C) -> C:
        """The chain, whose engines are tried again when they do not answer."""
        chain.trials = self._trials
        return chain

    def _failed(self, role: str, name: str, why: EngineError, switched: bool) -> None:
        self._observer.engine_failed(role, name, why)
        if switched:
            self._observer.engine_switched(role, name)

    def _cached(self, name: str) -> CachedTTS:
        if name not in self._caches:
            self._caches[name] = CachedTTS(cast(TextToSpeech, self.engine("tts", name)))
        return self._caches[name]

    def _offered(self, role: Role, name: str) -> bool:
        kind = self._classes[role].get(name)
        if kind is None:
            return False
        if kind.Options.test_double and name not in (self.defaults[role], *self._fallbacks[role]):
            return False
        return not self._settings.options(kind.Options).missing()

    def _build(self, role: Role, name: str) -> Engine:
        kind, settings = self._classes[role][name], self._settings
        host = EngineHost(
            http=self._http or self._pool(role, name),
            embedded_url=settings.embedded_url,
            embedded_llm=settings.llm_model,
            models_dir=settings.models_dir,
            pool_size=self._pool_size(role),
        )
        built = kind(settings.options(kind.Options), host)
        if isinstance(built, FallbackChain):
            self._tried(built)
        if not isinstance(built, Engine) or not plays(role, built):
            lacking = " and no ".join(sorted(MEMBERS[role] - set(dir(built))))
            raise ConfigError(f"the {role} engine {name} has no {lacking}, see lineside.engines.protocols")
        return built

    def _pool(self, role: Role, name: str) -> aiohttp.ClientSession:
        """Connections of one back end. All share aiohttp's one TLS context; further requests wait, under deadlines."""
        connector = aiohttp.TCPConnector(limit=self._pool_size(role), keepalive_timeout=KEPT_OPEN)
        trace = queue_trace(lambda more, seconds: self._observer.engine_waits(role, name, more, seconds))
        heeds = http_environment.says_something()
        self._pools.append(aiohttp.ClientSession(connector=connector, trust_env=heeds, trace_configs=[trace]))
        return self._pools[-1]

    def _pool_size(self, role: Role) -> int:
        settings = self._settings
        return {"stt": settings.asr_pool_size, "llm": settings.llm_pool_size, "tts": settings.tts_pool_size}[role]

    def _check(self, role: Role) -> None:
        """Refuse names of engines that there are not, and a default one that lacks something."""
        known = ", ".join(self.names(role))
        name = self.defaults[role]
        if name not in self._classes[role]:
            raise ConfigError(f"DEFAULT_{role.upper()}_ENGINE={name!r} is not known; known are {known}")
        if lacks := self._settings.options(self._classes[role][name].Options).missing():
            raise ConfigError(f"DEFAULT_{role.upper()}_ENGINE={name} lacks {lacks}; ready are {known}")
        for name in self._fallbacks[role]:
            if name not in self._classes[role]:
                raise ConfigError(f"FALLBACK_{role.upper()}_ENGINES: {name!r} is not known; known are {known}")
