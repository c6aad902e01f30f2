"""The calls of one gateway that programs lead from beside, by the id that programs have for them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lineside.openai_api.errors import OpenAiError
from lineside.realtime.led_call import LedCall

CALL_ID = "rtc_"  # before the id that a call has in lists and records


class LedCalls:
    """Those that are alive. Their sound is in this process, whatever WORKERS is."""

    def __init__(self) -> None:
        self._calls: dict[str, LedCall] = {}

    @contextmanager
    def call(self, call_id: str, end: Callable[[], None]) -> Iterator[LedCall]:
        """A call is known while the block runs; `end` ends it."""
        led = self._calls[call_id] = LedCall(call_id, end)
        try:
            yield led
        finally:
            del self._calls[call_id]
            led.over()

    def find(self, name: str) -> LedCall:
        """The call that a program names. Raises `OpenAiError`."""
        led = self._calls.get(name.removeprefix(CALL_ID))
        if led is None:
            raise OpenAiError(404, "There is no such call, or it is over.", "call_id", "call_not_found")
        return led
