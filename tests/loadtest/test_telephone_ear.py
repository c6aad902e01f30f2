"""A simulated telephone knows an answer by its sound alone, in every codec of the line."""

from random import Random

import pytest

from lineside.loadtest.plan import Plan
from lineside.loadtest.recordings import Recording
from lineside.loadtest.simulated_caller import SimulatedCaller
from lineside.loadtest.telephone_ear import TelephoneEar
from lineside.protocol import ServerMessage
from lineside.rtp.codecs import CodecName, new_codec
from tests.rtp.tones import tone


class NotingCaller(SimulatedCaller):
    """A caller who notes what is told, and when."""

    def __init__(self, plan: Plan) -> None:
        super().__init__("0.0", plan, [Recording("a.wav", (b"\1",))], Random(1), at=0.0)  # noqa: S311 - the same again
        self.told: list[tuple[str, float]] = []

    def on_event(self, event: ServerMessage, at: float) -> None:
        self.told.append((type(event).__name__, round(at, 2)))


@pytest.mark.parametrize("name", ["PCMU", "PCMA", "G722"])
def test_an_answer_begins_and_ends_where_its_sound_does(name: CodecName) -> None:
    """A second of silence, an answer of a second with a pause in it, silence; as it leaves the codec."""
    far, near = new_codec(name), new_codec(name)
    caller = NotingCaller(Plan(url="", callers=1, duration=10.0, codec=near.transport_codec))
    now = 0.0
    ear = TelephoneEar(caller, near.transport_codec, lambda: now)
    quiet, loud = bytes(far.rate * 2), tone(0.4, far.rate)
    said = quiet + loud + quiet[: far.rate * 2 // 5] + loud + quiet
    size = far.rate // 25
    for start in range(0, len(said), size):
        ear.hear(near.decode(far.encode(far.from_pcm(said[start : start + size]))))
        now += 0.02
    assert [name for name, _ in caller.told] == ["AudioStarted", "AudioDone"]
    assert [at for _, at in caller.told] == pytest.approx([1.0, 2.0], abs=0.03)
