"""Which models are on duty: loaded when first asked for or when told to, unloaded when told to."""

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

MAX_MODELS_PER_ROLE = 4  # models of one role on duty; another is refused, and the answer names those that could go
GOING = 60.0  # seconds that an unload waits for the requests under way; then it is refused
ROOM = {"stt": 16, "tts": 16, "llm": 32}  # requests at each model; more are sent away with a 503


class LoadedModel(Struct):
    """A model on duty, or on its way there."""

    model: Model
    desk: WorkQueue
    part: Any = None  # what works: `Hears`, `Thinks` or `Speaks`, by the model's role
    here: asyncio.Event = field(default_factory=asyncio.Event)  # loaded, or failed to
    fault: str = ""  # why it could not be loaded
    loading: asyncio.Task[None] | None = None
    memory_bytes: int | None = None  # by how much the process grew while it was loaded
    going: int = 0  # unloads that wait until it is idle; it takes no new requests meanwhile


async def _nothing(part: Any) -> None:
    """Most models need nothing before their first request."""


class ModelPool:
    """The models that could be on duty, and those that are. `tasks` owns the loads; `close` ends them.

    `fetched` says whether a model's files are here, `make` loads it and blocks, `prepare` is what it does before its
    first request. `defaults` are the models that a role has when a request names none.
    """

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        known: Sequence[Model],
        fetched: Callable[[Model], bool],
        make: Callable[[Model], Any],
        defaults: Mapping[str, str],
        prepare: Callable[[Any], Awaitable[None]] = _nothing,
    ) -> None:
        self.known = {model.name: model for model in known}
        self.defaults = dict(defaults)
        self.fetched = fetched
        self._make, self._prepare = make, prepare
        self._posts: dict[str, LoadedModel] = {}
        self._tasks = tasks
        # A thread of our own, because asyncio would wait for its own at the end, and a model that is half loaded cannot
        # be stopped. One, because only so is it known how much memory a model took; two at once load hardly faster.
        self._loader = ThreadPoolExecutor(1, "load")

    def close(self) -> None:
        """Begin no more work; what is half loaded is left behind."""
        self._loader.shutdown(wait=False, cancel_futures=True)
        for post in self._posts.values():
            post.desk.close()
            if post.loading:
                post.loading.cancel()

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

        Raises `RequestRefused`, and `EngineBusy` when its room is full or it is about to be unloaded.
        """
        post = self._post(model)
        if post.going:
            raise EngineBusy(f"{model.name} is being unloaded; name another model, or try again in a second")
        with post.desk.admitted():
            await _arrival(post)
            yield post

    async def load(self, model: Model) -> None:
        """Have it on duty. Raises `RequestRefused`."""
        await _arrival(self._post(model))

    async def unload(self, model: Model, wait: bool) -> None:
        """Free its memory; nothing happens if it is not on duty.

        With requests under way it is refused, or, with `wait`, no new ones are taken until they are done. Raises
        `RequestRefused`.
        """
        post = self._posts.get(model.name)
        if post is None:
            return
        if post.desk.inside or not post.here.is_set():
            if not wait:
                raise _in_use(post)
            await _idle(post)
        if self._posts.get(model.name) is post:  # otherwise another unload was first
            del self._posts[model.name]
            post.desk.close()
            held, post.part = [post.part], None
            await asyncio.get_running_loop().run_in_executor(self._loader, let_go, held)
            log.info("model unloaded", role=model.role, model=model.name)

    def _post(self, model: Model) -> LoadedModel:
        """Where the model is on duty; it is sent for if it is not. Raises `RequestRefused`."""
        post = self._posts.get(model.name)
        if post:
            return post
        if not self.fetched(model):
            why = f"{model.name} is not here; fetch it with: lineside models pull {model.name}"
            raise RequestRefused(409, why, "model", "not_fetched")
        others = [name for name, other in self._posts.items() if other.model.role == model.role]
        if len(others) >= MAX_MODELS_PER_ROLE:
            why = f"{MAX_MODELS_PER_ROLE} {model.role} models are loaded, the maximum; unload one: {', '.join(others)}"
            raise RequestRefused(409, why, "model", "too_many")
        post = self._posts[model.name] = LoadedModel(model, WorkQueue(model.name, ROOM[model.role]))
        post.loading = self._tasks.create_task(self._fill(post), name=f"load {model.name}")
        return post

    async def _fill(self, post: LoadedModel) -> None:
        """Load the model. What goes wrong is kept for those who wait; nothing else is disturbed."""
        model, began = post.model, time.monotonic()
        try:
            loading = asyncio.get_running_loop().run_in_executor(self._loader, self._measured, model)
            post.part, post.memory_bytes = await loading
            await self._prepare(post.part)
        except asyncio.CancelledError:
            post.fault = "the engine server is ending"
            raise
        except Exception as cause:  # whatever a library throws
            post.part = None
            post.fault = str(cause) if isinstance(cause, LinesideError | OSError) else type(cause).__name__
            del self._posts[model.name]
            post.desk.close()
            log.error("cannot load model", role=model.role, model=model.name, why=post.fault)
        else:
            self.defaults.setdefault(model.role, model.name)
            took = {"seconds": round(time.monotonic() - began, 2), "memory_bytes": post.memory_bytes}
            log.info("model loaded", role=model.role, model=model.name, **took)
        finally:
            post.here.set()

    def _measured(self, model: Model) -> tuple[Any, int]:
        let_go([])  # so that this model's memory is not taken from what an earlier one left
        before = taken()
        part = self._make(model)
        return part, max(0, taken() - before)

    def first(self, among: Sequence[Model]) -> Model:
        """Of several models of a role, its default, or else one that is on duty, or else one that is here."""
        tests: tuple[Callable[[Model], bool], ...] = (
            lambda model: self.defaults.get(model.role) == model.name,
            lambda model: model.name in self._posts,
            self.fetched,
        )
        return next((model for test in tests for model in among if test(model)), among[0])

    def posts(self) -> list[LoadedModel]:
        """The models on duty or on their way there."""
        return list(self._posts.values())

    def entry(self, model: Model) -> dict[str, Any]:
        """What `/v1/models` says of a model."""
        post = self._posts.get(model.name)
        on_duty = post is not None and post.here.is_set()
        return {
            "id": model.name,
            "object": "model",
            "owned_by": "lineside",
            "role": model.role,
            "engine": model.engine,
            "default": self.defaults.get(model.role) == model.name,
            "loaded": on_duty,
            "in_use": post.desk.inside if post else 0,
            "bytes": model.bytes,
            "memory_bytes": post.memory_bytes if post and on_duty else None,
            "voices": list(voices(model)),
        }


async def _arrival(post: LoadedModel) -> None:
    await post.here.wait()
    if post.fault:
        raise RequestRefused(500, f"{post.model.name} cannot be loaded: {post.fault}", "model", "load_failed")


async def _idle(post: LoadedModel) -> None:
    """Wait until the model does nothing, and takes no new requests. Raises `RequestRefused` after `GOING`."""
    post.going += 1
    try:
        async with asyncio.timeout(GOING):
            await post.here.wait()
            await post.desk.empty()
    except TimeoutError:
        raise _in_use(post) from None
    finally:
        post.going -= 1


def _in_use(post: LoadedModel) -> RequestRefused:
    what = f"answers {post.desk.inside} requests" if post.here.is_set() else "is being loaded"
    return RequestRefused(409, f"{post.model.name} {what}; ask with wait, or later", "model", "in_use")
