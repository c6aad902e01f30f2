"""The only door to the floor."""

from lineside.call.inbox import Inbox
from lineside.turns.floor_events import FloorEvent, SoundStarted


def test_what_is_posted_meanwhile_is_handled_afterwards_and_in_order() -> None:
    """The session is never re-entered."""
    handled: list[float] = []
    inside = [False]

    def handle(event: FloorEvent) -> None:
        assert not inside[0]
        inside[0] = True
        handled.append(event.at)
        if event.at < 3:
            inbox.post(SoundStarted(event.at + 10))
            inbox.post(SoundStarted(event.at + 20))
        inside[0] = False

    inbox = Inbox(handle)
    inbox.post(SoundStarted(1.0))
    inbox.post(SoundStarted(2.0))
    assert handled == [1.0, 11.0, 21.0, 2.0, 12.0, 22.0]


def test_a_fault_in_one_event_does_not_lock_the_door() -> None:
    """The next event is handled."""
    handled: list[float] = []

    def handle(event: FloorEvent) -> None:
        if event.at == 1.0:
            raise ValueError
        handled.append(event.at)

    inbox = Inbox(handle)
    try:
        inbox.post(SoundStarted(1.0))
    except ValueError:
        inbox.post(SoundStarted(2.0))
    assert handled == [2.0]


def test_nothing_is_handled_once_the_call_is_over() -> None:
    """Whatever a part finds out then."""
    handled: list[FloorEvent] = []
    inbox = Inbox(handled.append)
    inbox.close()
    inbox.post(SoundStarted(1.0))
    assert handled == []
