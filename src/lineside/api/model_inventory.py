"""Which models there are: the catalogue's, as they stand on the disk, and those that engines keep."""

from collections.abc import Iterator
from typing import Any, TypeVar
from urllib.parse import urlsplit

from lineside.api.dependencies import ApiDependencies
from lineside.api.downloads import DownloadOperations
from lineside.api.engines import EngineList, Which
from lineside.api.errors import ApiError, unknown
from lineside.api.model_readings import BackendAnswers, ModelReadings
from lineside.api.schemas import ModelsStatus, ModelStatus
from lineside.engines.protocols import BackendModel, Engine, ModelKeeper, PullsModels
from lineside.models import catalogue, store
from lineside.models.catalogue import Model

T = TypeVar("T")

AT_ONCE = 8  # back ends that are asked at the same time
ASK_SECONDS = 2.0  # for a back end to say what it has
FRESH, STALE = 1.0, 10.0  # seconds, see `RecentAnswers`


class ModelInventory:
    """All models of the catalogue and of the engines that keep models."""

    def __init__(
        self,
        dependencies: ApiDependencies,
        engine_list: EngineList,
        readings: ModelReadings,
        downloads: DownloadOperations,
    ) -> None:
        self._dependencies, self._engine_list, self._readings, self._downloads = (
            dependencies,
            engine_list,
            readings,
            downloads,
        )

    async def now(self) -> ModelsStatus:
        """Every model as it stands."""
        states, answers = await self._readings.on_disk(), await self._readings.in_backends()
        usual = catalogue.needed(self._dependencies.settings.llm_model)
        rows = [
            self._catalogued(model, states.get(model.name, "missing"), answers, default=model.name in usual)
            for model in catalogue.CATALOGUE
        ]
        troubles = {name: said.trouble for (_, name), said in answers.items() if said.trouble}
        notes = (f"The models of {name} cannot be listed: {trouble}" for name, trouble in troubles.items())
        return ModelsStatus((*rows, *self._elsewhere(answers)), tuple(notes))

    async def find(self, name: str, engine: str = "") -> ModelStatus:
        """The model of this name. Raises `ApiError` with the names there are, or with the engines to choose from.

        A model of the catalogue is looked up by its name, and only its own engine is asked; all are asked where the
        name alone does not say which engine has the model.
        """
        model = next((one for one in catalogue.CATALOGUE if one.name == name), None)
        which: Any = (model.role, model.engine) if model is not None else None
        if (
            model is not None
            and engine in ("", model.engine)
            and isinstance(self._engine_list.all.get(which), ModelKeeper)
        ):
            return await self._of_catalogue(model, which)
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
        return next((one for which, one in self._engine_list.all.items() if which == (row.role, row.engine)), None)

    async def _of_catalogue(self, model: Model, which: Which) -> ModelStatus:
        state = await self._readings.in_thread(store.state, model, self._dependencies.settings.models_dir)
        answers = await self._readings.in_backends((which,))
        default = model.name in catalogue.needed(self._dependencies.settings.llm_model)
        return self._catalogued(model, state, answers, default=default)

    def _catalogued(self, model: Model, state: store.State, answers: BackendAnswers, *, default: bool) -> ModelStatus:
        which: Any = (model.role, model.engine)
        engine = model.engine if self._engine_list.all.get(which) is not None else ""
        # The engine that the catalogue names is asked first; a voice, say, may be known to several.
        said = [answers[which]] if which in answers else []
        kept = next((kept for one in (*said, *answers.values()) for kept in one.kept if kept.name == model.name), None)
        own_models = model.name in self._dependencies.own_models
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
            loaded=own_models or bool(kept and kept.loaded),
            in_use=kept.in_use if kept else 0,
            default=default,
            downloading=self._downloads.of(model.name),
        )

    def _elsewhere(self, answers: BackendAnswers) -> Iterator[ModelStatus]:
        """Models that only an engine's back end has, and those that it could fetch."""
        known = {model.name for model in catalogue.CATALOGUE}
        defaults = self._dependencies.registry.defaults
        for which, engine in self._engine_list.all.items():
            role, name = which
            choices = engine.info.choices if engine is not None else ()
            usual = choices[0] if choices and defaults[role] == name else ""
            here = {
                kept.name: kept for kept in (answers[which].kept if which in answers else ()) if kept.name not in known
            }
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


def _publisher(model: Model) -> str:
    """Who publishes it: the host and the owner's part of its first address."""
    address = next((source for file in model.files for source in file.sources if isinstance(source, str)), "")
    parts = urlsplit(address)
    return "/".join([parts.hostname or "", *parts.path.strip("/").split("/")[:2]]).strip("/")
