"""Engines that load for long, and engines that are up and do not work: other engines take the calls meanwhile."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import aiohttp
import pytest
from aiohttp import web

from lineside.audio.frame import SpokenAudio, Utterance
from lineside.engines import fallback_chain
from lineside.engines.engine_trials import DEAF_AFTER, EngineTrials, sample_speech
from lineside.engines.fallback import FallbackLLM, FallbackSTT, FallbackTTS
from lineside.engines.protocols import LlmPiece, LlmRequest, Message, Thought, Token, Transcription
from lineside.engines.same_answers import SUSPICIOUS, SameAnswers
from lineside.engines.vendors.ollama import Ollama
from lineside.engines.vendors.openai import OpenAILLM, OpenAISTT
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.engines.warm_models import WarmModels, keep_alive, kept_seconds
from lineside.errors import EngineBusy, EngineError, EngineUnreachable
from tests.engines.fixtures import all_of, built
from tests.engines.test_fallback import ASKED, answer, heard, said
from tests.fakes import serving
from tests.fakes.ollama import FakeOllama
from tests.patience import until
from tests.virtual_time import run

LONG = Utterance(b"\x10\x00" * 32_000, 0.0, 1.5)


def now() -> float:
    return asyncio.get_running_loop().time()


class LoadsWhenAsked(ScriptedLLM):
    """A server that loads its model at the first request, and stops when that one leaves (Ollama, LM Studio)."""

    def __init__(self, takes: float) -> None:
        super().__init__(answers=["From the big one."])
        self.takes_to_load, self.begun, self.loaded = takes, 0, False

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[LlmPiece, None]:
        if not self.loaded:
            self.begun += 1
            await asyncio.sleep(self.takes_to_load)
            self.loaded = True
        async for piece in super().reply(messages, ask):
            yield piece


def chained(trials: EngineTrials, *engines: tuple[str, ScriptedLLM]) -> FallbackLLM:
    chain = FallbackLLM(engines)
    chain.trials = trials
    return chain


# ── loading ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_model_is_loaded_by_a_request_that_nobody_cancels_while_another_answers() -> None:
    """One caller waits for the deadline, the next ones not at all; then the big model answers."""

    async def story() -> None:
        trials, big = EngineTrials(), LoadsWhenAsked(60.0)
        chain = chained(trials, ("big", big), ("small", ScriptedLLM(answers=["From the small one."])))
        began = now()
        assert await answer(chain) == "From the small one."
        assert now() - began < 3.2
        for _ in range(5):
            began = now()
            assert await answer(chain) == "From the small one."
            assert now() - began < 0.2
            await asyncio.sleep(2.0)
        await asyncio.sleep(60.0)
        assert await answer(chain) == "From the big one."
        assert big.begun == 2  # the caller's, which was given up, and ours
        await trials.close()

    run(story())


@pytest.mark.parametrize("leaves_after", [0.1, 2.0, 29.0])
def test_a_caller_who_leaves_does_not_stop_the_loading_for_ever(leaves_after: float) -> None:
    """A model alone: each caller goes before it is loaded, and yet it is loaded."""

    async def story() -> None:
        trials, big = EngineTrials(), LoadsWhenAsked(30.0)
        chain = chained(trials, ("big", big))
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(leaves_after):
                    await answer(chain)
        await asyncio.sleep(31.0)
        assert await answer(chain) == "From the big one."
        await trials.close()

    run(story())


def test_a_reply_that_is_dropped_begins_no_trial_where_the_model_answered_lately() -> None:
    """Replies are prepared and dropped all the time."""

    async def story() -> None:
        trials, llm = EngineTrials(), ScriptedLLM(first=0.5)
        chain = chained(trials, ("one", llm))
        assert await answer(chain)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await answer(chain)
        assert not trials.running("llm", "one")
        await trials.close()

    run(story())


def test_an_engine_that_cannot_be_loaded_is_given_up_and_no_task_is_left() -> None:
    """An hour of loading is none."""

    async def story() -> None:
        trials = EngineTrials()
        chain = chained(trials, ("big", LoadsWhenAsked(3600.0)), ("small", ScriptedLLM(answers=["Small."])))
        assert await answer(chain) == "Small."
        await asyncio.sleep(700.0)
        assert not trials.running("llm", "big")
        assert await answer(chain) == "Small."
        await trials.close()

    run(story())


class ColdOllama(FakeOllama):
    """Loads for a while at the first request, and drops what it loaded when that one leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = self.aborted = 0
        self.there = asyncio.Event()  # what it loads

    async def _load(self, request: web.Request) -> None:
        if self.memory:
            return
        self.begun += 1
        try:
            await self.there.wait()
        except asyncio.CancelledError:
            self.aborted += 1
            raise

    async def chat(self, request: web.Request) -> web.StreamResponse:
        await self._load(request)
        return await super().chat(request)

    async def generate(self, request: web.Request) -> web.Response:
        await self._load(request)
        return await super().generate(request)


def test_ollama_is_loaded_though_the_first_caller_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over HTTP, where a closed connection stops the loading; the next request finds the model there."""

    async def main() -> None:
        monkeypatch.setitem(fallback_chain.FIRST, "llm", 0.1)
        fake, trials = ColdOllama(), EngineTrials()
        async with serving(fake.app()) as url, aiohttp.ClientSession() as http:
            chain = FallbackLLM(
                [("ollama", built(Ollama, http, ollama_url=url)), ("small", ScriptedLLM(answers=["Small."]))]
            )
            chain.trials = trials
            assert await answer(chain) == "Small."
            await until(lambda: (fake.begun, fake.aborted) == (2, 1), "the caller has left, the trial loads")
            for _ in range(3):
                assert await answer(chain) == "Small."
            monkeypatch.setitem(fallback_chain.FIRST, "llm", 60.0)
            fake.there.set()
            await until(lambda: not trials.running("llm", "ollama"))
            assert (fake.begun, fake.aborted) == (2, 1)
            assert (await answer(chain)).startswith("Your order")
            await trials.close()

    asyncio.run(main())


def openai_server(status: int, body: object) -> web.Application:
    async def refuse(request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    app = web.Application()
    for path in ("/v1/chat/completions", "/v1/audio/transcriptions"):
        app.router.add_post(path, refuse)
    return app


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}),  # llama.cpp
        (503, {"detail": "Model is loading"}),  # Text Generation Inference
        (429, {"error": {"message": "The engine is currently overloaded"}}),
    ],
)
def test_a_server_that_says_it_is_loading_is_passed_over_and_trusted(status: int, body: object) -> None:
    """At once, every time, for chat and for speech: it has the calls as soon as it answers."""

    async def main() -> None:
        async with serving(openai_server(status, body)) as url, aiohttp.ClientSession() as http:
            llm = built(OpenAILLM, http, openai_url=url, openai_model="m")
            chain = FallbackLLM([("openai", llm), ("small", ScriptedLLM(answers=["Small."]))])
            for _ in range(5):
                assert await answer(chain) == "Small."
            assert all(candidate.breaker.well for candidate in chain._candidates)
            stt = FallbackSTT([("openai", built(OpenAISTT, http, openai_url=url)), ("two", ScriptedSTT(hears=["two"]))])
            assert await heard(stt) == "two"
            with pytest.raises(EngineBusy):
                await answer(FallbackLLM([("openai", llm)]))

    asyncio.run(main())


def test_a_server_that_does_not_listen_while_it_loads_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """vLLM opens its port when the model is there: until then the next one answers at once."""
    monkeypatch.setitem(fallback_chain.FIRST, "llm", 120.0)

    async def main() -> None:
        async with serving(web.Application()) as url:
            pass  # its port, where nobody listens now
        async with aiohttp.ClientSession() as http:
            llm = built(OpenAILLM, http, openai_url=url, openai_model="m")
            chain = FallbackLLM([("vllm", llm), ("small", ScriptedLLM(answers=["Small."]))])
            began = now()
            for _ in range(4):
                assert await answer(chain) == "Small."
            assert now() - began < 60.0, "the deadline was not waited for"
            with pytest.raises(EngineUnreachable, match="nobody answers"):
                await answer(FallbackLLM([("vllm", llm)]))

    asyncio.run(main())


# ── kept in memory ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("setting", "seconds"),
    [("5m", 300.0), ("1h30m", 5400.0), ("300", 300.0), ("0", 0.0), ("-1", None), ("-1m", None), ("90s", 90.0)],
)
def test_how_long_a_server_keeps_a_model(setting: str, seconds: float | None) -> None:
    """As Go writes it, or as a number of seconds."""
    assert kept_seconds(keep_alive(setting)) == seconds


def test_models_that_calls_use_are_touched_before_the_server_would_unload_them() -> None:
    """The usual one for good, another for an hour after its last call, none that an operator has unloaded."""
    models = WarmModels("usual", 300.0)
    for model in ("usual", "other", "unloaded"):
        models.used(model, 0.0)
    models.forget("unloaded")
    assert models.due(100.0) == []
    touched: dict[str, list[float]] = {"usual": [], "other": []}
    for second in range(0, 20_000, 15):
        for model in models.due(float(second)):
            touched[model].append(second)
            models.asked(model, float(second))
        assert models.loaded("usual", float(second))
    assert touched["usual"][-1] > 19_000
    assert touched["other"][-1] < 3600
    assert not models.loaded("other", 20_000.0)


@pytest.mark.parametrize("kept", [None, 0.0, 30.0])
def test_a_model_is_not_touched_where_the_operator_wants_it_gone_soon_or_kept_for_ever(kept: float | None) -> None:
    """Their word counts."""
    models = WarmModels("usual", kept)
    models.used("usual", 0.0)
    assert models.due(10_000.0) == []


def test_an_engine_is_touched_in_the_background_and_its_failure_is_no_ones() -> None:
    """Until the registry is closed."""

    class Touched(ScriptedLLM):
        touches = 0

        async def touch(self) -> None:
            self.touches += 1
            raise EngineUnreachable("away")

    async def story() -> None:
        trials, engine = EngineTrials(), Touched()
        trials.keep_warm(lambda: [engine])
        await asyncio.sleep(100.0)
        assert engine.touches >= 5
        await trials.close()

    run(story())


# ── up, and deaf ───────────────────────────────────────────────────────────────────────────────────────────────────


class Deaf(ScriptedSTT):
    """Hangs from one request on, until it is restarted."""

    def __init__(self, after: int) -> None:
        super().__init__(hears=["first"])
        self.after, self.asked = after, 0

    async def check(self) -> None:
        """All is well."""

    async def transcribe(self, utterance: Utterance) -> Transcription:
        self.asked += 1
        if self.asked > self.after:
            await asyncio.sleep(1e6)
        return await super().transcribe(utterance)


def test_a_recogniser_that_goes_deaf_is_noticed_replaced_within_two_seconds_and_restarted() -> None:
    """From the sixth request on it hangs, and its health page says that it is well."""

    async def story() -> None:
        first, restarted = Deaf(after=5), list[tuple[str, str, float]]()

        async def restart(role: str, name: str) -> None:
            restarted.append((role, name, now()))
            first.after = 10**6

        trials = EngineTrials(restart)
        chain = FallbackSTT([("whisper-server", first), ("two", ScriptedSTT(hears=["second"]))])
        chain.trials = trials
        assert [await heard(chain) for _ in range(5)] == ["first"] * 5
        began = now()
        assert await heard(chain) == "second"
        assert now() - began < 2.0
        for _ in range(3):
            began = now()
            assert await heard(chain) == "second"
            assert now() - began < 0.1, "the callers after the first one do not wait at all"
        await asyncio.sleep(DEAF_AFTER + 2.0)
        assert [one[:2] for one in restarted] == [("stt", "whisper-server")]
        assert await heard(chain) == "first"
        await trials.close()

    run(story())


def test_one_that_is_only_slow_for_once_is_not_restarted() -> None:
    """A moment's load: the trial answers, and it has the calls back."""

    async def story() -> None:
        restarted, first = list[str](), ScriptedSTT(hears=["first"])

        async def restart(role: str, name: str) -> None:
            restarted.append(name)

        trials = EngineTrials(restart)
        chain = FallbackSTT([("one", first), ("two", ScriptedSTT(hears=["second"]))])
        chain.trials = trials
        assert await heard(chain) == "first"
        first._takes = 4.0
        assert await heard(chain) == "second"
        first._takes = 0.05
        await asyncio.sleep(DEAF_AFTER)
        assert await heard(chain) == "first"
        assert restarted == []
        await trials.close()

    run(story())


class DeafLLM(ScriptedLLM):
    deaf = False

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[LlmPiece, None]:
        if self.deaf:
            await asyncio.sleep(1e6)
        async for piece in super().reply(messages, ask):
            yield piece


class DeafTTS(ScriptedTTS):
    deaf = False

    async def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        if self.deaf:
            await asyncio.sleep(1e6)
        async for sound in super().speak(sentence, voice):
            yield sound


@pytest.mark.parametrize("role", ["llm", "tts"])
def test_a_model_and_a_voice_that_go_deaf_are_replaced_and_restarted_too(role: str) -> None:
    """The same for every role."""

    async def story() -> None:
        told, mute, trials = list[str](), DeafTTS(), EngineTrials()
        llm = DeafLLM(answers=["First."])

        async def restart(role: str, name: str) -> None:
            told.append(name)
            mute.deaf = llm.deaf = False

        trials = EngineTrials(restart)
        if role == "llm":
            brain = chained(trials, ("one", llm), ("two", ScriptedLLM(answers=["Second."])))
            assert await answer(brain) == "First."
            llm.deaf = True
            assert await answer(brain) == "Second."
            await asyncio.sleep(DEAF_AFTER + 1.0)
            assert await answer(brain) == "First."
        else:
            voices = FallbackTTS([("one", mute), ("two", ScriptedTTS())])
            voices.trials = trials
            assert await said(voices, "Good morning.") == "Good morning."
            mute.deaf = True
            assert await said(voices, "Good day.") == "Good day."
            assert voices.switches == 1
            await asyncio.sleep(DEAF_AFTER + 1.0)
            assert await said(voices, "Good evening.") == "Good evening."
            assert voices.switches == 1
        assert told == ["one"]
        await trials.close()

    run(story())


@pytest.mark.parametrize("says", ["", "Thank you.", "The quick brown fox."])
def test_a_recogniser_that_hears_the_same_in_everything_is_found_out(says: str) -> None:
    """Nothing for ever, or one text for ever: it is tried with a recorded question, and then not believed."""

    async def story() -> None:
        stuck, restarted = ScriptedSTT(hears=[says]), list[str]()

        async def restart(role: str, name: str) -> None:
            restarted.append(name)

        trials = EngineTrials(restart)
        second = ScriptedSTT(hears=[f"second {number}" for number in range(100)])
        chain = FallbackSTT([("stuck", stuck), ("two", second)])
        chain.trials = trials
        heard_texts = []
        for _ in range(40):
            heard_texts.append((await chain.transcribe(LONG)).text)
            await asyncio.sleep(30.0)
        assert heard_texts[:SUSPICIOUS] == [says] * SUSPICIOUS
        assert all(text.startswith("second") for text in heard_texts[SUSPICIOUS + 1 :])
        assert "stuck" in restarted
        stuck._hears = ["I would like to know.", "when you are open.", "on Saturday."] * 20
        await asyncio.sleep(60.0)
        assert not (await chain.transcribe(LONG)).text.startswith("second")
        await trials.close()

    run(story())


def test_callers_may_say_yes_as_often_as_they_like() -> None:
    """The trial hears something else in the recorded question: the recogniser is well."""

    class Well(ScriptedSTT):
        async def transcribe(self, utterance: Utterance) -> Transcription:
            if utterance is sample_speech():
                return Transcription("When are you open on Saturday?")
            return Transcription("Yes.")

    async def story() -> None:
        trials = EngineTrials()
        chain = FallbackSTT([("one", Well()), ("two", ScriptedSTT(hears=["second"]))])
        chain.trials = trials
        for _ in range(40):
            assert (await chain.transcribe(LONG)).text == "Yes."
            await asyncio.sleep(5.0)
        await trials.close()

    run(story())


def test_nothing_heard_in_a_noise_says_nothing_of_a_recogniser() -> None:
    """Only utterances with enough voice count."""
    same = SameAnswers()
    assert not any(same.note("", 0.3) for _ in range(100))
    assert [same.note("", 1.5) for _ in range(SUSPICIOUS)] == [False] * (SUSPICIOUS - 1) + [True]
    assert not any(same.note(f"order {number}", 1.5) for number in range(100))


def test_a_trial_that_fails_leaves_the_engine_alone_for_a_while() -> None:
    """Its breaker is open, and the callers do not pay for it."""

    class Broken(ScriptedLLM):
        async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[LlmPiece, None]:
            if len(messages) == 1 and messages[0].content == "Say yes.":
                raise EngineError("no model")
            await asyncio.sleep(1000)
            yield Token("")

    async def story() -> None:
        trials = EngineTrials()
        chain = chained(trials, ("one", Broken()), ("two", ScriptedLLM(answers=["Second."])))
        assert await answer(chain) == "Second."
        await asyncio.sleep(0.1)
        began = now()
        assert await answer(chain) == "Second."
        assert now() - began < 0.2
        assert not any(True for piece in await all_of(chain.reply(ASKED, LlmRequest())) if isinstance(piece, Thought))
        await trials.close()

    run(story())
