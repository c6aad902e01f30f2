"""A call that another process holds, as the registry needs it."""

from collections.abc import Callable

from lineside.protocol import EndReason


class RemoteCallControl:
    """A call in a worker, as the registry needs it."""

    def __init__(self, end: Callable[[EndReason], None]) -> None:
        self._end = end

    def end(self, reason: EndReason) -> None:
        """See `call_registry.CallControl`."""
        self._end(reason)
