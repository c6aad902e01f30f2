"""A call that is up, as its records see it: its events to the scribe, its sound to the tape."""

import asyncio
import time
from typing import TYPE_CHECKING

from lineside.call.observers import Observer
from lineside.protocol import Ended, EndReason, ServerMessage
from lineside.records.entries import CallOver
from lineside.records.event_log import EventLog
from lineside.records.recorder import RecordedTransport, Recorder
from lineside.transports.base import Transport

if TYPE_CHECKING:
    from lineside.records.archive import Archive


class CallRecorder(Observer):
    """What is kept of one call that is up."""

    def __init__(self, archive: "Archive", call: str, line: Transport, tape: Recorder | None) -> None:
        """`line` is the one to hold the call on: it has the tape in it, if there is one."""
        self._archive, self._call, self._tape = archive, call, tape
        self.line: Transport = RecordedTransport(line, tape) if tape is not None else line
        self._scribe = EventLog(call, archive.keep)
        self._began = asyncio.get_running_loop().time()
        self._reason: EndReason = "internal_error"  # unless the call says otherwise

    def on_event(self, event: ServerMessage) -> None:
        """See `Observer`."""
        if isinstance(event, Ended):
            self._reason = event.reason
        self._scribe.on_event(event)

    def over(self) -> None:
        """The call is gone. Once a call, whatever became of it."""
        now = asyncio.get_running_loop().time()
        self._scribe.over()
        if self._tape is not None:
            self._tape.end(now)
            self._archive.taped(self._call)
        seconds = round(now - self._began, 3)
        self._archive.keep(
            CallOver(call=self._call, ended=time.time(), seconds=seconds, turns=self._scribe.turns, reason=self._reason)
        )
