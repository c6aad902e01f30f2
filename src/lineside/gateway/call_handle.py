"""One call, as the registry and operators have hold of it: its state, event streams for those who watch, its end."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from lineside.call.observers import Observer
from lineside.call.supervision import OperatorOrder
from lineside.errors import CallRefused
from lineside.gateway.call_announcer import CallAnnouncer
from lineside.gateway.call_tally import CallTally
from lineside.gateway.call_watchers import CallWatchers
from lineside.gateway.listening import CallListeners
from lineside.observability.active_call import ActiveCall, CallState
from lineside.protocol import (
    AudioDone,
    AudioStarted,
    Clear,
    Codec,
    EndReason,
    Reconnected,
    Reconnecting,
    ReplyMetrics,
    ServerMessage,
    TurnEnded,
    TurnStarted,
)
from lineside.reasons import AnsweredAs
from lineside.records.recorder import RecordedStretch
from lineside.transports.call_facts import CallFacts


class CallControl(Protocol):
    """A call as the registry needs it."""

    def end(self, reason: EndReason) -> None:
        """End it."""
        ...

    def supervise(self, order: OperatorOrder) -> bool:
        """Do what an operator wants; False where it cannot be done now."""
        ...


class RegisteredCall(Observer):
    """A call in the registry: a `CallHandle`, or in a worker process what stands for one."""

    def __init__(self, call_id: str) -> None:
        self.id = call_id

    def answered(
        self, control: CallControl, *, facts: CallFacts, codec: Codec, rate: int, engines: dict[str, str]
    ) -> None:
        """The call is up."""

    def on_sound(self, stretch: RecordedStretch) -> None:
        """Somebody listens, and this was heard."""

    def ended(self) -> None:
        """The call is gone; it is let go of."""


class CallHandle(RegisteredCall):
    """One call from admission to its end."""

    def __init__(
        self, call_id: str, holder: str = "", on_reply: Callable[[ReplyMetrics], None] = lambda reply: None
    ) -> None:
        """`holder`: whose key opened the call; empty: nobody's. `on_reply` hears how long each reply took."""
        super().__init__(call_id)
        self.holder, self._on_reply = holder, on_reply
        self._control: CallControl | None = None
        self._facts, self._engines = CallFacts(line=""), dict[str, str]()
        self._codec: Codec = "pcm"
        self._rate = 0
        self._state: CallState = "connecting"
        self._began = time.monotonic()
        self.broken_at: float | None = None  # the loop's time at which the caller's connection broke, while it is
        self._watchers = CallWatchers()
        self._tally = CallTally()
        self.announcer: CallAnnouncer | None = None  # until the call is gone
        self.listeners = CallListeners()
        self._unanswered = _Unanswered()

    @property
    def answered_as(self) -> AnsweredAs | None:
        """Who or what took a call of ours; None: it is not known, or the call came to us."""
        return self._tally.answered_as

    def dials(self, facts: CallFacts, give_up: Callable[[], None]) -> None:
        """The call is one of ours, which nobody has answered yet; `give_up` ends it before that."""
        self._facts, self._state, self._unanswered.give_up = facts, "dialling", give_up

    def rings(self, give_up: Callable[[], None]) -> None:
        """The call waits until a program takes it; `give_up` ends it before that."""
        self._unanswered.give_up = give_up

    def answered(
        self, control: CallControl, *, facts: CallFacts, codec: Codec, rate: int, engines: dict[str, str]
    ) -> None:
        """See `RegisteredCall`."""
        self._control, self._facts, self._codec, self._engines = control, facts, codec, engines
        self._rate, unanswered, self._unanswered = rate, self._unanswered, _Unanswered()
        self._state, self._began = "listening", time.monotonic()
        if self.announcer is not None:
            self.announcer.answered()
        if unanswered.to_end is not None:
            control.end(unanswered.to_end)

    def subscribe_followed(self, on_followed: Callable[[bool], None]) -> None:
        """Have `on_followed` called when the first comes who follows the call, and when the last leaves."""
        self._watchers.subscribe(on_followed)

    def end(self, reason: EndReason) -> None:
        """End it; one that is not up yet, as soon as it is, if it cannot be given up before."""
        if self._control is not None:
            self._control.end(reason)
        else:
            self._unanswered.end(reason)

    def supervise(self, order: OperatorOrder) -> bool:
        """Do what an operator wants; False where it cannot be done now."""
        return self._control is not None and self._control.supervise(order)

    def _listened(self, somebody: bool) -> None:
        self.supervise(OperatorOrder("listens" if somebody else "leaves"))

    def listen(self) -> AsyncGenerator[bytes, None]:
        """Its sound from here on, as a WAV without end. Raises `CallRefused`."""
        if self._control is None:
            raise CallRefused("the call has not been answered yet")
        return self.listeners.listen(self._rate, self._listened)

    def on_sound(self, stretch: RecordedStretch) -> None:
        """See `RegisteredCall`."""
        self.listeners.hear(stretch, self._codec)

    def now(self) -> ActiveCall:
        """How it stands."""
        seconds = round(time.monotonic() - self._began, 1)
        facts = self._facts
        return ActiveCall(
            id=self.id,
            line=facts.line,
            direction=facts.direction,
            caller=facts.caller,
            called=facts.called,
            codec=self._codec,
            state=self._state,
            seconds=seconds,
            turns=self._tally.turns,
            engines=self._engines,
            last_e2e_ms=self._tally.last_e2e_ms,
            asked_for_person=self._tally.asked_for_person,
            unanswered=self._tally.unanswered,
            fallbacks=self._tally.fallbacks,
            taken_over=self._tally.taken_over,
            answered=self._tally.answered,
            listeners=len(self.listeners),
            answered_as=self._tally.answered_as,
        )

    def on_event(self, event: ServerMessage) -> None:
        """See `Observer`. Whoever watches the call is told."""
        self._tally.count(event)
        match event:
            case TurnStarted() | AudioDone() | Clear():
                self._state = "listening"
            case TurnEnded():
                self._state = "thinking"
            case AudioStarted():
                self._state = "speaking"
            case ReplyMetrics():
                self._on_reply(event)
            case Reconnecting():
                self.broken_at = asyncio.get_running_loop().time()
            case Reconnected():
                self.broken_at = None
        self._watchers.tell(event)
        if self.announcer is not None:
            self.announcer.on_event(event)

    def watch(self) -> AsyncGenerator[bytes, None]:
        """Its events as JSON: the conversation so far, then each as it comes. Raises `CallRefused`."""
        return self._watchers.watch()

    def ended(self) -> None:
        """See `RegisteredCall`. Whoever watches the call is told."""
        self._control = self.announcer = None
        self._unanswered = _Unanswered()
        self.listeners.close()
        self._watchers.close()


class _Unanswered:
    """What is known of a call that is not up: between its answer and its session, too."""

    def __init__(self) -> None:
        self.give_up: Callable[[], None] = lambda: None  # ends it while nobody has answered
        self.to_end: EndReason | None = None  # wanted meanwhile; the first reason counts

    def end(self, reason: EndReason) -> None:
        self.to_end = self.to_end or reason
        self.give_up()
