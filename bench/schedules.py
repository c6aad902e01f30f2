"""Random schedules against the caller's business: no write twice, none unconfirmed, none that nobody was told of.

A schedule is a caller who says anything at any moment, talks over read-backs and outcomes, hangs up; a back end that
takes up to twelve seconds, refuses, fails, raises or never answers; voices and models that die; a disk that does not
keep; a process that is killed. What runs is the call's own dialog, ledger and rules, or the native answer with a model
that proposes anything; sound is left out, so that a hundred thousand take minutes. Whole calls, with sound, are
`python -m tests.call.test_any_schedule`.

    python -m bench.schedules 100000 [--native] [--first 0]
"""

import argparse
import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from msgspec import Struct
from msgspec.structs import replace

from lineside.agents.agent import Agent, load_agent
from lineside.agents.declared import Tool
from lineside.agents.slots.choices import clear_yes
from lineside.agents.tasks.state import Think, joined
from lineside.agents.templates import reached, shown
from lineside.agents.tools.outcome import Outcome, OutcomeKind, Use
from lineside.call.call_context import CallContext
from lineside.call.call_tools import CallTools
from lineside.call.chat_history import ChatHistory
from lineside.call.dialog import TaskDialog
from lineside.call.dialog_events import DialogEvents
from lineside.call.native_answer import NativeAnswer
from lineside.call.rule_turn import RuleTurn
from lineside.call.tasks import CallTasks
from lineside.call.tool_exchange import ToolExchange
from lineside.call.written_text import WholeText
from lineside.engines.protocols import LlmPiece, LlmRequest, Message, Token, ToolCall
from lineside.errors import EngineError
from lineside.protocol import ServerMessage
from lineside.replay.jumping_loop import JumpingLoop
from lineside.task_events import ToolCalled

TODAY = date(2026, 12, 1)
AGENT = Path(__file__).parent / "desk" / "agent.toml"
YES = ("yes", "Yes, please.", "yes", "Yes, that's right.", "yeah", "go ahead")
SAYS = """Book a visit for Friday morning, order 12345|I need an engineer on Monday afternoon for order 24680|Yes I have
|555 010 1234|212 555 0199|12345|one two three|Friday|no|no, Monday|yes, but on Thursday|The afternoon, please.|what?
|never mind|where is my order|how much is a visit?|hello?|actually 24680|I want to change my plan|10203040|uh|goodbye
|the fastest one|cancel my contract|55667788|a person please"""
LINES = (*YES, *(line.strip() for line in SAYS.split("|")))
OPENINGS = (
    ("Book a visit for Friday morning, order 12345", "Yes I have", "555 010 1234"),
    ("I want to change my plan", "10203040", "the fastest one, please"),
    ("I want to cancel my contract", "55667788", "No, thank you"),
)
AT_ONCE = (  # to a model, which calls a tool with all of it
    ("Book a visit for Friday morning, order 12345, and call 555 010 1234",),
    ("Please move account 10203040 to the Pro plan",),
    ("Cancel my contract, the account is 55667788",),
)
KINDS: tuple[OutcomeKind, ...] = ("ok", "ok", "ok", "failed", "refused", "unknown", "timeout")
TELLS = {
    "ok": ("reference", "you have", "ends in thirty", "staying", "done"),
    "unknown": ("can't tell whether",),
    "failed": ("didn't work",),
    "refused": ("didn't work",),
}


class BegunWrite(Struct, frozen=True):
    """A write as it reached the back end, and how things stood then."""

    use: Use
    key: str
    committed: bool
    words: str
    heard: str
    on_disk: bool


class RandomModel:
    """Proposes anything: values that nobody said, unknown tools, broken JSON, claims; now and then it dies."""

    def __init__(self, dice: random.Random, agent: Agent) -> None:
        self._dice, self._agent, self._said = dice, agent, ""

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[LlmPiece, None]:
        """See `LanguageModel`."""
        dice = self._dice
        self._said = next(message.content for message in messages if message.role == "user")
        await asyncio.sleep(dice.choice((0.05, 0.3, 2.0)))
        if dice.random() < 0.05:
            raise EngineError("the model is gone")
        if not ask.tools or dice.random() < 0.3:
            yield Token(dice.choice(("One moment. ", "Your visit is booked. ", "What else? ", "It is done. ")))
            return
        for _ in range(dice.choice((1, 1, 2))):
            yield ToolCall("", *self._proposed())

    def _proposed(self) -> tuple[str, str]:
        dice = self._dice
        if (fits := dice.random() < 0.7) and self._said:
            name = "change_plan" if "Pro" in self._said else "cancel" if "Cancel" in self._said else "book_visit"
        else:
            name = dice.choice((*(known for known in self._agent.tools if known != "pay"), "transfer_money"))
        values = {
            "order_number": "12345" if fits else dice.choice(("12345", "24680", "99999")),
            "day": "2026-12-04" if fits else dice.choice(("2026-12-04", "2026-12-07", "2026-12-03")),
            "part_of_day": "morning" if fits else "afternoon",
            "phone": "555 010 1234",
            "account": ("10203040" if name == "change_plan" else "55667788") if fits else "11112222",
            "plan": "Pro",
            "email": "a@b.org",
            "address": "1 Elm Street",
            "postcode": "10115",
        }
        takes = self._agent.tools[name].takes if name in self._agent.tools else {}
        arguments = json.dumps({argument: values[argument] for argument in takes})
        return name, arguments[: dice.choice((200, 200, 200, 9))]


class RandomCall:
    """One schedule, from one number."""

    def __init__(self, seed: int, agent: Agent, *, native: bool) -> None:
        self._dice = random.Random(f"{seed} {native}")  # noqa: S311 - no secret
        self._agent, self._native = agent, native
        self._keeps = self._dice.random() < 0.95
        self._stays = self._dice.random() < 0.7
        killed = self._dice.random() < 0.15
        self.dies = self._dice.uniform(0, 60) if killed else None  # seconds after which the process is killed
        self.writes: list[BegunWrite] = []
        self.events: list[ToolCalled] = []
        self.faults: list[str] = []
        self.killed = False
        self.yes = 0  # turns with a clear yes
        self._on_disk: set[str] = set()
        self._heard, self._words, self._allowed = "", "", asyncio.Event()
        self._history = ChatHistory(())
        self._model = RandomModel(self._dice, agent)

    # ── what stands behind the call ────────────────────────────────────────────────────────────────────────────────

    async def run(self, use: Use, tool: Tool, key: str) -> Outcome:
        """See `RunsTools`."""
        if tool.writes:
            committed = self._allowed.is_set()
            self.writes.append(BegunWrite(use, key, committed, self._words, self._heard, key in self._on_disk))
        seconds = self._dice.choice((0.0, 0.05, 0.5, 2.0, 6.0, 7.9, 12.0))
        await asyncio.sleep(min(seconds, tool.within))
        if seconds > tool.within:
            return Outcome("timeout")
        if self._dice.random() < 0.05:
            raise RuntimeError("a tool that breaks its promise to raise nothing")
        gives = {"reference": "B47", "status": "sent", "due": "2026-12-09", "until": "18:00"}
        return Outcome(self._dice.choice(KINDS), {name: gives[name] for name in tool.gives})

    async def _kept(self) -> bool:
        await asyncio.sleep(0.01)
        if self._keeps:
            self._on_disk |= {event.key for event in self.events if event.state == "running"}
        return self._keeps

    def _tell(self, event: ServerMessage) -> None:
        if isinstance(event, ToolCalled):
            self.events.append(event)

    # ── the call ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def hold(self) -> None:
        """Hold it to its end."""
        dice = self._dice
        async with CallTasks() as tasks:
            loop = asyncio.get_running_loop()
            tools = CallTools(self, "call", self._kept, today=lambda: TODAY)
            events = DialogEvents(self._tell, loop.time)
            self._dialog = dialog = TaskDialog(self._agent, tools, tasks, loop.time, events)
            script = (
                [*dice.choice(AT_ONCE if self._native else OPENINGS), dice.choice(YES)] if dice.random() < 0.8 else []
            )
            script += [dice.choice(LINES) for _ in range(dice.randint(0, 7))]
            try:
                for number, words in enumerate(script, 1):
                    await self._turn(number, words, tasks)
                for _ in range(12 if self._stays else 0):
                    await asyncio.sleep(4.0)
                    self._hear(dialog.owed)  # said when nobody speaks: `call.limits`
            finally:
                await dialog.settle()

    async def _turn(self, number: int, words: str, tasks: CallTasks) -> None:
        dice = self._dice
        rules, reply = self._prepare(number * 10, words, tasks)
        for again in range(1, dice.choice((1, 1, 1, 2, 3))):  # the caller goes on, and what was prepared is dropped
            await asyncio.sleep(dice.uniform(0, 0.6))
            await _cancelled(reply)
            rules, reply = self._prepare(number * 10 + again, words, tasks)
        await asyncio.sleep(dice.choice((0.0, 0.1, 0.4)))
        self.yes += clear_yes(words)
        self._allowed.set()
        rules.allow()
        self._history.caller(words)
        self._history.tools(rules.exchange)
        await asyncio.wait([reply], timeout=dice.choice((0.05, 0.5, 3.0, 20.0, 20.0)))
        if not reply.done():  # the caller talks over the silence
            await _cancelled(reply)
            return
        said = reply.result().split()
        reach = len(said) if dice.random() < 0.7 else dice.randint(0, len(said))  # barge-in, or the voice dies
        await asyncio.sleep(reach * dice.choice((0.1, 0.3)))
        self._hear(" ".join(said[:reach]))
        self._history.agent(" ".join(said[:reach]))

    def _prepare(self, number: int, words: str, tasks: CallTasks) -> "tuple[RuleTurn, asyncio.Task[str]]":
        self._allowed, self._words = asyncio.Event(), words
        rules = RuleTurn(self._dialog, self._allowed, [], ToolExchange(number))
        return rules, tasks.start(self._answer(rules, words), "reply")

    def _hear(self, words: str) -> None:
        if not words:
            return
        self._heard = f"{self._heard} {words}"
        told = sum(event.state == "told" for event in self.events)
        self._dialog.caller_heard(words)
        for event in [event for event in self.events if event.state == "told"][told:]:
            self._check_told(event)

    async def _answer(self, rules: RuleTurn, words: str) -> str:
        """The words of the reply, as `call.reply` puts them together."""
        owed, said = self._dialog.owed, self._dialog.said(words, words)
        move = await rules.decide(said, native=self._native)
        if not isinstance(move, Think):
            return joined(owed, move.text)
        if not self._native:
            return joined(owed, "I don't know that.", move.then)
        parts, whole = self._dialog, ""
        context = SimpleNamespace(
            agent=self._agent, dialog=parts, history=self._history, llm=self._model, request=LlmRequest()
        )
        with suppress(EngineError):
            async for part in NativeAnswer(cast("CallContext", context), rules).parts(words, ""):
                if isinstance(part, WholeText):
                    whole = part.text
        return joined(owed, whole, move.then)

    # ── promises ───────────────────────────────────────────────────────────────────────────────────────────────────

    def broken(self, *, died: bool) -> list[str]:
        """Those that were not kept."""
        found = [*self.faults]
        found += [f"double: {key}" for key, times in Counter(one.key for one in self.writes).items() if times > 1]
        found += [f"more writes than yeses: {len(self.writes)}"] if len(self.writes) > self.yes else []
        for one in self.writes:
            found += self._unconfirmed(one)
        if died:
            return found
        states = {state: {e.number for e in self.events if e.state == state} for state in ("running", "told")}
        begun = {e.number for e in self.events if e.state == "running" and e.effect == "writes"}
        ended = {e.number for e in self.events if e.state not in {"running", "told"}}
        found += [f"no outcome: {begun - ended}"] if begun - ended else []
        found += [f"unowed: {begun - states['told']}"] if self._stays and begun - states["told"] else []
        return found

    def _unconfirmed(self, one: BegunWrite) -> list[str]:
        found = [] if one.committed else ["unconfirmed: the turn was not over"]
        found += [] if clear_yes(one.words) else [f"unconfirmed: {one.words}"]
        found += [] if one.on_disk else ["no intent on the disk"]
        for name, value in one.use.arguments.items():
            slot = self._agent.slots[name]
            if not slot.secret and not reached(shown(slot.kind, value), one.heard):
                found.append(f"unconfirmed: {name} {value} was never heard")
        return found

    def _check_told(self, event: ToolCalled) -> None:
        outcome = next(e.state for e in self.events if e.number == event.number and e.state not in {"running", "told"})
        known = {name for task in self._agent.tasks.values() for name in task.fails}
        heard = self._heard.lower()
        why = next((e.why for e in self.events if e.number == event.number and e.why), "")
        if why not in known and not any(words in heard for words in TELLS[outcome]):
            self.faults.append(f"told, and not heard: {outcome}")


def tried(seed: int, agent: Agent, *, native: bool) -> RandomCall:
    """Hold one on a clock of its own; what was not kept is in its `faults`."""
    with asyncio.Runner(loop_factory=lambda: JumpingLoop(clock=lambda: 0.0)) as runner:
        return runner.run(_tried(seed, agent, native=native))


async def _tried(seed: int, agent: Agent, *, native: bool) -> RandomCall:
    call = RandomCall(seed, agent, native=native)
    held = asyncio.create_task(call.hold())
    await asyncio.wait([held], timeout=call.dies)
    call.killed = died = not held.done()
    call.faults = call.broken(died=died)  # of a process that is killed: as it stands on the disk and outside
    if died:
        await _cancelled(held)
    else:
        held.result()
    return call


async def _cancelled(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def main() -> None:
    """Hold so many and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("many", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--native", action="store_true")
    chosen = parser.parse_args()
    agent = replace(load_agent(AGENT), tool_calls="native" if chosen.native else "by_rule")
    counts: Counter[str] = Counter()
    with suppress(KeyboardInterrupt):  # what is done by then is told
        for seed in range(chosen.first, chosen.first + chosen.many):
            _count(seed, tried(seed, agent, native=chosen.native), counts)
    told = ", ".join(f"{counts[state]} {state}" for state in ("ok", "failed", "refused", "unknown", "told"))
    done, writes, killed, broken = (counts[name] for name in ("done", "writes", "killed", "broken"))
    print(f"{done} schedules, {killed} killed, {writes} writes ({told}), {broken} broken")


def _count(seed: int, call: RandomCall, counts: Counter[str]) -> None:
    counts["done"] += 1
    counts["writes"] += len(call.writes)
    counts["killed"] += call.killed
    counts.update(event.state for event in call.events if event.effect == "writes")
    if call.faults:
        counts["broken"] += 1
        print(seed, call.faults)


if __name__ == "__main__":
    main()
