"""The models in memory: loaded when first asked for or when told to, unloaded when told to."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import structlog
from msgspec import Struct, field

from lineside.engine_server.memory import let_go, taken
from lineside.engine_server.openai_schema import UNKNOWN_MODEL, RequestRefused
from lineside.engine_server.tts.voices import voices
from lineside.engine_server.work_queue import WorkQueue
from lineside.errors import EngineBusy, LinesideError
from lineside.models.catalogue import Model

log = structlog.get_logger()

MAX_MODELS_PER_ROLE = 4  # loaded models of one role; another is refused, and the answer names those that could go
UNLOAD_WAIT_SECONDS = 60.0  # seconds that an unload waits for the requests under way; then it is refused
MAX_REQUESTS = {"stt": 16, "tts": 16, "llm": 32}  # requests at each model; more are sent away with a 503


class LoadedModel(Struct):
    """A model that is loaded or being loaded."""

    model: Model
    queue: WorkQueue
    instance: Any = None  # what works: `Hears`, `Thinks` or `Speaks`, by the model's role
    settled: asyncio.Event = field(default_factory=asyncio.Event)  # loaded, or failed to
    fault: str = ""  # why it could not be loaded
    loading: asyncio.Task[None] | None = None
    memory_bytes: int | None = None  # by how much the process grew while it was loaded
    unloads_waiting: int = 0  # unloads that wait until it is idle; it takes no new requests meanwhile


async def _nothing(instance: Any) -> None:
    """Most models need nothing before their first request."""


class ModelPool:
    """The models that can be loaded, and those that are. `tasks` owns the loads; `close` ends them.

    `fetched` says whether a model's files are here, `load_instance` loads it and blocks, `prepare` runs before its
    first request. `defaults` are the models that a role has when a request names none.
    """

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        known: Sequence[Model],
        fetched: Callable[[Model], bool],
        load_instance: Callable[[Model], Any],
        defaults: Mapping[str, str],
        prepare: Callable[[Any], Awaitable[None]] = _nothing,
    ) -> None:
        self.known = {model.name: model for model in known}
        self.defaults = dict(defaults)
        self.fetched = fetched
        self._load_blocking, self._prepare = load_instance, prepare
        self._loaded: dict[str, LoadedModel] = {}
        self._tasks = tasks
        # A thread of our own, because asyncio would wait for its own at the end, and a model that is half loaded cannot
        # be stopped. One, because only so is it known how much memory a model took; two at once load hardly faster.
        self._loader = ThreadPoolExecutor(1, "load")

    def close(self) -> None:
        """Begin no more work; what is half loaded is left behind."""
        self._loader.shutdown(wait=False, cancel_futures=True)
        for loaded in self._loaded.values():
            loaded.queue.close()
            if loaded.loading:
                loaded.loading.cancel()

    def find(self, role: str, name: str) -> Model:
        """The model that a request means; without a name it is the role's default. Raises `RequestRefused`."""
        name = name or self.defaults.get(role, "")
        if not name:
            raise RequestRefused(
                404, f"no {role} model is loaded at start; name one{self._names(role)}", "model", UNKNOWN_MODEL
            )
        model = self.known.get(name)
        if model is None or model.role != role:
            raise RequestRefused(404, f"there is no {role} model {name!r}{self._names(role)}", "model", UNKNOWN_MODEL)
        return model

    def named(self, name: str) -> Model:
        """The model of exactly this name, whatever its role. Raises `RequestRefused`."""
        if name not in self.known:
            raise RequestRefused(404, f"there is no model {name!r}{self._names()}", "model", UNKNOWN_MODEL)
        return self.known[name]

    def _names(self, role: str = "") -> str:
        return "; the models are: " + ", ".join(
            repr(model.name) for model in self.known.values() if role in ("", model.role)
        )

    @asynccontextmanager
    async def using(self, model: Model) -> AsyncGenerator[LoadedModel, None]:
        """The model at work; loaded first if it is not. It is not unloaded while the block runs.

        Raises `RequestRefused`, and `EngineBusy` when its queue is full or it is about to be unloaded.
        """
        loaded = self._loaded_model(model)
        if loaded.unloads_waiting:
            raise EngineBusy(f"{model.name} is being unloaded; name another model, or try again in a second")
        with loaded.queue.admitted():
            await _until_loaded(loaded)
            yield loaded

    async def load(self, model: Model) -> None:
        """Load it. Raises `RequestRefused`."""
        await _until_loaded(self._loaded_model(model))

    async def unload(self, model: Model, wait: bool) -> None:
        """Free its memory; nothing happens if it is not loaded.

        With requests under way it is refused, or, with `wait`, no new ones are taken until they are done. Raises
        `RequestRefused`.
        """
        loaded = self._loaded.get(model.name)
        if loaded is None:
            return
        if loaded.queue.requests or not loaded.settled.is_set():
            if not wait:
                raise _in_use(loaded)
            await _idle(loaded)
        if self._loaded.get(model.name) is loaded:  # otherwise another unload was first
            del self._loaded[model.name]
            loaded.queue.close()
            held, loaded.instance = [loaded.instance], None
            await asyncio.get_running_loop().run_in_executor(self._loader, let_go, held)
            log.info("model unloaded", role=model.role, model=model.name)

    def _loaded_model(self, model: Model) -> LoadedModel:
        """The model as it is loaded or being loaded; its load begins here if need be. Raises `RequestRefused`."""
        loaded = self._loaded.get(model.name)
        if loaded:
            return loaded
        if not self.fetched(model):
            why = f"{model.name} is not here; fetch it with: lineside models pull {model.name}"
            raise RequestRefused(409, why, "model", "not_fetched")
        names = [name for name, other in self._loaded.items() if other.model.role == model.role]
        if len(names) >= MAX_MODELS_PER_ROLE:
            why = f"{MAX_MODELS_PER_ROLE} {model.role} models are loaded, the maximum; unload one: {', '.join(names)}"
            raise RequestRefused(409, why, "model", "too_many")
        loaded = self._loaded[model.name] = LoadedModel(model, WorkQueue(model.name, MAX_REQUESTS[model.role]))
        loaded.loading = self._tasks.create_task(self._load_instance(loaded), name=f"load {model.name}")
        return loaded

    async def _load_instance(self, loaded: LoadedModel) -> None:
        """Load the model. What goes wrong is kept for those who wait; nothing else is disturbed."""
        model, began = loaded.model, time.monotonic()
        try:
            loading = asyncio.get_running_loop().run_in_executor(self._loader, self._measured, model)
            loaded.instance, loaded.memory_bytes = await loading
            await self._prepare(loaded.instance)
        except asyncio.CancelledError:
            loaded.fault = "the engine server is ending"
            raise
        except Exception as cause:  # whatever a library throws
            loaded.instance = None
            loaded.fault = str(cause) if isinstance(cause, LinesideError | OSError) else type(cause).__name__
            del self._loaded[model.name]
            loaded.queue.close()
            log.error("cannot load model", role=model.role, model=model.name, why=loaded.fault)
        else:
            self.defaults.setdefault(model.role, model.name)
            took = {"seconds": round(time.monotonic() - began, 2), "memory_bytes": loaded.memory_bytes}
            log.info("model loaded", role=model.role, model=model.name, **took)
        finally:
            loaded.settled.set()

    def _measured(self, model: Model) -> tuple[Any, int]:
        let_go([])  # so that this model's memory is not taken from what an earlier one left
        before = taken()
        instance = self._load_blocking(model)
        return instance, max(0, taken() - before)

    def first(self, among: Sequence[Model]) -> Model:
        """Of several models of a role, its default, or else one that is loaded, or else one that is here."""
        tests: tuple[Callable[[Model], bool], ...] = (
            lambda model: self.defaults.get(model.role) == model.name,
            lambda model: model.name in self._loaded,
            self.fetched,
        )
        return next((model for test in tests for model in among if test(model)), among[0])

    def loaded_models(self) -> list[LoadedModel]:
        """The models that are loaded or being loaded."""
        return list(self._loaded.values())

    def entry(self, model: Model) -> dict[str, Any]:
        """What `/v1/models` says of a model."""
        loaded = self._loaded.get(model.name)
        is_loaded = loaded is not None and loaded.settled.is_set()
        return {
            "id": model.name,
            "object": "model",
            "owned_by": "lineside",
            "role": model.role,
            "engine": model.engine,
            "default": self.defaults.get(model.role) == model.name,
            "loaded": is_loaded,
            "in_use": loaded.queue.requests if loaded else 0,
            "bytes": model.bytes,
            "memory_bytes": loaded.memory_bytes if loaded and is_loaded else None,
            "voices": list(voices(model)),
        }


async def _until_loaded(loaded: LoadedModel) -> None:
    await loaded.settled.wait()
    if loaded.fault:
        raise RequestRefused(500, f"{loaded.model.name} cannot be loaded: {loaded.fault}", "model", "load_failed")


async def _idle(loaded: LoadedModel) -> None:
    """Wait until the model does nothing, and takes no new requests. `RequestRefused` after `UNLOAD_WAIT_SECONDS`."""
    loaded.unloads_waiting += 1
    try:
        async with asyncio.timeout(UNLOAD_WAIT_SECONDS):
            await loaded.settled.wait()
            await loaded.queue.empty()
    except TimeoutError:
        raise _in_use(loaded) from None
    finally:
        loaded.unloads_waiting -= 1


def _in_use(loaded: LoadedModel) -> RequestRefused:
    what = f"answers {loaded.queue.requests} requests" if loaded.settled.is_set() else "is being loaded"
    return RequestRefused(409, f"{loaded.model.name} {what}; ask with wait, or later", "model", "in_use")
