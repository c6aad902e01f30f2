"""A process full of callers: `python -m lineside.loadtest.worker`. It is told its plan on standard input, and speaks on
standard output, a line each.

Each caller is two tasks, one that speaks by absolute deadlines and one that listens. What a frame costs here is taken
from the server under test where both share a machine, so frames are made beforehand and nothing is built for one.
"""

import asyncio
import gc
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from random import Random

import aiohttp
import msgspec
import uvloop

from lineside.audio import g711
from lineside.audio.frame import FRAME_SECONDS
from lineside.errors import ConfigError
from lineside.loadtest.lateness import Lateness
from lineside.loadtest.network_impairment import ImpairedPath, frame_due
from lineside.loadtest.plan import (
    CALLER,
    PACED,
    CallResult,
    HeardAnswer,
    Plan,
    TurnResult,
    WorkerMessage,
    WorkerProgress,
    WorkerReport,
    decode_plan,
    encode_message,
)
from lineside.loadtest.recordings import Recording, read
from lineside.loadtest.simulated_caller import SimulatedCaller
from lineside.loadtest.telephone_call import CallScript
from lineside.loadtest.telephone_ear import LONGEST_INTERVAL_MS
from lineside.loadtest.telephone_lines import HoldCall, telephone_line
from lineside.private_files import make_files_private
from lineside.protocol import FirstMessage, Ready, decode_server

CALL_READY_SECONDS = 10.0  # seconds from dialling to `ready`; then the call counts as failed
AGAIN_AFTER = 1.0  # seconds before a caller who was refused or cut off dials again
FAREWELL = 5.0  # seconds for the server to say goodbye; then the socket is closed without
HELD_UP = 0.1  # seconds in one sending: the server does not read, and what was to be said meanwhile is dropped
PROGRESS = 1.0  # seconds


class LoadWorker:
    """All callers of one worker."""

    def __init__(self, plan: Plan, recordings: Sequence[Recording]) -> None:
        self._plan, self._recordings = plan, recordings
        self._clock = asyncio.get_running_loop().time
        self._hello = msgspec.json.encode(
            FirstMessage(
                codec=plan.codec, greeting=None if plan.greeting else "", caller=CALLER, tools=False, test=True
            )
        ).decode()
        self._late = Lateness()
        self._frames, self._lost, self._stuck = 0, 0, 0
        self._here: dict[str, SimulatedCaller] = {}  # calls that are up
        self._turns: list[TurnResult] = []
        self._ends: list[CallResult] = []
        self._kept_answers: list[tuple[str, bytes]] = []
        self._first_ms: list[float] = []  # since the last word
        self._telephone: HoldCall | None = None  # where callers are telephones
        self._intervals = [0] * (LONGEST_INTERVAL_MS + 1) if plan.line in PACED else []

    async def call(self, http: aiohttp.ClientSession) -> WorkerReport:
        """Everybody calls; answers when the last one has hung up."""
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            if self._plan.line != "browser":
                line = telephone_line(self._plan, http, self._intervals)
                self._telephone = await stack.enter_async_context(line)
            news = tasks.create_task(self._report_progress(), name="progress")
            async with asyncio.TaskGroup() as callers:
                for number in range(self._plan.first, self._plan.first + self._plan.callers):
                    callers.create_task(self._caller(number, http), name=f"caller {number}")
            news.cancel()
        return WorkerReport(
            turns=self._turns,
            calls=self._ends,
            late=self._late.counts,
            frames=self._frames,
            lost=self._lost,
            stuck=self._stuck,
            cpu_seconds=time.process_time(),
            spoken=[self._heard_answer(*kept) for kept in self._kept_answers[: self._plan.keep_sound]],
            intervals=self._intervals,
        )

    async def _caller(self, number: int, http: aiohttp.ClientSession) -> None:
        """One caller after another on one line, until the test is over."""
        plan, clock = self._plan, self._clock
        dice = Random(f"{plan.seed} {number}")  # noqa: S311 - no secret, and the same again for the same seed
        await asyncio.sleep(max(0.0, plan.began + plan.ramp * number / plan.total - clock()))
        calls = 0
        while clock() < plan.began + plan.duration:
            began, name = clock(), f"{number}.{calls}"
            calls += 1
            reason = await self._dial(name, dice, http)
            self._ends.append(CallResult(name, round(began - plan.began, 3), round(clock() - began, 3), reason))
            if reason != "caller_hung_up":
                await asyncio.sleep(AGAIN_AFTER)

    async def _dial(self, name: str, dice: Random, http: aiohttp.ClientSession) -> str:
        """One call, from dialling to its end; answers why it ended."""
        if self._telephone is not None:
            return await self._dial_by_telephone(self._telephone, name, dice)
        try:
            async with asyncio.timeout(CALL_READY_SECONDS):
                ws = await http.ws_connect(f"{self._plan.url}/ws/call", max_msg_size=0)
                await ws.send_str(self._hello)
                ready = await ws.receive()
        except aiohttp.WSServerHandshakeError as refused:
            return "refused" if refused.status == 503 else f"refused_{refused.status}"
        except TimeoutError:
            return "no_ready"
        except (aiohttp.ClientError, OSError):
            return "no_connection"
        async with ws:
            if ready.type is not aiohttp.WSMsgType.TEXT or not isinstance(decode_server.decode(ready.data), Ready):
                return "no_ready"
            return await self._converse(name, dice, ws)

    async def _dial_by_telephone(self, hold: HoldCall, name: str, dice: Random) -> str:
        async def speak(caller: SimulatedCaller, send: Callable[[bytes], Awaitable[None]]) -> None:
            await self._frame_by_frame(caller, dice, send)

        caller, reason = await hold(CallScript(lambda: self._new_caller(name, dice), speak))
        if caller is not None:
            self._caller_gone(name, caller)
        return reason

    def _new_caller(self, name: str, dice: Random) -> SimulatedCaller:
        keep = len(self._kept_answers) < self._plan.keep_sound
        caller = SimulatedCaller(
            name, self._plan, self._recordings, dice, at=self._clock(), keep=keep, on_first_sound=self._first_ms.append
        )
        self._here[name] = caller
        return caller

    def _caller_gone(self, name: str, caller: SimulatedCaller) -> None:
        caller.gone(self._clock())
        self._turns += caller.turns
        self._kept_answers += caller.kept_answers
        del self._here[name]

    async def _converse(self, name: str, dice: Random, ws: aiohttp.ClientWebSocketResponse) -> str:
        caller = self._new_caller(name, dice)
        try:
            async with asyncio.TaskGroup() as tasks:
                speaking = tasks.create_task(self._speak(caller, dice, ws), name=f"{name} speaks")
                await self._listen(caller, ws)
                speaking.cancel()
        finally:
            self._caller_gone(name, caller)
        return caller.reason or "line_lost"

    async def _listen(self, caller: SimulatedCaller, ws: aiohttp.ClientWebSocketResponse) -> None:
        clock = self._clock
        async for message in ws:
            if message.type is aiohttp.WSMsgType.BINARY:
                caller.heard(message.data, clock())
            elif message.type is aiohttp.WSMsgType.TEXT:
                caller.on_event(decode_server.decode(message.data), clock())

    async def _speak(self, caller: SimulatedCaller, dice: Random, ws: aiohttp.ClientWebSocketResponse) -> None:
        try:
            await self._frame_by_frame(caller, dice, ws.send_bytes)
            await ws.send_str('{"type":"hangup"}')
            await asyncio.sleep(FAREWELL)  # the listener hears the goodbye before that, and ends this
            await ws.close()
        except (aiohttp.ClientError, ConnectionError):
            return  # the listener sees the end of the line too

    async def _frame_by_frame(
        self, caller: SimulatedCaller, dice: Random, send: Callable[[bytes], Awaitable[None]]
    ) -> None:
        """A frame every twenty milliseconds, each at its own absolute time, until the caller is done."""
        path = ImpairedPath(dice, loss=self._plan.loss, jitter=self._plan.jitter)
        clock, late = self._clock, self._late
        began, number = clock(), 0
        while not caller.is_done(clock()):
            due = frame_due(began, number)
            leaves = path.leaves(due)
            if (wait := leaves - clock()) > 0:
                await asyncio.sleep(wait)
            sent = clock()
            late.add(sent - leaves)
            frame = caller.frame(due + sent - leaves)
            number += 1
            if path.loses():
                self._lost += 1
                continue
            await send(frame)
            self._frames += 1
            if (held := clock() - sent) > HELD_UP:  # not our lateness: counted apart
                missed = round(held / FRAME_SECONDS)
                self._stuck += missed
                number += missed

    async def _report_progress(self) -> None:
        """Say once a second how it goes."""
        while True:
            await asyncio.sleep(PROGRESS)
            turns = len(self._turns) + sum(len(caller.turns) for caller in self._here.values())
            first_ms, self._first_ms[:] = list(self._first_ms), []
            errors = sum(end.reason != "caller_hung_up" for end in self._ends)
            errors += sum(turn.missing for turn in self._turns)
            say(WorkerMessage(progress=WorkerProgress(len(self._here), turns, first_ms, errors, self._late.ms(0.99))))

    def _heard_answer(self, meant: str, sound: bytes) -> HeardAnswer:
        codec = self._plan.codec
        pcm = sound if codec == "pcm" else g711.decode(sound, codec)
        return HeardAnswer(meant, pcm, self._plan.rate)


def say(message: WorkerMessage) -> None:
    """A line to the load tester."""
    sys.stdout.buffer.write(encode_message(message) + b"\n")
    sys.stdout.buffer.flush()


async def work(plan: Plan, recordings: Sequence[Recording]) -> None:
    """Entry point of a worker process: hold its share of the calls."""
    headers = {"Authorization": f"Bearer {plan.key}"} if plan.key else {}
    connector = aiohttp.TCPConnector(limit=0)  # as many as there are callers
    async with aiohttp.ClientSession(headers=headers, connector=connector) as http:
        say(WorkerMessage(report=await LoadWorker(plan, recordings).call(http)))


def main() -> None:
    """Read the plan, get everything ready, wait for the word to begin, and call."""
    make_files_private()
    plan = decode_plan(sys.stdin.buffer.readline())
    try:
        recordings = read(plan.recordings, plan.codec, plan.rate, plan.speech)
    except ConfigError as wrong:
        sys.exit(str(wrong))
    say(WorkerMessage(ready=True))
    began = sys.stdin.buffer.readline()
    if not began:
        return  # whoever wanted the test is gone
    plan = msgspec.structs.replace(plan, began=float(began))
    gc.collect()
    gc.freeze()  # a collection that walks through all that was imported costs a frame
    threading.Thread(target=_end_with_load_test, daemon=True).start()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work(plan, recordings))


def _end_with_load_test() -> None:
    """Standard input ends when the load tester does, however that ended; nobody should call on for it."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
