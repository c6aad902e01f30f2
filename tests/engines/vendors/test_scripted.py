"""Scripted engines: they follow their script, and keep a bounded record of what they were asked."""

from lineside.audio.frame import Utterance
from lineside.engines.vendors.scripted import RECORDED, ScriptedSTT
from tests.virtual_time import run


def test_a_record_is_bounded_and_the_script_goes_on() -> None:
    """A week of load costs no memory; the last line is heard for ever."""

    async def story() -> ScriptedSTT:
        stt = ScriptedSTT(hears=["one", "two"], takes=0.001)
        said = [(await stt.transcribe(Utterance(b"\1\0", float(n), 0.0))).text for n in range(2 * RECORDED)]
        assert said == ["one"] + ["two"] * (2 * RECORDED - 1)
        return stt

    stt = run(story())
    assert [utterance.began for utterance in stt.utterances] == [float(n) for n in range(RECORDED, 2 * RECORDED)]
