"""A chain of engines: when one fails, is slow or talks nonsense, the next one goes on where it stopped.

A chain is an engine itself. Only the last of a chain has the caller's whole patience; the others must begin within
`FIRST` and go on within `LATER` seconds. One whose connection breaks is asked once more, at once and for the rest: its
server may be several, of which one has died. Each has a breaker, so that a dead engine costs its deadline three times
and not at every turn; one that did not answer in time is tried by a request of our own (`engine_trials`), and has the
calls back when it answers that.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

import msgspec
import structlog
from msgspec import Struct
from msgspec.structs import replace

from lineside.engines.answered import answered_by, reason, tell
from lineside.engines.circuit_breaker import CircuitBreaker
from lineside.engines.engine_trials import LATELY, EngineTrials, SilentEngine
from lineside.engines.protocols import Engine, EngineInfo, HealthChecked
from lineside.engines.same_answers import SameAnswers
from lineside.engines.timeouts import Patience
from lineside.engines.tts_cache import CachedTTS
from lineside.errors import EngineBusy, EngineDisconnected, EngineError, EngineTimeout
from lineside.protocol import AnsweredBy
from lineside.reasons import FallbackReason

log = structlog.get_logger()

# Seconds. With a filler at 1.6 s the caller's silence stays under two seconds whatever happens within them.
FIRST = {"stt": 1.8, "llm": 3.0, "tts": 1.5}
LATER = {"stt": 1.8, "llm": 2.0, "tts": 1.0}

MOST_REST = 60.0  # seconds that a busy server is left alone, whatever it asks for
LAST = 60.0  # for the last of a chain: whoever asks has a deadline of its own, far below

ABSENT: frozenset[FallbackReason] = frozenset(("not running", "not downloaded", "no key"))  # a check finds these

E = TypeVar("E", bound=Engine)
Failed = Callable[[str, str, EngineError, bool], None]


class Candidate(Struct, Generic[E]):
    """One engine of a chain, and whether it is trusted."""

    name: str
    engine: E
    breaker: CircuitBreaker
    answered: float | None = None  # when it last did
    same: SameAnswers = msgspec.field(default_factory=SameAnswers)
    stuck: str | None = None  # what it was found to hear in everything
    why: FallbackReason = ""  # what it failed with since it answered last; empty: with nothing


class Attempt(Struct, Generic[E]):
    """One try of one engine."""

    candidate: Candidate[E]
    should: Candidate[E]  # the one that should answer, if nothing kept it from it
    last: bool  # nobody comes after it
    first: float  # seconds until it must have begun
    later: float  # seconds until it must go on
    again: bool = False  # its connection broke the time before
    broke: bool = False  # and now it did for the first time: it is asked again


class FallbackChain(Generic[E]):
    """Engines in the order in which they are asked."""

    role = ""
    # What of the engines before is no news: whoever is asked then answers as it should.
    expected: frozenset[FallbackReason] = frozenset()
    unasked: frozenset[str] = frozenset()  # engines that nobody chose: that they are not there is no warning
    trials: EngineTrials | None = None  # what tries those again that did not answer

    def __init__(
        self, engines: Sequence[tuple[str, E]], failed: Failed = lambda role, name, why, switched: None
    ) -> None:
        """`failed` hears of every failure: role, engine, error, and whether another one goes on."""
        self._notice = failed
        self._candidates = [Candidate(name, engine, CircuitBreaker()) for name, engine in engines]
        self.switches = 0  # times that another than the first had to answer
        infos = [engine.info for _, engine in engines]
        known = dict.fromkeys(choice for info in infos for choice in info.choices)
        self.info = EngineInfo(
            choices=tuple(known) if all(info.choices for info in infos) else (),
            embedded=any(info.embedded for info in infos),
        )

    async def check(self) -> None:
        """Whether any of them would answer."""
        await self.first_up()

    async def first_up(self) -> E:
        """The first that says it would answer. Raises the last one's `EngineError`."""
        return (await self._first_up()).engine

    async def _first_up(self) -> Candidate[E]:
        for candidate in self._candidates:
            try:
                if isinstance(candidate.engine, HealthChecked):
                    await candidate.engine.check()
            except EngineError as why:
                candidate.why = reason(why)
                if candidate is self._candidates[-1]:
                    raise
            else:
                candidate.why = "" if candidate.why in ABSENT else candidate.why
                return candidate
        raise EngineError(f"no {self.role} engine is given")

    async def usual(self, choice: str = "") -> AnsweredBy:
        """Who would answer now by what their checks say, and with what. Raises the last one's `EngineError`."""
        return await self._standing_in(await self._first_up(), choice)

    def likely(self, choice: str = "") -> AnsweredBy:
        """Who will be asked first by what is known already, and with what; nobody is asked."""
        candidates = self._knowing_first(choice)
        there = (one for one in candidates if one.why not in ABSENT and self._trusts(one))
        one = next(there, candidates[-1])
        if isinstance(one.engine, FallbackChain):
            return self._instead(one, candidates[0], one.engine.likely(choice))
        return self._instead(one, candidates[0], self._by(one, choice))

    async def _standing_in(self, one: Candidate[E], choice: str) -> AnsweredBy:
        by = await one.engine.usual(choice) if isinstance(one.engine, FallbackChain) else self._by(one, choice)
        return self._instead(one, self._candidates[0], by)

    def _by(self, one: Candidate[E], choice: str) -> AnsweredBy:
        return answered_by(one.name, one.engine, known_choice(choice, one.engine))

    def _instead(self, one: Candidate[E], should: Candidate[E], by: AnsweredBy) -> AnsweredBy:
        """The same, and whom it stands in for."""
        why = (should.why or "failed") if should is not one else ""
        return by if why in ("", *self.expected) else replace(by, instead_of=should.name, why=why)

    def _attempts(self, wanted: str = "") -> "Iterator[Attempt[E]]":
        """Whom to ask: those who know what is wanted first; those who keep failing not at all.

        If all keep failing, all are asked: better a slim chance than none.
        """
        candidates = self._knowing_first(wanted)
        trusted = [candidate for candidate in candidates if self._trusts(candidate)] or candidates
        for candidate in trusted:
            last = candidate is trusted[-1]
            first, later = (LAST, LAST) if last else (FIRST[self.role], LATER[self.role])
            for again in (False, True):
                candidate.breaker.tried(_now())
                attempt = Attempt(candidate, candidates[0], last, first, later, again)
                yield attempt
                if not attempt.broke:
                    break

    def _trusts(self, candidate: Candidate[E]) -> bool:
        tried = self.trials is not None and self.trials.running(self.role, candidate.name)
        return candidate.breaker.lets(_now()) and not tried

    def _knowing_first(self, wanted: str) -> list[Candidate[E]]:
        """All of them, those who know the model or voice that is wanted before the others."""
        if not wanted:
            return self._candidates
        return sorted(self._candidates, key=lambda candidate: wanted not in candidate.engine.info.choices)

    @contextmanager
    def _waiting(self, candidate: Candidate[E], wanted: str = "") -> Iterator[None]:
        """A caller waits for it. Who leaves before it answered has stopped what it may have begun to load."""
        before = candidate.answered
        try:
            yield
        except asyncio.CancelledError:
            if candidate.answered == before and not _lately(candidate):
                candidate.why = candidate.why or "too slow"
                self._try(candidate, wanted)
            raise

    @contextmanager
    def _reading(self, attempt: Attempt[E], wanted: str) -> Iterator[Patience]:
        """A caller reads the stream of this attempt, under its deadlines."""
        candidate = attempt.candidate
        with self._waiting(candidate, wanted), Patience(attempt.first, attempt.later, candidate.name) as patience:
            yield patience

    def _began(self, candidate: Candidate[E]) -> bool:
        """The first of its answer is there."""
        candidate.answered = _now()
        return True

    def well(self, candidate: Candidate[E]) -> None:
        candidate.answered, candidate.why = _now(), ""
        candidate.breaker.succeeded()

    def _answers(self, attempt: Attempt[E], choice: str = "") -> None:
        """Tell whoever listens that this one answers. A chain within the chain tells for itself."""
        candidate, should = attempt.candidate, attempt.should
        why = (should.why or "failed") if should is not candidate else ""
        if why in self.expected:
            why = ""
        if why or not isinstance(candidate.engine, FallbackChain):
            by = answered_by(candidate.name, candidate.engine, choice)
            tell(self.role, replace(by, instead_of=should.name if why else "", why=why))

    def _try(self, candidate: Candidate[E], wanted: str = "", same: str | None = None) -> None:
        """Have it tried by a request that no caller cancels."""
        if self.trials is None:
            return
        engine = candidate.engine.uncached if isinstance(candidate.engine, CachedTTS) else candidate.engine
        choice = known_choice(wanted, candidate.engine)

        def over(answers: bool) -> None:
            if answers:
                self.well(candidate)
            else:
                candidate.stuck = same
                candidate.breaker.open(_now())

        self.trials.begin(SilentEngine(self.role, candidate.name, engine, choice, _lately(candidate), same), over)

    def _failed(self, attempt: Attempt[E], why: EngineError, wanted: str = "") -> None:
        """Note it; raise it if nobody is left."""
        chain = isinstance(attempt.candidate.engine, FallbackChain)  # which has asked again itself
        if isinstance(why, EngineDisconnected) and not attempt.again and not chain:
            attempt.broke = True
            self._notice(self.role, attempt.candidate.name, why, False)
            return
        candidate, trusted = attempt.candidate, attempt.candidate.breaker.closed
        candidate.why = reason(why)
        if isinstance(why, EngineTimeout):
            self._try(candidate, wanted)
        if isinstance(why, EngineBusy):  # one that is busy is well
            candidate.breaker.rest(_now() + min(why.again, MOST_REST))
        else:
            candidate.breaker.failed(_now())
        self._notice(self.role, candidate.name, why, not attempt.last)
        if attempt.last:
            raise why
        self.switches += 1
        unasked = candidate.why == "not running" and candidate.answered is None and candidate.name in self.unasked
        if trusted and not unasked:  # that one which was given up is still dead is no news
            kind = type(why).__name__
            log.warning("engine failed, falling back to the next", role=self.role, engine=candidate.name, why=kind)


def known_choice(name: str, engine: Engine) -> str:
    """The model or voice by this name, where the engine has it; its own default otherwise."""
    choices = engine.info.choices
    return name if not choices or name in choices else ""


def _lately(candidate: Candidate[E]) -> bool:
    return candidate.answered is not None and _now() - candidate.answered < LATELY


def _now() -> float:
    return asyncio.get_running_loop().time()
