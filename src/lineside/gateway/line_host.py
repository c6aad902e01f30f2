"""What a line needs of the gateway: a slot before it answers, and a call held on it. The same for every line.

    try:
        with host.slot() as handle:
            await host.run(handle, OfferedCall(facts, first, connect))
    except CallRefused:
        ...  # 503, 486 Busy Here, the carrier's fallback: the line's own refusal

A slot is taken before anything is accepted and freed when the call is gone, so slots equal live calls on every line.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from lineside.call.program import CallProgram
from lineside.errors import CallRefused, TransportError
from lineside.gateway.call_handle import CallHandle
from lineside.gateway.call_registry import CallRegistry
from lineside.gateway.call_runner import CallRunner
from lineside.gateway.drain import Drain
from lineside.gateway.led_calls import LedCalls
from lineside.observability.metrics import GatewayMetrics
from lineside.protocol import EndReason
from lineside.transports.line_control import OfferedCall


class LineHost:
    """Admission and calls, for lines."""

    def __init__(self, registry: CallRegistry, runner: CallRunner, meters: GatewayMetrics) -> None:
        self.registry, self.runner, self._meters = registry, runner, meters
        self.drain = Drain(registry)
        self.led_calls = LedCalls()  # those that programs lead from beside

    @property
    def has_room(self) -> bool:
        """Whether the next call would be taken: what a line answers to OPTIONS and health checks."""
        return self.registry.has_room

    @property
    def closing(self) -> bool:
        """Whether the gateway stops, and takes no more calls."""
        return self.registry.closing

    @contextmanager
    def slot(self, holder: str = "") -> Iterator[CallHandle]:
        """Take a slot while the block runs. Raises `CallRefused`; then nothing may be accepted, and it is counted.

        `holder`: whose key asks (`Auth.holder`), where it was a key; MAX_CALLS_PER_KEY limits their calls.
        """
        try:
            handle = self.registry.admit(holder)
            try:
                yield handle
            finally:
                self.registry.free(handle)
        except CallRefused:
            why = "closing" if self.registry.closing else "key_limit" if self.registry.has_room else "full"
            self._meters.call_refused(why)
            raise

    async def run(self, handle: CallHandle, offered: OfferedCall, program: CallProgram | None = None) -> EndReason:
        """Hold the call to its end in this process; answers why it ended. `program` is told of it, and may lead it.

        Raises `TransportError` before the call was answered, where it names an engine that there is not.
        """
        try:
            return await self.runner.run_offered(handle, offered, program)
        except TransportError as fault:
            self._meters.call_refused(fault.code)
            raise
