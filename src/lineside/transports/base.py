"""What a transport must be able to do. Nothing on it waits: one that cannot take more ends the call, not the agent."""

from collections.abc import Callable
from typing import Protocol

from lineside.errors import TransportError
from lineside.line_report import LineMeasured
from lineside.protocol import ClientMessage, Codec, EndReason, ServerMessage


class TransportListener(Protocol):
    """The call, as its transport sees it. Nothing here waits."""

    def on_audio(self, payload: bytes) -> None:
        """The caller's next sound.

        Args:
            payload: whole samples in the transport's codec, of any length.
        """
        ...

    def on_message(self, message: ClientMessage) -> None:
        """The caller typed, pressed keys or hangs up."""
        ...

    def on_bad_message(self, fault: TransportError) -> None:
        """The caller's program sent something that cannot be used; it is passed over and the call goes on."""
        ...

    def on_hold(self, held: bool) -> None:
        """The caller has put the call on hold, and hears nothing of us; or is back. Some lines never know."""
        ...

    def on_mark(self, name: str) -> None:
        """The line has played all that was sent before this mark, or has forgotten it: see `Transport.mark`."""
        ...

    def on_line_measured(self, measured: LineMeasured) -> None:
        """The call is over: how good its line was, where the line can tell."""
        ...

    def on_line_away(self) -> None:
        """The caller's connection broke, and the call waits for them: nothing that is sent now is heard."""
        ...

    def on_line_back(self, away: float, unheard: float) -> None:
        """The caller is back, over another connection.

        Args:
            away: seconds since `on_line_away`; 0.0 where the new connection came first.
            unheard: seconds of sound, the last that was sent, which had not been received. They are heard from now on.
        """
        ...


class Transport(Protocol):
    """The way to one caller and back: the media face of a line. `line_control` has the other face."""

    codec: Codec
    rate: int  # samples a second, both ways

    async def run(self, listener: TransportListener) -> EndReason:
        """Bring what the caller says to the listener until the caller is gone; return why.

        Raises:
            TransportError: the transport cannot go on.
        """
        ...

    def send(self, payload: bytes) -> None:
        """Send sound to the caller, in the transport's codec, paced by the sender."""
        ...

    def clear(self) -> float | None:
        """Forget the sound that has been sent and not been played.

        Returns:
            Seconds of sound that were sent and will not be heard, where the line knows; None where it does not: then
            the call reckons by the clock and by marks.
        """
        ...

    def mark(self, name: str) -> bool:
        """Have the line say when all that was sent before has been played: `TransportListener.on_mark`.

        Lines differ at `clear`: some let all pending marks come back at once, some drop them. So a mark that comes
        back is believed only where nothing was cleared since it was set; whoever sets marks sees to that.

        Args:
            name: at most 32 of a-z, 0-9 and "-"; each once in a call.

        Returns:
            False: this line knows no marks.
        """
        ...

    def on_event(self, event: ServerMessage) -> None:
        """Tell the caller's program what happened; transports that have no words for an event drop it."""
        ...


class ProbedTransport(Transport, Protocol):
    """A transport that can tell a caller who sends nothing from a network that delivers nothing."""

    def probe(self, answered: Callable[[], None]) -> None:
        """Ask the caller's program for a sign of life.

        Args:
            answered: called when it comes. All sound that the program had sent before has come by then.
        """
        ...


class AudioMeter:
    """Counts a transport's sound, both ways. This one counts nothing; `CallMetrics` does."""

    def heard(self, seconds: float, chunks: int = 1) -> None:
        """Sound came from the caller."""

    def sent(self, seconds: float, chunks: int = 1) -> None:
        """Sound went to the caller."""
