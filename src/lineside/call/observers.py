"""Who hears what happens in a call: the caller's program, metrics, traces, records, whoever follows the call."""

from collections.abc import Callable, Sequence
from typing import Protocol

from lineside.line_report import LineMeasured
from lineside.protocol import ServerMessage


class Observer:
    """Hears everything that happens in one call, in order. Override what you need; nothing here may wait.

    `hears`: the kinds of event that it is told, which are all that mean something to it; none named: every kind. Two
    thirds of a call's events are words and tokens, and most observers have no use for them.
    """

    hears: tuple[type, ...] = ()

    def on_event(self, event: ServerMessage) -> None:
        """The caller's program is told this."""

    def watch_secrets(self, asked: Callable[[], bool]) -> None:
        """The call begins. `asked` says, at any moment, whether the caller is asked for something that is not kept."""

    def on_playout_gap(self, seconds: float) -> None:
        """In a reply that sounded, the next sound came this many seconds after the caller had heard the last."""

    def on_prepared_reply(self, *, committed: bool) -> None:
        """A reply that was prepared early is played, or was for nothing."""

    def on_line_measured(self, measured: LineMeasured) -> None:
        """The call is over: how good its line was."""


class CallersProgram(Protocol):
    """What of a transport is told what happens."""

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`."""
        ...


class Observers(Observer):
    """All that hear of one call: the caller's program first, then the others in their order."""

    def __init__(self, program: CallersProgram, others: Sequence[Observer]) -> None:
        self._program, self._others = program, tuple(others)
        self._hearers = dict[type, tuple[Observer, ...]]()  # by the kinds of event that have come

    def on_event(self, event: ServerMessage) -> None:
        """See `Observer`."""
        self._program.on_event(event)
        kind = type(event)
        if (hearers := self._hearers.get(kind)) is None:
            hearers = tuple(other for other in self._others if not other.hears or kind in other.hears)
            self._hearers[kind] = hearers
        for hearer in hearers:
            hearer.on_event(event)

    def on_playout_gap(self, seconds: float) -> None:
        """See `Observer`."""
        for other in self._others:
            other.on_playout_gap(seconds)

    def on_prepared_reply(self, *, committed: bool) -> None:
        """See `Observer`."""
        for other in self._others:
            other.on_prepared_reply(committed=committed)

    def on_line_measured(self, measured: LineMeasured) -> None:
        """See `Observer`."""
        for other in self._others:
            other.on_line_measured(measured)
