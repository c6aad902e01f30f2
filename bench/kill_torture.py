"""Kills processes that keep calls, at random moments, and looks whether anything is lost that a caller was told.

    .venv/bin/python -m bench.kill_torture [--kills 1000] [--minutes 8] [--lanes 3] [--seed 1]

Some processes keep calls in one DATA_DIR, as workers do: they tell questions and answers, record sound, end calls and
change the agent. Each is killed (SIGKILL) after a random time, from the first millisecond of its start on, and another
takes its place. Every fiftieth kill all are killed, and a process that is left alone looks at what is there: every word
that was told more than `DURABLE_WITHIN` before its process was killed, every call ended, every recording readable, the
agent whole. Ends with 1 when anything is missing or a start fails.
"""

import argparse
import asyncio
import json
import os
import random
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
import alembic.migration
import soundfile
import sqlalchemy.dialects.sqlite.aiosqlite
from msgspec import Struct

from lineside.agents.agent import Agent
from lineside.gateway.agent_store import AgentFile
from lineside.protocol import AgentWords, Ended, FirstMessage, ReplyText, Transcript
from lineside.records.archive import Archive
from lineside.records.archive_thread import DURABLE_WITHIN
from lineside.records.call_recorder import CallRecorder
from lineside.records.waveform import waveform
from lineside.settings import Settings
from lineside.transports.call_facts import CallFacts
from lineside.transports.scripted import ScriptedTransport

LOOK_AFTER = 50  # kills between two looks at what is there
PRELOADED = (alembic.command, alembic.config, alembic.migration, sqlalchemy.dialects.sqlite.aiosqlite)  # by all starts
SHORT, LONG = (0.0, 0.4), (1.0, 2.2)  # seconds a process lives: killed in its start, or with words that are durable
EVERY = 0.02  # seconds between two things that a process tells
ADOPTED_WITHIN = 30.0  # seconds for a process that is left alone to take over all that was left behind
AGENT = 'name = "Torture"\nprompt = "You answer."\n'


class Report(Struct):
    """What came of it."""

    kills: int = 0
    starts: int = 0  # processes that said they were up before they were killed
    arguments: int = 0  # words told early enough before a kill to be durable
    calls: int = 0
    recordings: int = 0
    faults: list[str] = []


class Lane:
    """One process after the other, and what each told."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.pid, self.pipe = _forked(lambda say: asyncio.run(_keep_calls(folder, say)))
        self.dies_at = time.monotonic() + chance.uniform(*chance.choice((SHORT, LONG)))
        self.raw = bytearray()

    def read(self) -> None:
        """What it told meanwhile."""
        while select.select([self.pipe], [], [], 0)[0] and (some := os.read(self.pipe, 1 << 16)):
            self.raw += some

    def kill(self, report: Report, owed: dict[str, str]) -> None:
        """Kill it, and note what has to be there now."""
        self.read()
        at = time.monotonic()
        ended, status = os.waitpid(self.pid, os.WNOHANG)
        if ended:
            report.faults.append(f"a process ended by itself: {os.waitstatus_to_exitcode(status)}")
        else:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            report.kills += 1
        self.read()
        os.close(self.pipe)
        for line in self.raw.split(b"\n")[:-1]:
            arguments = json.loads(line)
            report.starts += arguments["what"] == "up"
            if arguments["what"] == "words" and arguments["at"] < at - DURABLE_WITHIN:
                owed[arguments["words"]] = arguments["call"]
                report.arguments += 1


def run(folder: Path, *, kills: int, minutes: float, lanes: int, seed: int) -> Report:
    """Torture this folder, which should be empty."""
    chance, report, owed = random.Random(seed), Report(), dict[str, str]()  # noqa: S311 - no secret
    (folder / "agent.toml").write_text(AGENT)
    until = time.monotonic() + minutes * 60
    while report.kills < kills and time.monotonic() < until and not report.faults:
        goal = min(kills, report.kills + LOOK_AFTER)
        running = [Lane(folder, chance) for _ in range(lanes)]
        while report.kills < goal and not report.faults and time.monotonic() < until:
            lane = min(running, key=lambda one: one.dies_at)
            while (left := lane.dies_at - time.monotonic()) > 0:
                select.select([one.pipe for one in running], [], [], min(left, 0.05))
                for one in running:
                    one.read()
                time.sleep(min(0.01, max(0.0, left)))
            lane.kill(report, owed)
            running[running.index(lane)] = Lane(folder, chance)
        for lane in running:
            lane.kill(report, owed)
        _look(folder, owed, report)
    return report


def _look(folder: Path, owed: dict[str, str], report: Report) -> None:
    """Start a process that nobody kills, and have it say what is missing."""
    pid, pipe = _forked(lambda say: asyncio.run(_look_at(folder, owed, say)))
    raw = bytearray()
    while some := os.read(pipe, 1 << 16):
        raw += some
    os.close(pipe)
    _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0 or not raw:
        report.faults.append("the process that looks at what is there failed; see above")
        return
    found = json.loads(raw)
    report.faults += found["faults"]
    report.calls += found["calls"]
    report.recordings += found["recordings"]
    owed.clear()


def _forked(story: Callable[[Callable[..., None]], None]) -> tuple[int, int]:
    """A process that lives the story, and the end of a pipe that hears what it says."""
    hears, says = os.pipe()
    pid = os.fork()
    if pid:
        os.close(says)
        return pid, hears
    os.close(hears)

    def say(**words: Any) -> None:
        os.write(says, json.dumps(words).encode() + b"\n")

    try:
        story(say)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _settings(folder: Path) -> Settings:
    return Settings(_env_file=None, data_dir=folder, retention_days=0)  # type: ignore[call-arg]


async def _keep_calls(folder: Path, say: Callable[..., None]) -> None:
    """Keep calls until killed."""
    chance, number = random.Random(), 0  # noqa: S311 - no secret
    agents = AgentFile(folder / "agent.toml", folder)
    agents.read()
    async with Archive(_settings(folder)).opened() as archive:
        say(what="up")
        calls: list[tuple[str, CallRecorder]] = []
        while True:
            if len(calls) < 4:
                call, line = f"{os.getpid()}-{time.monotonic_ns()}", ScriptedTransport(())
                hello = FirstMessage(codec="pcm", record=chance.random() < 0.5)
                calls.append(
                    (
                        call,
                        archive.begin(call, line, hello, {}, "Torture", CallFacts(line="browser")),
                    )
                )
            call, recorder = chance.choice(calls)
            number += 1
            _tell(call, recorder, number, say)
            if recorder._recorder is not None:
                recorder._recorder.caller(chance.randbytes(16_000))
            if chance.random() < 0.05:
                recorder.on_event(Ended(at=1.0, reason="caller_hung_up"))
                recorder.ended()
                calls.remove((call, recorder))
            if chance.random() < 0.05:
                agents.write(Agent(name=f"Torture {number}", prompt="x" * chance.randrange(20_000)))
            await asyncio.sleep(EVERY)


def _tell(call: str, recorder: CallRecorder, number: int, say: Callable[..., None]) -> None:
    """One question and its answer, told to the caller; to whoever looks later, what has to be there then."""
    question, answer = f"question {call} {number}?", f"answer {call} {number}."
    recorder.on_event(Transcript(at=1.0, turn=number, reply=number, text=question, latency_ms=1.0))
    recorder.on_event(ReplyText(at=1.0, turn=number, reply=number, text=answer))
    recorder.on_event(AgentWords(at=1.0, turn=number, reply=number, text=answer, ends=1.0))
    at = time.monotonic()
    for words in (question, answer):
        say(what="words", call=call, words=words, at=at)


async def _look_at(folder: Path, owed: dict[str, str], say: Callable[..., None]) -> None:
    """Whatever is missing or broken; then everything is deleted, and no byte of it may be left."""
    faults, recordings = list[str](), 0
    if not AgentFile(folder / "agent.toml", folder).read().name.startswith("Torture"):
        faults.append("the agent is another one")
    async with Archive(_settings(folder)).opened() as archive:
        deadline = time.monotonic() + ADOPTED_WITHIN
        while time.monotonic() < deadline:
            if sum(not one.name.startswith(".") for one in (folder / "spool").iterdir()) == 1:  # this process's own
                break
            await asyncio.sleep(0.05)
        await archive.settled()
        there, ids, before = set[str](), list[str](), ""
        while True:
            page = await archive.page(before=before, limit=200)
            for whole in await archive.whole_calls([call.id for call in page.calls]):
                ids.append(whole.call.id)
                there |= {words for turn in whole.turns for words in (turn.heard, turn.said, turn.reached)}
                faults += await _broken(archive, whole.call)
                recordings += whole.call.recording == "kept"
            before = page.next
            if not before:
                break
        faults += [f"lost: {words}" for words in owed if words not in there][:10]
        for each in ids:
            await archive.forget(call=each)
        if left := {path.stem for path in (folder / "recordings").iterdir()} & set(ids):
            faults.append(f"{len(left)} recordings outlived their calls")
    say(faults=faults, calls=len(ids), recordings=recordings)


async def _broken(archive: Archive, call: Any) -> list[str]:
    """What is wrong with a call that was kept."""
    if not call.reason or call.seconds is None or call.recording == "running":
        return [f"call {call.id} was never ended: {call.reason!r}, {call.seconds}, {call.recording}"]
    if call.recording != "kept":
        return []
    path = await archive.recording(call.id)
    if path is None:
        return [f"the recording of {call.id} is gone"]
    length, shown = soundfile.info(path).duration, waveform(path).seconds
    if abs(length - shown) > 0.001 or not shown or call.recording_bytes != path.stat().st_size:
        return [f"the recording of {call.id} is {length} s, shown as {shown} s, {call.recording_bytes} bytes"]
    return []


def main() -> int:
    """Torture a folder of its own, and print what came of it."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--kills", type=int, default=1000)
    asked.add_argument("--minutes", type=float, default=8.0)
    asked.add_argument("--lanes", type=int, default=3)
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="lineside-torture-") as name:
        began = time.monotonic()
        report = run(Path(name), kills=given.kills, minutes=given.minutes, lanes=given.lanes, seed=given.seed)
    print(
        f"{report.kills} kills in {time.monotonic() - began:.0f} s, {report.starts} of them after the start; "
        f"{report.arguments} words were durable, {report.calls} calls and {report.recordings} recordings looked at"
    )
    for fault in report.faults:
        print(f"FAULT: {fault}")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
