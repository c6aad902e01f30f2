"""The agent's side of a call: one reply after the other, and the only writer of what was said."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from lineside.audio.frame import Utterance
from lineside.call.call_context import CallContext
from lineside.call.end_of_turn import EndOfTurn
from lineside.call.reply import Reply
from lineside.call.reply_input import NOTHING_DROPPED, AgentLine, Draft, ReplyInput
from lineside.call.transcribe import transcribe_long
from lineside.errors import EngineError
from lineside.protocol import BargeIn, Clear, FalseInterruption, Transcript
from lineside.turns.floor_events import ReplyOver, Speak


class Speaker:
    """Owns the reply that prepares or sounds, and the task that runs it."""

    def __init__(self, context: CallContext, end_of_turn: EndOfTurn) -> None:
        self._context, self._end_of_turn = context, end_of_turn
        self.current: Reply | None = None  # the one that prepares or sounds
        self._running: asyncio.Task[None] | None = None  # its task; a new reply waits until the old one is gone
        self._writing: asyncio.Task[None] | None = None  # understands what was said before; ten seconds at most
        self.replies = 0  # begun so far
        self._dropped = NOTHING_DROPPED  # answers of this turn that were prepared for nothing
        self._draft: Draft | None = None  # of this turn's answer, prepared for nothing
        self._unheard = ""  # what a barge-in left unsaid; said after all if it was no interruption

    @property
    def busy(self) -> bool:
        """Whether a reply prepares or sounds."""
        return self.current is not None

    @property
    def speaking(self) -> bool:
        """Whether a reply may be heard."""
        return self.current is not None and self.current.allowed

    def turn_began(self) -> None:
        """The caller's next turn: nothing that was prepared before has to do with it."""
        self._unheard, self._dropped, self._draft = "", NOTHING_DROPPED, None

    def prepare(self, given: ReplyInput, turn: int) -> None:
        """Begin an answer early, silently, if the engines keep up with those that are waited for."""
        if not self._context.load.overloaded():
            self._begin(given, turn)

    def drop(self) -> None:
        """The caller goes on: what is prepared was for nothing."""
        if self.current is not None:  # while the engines are overloaded nothing was prepared
            self._context.observers.on_prepared_reply(committed=False)
        self.stop()

    def commit(self, given: ReplyInput, decision: Speak) -> None:
        """The floor is ours: let the prepared reply be heard, or begin one."""
        if self.speaking:
            self._cut()
        reply = self.current
        if reply is None or reply.turn != decision.turn or reply.progress.failed is not None:
            reply = self._begin(given, decision.turn)
        else:
            self._context.observers.on_prepared_reply(committed=True)
        reply.allow(silence=decision.at - decision.ended, dropped=self._dropped)
        self._dropped = NOTHING_DROPPED

    def pause_reply(self, turn: int) -> None:
        """The caller may be interrupting: hold the sound until that is known."""
        if self.current is not None:
            self.current.pause()
            if self.current.sounding:
                self._clear(turn, self.current.number)

    def resume_reply(self) -> None:
        """Go on from the sample where the sound was held."""
        if self.current is not None:
            self.current.resume()

    def resume_after(self, text: str) -> None:
        """The sound over the reply was no interruption, but this (empty for a noise): go on, and tell so."""
        self.resume_reply()
        if (reply := self.current) is not None:
            at, tell = self._context.clock.at, self._context.observers.on_event
            tell(FalseInterruption(at=at, turn=reply.turn, reply=reply.number, text=text))

    def interrupt(self) -> None:
        """The caller talks over the reply. What nobody has understood yet belongs to the turn that begins now.

        A whole turn's worth is written down apart instead: begun anew at each of their pauses, nobody would.
        """
        reply = self.current
        self._cut()
        if reply is None or not reply.allowed or not isinstance(reply.given, Utterance):
            return
        if reply.progress.question is not None:
            return
        if not self._context.led and reply.given.seconds < self._context.settings.turn_max_s / 2:
            self._context.segmenter.give_back(reply.given)
        else:
            self.write_down(reply.given, reply.turn)

    def write_down(self, said: Utterance, turn: int) -> None:
        """Understand a turn that nobody answers, after those before it; what is answered next waits for it."""
        self._writing = self._start(self._write_down(said, turn, self._writing), "write down")

    def delayed(self, seconds: float) -> None:
        """The last `seconds` of the agent's sound had not reached the caller: they hear them from now on."""
        if self.current is not None:
            self.current.delayed(seconds)

    def hold(self) -> None:
        """The caller has put the call on hold, and hears nothing: what is being said ends here."""
        reply = self.current
        self._cut()
        if reply is not None and reply.allowed:
            ends = reply.given.ends if isinstance(reply.given, AgentLine) else None
            over = ReplyOver(self._context.clock.at, reply.turn, failed=False, wordless=False, ends=ends)
            self._context.inbox.post(over)

    def key_pressed(self) -> None:
        """The caller answers with keys: what is being said ends here, unless it is a goodbye."""
        reply = self.current
        if reply is not None and not (isinstance(reply.given, AgentLine) and reply.given.ends is not None):
            self.hold()

    def _cut(self) -> None:
        """Stop the sound now, before anything is told of it. What was heard is remembered, and so is what was not."""
        reply = self.current
        self.stop()
        if reply is None or not reply.allowed:
            return
        self._clear(reply.turn, reply.number)
        heard = reply.heard()
        self._context.observers.on_event(
            BargeIn(at=self._context.clock.at, turn=reply.turn, reply=reply.number, heard=heard)
        )
        self._unheard = "" if self._context.led else reply.rest()

    def take_unheard(self) -> str:
        """What the last barge-in left unsaid, once."""
        unheard, self._unheard = self._unheard, ""
        return unheard

    def stop(self) -> None:
        """Cut the reply that prepares or sounds; history keeps what was heard of it."""
        reply, self.current = self.current, None
        if reply is None or self._running is None:
            return
        if reply.allowed:
            reply.cut()
            self._remember(reply)
        else:
            self._dropped, self._draft = reply.dropped(self._dropped), reply.draft()
        self._running.cancel()

    def _begin(self, given: ReplyInput, turn: int) -> Reply:
        """Begin a reply; whatever was prepared or sounding before is dropped first."""
        self.stop()
        self.replies += 1
        draft, self._draft = self._draft, None
        self.current = reply = Reply(
            self._context, self._end_of_turn, given, turn=turn, number=self.replies, draft=draft
        )
        self._running = self._start(self._run(reply, self._running), "reply")
        return reply

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        task = self._context.tasks.start(work, name)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, done: "asyncio.Task[None]") -> None:
        """A cancelled task keeps the frames that it was cancelled in, and they keep the speaker and its replies."""
        self._running = None if self._running is done else self._running
        self._writing = None if self._writing is done else self._writing

    async def _run(self, reply: Reply, before: "asyncio.Task[None] | None") -> None:
        # The reply before has been cancelled already; what is being written down was said before this turn.
        if first := [task for task in (before, self._writing) if task is not None]:
            await asyncio.wait(first)
        await reply.run()
        if self.current is reply:
            self._over(reply)

    def _over(self, reply: Reply) -> None:
        """It was heard to its end, or there was nothing to say."""
        self.current = None
        self._remember(reply)
        given, known = reply.given, reply.progress
        if (program := self._context.program) is not None:
            program.reply_over(reply.number, reply.turn, str(known.failed or ""))
        self._context.inbox.post(
            ReplyOver(
                self._context.clock.at,
                reply.turn,
                failed=known.failed is not None,
                wordless=isinstance(given, Utterance) and not known.question,
                ends=given.ends if isinstance(given, AgentLine) else known.ends,
            )
        )

    def _remember(self, reply: Reply) -> None:
        """What the caller said and was understood; then what they heard of the answer."""
        self._context.history.caller(reply.progress.question or "")
        self._context.history.tools(reply.rules.exchange)
        heard = reply.heard()
        self._context.history.agent(heard)
        self._context.dialog.caller_heard(heard)

    async def _write_down(self, said: Utterance, turn: int, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait([before])
        context, text = self._context, ""
        began = context.clock.now()
        with suppress(EngineError):
            text = context.history.without_sensitive_numbers(await transcribe_long(context.stt, said))
        context.history.caller(text)
        latency = round((context.clock.now() - began) * 1000, 1)
        context.observers.on_event(
            Transcript(at=context.clock.at, turn=turn, reply=self.replies, text=text, latency_ms=latency)
        )

    def _clear(self, turn: int, reply: int) -> None:
        self._context.observers.on_event(Clear(at=self._context.clock.at, turn=turn, reply=reply))
