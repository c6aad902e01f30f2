"""The engines of a call, one for each role; and the methods that an engine must have to play a role."""

from msgspec import Struct

from lineside.answered_by import AnsweredBy
from lineside.engine_options import Role
from lineside.engines.protocols import Engine, LanguageModel, SpeechToText, TextToSpeech


class Engines(Struct, frozen=True):
    """The engines of one call, by name and ready to use."""

    stt: SpeechToText
    llm: LanguageModel
    tts: TextToSpeech
    names: dict[str, str]
    phrases: TextToSpeech  # knows the phrases for bad moments by heart
    usual: dict[str, AnsweredBy] = {}  # role → who answers as long as nothing fails


def plays(role: Role, engine: Engine) -> bool:
    """Whether the engine has the methods of this role; what is built here may be cast to its protocol."""
    match role:
        case "stt":
            return isinstance(engine, SpeechToText)
        case "llm":
            return isinstance(engine, LanguageModel)
        case "tts":
            return isinstance(engine, TextToSpeech)


# The members of the protocols, so that what is missing can be named.
MEMBERS: dict[Role, set[str]] = {"stt": {"info", "transcribe"}, "llm": {"info", "reply"}, "tts": {"info", "speak"}}
