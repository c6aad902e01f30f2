"""Downloads under way: one for each model, whoever asks for it joins, and leaving does not end it."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import msgspec
from msgspec.structs import replace

from lineside.api.background import BackgroundTasks, LatestBroadcast
from lineside.api.dependencies import ApiDependencies
from lineside.api.download_process import pulled
from lineside.api.errors import ApiError
from lineside.engines.protocols import PullsModels
from lineside.errors import EngineError
from lineside.models.progress import DownloadProgress, short

AT_ONCE = 2  # more would only share the same line and disk; the others wait
IN_LINE = 16  # models that come or wait; one more is answered 409
FOLLOWERS = 32  # of one download; one more is answered 503
SILENCE = 600.0  # seconds without a word from a back end that fetches; then it has failed
PULSE = 15.0  # seconds; so often the newest line is told again, which shows who has left

Steps = AsyncGenerator[DownloadProgress, None]


class Download:
    """One model on its way."""

    def __init__(self, model: str, *, waits: bool) -> None:
        self.newest: LatestBroadcast[DownloadProgress] = LatestBroadcast()
        self.newest.put(DownloadProgress(model, message="queued" if waits else ""))
        self.task: asyncio.Task[None] | None = None
        self.unwanted = False  # it was cancelled by name, or the gateway closes

    @property
    def progress(self) -> DownloadProgress:
        """How far it is."""
        assert self.newest.value is not None  # noqa: S101 - there is one from the start
        return self.newest.value


class DownloadOperations:
    """All that are under way."""

    def __init__(self, dependencies: ApiDependencies, tasks: BackgroundTasks, when_over: Callable[[], None]) -> None:
        """`when_over` is called when a download has ended."""
        self._dependencies, self._tasks, self._when_over = dependencies, tasks, when_over
        self._places = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[str, Download] = {}

    def of(self, model: str) -> DownloadProgress | None:
        """How far it is; None when it is not under way."""
        download = self._under_way.get(model)
        return download.progress if download else None

    def fetch(self, model: str) -> AsyncGenerator[bytes, None]:
        """Have the model's files fetched from where the catalogue says. Raises `ApiError`."""
        argv = self._dependencies.puller or (sys.executable, "-m", "lineside", "models", "pull")
        settings = self._dependencies.settings
        given = {"LINESIDE_MODELS": str(settings.models_dir), "LINESIDE_MIRROR": settings.models_mirror}
        return self._join(model, lambda: pulled(model, [*argv, model, "--json"], given))

    def pull(self, model: str, engine: PullsModels, name: str) -> AsyncGenerator[bytes, None]:
        """Have an engine's back end fetch it. Raises `ApiError`."""
        return self._join(model, lambda: _by_engine(model, engine, name))

    async def cancel(self, model: str) -> DownloadProgress:
        """End it; what has come is kept, where it can be. Raises `ApiError` if it is not under way."""
        download = self._under_way.get(model)
        if download is None or download.task is None:
            raise ApiError(409, "not_downloading", f"{model} is not being downloaded")
        download.unwanted = True
        download.task.cancel()
        await asyncio.wait({download.task})
        return download.progress

    def close(self) -> None:
        """End all of them; the next download of each goes on where it stopped."""
        for download in self._under_way.values():
            download.unwanted = True
            if download.task is not None:
                download.task.cancel()

    def _join(self, model: str, begin: Callable[[], Steps]) -> AsyncGenerator[bytes, None]:
        download = self._under_way.get(model)
        if download is None:
            if len(self._under_way) >= IN_LINE:
                raise ApiError(409, "too_many_downloads", f"{IN_LINE} downloads are already queued; wait for one")
            download = self._begin(model, begin)
        if download.newest.followers >= FOLLOWERS:
            raise ApiError(503, "too_many_watchers", f"{FOLLOWERS} clients already follow this download; close one")
        return _lines(download.newest)

    def _begin(self, model: str, begin: Callable[[], Steps]) -> Download:
        download = Download(model, waits=len(self._under_way) >= AT_ONCE)
        download.task = self._tasks.start(self._bring(download, begin), f"download {model}")
        self._under_way[model] = download
        download.task.add_done_callback(lambda task: self._over(model, download))
        return download

    async def _bring(self, download: Download, begin: Callable[[], Steps]) -> None:
        async with self._places, aclosing(begin()) as steps:
            async for progress in steps:
                download.newest.put(progress)

    def _over(self, model: str, download: Download) -> None:
        del self._under_way[model]
        self._when_over()
        progress = download.progress
        if download.unwanted and progress.state != "done":
            told = "cancelled; what has come is kept, and the next download goes on from there"
            download.newest.put(replace(progress, state="cancelled", message=told))
        elif not progress.last:
            download.newest.put(replace(progress, state="failed", message="the download broke off; the log says why"))
        download.newest.close()


async def _lines(newest: LatestBroadcast[DownloadProgress]) -> AsyncGenerator[bytes, None]:
    told: DownloadProgress | None = None
    async with aclosing(newest.follow(PULSE)) as steps:
        async for progress in steps:
            told = progress or told
            if told is not None:
                yield msgspec.json.encode(told) + b"\n"


async def _by_engine(model: str, engine: PullsModels, name: str) -> Steps:
    """What an engine tells of its pulling, in the words of a download."""
    last = DownloadProgress(model, source=name)
    try:
        async with aclosing(engine.pull(model)) as steps:
            while True:
                try:
                    async with asyncio.timeout(SILENCE):
                        step = await anext(steps)
                except StopAsyncIteration:
                    break
                last = DownloadProgress(model, step.file, step.done, step.total, name)
                yield last
    except (EngineError, TimeoutError) as why:
        message = str(why) or f"{name} said nothing for {SILENCE:g} s"
        yield replace(last, state="failed", message=short(message))
    else:
        yield replace(last, state="done", message="")
