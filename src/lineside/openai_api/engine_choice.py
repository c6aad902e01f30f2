"""Which engine answers a request of OpenAI's shape: names of ours are taken, any other means the default."""

from typing import Protocol

from msgspec import Struct

from lineside.engines.protocols import Engine, LanguageModel, SpeechToText, TextToSpeech
from lineside.engines.registry import Role
from lineside.errors import ConfigError, TransportError


class NamedEngines(Protocol):
    """The engines of this process: `engines.registry.EngineRegistry`."""

    def names(self, role: Role) -> tuple[str, ...]:
        """The engines of a role."""
        ...

    def engine(self, role: Role, name: str = "") -> Engine:
        """One of them."""
        ...

    def stt(self, name: str = "") -> SpeechToText:
        """What hears, with those that stand in for it."""
        ...

    def llm(self, name: str = "") -> LanguageModel:
        """What thinks, with those that stand in for it."""
        ...

    def tts(self, name: str = "") -> TextToSpeech:
        """What speaks, with those that stand in for it."""
        ...


class ModelName(Struct, frozen=True):
    """A name that `model` may have: an engine's, or one of its models."""

    id: str
    role: Role
    engine: str
    choice: str = ""  # a model or voice of the engine's; empty: its usual one


class EngineChoice:
    """Finds engines by the names that clients give."""

    def __init__(self, engines: NamedEngines) -> None:
        self._engines = engines

    def known(self) -> list[ModelName]:
        """All names, each once; the engines' own first."""
        found: dict[str, ModelName] = {}
        roles: tuple[Role, ...] = ("llm", "stt", "tts")
        for role in roles:
            for name in self._engines.names(role):
                found.setdefault(name, ModelName(name, role, name))
        for role in roles:
            for name in self._engines.names(role):
                for choice in self._choices(role, name):
                    found.setdefault(choice, ModelName(choice, role, name, choice))
        return list(found.values())

    def stt(self, model: str) -> SpeechToText:
        """What hears for that name; any name that is not ours means the default."""
        return self._engines.stt(self.named("stt", model).engine)

    def llm(self, model: str) -> tuple[LanguageModel, str]:
        """What thinks for that name, and the model that is to be asked for."""
        named = self.named("llm", model)
        return self._engines.llm(named.engine), named.choice

    def tts(self, model: str, voice: str) -> tuple[TextToSpeech, str]:
        """What speaks for these names, and the voice that is to be asked for."""
        engine, named = self.named("tts", model), self.named("tts", voice)
        chosen = named.engine or engine.engine
        return self._engines.tts(chosen), named.choice or engine.choice

    def named(self, role: Role, name: str) -> ModelName:
        """By an engine's name, `ENGINE/MODEL`, or the name of one of its models."""
        engine, _, choice = name.partition("/")
        names = self._engines.names(role)
        if engine in names:
            return ModelName(name, role, engine, choice)
        for candidate in names:
            if name and name in self._choices(role, candidate):
                return ModelName(name, role, candidate, name)
        return ModelName(name, role, "")

    def _choices(self, role: Role, name: str) -> tuple[str, ...]:
        try:
            return self._engines.engine(role, name).info.choices
        except (ConfigError, TransportError):  # an engine that is not set up has no models
            return ()
