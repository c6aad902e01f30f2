"""The text messages of one caller's program: read, told to the call, answered where they are wrong."""

import asyncio

from lineside.client_messages import read_client_message
from lineside.errors import TransportError
from lineside.protocol import EndReason
from lineside.transports.base import TransportListener
from lineside.transports.received_sound import LARGEST, TooFast
from lineside.transports.typed_turns import TypedTurns

FAULTS = 20  # bad messages that are answered with an error; the next one ends the call


class ClientTexts:
    """Those of one call. What is typed too fast waits, and is told when its turn comes."""

    def __init__(self, over: "asyncio.Future[EndReason]") -> None:
        """`over` is told of what cannot be borne. A callback would make a circle."""
        loop = asyncio.get_running_loop()
        self._over, self._clock, self._later = over, loop.time, loop.call_later
        self._faults = 0
        self._typed = TypedTurns()
        self._typed_later: asyncio.TimerHandle | None = None  # when those that wait are due
        self._listener: TransportListener | None = None  # of the latest message, until the call is over

    def end(self) -> None:
        """The call is over."""
        self._listener = None
        if self._typed_later is not None:
            self._typed_later.cancel()

    def read(self, message: str, listener: TransportListener) -> None:
        """One message. Raises `TransportError` where it is wrong; see `fault`."""
        self._listener = listener
        if len(message.encode()) > LARGEST:
            raise TransportError("bad_message", f"message: more than {LARGEST} bytes")
        for turn in self._typed.offer(read_client_message(message), self._clock()):
            listener.on_message(turn)
        self._wait_for_typed()

    def fault(self, fault: TransportError, listener: TransportListener) -> None:
        """Bad messages are answered and passed over, up to a number; then this raises."""
        self._faults += 1
        if isinstance(fault, TooFast) or self._faults > FAULTS:
            raise fault
        listener.on_bad_message(fault)

    def _wait_for_typed(self) -> None:
        """Have what was typed too fast told when its turn comes."""
        if self._typed_later is None and (wait := self._typed.due_in(self._clock())) is not None:
            self._typed_later = self._later(wait, self._tell_typed)

    def _tell_typed(self) -> None:
        self._typed_later = None
        if self._over.done() or self._listener is None:
            return
        try:
            for turn in self._typed.due(self._clock()):
                self._listener.on_message(turn)
        except Exception as fault:
            self._over.set_exception(fault)
            return
        self._wait_for_typed()
