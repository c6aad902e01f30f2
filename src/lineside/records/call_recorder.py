"""The records of one call under way: its events go to the event log, its sound to the recorder."""

import asyncio
import time
from collections.abc import Callable

from lineside.agents.sensitive_numbers import HIDDEN
from lineside.call.observers import Observer
from lineside.protocol import Ended, EndReason, ServerMessage, Transcript, TransferDone, TurnEnded, TurnStarted
from lineside.records.entries import CallOver, Entry
from lineside.records.event_log import EventLog
from lineside.records.recorder import RecordedTransport, Recorder
from lineside.transports.base import Transport

UNREAD = 8  # turns that wait for their words; of more, the oldest is noise that has none


class CallRecorder(Observer):
    """Keeps one call that is under way. Nothing here waits."""

    def __init__(
        self,
        call: str,
        transport: Transport,
        recorder: Recorder | None,
        *,
        keep: Callable[[Entry], None],
        end_recording: Callable[[str], None],
    ) -> None:
        """`keep` takes each entry, `end_recording` the call whose last sound was given; `recorder` None: no sound."""
        self._call, self._recorder = call, recorder
        self._keep, self._end_recording = keep, end_recording
        self.transport: Transport = RecordedTransport(transport, recorder) if recorder is not None else transport
        self._events = EventLog(call, keep)
        self._began = asyncio.get_running_loop().time()
        self._transferred_to = ""
        self._turns = _UnreadTurns()
        self._secret: Callable[[], bool] = lambda: False
        self._reason: EndReason = "internal_error"  # unless the call gives another one

    def watch_secrets(self, asked: Callable[[], bool]) -> None:
        """See `Observer`."""
        self._secret = asked

    def on_event(self, event: ServerMessage) -> None:
        """See `Observer`. While a secret is asked for, nothing of the caller's is recorded."""
        if self._recorder is not None:
            self._recorder.muted = self._secret()
            self._turns.on_event(event, self._recorder)
        if isinstance(event, Ended):
            self._reason = event.reason
        elif isinstance(event, TransferDone) and event.result == "transferred":
            self._transferred_to = event.to
        self._events.on_event(event)

    def ended(self) -> None:
        """The call is gone. To be called once, whatever became of the call."""
        self._secret = lambda: False  # the call is not held on to
        now = asyncio.get_running_loop().time()
        if self._recorder is not None:
            self._recorder.end(now)
            self._end_recording(self._call)
        seconds = round(now - self._began, 3)
        self._keep(
            CallOver(
                call=self._call,
                ended=time.time(),
                seconds=seconds,
                turns=self._events.turns,
                reason=self._reason,
                transferred_to=self._transferred_to,
            )
        )


class _UnreadTurns:
    """The turns whose words are not known yet. One in which a number was hidden is hidden in the recording, too."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[float, float]] = {}  # turn → its first and its last second

    def on_event(self, event: ServerMessage, recorder: Recorder) -> None:
        """Something happened in the call."""
        match event:
            case TurnStarted(turn=turn, at=at):
                self._open[turn] = (at, at)
            case TurnEnded(turn=turn, at=at) if turn in self._open:
                self._open[turn] = (self._open[turn][0], at)
            case Transcript(turn=turn, at=at, text=text) if turn in self._open:
                begin, end = self._open[turn]
                if HIDDEN in text:
                    recorder.hide(begin, max(end, begin))
                self._open = {other: said for other, said in self._open.items() if other > turn}
            case _:
                return
        recorder.hold_from(min((begin for begin, _ in self._open.values()), default=None))
        if len(self._open) > UNREAD:
            del self._open[min(self._open)]
