"""Models by API: what there is, loading, unloading and deleting, and requests that contradict each other."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lineside.engines.protocols import BackendModel
from lineside.engines.registry import Role
from lineside.errors import EngineError, EngineTimeout, EngineUnreachable
from lineside.models import catalogue
from tests.api.fakes import OTHER, QWEN, SMALL_MODELS, TINY, WHISPER, fill
from tests.api.fixtures import ControlClient, FakeRegistry, Keeper, at_home, engines
from tests.models.fixtures import SMALL


@pytest.fixture(autouse=True)
def catalogued(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "CATALOGUE", SMALL_MODELS)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return fill(tmp_path)


OLLAMA = ["llama3.2:3b", "qwen3:4b"]


def keeper(control: ControlClient, role: Any, name: str) -> Keeper:
    engine = control.dependencies.registry.engine(role, name)
    assert isinstance(engine, Keeper)
    return engine


def test_the_list_joins_disk_memory_and_engines(root: Path) -> None:
    """The catalogue's models with their state on the disk and in memory; then those that only engines have."""
    (root / OTHER / "small.json").unlink()

    async def story(control: ControlClient) -> None:
        _, now = await control.ask("GET", "/api/models")
        assert now["notes"] == []
        assert [row["name"] for row in now["models"]] == [WHISPER, TINY, QWEN, OTHER, "silero-vad", *OLLAMA]
        assert now["models"][0] == {
            "name": WHISPER,
            "role": "stt",
            "engine": "faster-whisper",
            "description": "a tiny one",
            "licence": "MIT",
            "source": "models.example/owner/tiny",
            "bytes": len(SMALL),
            "memory_bytes": 9,
            "state": "unchecked",
            "loaded": True,
            "in_use": 0,
            "default": True,
            "downloading": None,
        }
        states = {row["name"]: (row["engine"], row["state"], row["loaded"]) for row in now["models"]}
        assert states[OTHER] == ("", "missing", False)
        assert states["silero-vad"] == ("", "unchecked", True)
        assert states["llama3.2:3b"] == ("ollama", "remote", False)
        assert states["qwen3:4b"] == ("ollama", "missing", False)

    at_home(story, root)


def test_to_load_a_model_only_its_engine_is_asked(root: Path) -> None:
    """A back end that is slow or gone makes nobody wait who loads a model of another one."""

    async def story(control: ControlClient) -> None:
        keeper(control, "llm", "ollama").hold.clear()  # it never answers
        keeper(control, "stt", "faster-whisper").asked.clear()
        status, row = await control.ask("POST", "/api/models/load", {"model": QWEN})
        assert (status, row["loaded"]) == (200, True)
        assert keeper(control, "llm", "embedded").asked == ["kept", f"load {QWEN}", "kept"]
        assert keeper(control, "stt", "faster-whisper").asked == []
        assert keeper(control, "llm", "ollama").asked == []

    at_home(story, root)


def test_a_back_end_that_does_not_answer_is_a_note(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other models are listed all the same, and the slow one is not waited for again and again."""
    monkeypatch.setattr("lineside.api.model_readings.ASK_SECONDS", 0.05)

    async def story(control: ControlClient) -> None:
        keeper(control, "llm", "ollama").fault = EngineUnreachable("nobody answers at :11434")
        keeper(control, "llm", "embedded").hold.clear()
        _, now = await control.ask("GET", "/api/models")
        assert now["notes"] == [
            "The models of embedded cannot be listed: no answer in 0.05 s",
            "The models of ollama cannot be listed: nobody answers at :11434",
        ]
        assert len(now["models"]) == 7

    at_home(story, root)


def test_load_and_unload(root: Path) -> None:
    """The answer is the model as it stands now; what is so already is no fault."""

    async def story(control: ControlClient) -> None:
        for _ in range(2):
            status, row = await control.ask("POST", "/api/models/load", {"model": QWEN})
            assert (status, row["loaded"], row["memory_bytes"]) == (200, True, 1000)
        for _ in range(2):
            status, row = await control.ask("POST", "/api/models/unload", {"model": QWEN})
            assert (status, row["loaded"], row["memory_bytes"]) == (200, False, None)
        status, row = await control.ask("POST", "/api/models/load", {"engine": "ollama", "model": "llama3.2:3b"})
        assert (status, row["engine"], row["loaded"]) == (200, "ollama", True)

    at_home(story, root)


@pytest.mark.parametrize("what", ["load", "unload", "download", "download/cancel"])
def test_an_unknown_name_is_404_with_the_known_ones(root: Path, what: str) -> None:
    """Models and engines are looked up, and nothing is asked of any engine."""

    async def story(control: ControlClient) -> None:
        for name in ("nobody", "../silero-vad", "silero-vad\0", "SILERO-VAD", "x; rm -rf /"):
            status, code, message = await control.refused("POST", f"/api/models/{what}", {"model": name})
            assert (status, code) == (404, "unknown_model")
            assert all(known in message for known in (WHISPER, QWEN, OTHER, "llama3.2:3b"))
        body = {"model": QWEN, "engine": "piper"}
        status, code, message = await control.refused("POST", f"/api/models/{what}", body)
        assert (status, code) == (404, "unknown_engine")
        assert "known: faster-whisper, embedded, ollama" in message
        body = {"model": WHISPER, "engine": "ollama"}
        assert (await control.refused("POST", f"/api/models/{what}", body))[:2] == (404, "unknown_model")
        assert set(keeper(control, "llm", "embedded").asked) == {"kept"}

    at_home(story, root)


def test_what_cannot_be_loaded_says_why(root: Path) -> None:
    """Not fetched: with the command that fetches it. No engine for it. The gateway's own."""
    (root / QWEN / "small.json").unlink()

    async def story(control: ControlClient) -> None:
        assert await control.refused("POST", "/api/models/load", {"model": QWEN}) == (
            409,
            "not_fetched",
            f"{QWEN} is not downloaded; fetch it first: lineside models pull {QWEN}",
        )
        for name, why in ((OTHER, "no engine"), ("silero-vad", "lives in the gateway itself")):
            status, code, message = await control.refused("POST", "/api/models/load", {"model": name})
            assert (status, code) == (409, "not_loadable")
            assert why in message

    at_home(story, root)


def test_a_name_that_two_engines_have_wants_the_engine_named(root: Path) -> None:
    """Refused with both; with one of them it is done."""

    there = engines()
    there["llm"]["another"] = Keeper(BackendModel("llama3.2:3b", loaded=False))

    async def story(control: ControlClient) -> None:
        status, code, message = await control.refused("POST", "/api/models/load", {"model": "llama3.2:3b"})
        assert (status, code) == (409, "ambiguous")
        assert "ollama, another" in message
        body = {"model": "llama3.2:3b", "engine": "another"}
        assert (await control.ask("POST", "/api/models/load", body))[1]["engine"] == "another"

    at_home(story, root, registry=FakeRegistry(there))


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        (EngineUnreachable("nobody is there"), (502, "engine_unreachable", "nobody is there")),
        (EngineTimeout("too slow"), (504, "engine_too_slow", "too slow")),
        (EngineError("out of memory"), (502, "engine_failed", "out of memory")),
    ],
)
def test_an_engine_that_fails_is_told_as_it_says(root: Path, fault: Exception, answer: tuple[int, str, str]) -> None:
    """Status, code and its own words."""

    async def story(control: ControlClient) -> None:
        engine = keeper(control, "llm", "embedded")

        async def fails(model: str) -> None:
            raise fault

        engine.load = fails  # type: ignore[method-assign]
        assert await control.refused("POST", "/api/models/load", {"model": QWEN}) == answer

    at_home(story, root)


def test_a_load_that_takes_too_long_is_504(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded, whatever the engine does."""
    monkeypatch.setattr("lineside.api.models.LOAD_SECONDS", 0.05)

    async def story(control: ControlClient) -> None:
        engine = keeper(control, "llm", "embedded")

        async def hangs(model: str) -> None:
            await asyncio.Event().wait()

        engine.load = hangs  # type: ignore[method-assign]
        assert (await control.refused("POST", "/api/models/load", {"model": QWEN}))[:2] == (504, "engine_too_slow")

    at_home(story, root)


def test_a_model_in_use_is_not_unloaded_or_waits(root: Path) -> None:
    """409 with the reason, or with `wait` when the requests under way are over."""

    async def story(control: ControlClient) -> None:
        engine = keeper(control, "llm", "embedded")
        engine.models[QWEN] = BackendModel(QWEN, loaded=True, in_use=2)
        assert await control.refused("POST", "/api/models/unload", {"model": QWEN}) == (
            409,
            "in_use",
            f"{QWEN} is in use by 2 requests",
        )
        waiting = asyncio.create_task(control.ask("POST", "/api/models/unload", {"model": QWEN, "wait": True}))
        await engine.waits.wait()
        # What contradicts it meanwhile is refused, and does nothing.
        assert (await control.refused("POST", "/api/models/load", {"model": QWEN}))[:2] == (409, "busy")
        assert (await control.refused("DELETE", f"/api/models/{QWEN}"))[:2] == (409, "busy")
        assert not [asked for asked in engine.asked if asked.startswith("load")]
        engine.free.set()
        status, row = await waiting
        assert (status, row["loaded"]) == (200, False)

    at_home(story, root)


def test_an_unload_can_wait_for_a_load(root: Path) -> None:
    """Without `wait` it is refused; with it, it comes after. Two loads at once are no contradiction."""

    async def story(control: ControlClient) -> None:
        engine, go_on = keeper(control, "llm", "embedded"), asyncio.Event()
        both = asyncio.Barrier(3)

        async def slow(model: str) -> None:
            await both.wait()
            await go_on.wait()
            engine.models[model] = BackendModel(model, loaded=True)

        engine.load = slow  # type: ignore[method-assign]
        loading = [asyncio.create_task(control.ask("POST", "/api/models/load", {"model": QWEN})) for _ in range(2)]
        await both.wait()
        assert (await control.refused("POST", "/api/models/unload", {"model": QWEN}))[:2] == (409, "busy")
        unloading = asyncio.create_task(control.ask("POST", "/api/models/unload", {"model": QWEN, "wait": True}))
        go_on.set()
        assert [(await one)[0] for one in loading] == [200, 200]
        status, row = await unloading
        assert (status, row["loaded"]) == (200, False)

    at_home(story, root)


def test_delete_takes_the_models_files_and_no_others(root: Path) -> None:
    """Its files, its `.part`s and its notes go; what somebody else put there stays, and so do other models."""
    folder = root / QWEN
    (folder / "small.json.part").write_bytes(b"half")
    (folder / ".verified.json").write_bytes(b"{}")
    (folder / "mine.txt").write_text("keep me")

    async def story(control: ControlClient) -> None:
        freed = len(SMALL) + 4 + 2
        assert await control.ask("DELETE", f"/api/models/{QWEN}") == (200, {"deleted": QWEN, "freed_bytes": freed})
        assert [path.name for path in folder.iterdir()] == ["mine.txt"]
        assert (await control.model(QWEN))["state"] == "missing"
        (folder / "mine.txt").unlink()
        assert await control.ask("DELETE", f"/api/models/{QWEN}") == (200, {"deleted": QWEN, "freed_bytes": 0})
        assert not folder.exists()
        assert (root / WHISPER / "small.json").exists()

    at_home(story, root)


def test_delete_is_refused_while_the_model_is_needed(root: Path) -> None:
    """In memory, in the gateway itself, fetched by another process, or where nobody can tell."""

    async def story(control: ControlClient) -> None:
        assert (await control.refused("DELETE", f"/api/models/{WHISPER}"))[:2] == (409, "loaded")
        assert (await control.refused("DELETE", "/api/models/silero-vad"))[:2] == (409, "loaded")
        engine = keeper(control, "llm", "embedded")
        engine.fault = EngineTimeout("no answer")
        assert (await control.refused("DELETE", f"/api/models/{QWEN}"))[:2] == (409, "cannot_tell")
        engine.fault = EngineUnreachable("nobody is there")  # then it has nothing in memory
        assert (await control.ask("DELETE", f"/api/models/{QWEN}"))[0] == 200
        for name in ("llama3.2:3b", "..", "%2e%2e%2fetc", "silero-vad%00"):
            async with control.http.delete(f"{control.url}/api/models/{name}") as answer:
                assert answer.status == 404
        assert (root / WHISPER / "small.json").exists()

    at_home(story, root)


def test_unload_all_frees_what_nobody_uses(root: Path) -> None:
    """What is in use stays, and the answer says so; an engine that hangs is named."""

    async def story(control: ControlClient) -> None:
        keeper(control, "llm", "embedded").models[QWEN] = BackendModel(QWEN, loaded=True, in_use=3)
        ollama = keeper(control, "llm", "ollama")
        ollama.fault = EngineError("it answered 500")
        _, told = await control.ask("POST", "/api/gpu/unload-all")
        assert told == {
            "unloaded": [{"engine": "faster-whisper", "model": WHISPER}],
            "kept": [
                {"engine": "embedded", "model": QWEN, "why": "3 requests use it"},
                {"engine": "ollama", "model": "", "why": "it answered 500"},
            ],
        }
        assert (await control.model(WHISPER))["loaded"] is False

    at_home(story, root)


def test_an_engine_that_the_settings_do_not_let_be_is_passed_over(root: Path) -> None:
    """It is down, and keeps no models; the others are as they were."""

    class Broken(FakeRegistry):
        def names(self, role: Role) -> tuple[str, ...]:
            return (*super().names(role), "broken")

    async def story(control: ControlClient) -> None:
        _, now = await control.ask("GET", "/api/engines")
        assert now["tts"]["engines"][-1] == {
            "name": "broken",
            "choices": [],
            "default_choice": "",
            "embedded": False,
            "up": False,
            "why": "it cannot be used with these settings",
            "model": "",
            "state": "not configured",
            "download": "",
            "answers": {"engine": "espeak", "model": "", "instead_of": "broken", "why": "failed"},
            "fallback": None,
        }
        assert len((await control.ask("GET", "/api/models"))[1]["models"]) == 7

    at_home(story, root, registry=Broken(engines()))
