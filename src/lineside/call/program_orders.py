"""What a program that leads a call orders, carried out on the parts of the call (`program.ProgramOrders`)."""

import asyncio

from msgspec.structs import replace

from lineside.audio.frame import Utterance
from lineside.call.call_context import CallContext
from lineside.call.end_of_turn import EndOfTurn
from lineside.call.live_listening import LiveListening
from lineside.call.program import CallProgram
from lineside.call.program_aside import answer_aside
from lineside.call.speaker import Speaker
from lineside.turns.floor import Floor
from lineside.turns.floor_events import (
    FloorEvent,
    ForgetTurn,
    ResponseWanted,
    SoundCleared,
    SoundCommitted,
    TurnFull,
    TypedTurn,
    WriteDown,
)


class CallOrders:
    """The orders of one call's program."""

    def __init__(
        self,
        program: CallProgram | None,
        context: CallContext,
        floor: Floor,
        end_of_turn: EndOfTurn,
        speaker: Speaker,
        listening: LiveListening,
    ) -> None:
        """`program` None: the call has none, and the floor decides nothing of this."""
        self._listening = listening
        self._program, self._context, self._floor = program, context, floor
        self._end_of_turn, self._speaker = end_of_turn, speaker
        self._asides: dict[int, asyncio.Task[None]] = {}  # as many as the program has under way
        if program is not None:
            self.rules_changed()
            program.attach(self)

    def carry_out(self, decision: WriteDown | ForgetTurn, event: FloorEvent) -> None:
        """Do what the floor decides of a turn that nobody answers."""
        if isinstance(decision, ForgetTurn):
            self._listening.close_turn()
            if not self._speaker.speaking:  # what the program asked for has nothing to do with this turn, and goes on
                self._speaker.drop()
            return
        said = event.said if isinstance(event, SoundCommitted) else None
        self._context.observers.on_event(self._end_of_turn.ended(decision, full=isinstance(event, TurnFull)))
        self._speaker.write_down(said or self._listening.close_turn(), decision.turn)

    def rules_changed(self) -> None:
        """See `ProgramOrders`."""
        if self._program is None or not self._program.leads:
            return
        rules = self._program.rules
        self._floor.rules = replace(
            self._floor.rules, timeout=rules.silence, answers=rules.answers, protected=not rules.interruptible
        )
        self._context.segmenter.longest_silence(rules.silence)
        self._end_of_turn.set_profile(rules.profile)

    def respond(self, number: int) -> None:
        """See `ProgramOrders`."""
        self._context.inbox.post(ResponseWanted(self._context.clock.at, number))

    def respond_aside(self, number: int) -> None:
        """See `ProgramOrders`."""
        if self._program is None:  # for mypy: it asks
            return  # pragma: no cover
        task = self._context.tasks.start(answer_aside(self._context, self._program, number), f"aside {number}")
        self._asides[number] = task
        task.add_done_callback(lambda done: self._asides.pop(number, None))

    def typed(self, text: str) -> None:
        """See `ProgramOrders`."""
        self._context.inbox.post(TypedTurn(self._context.clock.at, text))

    def cancel(self, aside: int | None = None) -> None:
        """See `ProgramOrders`."""
        if aside is None:
            self._speaker.hold()
        elif aside in self._asides:
            self._asides[aside].cancel()

    def commit(self, said: Utterance | None = None) -> None:
        """See `ProgramOrders`."""
        self._context.inbox.post(SoundCommitted(self._context.clock.at, said))

    def clear(self) -> None:
        """See `ProgramOrders`."""
        self._context.inbox.post(SoundCleared(self._context.clock.at))
