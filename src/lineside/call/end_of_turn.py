"""Is the turn over? Collects the evidence of each pause and posts how much silence the pause needs.

The sound is judged by the turn model, asked soon after the pause began and once more in a long one. The words come from
the reply that is being prepared, and the language model says whether they may end there.
"""

import asyncio
from typing import Literal, cast

from msgspec.structs import replace

from lineside.audio.frame import Utterance
from lineside.audio.smart_turn import clearness
from lineside.audio.turn_model import TurnModel
from lineside.call.call_context import CallContext
from lineside.call.tasks import OneTask
from lineside.engines.protocols import PredictsTurnEnd
from lineside.errors import EngineError
from lineside.protocol import TurnEnded, TurnEndedBy
from lineside.turns.endpointing import CallerPace, Evidence, Profile, bare, expects, wait, words_evidence
from lineside.turns.floor_events import EndpointWait, Silence, Speak, VoiceActivity, WriteDown
from lineside.turns.open_turn import Heard

LOOK = 0.05  # seconds of a noticed pause before the turn model is asked; the recogniser begins at once
LOOK_AGAIN = 0.4  # seconds after which it is asked once more in the same pause
PREDICT_WITHIN = 0.4  # seconds for one step of the language model; an answer is not held up longer than that


class SpeechPause:
    """One pause of the caller's. Only who it is counts: news of an earlier pause is dropped."""


class EndOfTurn:
    """What is known of the pause that is now, or was last."""

    def __init__(self, profile: Profile | Literal["silence"], turn_model: TurnModel, context: CallContext) -> None:
        """`profile` "silence": turns end by the silence timer, and nothing is weighed."""
        self._profile: Profile | None = None
        self.set_profile(profile)
        self._asked_profile: Profile | None = None  # of the question that the caller answers
        self._turn_model, self._context = turn_model, context
        self._asking = OneTask(context.tasks, "turn model")
        self.pause = SpeechPause()
        self.evidence = Evidence()
        self._pace = CallerPace()
        self._silent_since: float | None = None
        self._llm_is_slow = False  # the language model took too long to say whether the words may end

    def set_profile(self, profile: Profile | Literal["silence"]) -> None:
        """Weigh pauses like this from the next one on."""
        self._profile = None if profile == "silence" else profile

    @property
    def in_pause(self) -> bool:
        """Whether the caller's turn is open and they are silent."""
        return self._silent_since is not None

    def on_speech(self, event: Heard, *, idle: bool) -> None:
        """The caller falls silent or speaks again. `idle`: nobody had the floor, so that the silence was no pause."""
        if isinstance(event, Silence):
            self._silent_since = event.since
        elif isinstance(event, VoiceActivity):
            if self._silent_since is not None and not idle:
                self._pace.paused(event.began - self._silent_since)
            self._silent_since = None
            self.pause = SpeechPause()  # whatever is still to be learnt of the pause before counts no longer

    def begin_pause(self, utterance: Utterance) -> None:
        """Start weighing a pause that may end the turn. `utterance`: the turn so far."""
        if self._profile is None:
            return
        self.pause = SpeechPause()
        task = self._context.dialog.expected  # a question of a task's says better what it wants to hear
        asked, wanted = (
            (task.kind, task.digits) if task is not None else expects(self._context.history.last_agent_words)
        )
        self._asked_profile = cast("Profile | None", task.profile or None) if task is not None else None
        self.evidence = Evidence(
            asked=asked,
            wanted=wanted,
            spoken=utterance.seconds,
            pace=self._pace.usual,
            clear=clearness(utterance.pcm),
        )
        self._update_endpoint_wait(self.pause)
        self._asking.start(self._ask_turn_model(self.pause))

    def heard_words(self, pause: SpeechPause, text: str) -> None:
        """The words of the turn up to that pause are known."""
        self._update_endpoint_wait(pause, words=words_evidence(text))

    async def ask_llm(self, pause: SpeechPause, text: str) -> None:
        """Ask the language model whether the turn may end there. It reads the words now, not again for the answer.

        A model that was too slow is not asked again in this call: that would delay answers.
        """
        words, context = bare(text), self._context
        llm = context.llm
        if self._profile is None or self._llm_is_slow or not words or not isinstance(llm, PredictsTurnEnd):
            return
        try:
            async with asyncio.timeout(PREDICT_WITHIN):
                odds = await llm.may_end(context.history.messages(asking=words), context.request)
        except TimeoutError:
            self._llm_is_slow = True
            return
        except EngineError:
            return  # the answer is asked for all the same, and has its own deadline
        if odds is not None:
            self._update_endpoint_wait(pause, ends=odds)

    def ended(self, decision: Speak | WriteDown, *, full: bool) -> TurnEnded:
        """The turn is over: say why. `full`: it was as long as a turn may be."""
        by: TurnEndedBy = "limit" if full else "silence" if self._profile is None else "evidence"
        return TurnEnded(
            at=round(decision.ended, 3),
            turn=decision.turn,
            by=by,
            score=self.evidence.turn if by == "evidence" else None,
            silence_ms=round((decision.at - decision.ended) * 1000, 1),
        )

    async def _ask_turn_model(self, pause: SpeechPause) -> None:
        """Ask soon, and once more in a long pause."""
        for seconds in (LOOK, LOOK_AGAIN):
            await asyncio.sleep(seconds)
            if seconds == LOOK_AGAIN and self.evidence.words is not None:
                return  # the words say more, and the answer they are waiting for needs the processor
            if (
                pause is self.pause
                and (over := await self._turn_model(self._context.segmenter.utterance().pcm)) is not None
            ):
                self._update_endpoint_wait(pause, turn=over)

    def _update_endpoint_wait(self, pause: SpeechPause, **news: object) -> None:
        """Something was learnt of a pause: post how much silence it needs now."""
        if self._profile is not None and pause is self.pause:
            self.evidence = replace(self.evidence, **news)
            profile = self._asked_profile or self._profile
            seconds = wait(self.evidence, profile, self._context.settings.vad_silence_timeout_ms / 1000)
            self._context.inbox.post(EndpointWait(self._context.clock.at, seconds))
