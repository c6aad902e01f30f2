"""Who hears what happens in a call: the caller's program, metrics, traces, records, whoever follows the call."""

from lineside.protocol import ServerMessage


class Observer:
    """Hears everything that happens in one call, in order. Override what you need; nothing here may wait."""

    def on_event(self, event: ServerMessage) -> None:
        """The caller's program is told this."""

    def on_playout_gap(self, seconds: float) -> None:
        """In a reply that sounded, the next sound came this many seconds after the caller had heard the last."""

    def on_prepared_reply(self, *, committed: bool) -> None:
        """A reply that was prepared early is played, or was for nothing."""
