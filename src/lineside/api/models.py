"""Moving models between the net, the disk and the memory."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable

from lineside.api.dependencies import ApiDependencies
from lineside.api.downloads import DownloadOperations
from lineside.api.engines import Which
from lineside.api.errors import ApiError, of_engines, unknown
from lineside.api.model_inventory import ModelInventory
from lineside.api.model_locks import ModelLocks
from lineside.api.model_readings import BackendAnswers, ModelReadings
from lineside.api.schemas import (
    AllUnloaded,
    Deleted,
    ModelChoice,
    ModelStatus,
    StillLoaded,
    Unloaded,
    UnloadModel,
)
from lineside.engines.protocols import BackendModel, ModelKeeper, PullsModels
from lineside.errors import ConfigError
from lineside.models import catalogue, store
from lineside.models.progress import DownloadProgress

LOAD_SECONDS = 600.0  # a big model from a slow disk; then 504, and the back end goes on or not
UNLOAD_SECONDS = 75.0  # the engine itself waits 60 s for the requests under way
ABSENT = ("missing", "partial", "damaged")


class ModelOperations:
    """What can be done to a model. Every method raises `ApiError`."""

    def __init__(
        self,
        dependencies: ApiDependencies,
        inventory: ModelInventory,
        readings: ModelReadings,
        downloads: DownloadOperations,
    ) -> None:
        self._dependencies, self._inventory = dependencies, inventory
        self._readings, self._downloads = readings, downloads
        self._locks = ModelLocks()

    async def load(self, asked: ModelChoice) -> ModelStatus:
        """Have it in memory."""
        row = await self._inventory.find(asked.model, asked.engine)
        keeper = self._keeper(row)
        if row.state in ABSENT:
            raise ApiError(
                409, "not_fetched", f"{row.name} is not downloaded; fetch it first: lineside models pull {row.name}"
            )
        async with self._locks.to_be("loaded", row.name):
            await _in_time(keeper.load(row.name), LOAD_SECONDS, f"{row.name} was not loaded")
        return await self._anew(row)

    async def unload(self, asked: UnloadModel) -> ModelStatus:
        """Free its memory."""
        row = await self._inventory.find(asked.model, asked.engine)
        keeper = self._keeper(row)
        async with self._locks.to_be("unloaded", row.name, wait=asked.wait):
            await _in_time(keeper.unload(row.name, wait=asked.wait), UNLOAD_SECONDS, f"{row.name} was not unloaded")
        return await self._anew(row)

    async def download(self, asked: ModelChoice) -> AsyncGenerator[bytes, None]:
        """Have its files fetched, and follow that."""
        row = await self._inventory.find(asked.model, asked.engine)
        if self._locks.doing(row.name) == "deleted":
            raise ApiError(409, "busy", f"{row.name} is being deleted; try again later")
        if row.name in _catalogued():
            return self._downloads.fetch(row.name)
        engine = self._inventory.engine_of(row)
        if isinstance(engine, PullsModels):
            return self._downloads.pull(row.name, engine, row.engine)
        raise ApiError(
            409, "not_downloadable", f"{row.engine} does not download models; install {row.name} there yourself"
        )

    async def cancel(self, asked: ModelChoice) -> DownloadProgress:
        """End its download."""
        row = await self._inventory.find(asked.model, asked.engine)
        return await self._downloads.cancel(row.name)

    async def delete(self, name: str) -> Deleted:
        """Delete the files of a model of the catalogue."""
        if name not in _catalogued():
            raise unknown("model", name, _catalogued())
        async with self._locks.to_be("deleted", name):
            if self._downloads.of(name):
                raise ApiError(409, "downloading", f"{name} is being downloaded; cancel that first")
            self._readings.forget()
            self._refuse_loaded(await self._inventory.find(name), await self._readings.in_backends())
            try:
                freed = await self._readings.in_thread(store.remove, name, self._dependencies.settings.models_dir)
            except ConfigError as why:
                raise ApiError(409, "cannot_delete", str(why)) from why
            self._readings.forget()
        return Deleted(name, freed)

    async def unload_all(self) -> AllUnloaded:
        """Free the memory of every model that nobody uses."""
        self._readings.forget()
        answers = await self._readings.in_backends()
        # Two engines may stand before the same back end: what one has let go, the other need not.
        loaded = {kept.name: (which, kept) for which, said in answers.items() for kept in said.kept if kept.loaded}
        results = await asyncio.gather(*(self._let_go(which, kept) for which, kept in loaded.values()))
        self._readings.forget()
        silent = {name: said.trouble for (_, name), said in answers.items() if said.trouble and not said.gone}
        return AllUnloaded(
            unloaded=tuple(result for result in results if isinstance(result, Unloaded)),
            kept=(
                *(result for result in results if isinstance(result, StillLoaded)),
                *(StillLoaded(name, "", trouble) for name, trouble in silent.items()),
            ),
        )

    def _keeper(self, row: ModelStatus) -> ModelKeeper:
        engine = self._inventory.engine_of(row)
        if isinstance(engine, ModelKeeper):
            return engine
        if row.name in self._dependencies.own_models:
            raise ApiError(409, "not_loadable", f"{row.name} lives in the gateway itself, and stays there")
        raise ApiError(409, "not_loadable", f"no engine of this gateway loads and unloads {row.name}")

    async def _let_go(self, which: Which, kept: BackendModel) -> Unloaded | StillLoaded:
        if kept.in_use:
            return StillLoaded(which[1], kept.name, f"{kept.in_use} requests use it")
        keeper = self._dependencies.registry.engine(*which)
        if not isinstance(keeper, ModelKeeper):
            return StillLoaded(which[1], kept.name, f"{which[1]} does not unload models")
        try:
            async with self._locks.to_be("unloaded", kept.name):
                await _in_time(keeper.unload(kept.name, wait=False), UNLOAD_SECONDS, f"{kept.name} was not unloaded")
        except ApiError as why:
            return StillLoaded(which[1], kept.name, str(why))
        return Unloaded(which[1], kept.name)

    def _refuse_loaded(self, row: ModelStatus, answers: BackendAnswers) -> None:
        if row.name in self._dependencies.own_models:
            raise ApiError(409, "loaded", f"{row.name} is in memory: the gateway itself needs it")
        if row.loaded:
            raise ApiError(409, "loaded", f"{row.name} is in memory; unload it first")
        silent = {name for (_, name), said in answers.items() if said.trouble and not said.gone}
        if row.engine in silent:
            raise ApiError(
                409, "cannot_tell", f"{row.engine} does not say whether it has {row.name} in memory; ask again"
            )

    async def _anew(self, row: ModelStatus) -> ModelStatus:
        self._readings.forget()
        return await self._inventory.find(row.name, row.engine)


def _catalogued() -> dict[str, catalogue.Model]:
    return {model.name: model for model in catalogue.CATALOGUE}


async def _in_time(work: Awaitable[None], seconds: float, otherwise: str) -> None:
    try:
        async with of_engines(), asyncio.timeout(seconds):
            await work
    except TimeoutError:
        raise ApiError(504, "engine_too_slow", f"{otherwise} within {seconds:g} s") from None
