"""What the disk and the engines' back ends say of models, read at most once a second for all who ask."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from lineside.api.background import BackgroundTasks, RecentAnswers
from lineside.api.dependencies import ApiDependencies
from lineside.api.engines import EngineList, Which
from lineside.engines.protocols import BackendModel, ModelKeeper
from lineside.errors import EngineError, EngineUnreachable
from lineside.models import catalogue, store

T = TypeVar("T")

AT_ONCE = 8  # back ends that are asked at the same time
ASK_SECONDS = 2.0  # for a back end to say what it has
FRESH, STALE = 1.0, 10.0  # seconds, see `RecentAnswers`


class BackendAnswer(Struct, frozen=True):
    """What a back end said of its models, or why it did not."""

    kept: tuple[BackendModel, ...] = ()
    trouble: str = ""
    gone: bool = False  # nobody is there: nothing can be loaded


BackendAnswers = Mapping[Which, BackendAnswer]


class ModelReadings:
    """The newest readings of disk and back ends."""

    def __init__(self, dependencies: ApiDependencies, engine_list: EngineList, tasks: BackgroundTasks) -> None:
        self._engine_list, self._folder = engine_list, dependencies.settings.models_dir
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._kept: RecentAnswers[Which, BackendAnswer] = RecentAnswers(tasks, self._ask, fresh=FRESH, stale=STALE)
        self._disk: RecentAnswers[Path, dict[str, store.State]] = RecentAnswers(
            tasks, self._look, fresh=FRESH, stale=STALE
        )
        self._thread = ThreadPoolExecutor(2, thread_name_prefix="models")  # looks at the disk, which may be slow

    def close(self) -> None:
        """Start nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def forget(self) -> None:
        """Something has changed: read anew."""
        self._kept.forget()
        self._disk.forget()

    async def on_disk(self) -> dict[str, store.State]:
        """The state of every model's files, by name."""
        return await self._disk.of(self._folder)

    async def in_backends(self, some: Iterable[Which] | None = None) -> BackendAnswers:
        """What these engines say of their models; None: every engine that keeps models."""
        if some is None:
            some = (which for which, engine in self._engine_list.all.items() if isinstance(engine, ModelKeeper))
        return await self._kept.of_all(tuple(some))

    async def in_thread(self, work: Callable[..., T], *given: object) -> T:
        """Have something done that may wait for the disk."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    async def _ask(self, which: Which) -> BackendAnswer:
        keeper = self._engine_list.all[which]
        if not isinstance(keeper, ModelKeeper):
            return BackendAnswer()
        async with self._turn:
            try:
                async with asyncio.timeout(ASK_SECONDS):
                    return BackendAnswer(await keeper.kept())
            except EngineUnreachable as why:
                return BackendAnswer(trouble=str(why), gone=True)
            except EngineError as why:
                return BackendAnswer(trouble=str(why))
            except TimeoutError:
                return BackendAnswer(trouble=f"no answer in {ASK_SECONDS:g} s")

    async def _look(self, root: Path) -> dict[str, store.State]:
        return await self.in_thread(_states, root)


def _states(root: Path) -> dict[str, store.State]:
    return {model.name: store.state(model, root) for model in catalogue.CATALOGUE}
