"""Which models there are: the catalogue's, as they stand on the disk, and those that engines keep."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from msgspec import Struct

from lineside.api.background import BackgroundTasks, RecentAnswers
from lineside.api.dependencies import ApiDependencies
from lineside.api.downloads import DownloadOperations
from lineside.api.engines import EngineList, Which
from lineside.api.errors import ApiError, unknown
from lineside.api.schemas import ModelsStatus, ModelStatus
from lineside.engines.protocols import BackendModel, Engine, ModelKeeper, PullsModels
from lineside.errors import EngineError, EngineUnreachable
from lineside.models import catalogue, store
from lineside.models.catalogue import Model

T = TypeVar("T")

AT_ONCE = 8  # back ends that are asked at the same time
ASK_SECONDS = 2.0  # for a back end to say what it has
FRESH, STALE = 1.0, 10.0  # seconds, see `RecentAnswers`


class BackendAnswer(Struct, frozen=True):
    """What a back end said of its models, or why it did not."""

    kept: tuple[BackendModel, ...] = ()
    trouble: str = ""
    gone: bool = False  # nobody is there: nothing can be loaded


Told = Mapping[Which, BackendAnswer]


class ModelInventory:
    """All models of the catalogue and of the engines that keep models."""

    def __init__(
        self, room: ApiDependencies, roster: EngineList, crew: BackgroundTasks, downloads: DownloadOperations
    ) -> None:
        self._room, self._roster, self._downloads = room, roster, downloads
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._kept: RecentAnswers[Which, BackendAnswer] = RecentAnswers(crew, self._ask, fresh=FRESH, stale=STALE)
        self._disk: RecentAnswers[Path, dict[str, store.State]] = RecentAnswers(
            crew, self._look, fresh=FRESH, stale=STALE
        )
        downloads.when_over = self.forget
        self._thread = ThreadPoolExecutor(2, thread_name_prefix="models")  # looks at the disk, which may be slow

    def close(self) -> None:
        """Start nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def forget(self) -> None:
        """Something has changed: look anew."""
        self._kept.forget()
        self._disk.forget()

    async def now(self) -> ModelsStatus:
        """Every model as it stands."""
        states, told = await self._disk.of(self._room.settings.models_dir), await self.told()
        usual = catalogue.needed(self._room.settings.llm_model)
        rows = [
            self._catalogued(model, states.get(model.name, "missing"), told, default=model.name in usual)
            for model in catalogue.CATALOGUE
        ]
        troubles = {name: said.trouble for (_, name), said in told.items() if said.trouble}
        notes = (f"{name} does not say which models it has: {trouble}" for name, trouble in troubles.items())
        return ModelsStatus((*rows, *self._elsewhere(told)), tuple(notes))

    async def told(self) -> Told:
        """What each engine that keeps models said of them."""
        keepers = (which for which, engine in self._roster.all.items() if isinstance(engine, ModelKeeper))
        return await self._kept.of_all(keepers)

    async def find(self, name: str, engine: str = "") -> ModelStatus:
        """The model of this name. Raises `ApiError` with the names there are, or with the engines to choose from."""
        now = await self.now()
        engines = dict.fromkeys(row.engine for row in now.models if row.engine)
        if engine and engine not in engines:
            raise unknown("engine", engine, engines)
        there = [row for row in now.models if engine in ("", row.engine)]
        found = [row for row in there if row.name == name]
        if not found:
            raise unknown("model", name, dict.fromkeys(row.name for row in there), now.notes)
        if len(found) > 1:
            having = ", ".join(row.engine for row in found)
            raise ApiError(409, "ambiguous", f"several engines have {name}: {having}; say which as 'engine'")
        return found[0]

    def engine_of(self, row: ModelStatus) -> Engine | None:
        """The engine of a row; None if it has none."""
        return next((one for which, one in self._roster.all.items() if which == (row.role, row.engine)), None)

    async def in_thread(self, work: Callable[..., T], *given: object) -> T:
        """Have something done that may wait for the disk."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    def _catalogued(self, model: Model, state: store.State, told: Told, *, default: bool) -> ModelStatus:
        which: Any = (model.role, model.engine)
        engine = model.engine if self._roster.all.get(which) is not None else ""
        # The engine that the catalogue names is asked first; a voice, say, may be known to several.
        said = [told[which]] if which in told else []
        kept = next((kept for one in (*said, *told.values()) for kept in one.kept if kept.name == model.name), None)
        in_house = model.name in self._room.in_house
        return ModelStatus(
            name=model.name,
            role=model.role,
            engine=engine,
            description=model.description,
            licence=model.licence,
            source=_publisher(model),
            bytes=model.bytes,
            memory_bytes=kept.memory_bytes if kept else None,
            state=state,
            loaded=in_house or bool(kept and kept.loaded),
            in_use=kept.in_use if kept else 0,
            default=default,
            downloading=self._downloads.of(model.name),
        )

    def _elsewhere(self, told: Told) -> Iterator[ModelStatus]:
        """Models that only an engine's back end has, and those that it could fetch."""
        known = {model.name for model in catalogue.CATALOGUE}
        defaults = self._room.registry.defaults
        for which, engine in self._roster.all.items():
            role, name = which
            choices = engine.info.choices if engine is not None else ()
            usual = choices[0] if choices and defaults[role] == name else ""
            here = {kept.name: kept for kept in (told[which].kept if which in told else ()) if kept.name not in known}
            wanted: list[str] = [c for c in choices if c not in known] if isinstance(engine, PullsModels) else []
            for model in dict.fromkeys((*here, *wanted)):
                kept = here.get(model) or BackendModel(model, loaded=False)
                yield ModelStatus(
                    name=model,
                    role=role,
                    engine=name,
                    description="",
                    licence="",
                    source=name,
                    bytes=kept.bytes,
                    memory_bytes=kept.memory_bytes,
                    state="remote" if model in here else "missing",
                    loaded=kept.loaded,
                    in_use=kept.in_use,
                    default=model == usual,
                    downloading=self._downloads.of(model),
                )

    async def _ask(self, which: Which) -> BackendAnswer:
        keeper = self._roster.all[which]
        if not isinstance(keeper, ModelKeeper):
            return BackendAnswer()
        async with self._turns:
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


def _publisher(model: Model) -> str:
    """Who publishes it: the host and the owner's part of its first address."""
    address = next((source for file in model.files for source in file.sources if isinstance(source, str)), "")
    parts = urlsplit(address)
    return "/".join([parts.hostname or "", *parts.path.strip("/").split("/")[:2]]).strip("/")
