"""A call as its transport sees it, passed on as it is: for what stands between the two and changes a little of it."""

from lineside.errors import TransportError
from lineside.line_report import LineMeasured
from lineside.protocol import ClientMessage
from lineside.transports.base import TransportListener


class PassingListener:
    """See `TransportListener`: everything goes to `listener`."""

    __slots__ = ("listener",)

    def __init__(self, listener: TransportListener) -> None:
        self.listener = listener

    def on_audio(self, payload: bytes) -> None:
        """See `TransportListener`."""
        self.listener.on_audio(payload)

    def on_message(self, message: ClientMessage) -> None:
        """See `TransportListener`."""
        self.listener.on_message(message)

    def on_bad_message(self, fault: TransportError) -> None:
        """See `TransportListener`."""
        self.listener.on_bad_message(fault)

    def on_hold(self, held: bool) -> None:
        """See `TransportListener`."""
        self.listener.on_hold(held)

    def on_mark(self, name: str) -> None:
        """See `TransportListener`."""
        self.listener.on_mark(name)

    def on_line_measured(self, measured: LineMeasured) -> None:
        """See `TransportListener`."""
        self.listener.on_line_measured(measured)

    def on_line_away(self) -> None:
        """See `TransportListener`."""
        self.listener.on_line_away()

    def on_line_back(self, away: float, unheard: float) -> None:
        """See `TransportListener`."""
        self.listener.on_line_back(away, unheard)


class HoldGate(PassingListener):
    """While a caller is on hold, the call hears and is told nothing of them."""

    __slots__ = ("is_held",)

    def __init__(self, listener: TransportListener) -> None:
        super().__init__(listener)
        self.is_held = False

    def hold(self, on: bool) -> None:
        """The caller is put on hold, or back."""
        self.is_held = on
        self.listener.on_hold(on)

    def on_audio(self, payload: bytes) -> None:
        """See `TransportListener`."""
        if not self.is_held:
            self.listener.on_audio(payload)

    def on_message(self, message: ClientMessage) -> None:
        """See `TransportListener`."""
        if not self.is_held:
            self.listener.on_message(message)
