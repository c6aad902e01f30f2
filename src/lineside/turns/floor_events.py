"""What the floor is told, and what it answers: small values that carry all that is known of them. Pure."""

from msgspec import Struct

from lineside.audio.frame import Utterance
from lineside.protocol import EndReason

# ── what happens ───────────────────────────────────────────────────────────────────────────────────────────────────


class SoundStarted(Struct, frozen=True):
    """A first sound that may be a voice, too short yet to begin a turn."""

    at: float


class SoundDismissed(Struct, frozen=True):
    """It was too short, and is over."""

    at: float


class VoiceActivity(Struct, frozen=True):
    """The caller speaks: enough of it to begin a turn, or on again after a pause inside one."""

    at: float
    began: float  # the first voiced sample of it


class SpeechLong(Struct, frozen=True):
    """The caller has spoken for longer than most who only show that they listen; then for as long again, and so on."""

    at: float


class InterruptionChecked(Struct, frozen=True):
    """What a sound is that may be an interruption is known, or will not be."""

    at: float
    number: int  # of the `CheckInterruption` that asked
    real: bool  # it claims the floor
    text: str = ""  # what was said


class EndpointWait(Struct, frozen=True):
    """What is known of this pause by now asks for so much silence before the turn counts as over."""

    at: float
    seconds: float


class Silence(Struct, frozen=True):
    """The caller's turn is open and they are silent."""

    at: float
    since: float  # their last voiced sample


class TurnFull(Struct, frozen=True):
    """The caller has spoken for as long as one turn may last."""

    at: float
    since: float


class TypedTurn(Struct, frozen=True):
    """A whole turn came at once: typed words or keys."""

    at: float
    text: str = ""
    keys: bool = False  # they answer a question that takes keys
    shown: str = ""  # what is told and kept in place of it; empty: the text


class AgentPrompt(Struct, frozen=True):
    """The agent has something to say that nobody asked for now: the greeting, the rest of a broken-off reply.

    What is protected, such as a goodbye, is said to its end, whoever talks over it.
    """

    at: float
    protected: bool = False
    text: str = ""
    ends: EndReason | None = None  # why the call ends when it has been said


class ResponseWanted(Struct, frozen=True):
    """The program that leads the call wants an answer now, from the conversation as it stands, whoever speaks."""

    at: float
    number: int  # of what it wants


class SoundCommitted(Struct, frozen=True):
    """The program that leads the call ends the caller's turn by hand, or brings a whole one; it is not answered."""

    at: float
    said: Utterance | None = None  # the sound; None: that of the open turn


class SoundCleared(Struct, frozen=True):
    """The program that leads the call drops what the caller says in the open turn."""

    at: float


class ReplyOver(Struct, frozen=True):
    """The reply of this turn has been heard to its end, or there was nothing to say."""

    at: float
    turn: int
    failed: bool = False  # it ended in an apology
    wordless: bool = False  # the caller had said no word
    ends: EndReason | None = None  # why the call ends now


FloorEvent = (
    SoundStarted
    | SoundDismissed
    | VoiceActivity
    | SpeechLong
    | InterruptionChecked
    | EndpointWait
    | Silence
    | TurnFull
    | TypedTurn
    | AgentPrompt
    | ResponseWanted
    | SoundCommitted
    | SoundCleared
    | ReplyOver
)

# ── what to do ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Listen(Struct, frozen=True):
    """A turn of the caller's begins."""

    turn: int
    at: float


class PauseReply(Struct, frozen=True):
    """The caller may be interrupting: hold the agent's sound at this very sample."""

    turn: int  # whose reply sounds


class CheckInterruption(Struct, frozen=True):
    """A sound over the agent's: find out whether it claims the floor."""

    number: int
    over: bool  # it is complete; else it goes on, and this is what there is of it by now


class Resume(Struct, frozen=True):
    """Go on from the sample where the sound was held."""

    turn: int


class DismissInterruption(Struct, frozen=True):
    """That was no interruption: forget what was heard, and go on if the sound is still held."""

    turn: int


class GiveWay(Struct, frozen=True):
    """The caller talks over the agent: drop what it had to say; a turn of the caller's begins."""

    turn: int
    at: float


class Prepare(Struct, frozen=True):
    """A likely end of turn: prepare the reply, silently."""

    turn: int


class Pause(Struct, frozen=True):
    """A likely end of turn: find out whether it is one. `Prepare` asks for that too."""

    turn: int


class DropPrepared(Struct, frozen=True):
    """The caller goes on: the prepared reply was for nothing."""

    turn: int


class Speak(Struct, frozen=True):
    """The floor is ours: speak, from what is prepared if anything is."""

    turn: int
    ended: float  # the caller's last voiced sample
    at: float  # when it was decided


class WriteDown(Struct, frozen=True):
    """The caller's turn is over and nobody answers it: its words become part of the conversation."""

    turn: int
    ended: float  # the caller's last voiced sample
    at: float


class ForgetTurn(Struct, frozen=True):
    """The open turn never was: drop its sound and what was prepared for it."""

    turn: int


Decision = (
    Listen
    | PauseReply
    | CheckInterruption
    | Resume
    | DismissInterruption
    | GiveWay
    | Prepare
    | Pause
    | DropPrepared
    | Speak
    | WriteDown
    | ForgetTurn
)
