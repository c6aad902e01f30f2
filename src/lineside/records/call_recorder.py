"""A call that is up, as its records see it: its events to the scribe, its sound to the tape."""

import asyncio
import time
from typing import TYPE_CHECKING

from lineside.protocol import Ended, ServerMessage
from lineside.records.entries import CallOver
from lineside.records.event_log import EventLog
from lineside.records.recorder import RecordedTransport, Recorder
from lineside.transports.base import Transport

if TYPE_CHECKING:
    from lineside.records.archive import Archive


class CallRecorder:
    """What is kept of one call that is up."""

    def __init__(self, archive: "Archive", call: str, line: Transport, tape: Recorder | None) -> None:
        """`line` is the one to hold the call on: it has the tape in it, if there is one."""
        self._archive, self._call, self._tape = archive, call, tape
        self.line: Transport = RecordedTransport(line, tape) if tape is not None else line
        self._scribe = EventLog(call, archive.keep)
        self._began = asyncio.get_running_loop().time()
        self._reason = "internal_error"  # unless the call says otherwise

    def notice(self, event: ServerMessage) -> None:
        """Something happened in it; waits for nothing."""
        if isinstance(event, Ended):
            self._reason = event.reason
        self._scribe.notice(event)

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
