"""What all replies of one call share: values and services, nothing that leads back to the session."""

from msgspec import Struct

from lineside.agents.agent import Agent
from lineside.call.chat_history import ChatHistory
from lineside.call.clock import CallClock
from lineside.call.end_of_turn import EndOfTurn
from lineside.call.observers import Observers
from lineside.call.playout import FarEnd
from lineside.engines.protocols import LanguageModel, LlmRequest, SpeechToText, TextToSpeech
from lineside.transports.base import Transport


class ReplyContext(Struct, frozen=True):
    """What all replies of one call share."""

    agent: Agent
    stt: SpeechToText
    llm: LanguageModel
    tts: TextToSpeech
    request: LlmRequest
    voice: str  # the TTS voice; empty for the engine's own choice
    phrases: TextToSpeech  # knows the phrases for bad moments by heart
    transport: Transport
    history: ChatHistory
    answers: bool  # False: transcribe only
    clock: CallClock
    observers: Observers
    end_of_turn: EndOfTurn
    filler_after: float  # seconds after the end of turn was decided; then a short filler is said
    far_end: FarEnd | None  # hears all that is played
