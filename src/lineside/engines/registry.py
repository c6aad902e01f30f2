"""Which engines there are. Every one comes in through an entry point of the package that brings it, ours too.

A new engine is one file and one line: `[project.entry-points."lineside.tts"]  name = "package.file:Class"`. The class
is called with the settings and the shared HTTP client, and has the shape of its role in `engines.protocols`; its
`choices` are the models or voices that may be named, empty for any.
"""

from importlib.metadata import entry_points
from typing import Any, Literal, get_args

import aiohttp
from msgspec import Struct

from lineside.engines.protocols import LanguageModel, SpeechToText, TextToSpeech
from lineside.engines.remembered import RememberingVoice
from lineside.errors import ConfigError, LineError
from lineside.settings import Settings

Role = Literal["stt", "llm", "tts"]
ROLES: tuple[Role, ...] = get_args(Role)


class Engines(Struct, frozen=True):
    """The engines of one call, by name and ready to use."""

    stt: SpeechToText
    llm: LanguageModel
    tts: TextToSpeech
    names: dict[str, str]


class Registry:
    """All engines of this process, each built once and shared by all calls."""

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._settings, self._http = settings, http
        self._entries = {role: {e.name: e for e in entry_points(group=f"lineside.{role}")} for role in ROLES}
        self._built: dict[tuple[Role, str], Any] = {}
        self.defaults: dict[Role, str] = {
            "stt": settings.default_stt_engine,
            "llm": settings.default_llm_engine,
            "tts": settings.default_tts_engine,
        }
        for role, name in self.defaults.items():
            if name not in self._entries[role]:
                raise ConfigError(
                    f"DEFAULT_{role.upper()}_ENGINE={name!r} is not known; known are {', '.join(self.names(role))}"
                )

    @property
    def uses_engine_server(self) -> bool:
        """Whether a default engine lives in the engine server that lineside starts beside itself."""
        return any(getattr(self._entries[role][name].load(), "embedded", False) for role, name in self.defaults.items())

    def voice(self) -> RememberingVoice:
        """The default voice."""
        voice: RememberingVoice = self.engine("tts")
        return voice

    def names(self, role: Role) -> tuple[str, ...]:
        """The engines that can be named for a role."""
        return tuple(sorted(self._entries[role]))

    def engine(self, role: Role, name: str = "") -> Any:
        """The engine of that name (empty: the default one), built at its first use. Raises `LineError`."""
        name = name or self.defaults[role]
        if name not in self._entries[role]:
            raise LineError(
                "unknown_engine", f"{role}_engine: {name!r} is not known; allowed: {', '.join(self.names(role))}"
            )
        if (role, name) not in self._built:
            engine = self._entries[role][name].load()(self._settings, self._http)
            self._built[role, name] = RememberingVoice(engine) if role == "tts" else engine
        return self._built[role, name]

    def choices(self, role: Role, name: str = "") -> tuple[str, ...]:
        """The models or voices that the engine knows; empty when it takes any."""
        engine = self.engine(role, name)
        return tuple(getattr(engine, "choices", ()))

    def choose(self, *, stt: str = "", llm: str = "", tts: str = "", model: str = "", voice: str = "") -> Engines:
        """The engines of one call. Raises `LineError` naming the field and what is allowed there."""
        for field, role, name, wanted in (("llm_model", "llm", llm, model), ("tts_voice", "tts", tts, voice)):
            known = self.choices(role, name)  # type: ignore[arg-type]
            if wanted and known and wanted not in known:
                raise LineError("unknown_choice", f"{field}: {wanted!r} is not known; allowed: {', '.join(known)}")
        return Engines(
            self.engine("stt", stt),
            self.engine("llm", llm),
            self.engine("tts", tts),
            {
                "stt": stt or self.defaults["stt"],
                "llm": llm or self.defaults["llm"],
                "tts": tts or self.defaults["tts"],
            },
        )
