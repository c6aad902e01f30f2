"""What a line must be able to do. Nothing on it waits: a line that cannot take more ends the call, not the agent."""

from collections.abc import Callable
from typing import Protocol

from lineside.protocol import ClientMessage, Codec, ServerMessage


class Transport(Protocol):
    """The way to one caller and back."""

    codec: Codec
    rate: int  # samples a second, both ways

    async def carry(self, hear: Callable[[bytes], None], told: Callable[[ClientMessage], None]) -> str:
        """Carry the call until the caller is gone; answer why it ended.

        `hear` gets the caller's sound in order, whole samples in the line's codec; `told` gets what they typed.
        Raises `LineError` when the line cannot go on.
        """
        ...

    def send(self, payload: bytes) -> None:
        """Sound for the caller, in the line's codec, paced by the sender."""
        ...

    def clear(self) -> None:
        """Forget the sound that has been sent and not been played."""
        ...

    def tell(self, event: ServerMessage) -> None:
        """What happened, for the caller's program; lines that have no words for it drop it."""
        ...
