"""lineside: a self-hosted, real-time voice agent.

What engines of your own and client programs build on is exported here. Importing this package loads nothing: each
name is imported at its first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lineside.audio.frame import AudioFrame, SpokenAudio, Utterance
    from lineside.engine_options import EngineHost, EngineOptions, option
    from lineside.engines.protocols import (
        BackendModel,
        EngineInfo,
        HealthChecked,
        LanguageModel,
        LlmRequest,
        Message,
        SpeechToText,
        TextToSpeech,
        Thought,
        Token,
        Transcription,
    )
    from lineside.errors import (
        CallRefused,
        ConfigError,
        EngineBusy,
        EngineDisconnected,
        EngineError,
        EngineTimeout,
        EngineUnreachable,
        LinesideError,
        TransportError,
    )
    from lineside.protocol import FirstMessage, ServerMessage
    from lineside.testclient.client import CallClient, ClientCall, ClientTurn

__all__ = [
    "AudioFrame",
    "BackendModel",
    "CallClient",
    "CallRefused",
    "ClientCall",
    "ClientTurn",
    "ConfigError",
    "EngineBusy",
    "EngineDisconnected",
    "EngineError",
    "EngineHost",
    "EngineInfo",
    "EngineOptions",
    "EngineTimeout",
    "EngineUnreachable",
    "FirstMessage",
    "HealthChecked",
    "LanguageModel",
    "LinesideError",
    "LlmRequest",
    "Message",
    "ServerMessage",
    "SpeechToText",
    "SpokenAudio",
    "TextToSpeech",
    "Thought",
    "Token",
    "Transcription",
    "TransportError",
    "Utterance",
    "option",
]

_MODULES = (
    "lineside.errors",
    "lineside.audio.frame",
    "lineside.engine_options",
    "lineside.engines.protocols",
    "lineside.protocol",
    "lineside.testclient.client",
)


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in map(import_module, _MODULES):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module 'lineside' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
