"""Which engines there are. Every one comes in through an entry point of the package that brings it, ours too.

A new engine is one file and one line: `[project.entry-points."lineside.tts"]  name = "package.file:Class"`. The class
is called with the settings and an HTTP client of its own, and has the shape of its role in `engines.protocols`. It
may have besides: `choices`, the models or voices that may be named, empty for any; `embedded`, true if it lives in the
engine server beside us; `offered(settings)`, false while it lacks what it needs (a key, a program).
"""

import asyncio
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, get_args

import aiohttp
import structlog
from msgspec import Struct

from lineside.engines.fallback import in_a_row
from lineside.engines.pool_metrics import Waits, nobody_counts, queue_trace
from lineside.engines.protocols import LanguageModel, Preparable, SpeechToText, TextToSpeech
from lineside.engines.tts_cache import CachedTTS
from lineside.errors import ConfigError, EngineError, TransportError
from lineside.settings import Settings

log = structlog.get_logger()

Role = Literal["stt", "llm", "tts"]
ROLES: tuple[Role, ...] = get_args(Role)
RINGS = 6.0  # seconds that a caller waits for a model to be loaded
KEPT_OPEN = 60.0  # seconds that an idle connection to a back end stays open


class Engines(Struct, frozen=True):
    """The engines of one call, by name and ready to use."""

    stt: SpeechToText
    llm: LanguageModel
    tts: TextToSpeech
    names: dict[str, str]
    phrases: TextToSpeech  # knows the phrases for bad moments by heart


class EngineRegistry:
    """All engines of this process, each built once, with a pool of connections of its own, and shared by all calls."""

    def __init__(self, settings: Settings, http: aiohttp.ClientSession | None = None) -> None:
        """`http`, if given, is used by all engines and stays the caller's; without it `close` closes the pools."""
        self._settings, self._http = settings, http
        self._entries = {role: {e.name: e for e in entry_points(group=f"lineside.{role}")} for role in ROLES}
        self._engines: dict[tuple[Role, str], Any] = {}
        self._memories: dict[str, CachedTTS] = {}
        self._rows: dict[tuple[Role, str], Any] = {}
        self.failed: Callable[[str, str, EngineError], None] = lambda role, name, why: None  # hears of failures …
        self.switched: Callable[[str, str], None] = lambda role, name: None  # … and of another that goes on
        self.waits: Waits = nobody_counts  # … and of requests that wait for a connection
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
        """Close every connection."""
        for pool in self._pools:
            await pool.close()

    @property
    def uses_engine_server(self) -> bool:
        """Whether a default engine, or one that stands in for it, lives in the engine server beside us."""
        named = [(role, name) for role in ROLES for name in (self.defaults[role], *self.stand_ins(role))]
        return any(getattr(self.engine(role, name), "embedded", False) for role, name in named)

    def names(self, role: Role) -> tuple[str, ...]:
        """The engines that can be named for a role."""
        return tuple(sorted(name for name, entry in self._entries[role].items() if self._offered(entry)))

    def engine(self, role: Role, name: str = "") -> Any:
        """The engine of that name (empty: the default one) itself, built at its first use. Raises `TransportError`."""
        name = name or self.defaults[role]
        if name not in self._entries[role] or not self._offered(self._entries[role][name]):
            raise TransportError(
                "unknown_engine", f"{role}_engine: {name!r} is not known; allowed: {', '.join(self.names(role))}"
            )
        if (role, name) not in self._engines:
            make: Callable[[Settings, aiohttp.ClientSession], Any] = self._entries[role][name].load()
            self._engines[role, name] = make(self._settings, self._http or self._pool(role, name))
        return self._engines[role, name]

    def voice(self) -> CachedTTS:
        """The default voice, which can be made to know sentences by heart."""
        return self._memory(self.defaults["tts"])

    def answering(self, role: Role, name: str = "") -> Any:
        """The engine as calls use it: with a memory if it is a voice, and with those who stand in for it.

        The default engine stands in for one that a caller chose, and then the fallback engines.
        """
        name = name or self.defaults[role]
        if (role, name) not in self._rows:
            row = dict.fromkeys([name, self.defaults[role], *self.stand_ins(role)])
            made = [(n, self._memory(n) if role == "tts" else self.engine(role, n)) for n in row]
            self._rows[role, name] = in_a_row(role, made, self._failed)
        return self._rows[role, name]

    def choices(self, role: Role, name: str = "") -> tuple[str, ...]:
        """The models or voices that the engine knows; empty when it takes any."""
        engine = self.engine(role, name)
        return tuple(getattr(engine, "choices", ()))

    def choose(self, *, stt: str = "", llm: str = "", tts: str = "", model: str = "", voice: str = "") -> Engines:
        """The engines of one call. Raises `TransportError` naming the field and what is allowed there."""
        for field, role, name, wanted in (("llm_model", "llm", llm, model), ("tts_voice", "tts", tts, voice)):
            known = self.choices(role, name)  # type: ignore[arg-type]
            if wanted and known and wanted not in known:
                raise TransportError("unknown_choice", f"{field}: {wanted!r} is not known; allowed: {', '.join(known)}")
        return Engines(
            self.answering("stt", stt),
            self.answering("llm", llm),
            self.answering("tts", tts),
            {
                "stt": stt or self.defaults["stt"],
                "llm": llm or self.defaults["llm"],
                "tts": tts or self.defaults["tts"],
            },
            self.voice(),
        )

    async def prepare(self, chosen: dict[Role, tuple[str, str]]) -> None:
        """Have ready what a call named that is not the default: role → engine and model or voice.

        The caller waits for it as for any telephone that rings, `RINGS` seconds at most. What is not ready then is
        asked all the same, and stood in for if it is too slow.
        """
        wanted = [(role, name, choice) for role, (name, choice) in chosen.items() if name or choice]
        await asyncio.gather(*(self._prepare(*one) for one in wanted))

    async def _prepare(self, role: Role, name: str, choice: str) -> None:
        engine = self.engine(role, name)
        if not isinstance(engine, Preparable):
            return
        try:
            async with asyncio.timeout(RINGS):
                await engine.prepare(choice)
        except (EngineError, TimeoutError) as cause:
            log.warning("an engine is not ready for a call", role=role, engine=name, why=str(cause) or "too slow")

    def _failed(self, role: str, name: str, why: EngineError, switched: bool) -> None:
        self.failed(role, name, why)
        if switched:
            self.switched(role, name)

    def _memory(self, name: str) -> CachedTTS:
        if name not in self._memories:
            self._memories[name] = CachedTTS(self.engine("tts", name))
        return self._memories[name]

    def stand_ins(self, role: Role) -> tuple[str, ...]:
        """Who answers when the engine of a call does not, besides the default one; not those who lack something."""
        return tuple(name for name in self._fallbacks[role] if self._offered(self._entries[role][name]))

    def _offered(self, entry: EntryPoint) -> bool:
        offered = getattr(entry.load(), "offered", None)
        return offered is None or bool(offered(self._settings))

    def _pool(self, role: Role, name: str) -> aiohttp.ClientSession:
        """Connections of one back end. All share aiohttp's one TLS context; further requests wait, under deadlines."""
        settings = self._settings
        limit = {"stt": settings.asr_pool_size, "llm": settings.llm_pool_size, "tts": settings.tts_pool_size}[role]
        connector = aiohttp.TCPConnector(limit=limit, keepalive_timeout=KEPT_OPEN)
        trace = queue_trace(lambda more, seconds: self.waits(role, name, more, seconds))
        self._pools.append(aiohttp.ClientSession(connector=connector, trust_env=True, trace_configs=[trace]))
        return self._pools[-1]

    def _check(self, role: Role) -> None:
        """Refuse names of engines that there are not."""
        known = ", ".join(self.names(role))
        name = self.defaults[role]
        if name not in self._entries[role]:
            raise ConfigError(f"DEFAULT_{role.upper()}_ENGINE={name!r} is not known; known are {known}")
        if not self._offered(self._entries[role][name]):
            raise ConfigError(
                f"DEFAULT_{role.upper()}_ENGINE={name} lacks what it needs: a key, an address or a program. "
                f"docs/reference/engines.md says which; ready are {known}"
            )
        for name in self._fallbacks[role]:
            if name not in self._entries[role]:
                raise ConfigError(f"FALLBACK_{role.upper()}_ENGINES: {name!r} is not known; known are {known}")
