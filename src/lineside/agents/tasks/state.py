"""How far a caller's business has come, as one value that is replaced and never changed. Pure.

A reply computes the next state while it is prepared. It becomes the call's state when the reply is allowed to be heard;
if the caller goes on, nobody ever moved.
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from lineside.agents.agent import Agent
from lineside.agents.declared import Slot
from lineside.agents.slots.digits import digits_of_a_phone
from lineside.agents.slots.extract import KEYED, Place
from lineside.agents.tools.ledger import ReadBack
from lineside.agents.tools.outcome import Use

AskedKind = Literal["slot", "check", "write", "change", "person", "more", "meant"]


class SlotValue(Struct, frozen=True):
    """What a slot was filled with."""

    value: str
    sure: bool = True  # False: to be read back, unless a tool's read-back does that
    by: Literal["speech", "keys", "skipped"] = "speech"


class OfferedAnswer(Struct, frozen=True):
    """Something that the caller may have meant."""

    question: str  # how they are asked for it
    says: str  # its answer


class Question(Struct, frozen=True):
    """What the agent asked last.

    `slot`: for a slot. `check`: whether a slot was understood. `write`: whether something is to be done. `change`:
    what is wrong. `person`: whether a colleague is wanted. `more`: whether there is anything else.
    `meant`: whether the first of `offered` is what they want to know.
    """

    kind: AskedKind
    text: str  # as it was said
    slot: str = ""
    use: Use | None = None
    read_back: ReadBack | None = None
    offered: tuple[OfferedAnswer, ...] = ()


class TaskState(Struct, frozen=True):
    """The caller's business so far."""

    task: str = ""  # under way; empty: none
    step: int = 0
    slots: dict[str, SlotValue] = {}
    partial: str = ""  # the beginning of the value that is asked for
    tries: dict[str, int] = {}  # slot → questions that were heard and not answered
    results: dict[str, str] = {}  # what tools gave, as it is said
    asked: Question | None = None
    suspended: tuple[tuple[str, int], ...] = ()  # tasks that were left for another one, and their steps
    understood: int = 0  # questions back to which the caller said yes


class Desk(Struct, frozen=True):
    """What a turn is judged by, besides the words."""

    agent: Agent
    place: Place
    now: float  # seconds
    heard: str = ""  # what the caller heard since the last state was installed

    def slot(self, name: str) -> Slot:
        """A slot by its name."""
        return self.agent.slots[name]


class Say(Struct, frozen=True):
    """Say this."""

    text: str
    ends: bool = False  # the call is over when the caller has heard it


class ToPerson(Struct, frozen=True):
    """Say this, and put the caller through."""

    text: str
    why: str = "asked"


class Think(Struct, frozen=True):
    """Let the language model answer, then say this."""

    then: str = ""


class Do(Struct, frozen=True):
    """Call a tool; what follows depends on what comes of it."""

    use: Use
    yes: bool = False  # the caller has just said a clear yes
    read_back: ReadBack | None = None


Words = Say | ToPerson | Think
Move = Words | Do
Turn = tuple[TaskState, Move]


def joined(*parts: str) -> str:
    """Sentences, one after the other."""
    return " ".join(part.strip() for part in parts if part.strip())


def asked_again(state: TaskState, desk: Desk) -> TaskState:
    """The last question is asked once more, now."""
    asked = state.asked
    if asked is None or asked.read_back is None:
        return state
    return replace(state, asked=replace(asked, read_back=replace(asked.read_back, at=desk.now)))


class KeysWanted(Struct, frozen=True):
    """The last question may be answered by keys."""

    digits: int | None = None  # that are still to come; None: any number, to # or a pause
    secret: bool = False


def wants_keys(state: TaskState, agent: Agent) -> KeysWanted | None:
    """Whether the last question takes keys, and how many; None: it does not. One is yes, two is no."""
    asked = state.asked
    if asked is None or asked.kind == "change":
        return None
    if asked.kind != "slot":
        return KeysWanted(1)
    slot = agent.slots[asked.slot]
    if slot.kind not in KEYED:
        return None
    if slot.kind == "yes_no":
        return KeysWanted(1)
    return KeysWanted(slot.length - len(state.partial) if slot.length else None, slot.secret)


class Expected(Struct, frozen=True):
    """What the caller is expected to say next, for end-of-turn detection."""

    kind: Literal["open", "yes_no", "digits", "name"] = "open"
    digits: int | None = None  # that are still to come
    profile: str = ""
    listen: int | None = None  # for so many digits, 0: for any number; None: for words


def expects(state: TaskState, agent: Agent) -> Expected | None:
    """What the last question wants to hear; None: nothing by rule."""
    asked = state.asked
    if asked is None:
        return None
    if asked.kind == "check" and agent.slots[asked.slot].kind in {"digits", "phone"}:
        return Expected("yes_no", listen=_digits_said(agent.slots[asked.slot], agent))  # "no, it's 12346"
    if asked.kind != "slot":
        return Expected("open" if asked.kind == "change" else "yes_no")
    slot = agent.slots[asked.slot]
    match slot.kind:
        case "digits" | "spelled":
            left = slot.length - len(state.partial) if slot.length else None
            if slot.kind == "digits":
                return Expected("digits", left, slot.profile or "digits", None if slot.secret else left or 0)
            return Expected("digits", None, slot.profile or "digits")
        case "phone":
            left = max(0, _digits_said(slot, agent) - len(state.partial))
            return Expected("digits", None, slot.profile or "digits", None if slot.secret else left)
        case "email":
            return Expected("digits", None, slot.profile or "digits")
        case "yes_no":
            return Expected("yes_no", None, slot.profile)
        case "name":
            return Expected("name", None, slot.profile)
        case "text":
            return Expected("open", None, slot.profile or "patient")
    return Expected("open", None, slot.profile)


def _digits_said(slot: Slot, agent: Agent) -> int:
    """How many digits the slot's whole value has; 0: any number."""
    return (digits_of_a_phone(agent.region) if slot.kind == "phone" else slot.length) or 0
