"""The caller's business in one call: where it stands, the tools that run for it, what the caller is still to be told.

A reply asks a `RuleTurn` what to say. What it finds out becomes the call's state when the reply is allowed. Tools run
in tasks of the call: a reply that is cut takes none with it, and the outcome of a write is owed until it was heard.
"""

import asyncio
from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

from msgspec import Struct

from lineside.agents.agent import Agent
from lineside.agents.calendar import date_in
from lineside.agents.claims import may_say
from lineside.agents.declared import LIMIT
from lineside.agents.slots.extract import Place, Said
from lineside.agents.tasks.native_turn import after_call
from lineside.agents.tasks.state import (
    Desk,
    Do,
    Expected,
    KeysWanted,
    Say,
    TaskState,
    Think,
    Words,
    expects,
    wants_keys,
)
from lineside.agents.tasks.steps import after_tool
from lineside.agents.tools.ledger import Again, Refuse, RunTool, ToolLedger, UnderWay
from lineside.agents.tools.outcome import Outcome, Use, broken_off
from lineside.agents.tools.proposals import known_from, result_text
from lineside.call.call_tools import CallTools
from lineside.call.dialog_events import DialogEvents
from lineside.call.tasks import CallTasks

BUSY = "I'm still waiting for our system to answer. One moment, please."
GRACE = 1.0  # seconds beyond a tool's own deadline; whoever runs it has failed to keep that
REMEMBERED = 10.0  # seconds for which what was read is not read again
EARLY_READS = 1  # tool calls that one preparation may begin before the caller's turn is over


def nobody_waits(content: str) -> None:
    """No language model waits for it."""


class PastRead(Struct, frozen=True):
    """A reading tool that runs, or has run."""

    began: float
    task: "asyncio.Task[Outcome]"


class TaskDialog:
    """What all replies of a call share of the caller's business."""

    def __init__(
        self, agent: Agent, tools: CallTools, tasks: CallTasks, now: Callable[[], float], events: DialogEvents
    ) -> None:
        self._agent, self._tools, self._tasks, self._now, self._events = agent, tools, tasks, now, events
        self._zone = ZoneInfo(agent.timezone) if agent.timezone else None
        self._ledger = ToolLedger(tools.call, agent.limits)
        self._reads: dict[str, PastRead] = {}  # by fingerprint; bounded by the ledger's limit of calls
        self._write: asyncio.Task[Words] | None = None
        self._heard = ""  # by the caller, since the state was installed
        self.state = TaskState()

    @property
    def writing(self) -> bool:
        """Whether something is being changed now."""
        return self._write is not None and not self._write.done()

    @property
    def owed(self) -> str:
        """What the caller is still to be told of what was done; empty: nothing, or it is not known yet."""
        return self._ledger.owed

    @property
    def given(self) -> dict[str, str]:
        """What tools have given in this call, by its name."""
        return known_from(self._ledger.outcomes)

    @property
    def expected(self) -> Expected | None:
        """What the last question wants to hear, if it was a task's."""
        return expects(self.state, self._agent)

    @property
    def keys(self) -> KeysWanted | None:
        """What keys the last question takes; None: none."""
        return wants_keys(self.state, self._agent)

    def desk(self) -> Desk:
        """What a turn is judged by now."""
        return Desk(self._agent, self._place(), self._now(), self._heard)

    def said(self, exact: str, shown: str, *, keys: bool = False, sure: float = 1.0) -> Said:
        """What the rules get of a turn: its numbers only where the caller was asked for one; `shown` has none."""
        asked = self.expected is not None and self.expected.kind == "digits"
        return Said(exact if keys or asked else shown, keys=keys, sure=sure)

    def install(self, state: TaskState) -> None:
        """A reply is allowed that brings the business so far."""
        self._events.moved(self.state, state, self._agent)
        self.state, self._heard = state, ""
        self._tools.moved(state)

    def without_secrets(self, arguments: Mapping[str, str]) -> dict[str, str]:
        """The arguments of a call, without those that callers key in."""
        slots = self._agent.slots
        return {name: value for name, value in arguments.items() if name not in slots or not slots[name].secret}

    def caller_heard(self, words: str) -> None:
        """The caller has heard these words of a reply."""
        self._heard = f"{self._heard} {words}"
        for key in self._ledger.caller_heard(words):
            self._events.outcome_heard(key)

    def may_say(self, piece: str) -> bool:
        """Whether a piece of the language model's answer may be spoken."""
        return may_say(piece, self._agent.tools, self._agent.limits, self._ledger.succeeded)

    async def settle(self) -> None:
        """The call is over: what changes something is waited for, up to its deadline."""
        if self._write is not None and not self._write.done():
            await asyncio.wait([self._write])
        self._events.over(self.state)

    # ── tools ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def read(self, use: Use) -> Outcome:
        """Look something up; the same again within some seconds is one and the same."""
        now, known = self._now(), self._reads.get(use.fingerprint)
        if known is None or (known.task.done() and now - known.began > REMEMBERED):
            verdict = self._ledger.ask(
                use, self._agent.tools[use.tool], committed=False, read_back=None, heard="", yes=False, now=now
            )
            if not isinstance(verdict, RunTool):
                return Outcome("refused", why="too many calls")
            known = PastRead(now, self._tasks.start(self._run(use, verdict.key), f"tool {use.tool}"))
            self._reads[use.fingerprint] = known
        return await asyncio.shield(known.task)

    def read_for(self, use: Use, tell: Callable[[str], None]) -> "asyncio.Task[None]":
        """Look something up for a language model, who is told the result as text; whoever waits for it may go."""

        async def read() -> None:
            tell(result_text(await self.read(use)))

        return self._tasks.start(read(), f"answer {use.tool}")

    async def write(self, do: Do, heard: str, tell: Callable[[str], None] = nobody_waits) -> Words:
        """Change something, if the ledger lets it; `heard`: what the caller had heard when they said yes.

        `tell` is told the outcome as text, for a language model.
        """
        tool = self._agent.tools[do.use.tool]
        verdict = self._ledger.ask(
            do.use, tool, committed=True, read_back=do.read_back, heard=heard, yes=do.yes, now=self._now()
        )
        match verdict:
            case RunTool(key=key):
                self._ledger.began(key, do.use, writes=True)
                self._write = self._tasks.start(self._write_and_go_on(do.use, key, tell), f"tool {do.use.tool}")
                return await asyncio.shield(self._write)
            case UnderWay():
                return Say(BUSY)
            case Again(outcome=outcome):
                return await self._after(do.use, outcome)
        why = verdict.why if isinstance(verdict, Refuse) else "not now"
        self._events.refused(do.use, tool, why)
        tell(result_text(Outcome("refused", why=why)))
        return await self._after(do.use, Outcome("refused", why=why))

    async def _write_and_go_on(self, use: Use, key: str, tell: Callable[[str], None]) -> Words:
        """Write, then go on in the task as far as it goes without the caller; whatever they do meanwhile."""
        outcome = await self._run(use, key)
        tell(result_text(outcome))
        self._reads.clear()  # what was read before may have changed
        words = await self._after(use, outcome)
        self._ledger.owe(key, _outcome_alone(self.state, words))
        return words

    async def _run(self, use: Use, key: str) -> Outcome:
        """Run a tool once, under its deadline. A write's intent is on the disk before, its outcome told after."""
        tool, began = self._agent.tools[use.tool], self._now()
        if not tool.writes:
            self._ledger.began(key, use, writes=False)
        number = self._events.began(use, tool, key)
        outcome = broken_off(tool, "cut off")
        try:
            if tool.writes and not await self._tools.kept():
                outcome = Outcome("refused", why="no record of it can be kept")
            elif await self._tools.over(use.tool, tool):
                outcome = Outcome("refused", why=LIMIT)
            else:
                async with asyncio.timeout(tool.within + GRACE):
                    outcome = await self._tools.runs.run(use, tool, key)
        except TimeoutError:
            outcome = Outcome("timeout", why="no answer in time")
        except Exception as broken:  # whoever runs tools raises nothing; who does all the same costs one outcome
            outcome = broken_off(tool, type(broken).__name__)
        finally:
            if tool.writes and outcome.kind == "timeout":
                outcome = Outcome("unknown", why=outcome.why)
            self._ledger.ended(key, outcome)
            self._events.ended(number, use, tool, outcome, (self._now() - began) * 1000)
        return outcome

    async def _after(self, use: Use, outcome: Outcome) -> Words:
        """Go on from what came of a tool, as far as that goes without the caller."""
        if not self.state.task:  # a language model has proposed it
            state, said = after_call(self.state, self.desk(), use, outcome)
            self.install(state)
            return Say(BUSY) if isinstance(said, Do) else said
        state, move = after_tool(self.state, self.desk(), use, outcome)
        while isinstance(move, Do) and not self._agent.tools[move.use.tool].writes:
            state, move = after_tool(state, self.desk(), move.use, await self.read(move.use))
        self.install(state)
        return Say(BUSY) if isinstance(move, Do) else move  # every write is read back first: that cannot be

    def _place(self) -> Place:
        today = self._tools.today() if self._tools.today is not None else date_in(self._zone)
        return Place(today, self._agent.month_first, self._agent.region)


def _outcome_alone(state: TaskState, words: Words) -> str:
    """What the caller must hear of an outcome, without the question that follows it."""
    text = words.then if isinstance(words, Think) else words.text
    asked = state.asked.text if state.asked is not None else ""
    return text.removesuffix(asked).strip() or text
