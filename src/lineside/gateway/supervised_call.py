"""A call in this process, as operators have hold of it."""

from lineside.call.session import CallSession
from lineside.call.supervision import OperatorOrder
from lineside.gateway.listening import TapTransport
from lineside.protocol import EndReason


class SupervisedCall:
    """See `call_handle.CallControl`."""

    def __init__(self, call: CallSession, tap: TapTransport) -> None:
        self._call, self._tap = call, tap

    def end(self, reason: EndReason) -> None:
        """See `CallControl`."""
        self._call.end(reason)

    def supervise(self, order: OperatorOrder) -> bool:
        """See `CallControl`."""
        if order.what == "listens":
            self._tap.open()
        elif order.what == "leaves":
            self._tap.close()
        return self._call.supervise(order)
