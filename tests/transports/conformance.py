"""What every line must do, as checks that run over a rig: one end is ours, the other plays the caller.

A new line writes a rig and adds it to `RIGS` in `test_conformance.py`; the checks are the definition of a line.
They run on virtual time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import pytest

from lineside.audio.frame import SAMPLE_BYTES
from lineside.errors import TransportError
from lineside.line_report import LineMeasured
from lineside.protocol import ClientMessage, Dtmf, EndReason
from lineside.transports.line_control import LINE_ENDS, CallLeg, CannotDo, TransferTarget

FRAME = 0.02
SETTLE = 0.3  # seconds for anything to arrive


class LineRig(Protocol):
    """A line with its far end in our hands."""

    leg: CallLeg
    has_keys: bool  # callers can press keys
    is_telephone: bool  # how good it was is measured
    can_vanish: bool  # the far end can be gone without a word, and that is noticed

    async def say(self, payload: bytes) -> None:
        """The caller makes this sound: 20 ms in the transport's codec."""
        ...

    def heard(self) -> bytes:
        """All sound that has come to the caller's ear by now, in the transport's codec; silence may be in it."""
        ...

    async def press(self, key: str) -> None:
        """The caller presses a key."""
        ...

    async def leave(self) -> None:
        """The caller hangs up in the line's proper way."""
        ...

    async def vanish(self) -> None:
        """The connection breaks."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the far end has been told, or has seen, that the call is over."""
        ...


Rig = Callable[[], AbstractAsyncContextManager[LineRig]]


class Listening:
    """The call, as far as a line sees it."""

    def __init__(self) -> None:
        self.sound = b""
        self.messages: list[ClientMessage] = []
        self.faults: list[str] = []
        self.holds: list[bool] = []
        self.marks: list[tuple[float, str]] = []
        self.measured: list[LineMeasured] = []

    def on_audio(self, payload: bytes) -> None:
        self.sound += payload

    def on_message(self, message: ClientMessage) -> None:
        self.messages.append(message)

    def on_bad_message(self, fault: TransportError) -> None:
        self.faults.append(fault.code)

    def on_line_away(self) -> None: ...

    def on_line_back(self, away: float, unheard: float) -> None: ...

    def on_hold(self, held: bool) -> None:
        self.holds.append(held)

    def on_line_measured(self, measured: LineMeasured) -> None:
        self.measured.append(measured)

    def on_mark(self, name: str) -> None:
        self.marks.append((asyncio.get_running_loop().time(), name))

    @property
    def keys(self) -> str:
        return "".join(message.digits for message in self.messages if isinstance(message, Dtmf))


def frames(rig: LineRig, many: int, first: int = 0) -> list[bytes]:
    """Frames that can be told apart, none of them silence."""
    transport = rig.leg.transport
    size = round(transport.rate * FRAME) * (SAMPLE_BYTES if transport.codec == "pcm" else 1)
    return [bytes([1 + (first + number) % 100]) * size for number in range(many)]


async def with_call(
    new: Rig, story: Callable[[LineRig, Listening, "asyncio.Task[EndReason]"], Awaitable[None]]
) -> None:
    """Run a story on a line that is up."""
    async with new() as rig:
        listener = Listening()
        running = asyncio.create_task(rig.leg.transport.run(listener), name="transport")
        try:
            await rig.leg.control.answer()
            await asyncio.sleep(SETTLE)
            assert not running.done(), "a line that is up runs"
            await story(rig, listener, running)
        finally:
            running.cancel()
            await asyncio.wait([running])


async def check_sound_comes_in_order(new: Rig) -> None:
    """What the caller says reaches the call, all of it, in order."""

    async def story(rig: LineRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        said = frames(rig, 50)
        for frame in said:
            await rig.say(frame)
            await asyncio.sleep(FRAME)
        await asyncio.sleep(SETTLE)
        assert _loud(listener.sound) == b"".join(said)

    await with_call(new, story)


async def check_sound_goes_in_order(new: Rig) -> None:
    """What is sent reaches the caller's ear, all of it, in order, at its pace."""

    async def story(rig: LineRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        sent = frames(rig, 50)
        for at in range(0, 50, 10):
            rig.leg.transport.send(b"".join(sent[at : at + 10]))
            await asyncio.sleep(0.19)
        await asyncio.sleep(1.0)
        assert _loud(rig.heard()) == b"".join(sent)

    await with_call(new, story)


async def check_clear_stops_the_sound(new: Rig) -> None:
    """After `clear` hardly anything more is heard; where the line says how much was not, that is so to 40 ms."""

    async def story(rig: LineRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        transport = rig.leg.transport
        sent = frames(rig, 35)
        transport.send(b"".join(sent))
        await asyncio.sleep(0.3)
        unheard = transport.clear()
        await asyncio.sleep(1.5)
        heard, whole = len(_loud(rig.heard())), len(b"".join(sent))
        second = len(sent[0]) / FRAME
        assert heard <= 0.5 * second, f"{heard / second:.2f} s were heard of what was cleared after 0.3 s"
        if unheard is not None:
            assert abs(whole - heard - unheard * second) <= 0.04 * second
        transport.send(b"".join(frames(rig, 10, 50)))
        await asyncio.sleep(1.0)
        assert _loud(rig.heard())[heard:] == b"".join(frames(rig, 10, 50)), "what is sent after it is heard"

    await with_call(new, story)


async def check_marks_follow_the_sound(new: Rig) -> None:
    """A mark comes back once what was sent before it has been played, in order; a line without marks says so."""

    async def story(rig: LineRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        transport = rig.leg.transport
        began = asyncio.get_running_loop().time()
        if not transport.mark("e0-1"):
            return
        for number in range(3):
            transport.send(b"".join(frames(rig, 10)))
            assert transport.mark(f"e0-{2 + number}")
        await asyncio.sleep(2.0)
        assert [name for _, name in listener.marks] == ["e0-1", "e0-2", "e0-3", "e0-4"]
        for number in range(3):
            late = listener.marks[1 + number][0] - began - 0.2 * (number + 1)
            assert -0.021 <= late <= 0.3, f"a mark was {late:.3f} s late"

    await with_call(new, story)


async def check_a_caller_who_hangs_up(new: Rig) -> None:
    """The line's end is the caller's; what is sent afterwards harms nobody, and hanging up then only closes."""

    async def story(rig: LineRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        await rig.leave()
        async with asyncio.timeout(LINE_ENDS):
            assert await running == "caller_hung_up"
        transport = rig.leg.transport
        transport.send(frames(rig, 1)[0])
        transport.clear()
        transport.mark("e0-1")
        async with asyncio.timeout(LINE_ENDS + 1):
            await rig.leg.control.hang_up("caller_hung_up")

    await with_call(new, story)


async def check_a_line_that_breaks(new: Rig) -> None:
    """The call ends within its limit, and the reason is named."""

    async def story(rig: LineRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        if not rig.can_vanish:
            return
        await rig.vanish()
        async with asyncio.timeout(60):
            try:
                reason: str = await running
            except TransportError as broken:
                reason = broken.code
        assert reason in ("line_lost", "caller_hung_up", "no_audio")
        await rig.leg.control.hang_up("line_lost")

    await with_call(new, story)


async def check_hanging_up(new: Rig) -> None:
    """The far end is told at once, and at most `LINE_ENDS` later everything is closed. A second time harms nobody."""

    async def story(rig: LineRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        async with asyncio.timeout(LINE_ENDS + 1):
            await rig.leg.control.hang_up("caller_silent")
        await asyncio.sleep(SETTLE)
        assert rig.ended
        await rig.leg.control.hang_up("caller_silent")

    await with_call(new, story)


async def check_keys(new: Rig) -> None:
    """Each key is told once, the same twice in a row twice."""

    async def story(rig: LineRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        if not rig.has_keys:
            return
        for key in "1550*#":
            await rig.press(key)
            await asyncio.sleep(0.3)
        await asyncio.sleep(SETTLE)
        assert listener.keys == "1550*#"

    await with_call(new, story)


async def check_abilities(new: Rig) -> None:
    """What a line cannot do it says, and refuses with a sentence."""

    async def story(rig: LineRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        control = rig.leg.control
        if not control.abilities & {"transfer_cold", "transfer_warm"}:
            with pytest.raises(CannotDo):
                await control.transfer(TransferTarget("+15550100"))
        if "send_digits" not in control.abilities:
            with pytest.raises(CannotDo):
                await control.send_digits("1")
        if "hold" not in control.abilities:
            with pytest.raises(CannotDo):
                await control.hold(on=True)

    await with_call(new, story)


async def check_the_line_is_measured(new: Rig) -> None:
    """When a call is over it is known how good its line was: what came, how evenly, how soon it was silent."""

    async def story(rig: LineRig, listener: Listening, running: "asyncio.Task[EndReason]") -> None:
        transport = rig.leg.transport
        for frame in frames(rig, 25):
            await rig.say(frame)
            await asyncio.sleep(FRAME)
        transport.mark("e0-1")
        transport.send(b"".join(frames(rig, 30)))
        transport.mark("e0-2")
        await asyncio.sleep(0.2)
        transport.clear()
        await asyncio.sleep(SETTLE)
        running.cancel()
        await asyncio.wait([running])
        if not listener.measured:
            assert not rig.is_telephone, "a browser's page plays as it likes"
            return
        (measured,) = listener.measured
        assert measured.received >= 25
        assert (measured.lost, measured.late, measured.strangers) == (0, 0, 0)
        assert measured.jitter is not None
        assert measured.jitter <= 0.02
        assert measured.silence_after is None or measured.silence_after <= 0.06

    await with_call(new, story)


CHECKS = (
    check_the_line_is_measured,
    check_sound_comes_in_order,
    check_sound_goes_in_order,
    check_clear_stops_the_sound,
    check_marks_follow_the_sound,
    check_a_caller_who_hangs_up,
    check_a_line_that_breaks,
    check_hanging_up,
    check_keys,
    check_abilities,
)
QUIET = frozenset((0x00, 0xFF, 0xD5))  # silence in signed 16-bit, mu-law and A-law


def _loud(sound: bytes) -> bytes:
    """Without the silence that a line fills pauses with."""
    return bytes(byte for byte in sound if byte not in QUIET)
