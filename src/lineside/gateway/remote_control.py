"""A call that another process holds, as the registry needs it."""

from collections.abc import Callable

from lineside.call.supervision import OperatorOrder
from lineside.gateway.ipc import EndCall, IpcMessage, Supervise
from lineside.protocol import EndReason


class RemoteCallControl:
    """A call in a worker, as the registry needs it."""

    def __init__(self, call: str, send: Callable[[IpcMessage], None]) -> None:
        self._call, self._send = call, send

    def end(self, reason: EndReason) -> None:
        """See `call_handle.CallControl`."""
        self._send(EndCall(self._call, reason))

    def supervise(self, order: OperatorOrder) -> bool:
        """See `call_handle.CallControl`; whether there was room for it only the worker knows."""
        self._send(Supervise(self._call, order))
        return True
