"""Where the loop is late, the caller who causes it is ended, and nobody else."""

import asyncio
from contextlib import ExitStack

from lineside.errors import TransportError
from lineside.gateway.load_shedder import LATE, LOOK_EVERY, LoadShedder
from tests.transports.test_websocket import taken_over
from tests.transports.test_websocket_frames import sent
from tests.virtual_time import run

ORDINARY, FLOOD = sent(2, bytes(640)), sent(9, b"") * 250


def test_the_busiest_is_ended_when_the_loop_is_late() -> None:
    """Nine ordinary callers and one who floods: he alone is shed, and only while the others have to wait."""

    async def story() -> None:
        shedder, shed = LoadShedder(), list[int]()

        def hears(who: int, why: TransportError) -> None:
            assert why.code == "too_many_messages"
            shed.append(who)

        with ExitStack() as stack:
            callers = [taken_over()[0] for _ in range(10)]
            for number, ws in enumerate(callers):
                ws.listen(lambda message: None, lambda why, number=number: hears(number, why))  # type: ignore[misc]
                stack.enter_context(shedder.watched(ws))

            def second(flood: bytes) -> None:
                for number, ws in enumerate(callers):
                    for _ in range(3):
                        ws.data_received(flood if number == 4 else ORDINARY * 17)

            second(FLOOD)
            shedder.look(LOOK_EVERY + LATE / 2)
            assert shed == [], "the loop keeps up: the caller's own budget is enough"
            second(ORDINARY)
            await asyncio.sleep(1)
            shedder.look(3.0)
            assert shed == [], "late for another reason: nobody's fault"
            second(FLOOD)
            shedder.look(LOOK_EVERY + 2 * LATE)
            assert shed == [4]
            for ws in callers:
                ws.abort()
                await ws.over
        await asyncio.sleep(0.1)

    run(story())


def test_a_caller_who_is_gone_is_not_looked_at() -> None:
    """And a process without calls is never overloaded by them."""
    shedder = LoadShedder()
    shedder.look(10.0)

    async def story() -> None:
        ws, _ = taken_over()
        with shedder.watched(ws):
            ws.data_received(FLOOD)
        shedder.look(1.0)
        assert not ws.shed_already
        ws.abort()
        await ws.over

    run(story())
