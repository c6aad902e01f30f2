"""`lineside models`: what there is, fetch it, check it, delete it; have a running lineside load and unload it.

Ends with 0 when all is well, 1 when `verify` found a wrong file, and 2 (see `lineside.cli.main`) when a name is unknown
or a model could not be fetched.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from lineside.cli.address import JsonOption, KeyOption, UrlOption, ask_gateway
from lineside.cli.model_advice import advice_for_pull, advise, keep_advice
from lineside.cli.output import Column, clean, print_json, print_table
from lineside.errors import ConfigError
from lineside.models import store
from lineside.models.advice import forget_choice
from lineside.models.api_client import GatewayUnreachable
from lineside.models.catalogue import CATALOGUE, Model, ModelFile, find, needed
from lineside.models.download import DownloadStep, ensure
from lineside.models.progress import ProgressReporter
from lineside.settings import Settings, load_settings

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Download, check, load and unload models.")

NameArgument = Annotated[str, typer.Argument(help="A short name, as `lineside models list` shows it.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
EngineOption = Annotated[str, typer.Option(help="The engine that has it, where several do.")]
NamesArgument = Annotated[list[str] | None, typer.Argument(help="Short names; none: the models that a call needs.")]
BIG = 20_000_000  # bytes; smaller files are here before anyone has read the line
COLUMNS = (
    Column("model"),
    Column("status", styles={"ready": "green", "damaged": "red", "partial": "yellow"}),
    Column("role"),
    Column("size", right=True),
    Column("default"),
    Column("licence", drop=1),
    Column("what it is", grows=True, drop=2),
)


@app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """List the models that can be downloaded, and their state on this machine."""
    settings = load_settings()
    root = settings.models_dir
    if as_json:
        standard = needed(settings.llm_model)
        rows = [_row(model, store.state(model, root), default=model.name in standard) for model in CATALOGUE]
        print_json({"models": rows})
        return
    cells = [
        (
            model.name,
            store.state(model, root),
            model.role,
            _megabytes(model.bytes),
            "yes" if model.default else "",
            model.licence,
            model.description,
        )
        for model in CATALOGUE
    ]
    print_table(COLUMNS, cells)
    _say(Console(), f"The files are in {root}.")


@app.command()
def pull(names: NamesArgument = None, as_json: JsonOption = False) -> None:
    """Fetch models and check them; what is here and right is left alone. Ctrl-C keeps what has come for next time."""
    settings = load_settings()
    advice = None if names else advice_for_pull(settings)
    chosen = names or needed(advice.model if advice is not None else settings.llm_model)
    if as_json:
        _pull_for_programs(chosen, settings)
        keep_advice(advice, settings)
        return
    out = Console()
    if advice is not None:
        _say(out, f"Language model: {advice.model}, {advice.why}.")
    with _ended_by_sigterm(), _shown(out) as show:
        ensure(chosen, settings.models_dir, settings.models_mirror, show)
    keep_advice(advice, settings)
    for name in chosen:
        _say(out, f"{name}: ready in {settings.models_dir / name}")


app.command()(advise)


@app.command()
def verify(names: NamesArgument = None) -> None:
    """Hash every file of these models and compare."""
    settings = load_settings()
    out = Console()
    wrong = 0
    for model in [find(name) for name in names or needed(settings.llm_model)]:
        try:
            with _shown(out) as show:
                store.verify(model.name, settings.models_dir, _hashing(model.name, show) if out.is_terminal else None)
        except ConfigError as fault:
            wrong += 1
            _say(out, f"{model.name}: {fault}", "red")
        else:
            _say(out, f"{model.name}: ok")
    if wrong:
        raise typer.Exit(1)


@app.command()
def load(name: NameArgument, engine: EngineOption = "", url: UrlOption = "", key: KeyOption = "") -> None:
    """Load a model into the running lineside."""
    body = {"model": name, "engine": engine}
    _say(Console(), f"{name}: loaded by {_asked('POST', '/api/models/load', body, url, key)['engine']}")


@app.command()
def unload(
    name: NameArgument,
    engine: EngineOption = "",
    wait: Annotated[bool, typer.Option(help="Wait for running requests, a minute at most.")] = False,
    url: UrlOption = "",
    key: KeyOption = "",
) -> None:
    """Unload a model from the running lineside."""
    body = {"model": name, "engine": engine, "wait": wait}
    _say(Console(), f"{name}: unloaded by {_asked('POST', '/api/models/unload', body, url, key)['engine']}")


@app.command()
def rm(name: NameArgument, url: UrlOption = "", key: KeyOption = "", yes: YesOption = False) -> None:
    """Delete a model's files. A lineside that runs here is asked, and refuses while it has the model in memory."""
    find(name)
    settings = load_settings()
    if name in needed(settings.llm_model) and not yes:
        typer.confirm(f"Calls need {name}: without it lineside does not start. Delete it?", abort=True)
    try:
        freed = int(_asked("DELETE", f"/api/models/{name}", None, url, key)["freed_bytes"])
    except GatewayUnreachable:
        if url:
            raise
        freed = store.remove(name, settings.models_dir)
    forget_choice(settings.models_dir, name)
    _say(Console(), f"{name}: deleted, {_megabytes(freed)} free")


def _asked(method: str, path: str, body: object, url: str, key: str) -> dict[str, Any]:
    return ask_gateway(method, path, body, url=url, key=key, settings=load_settings())


def _pull_for_programs(names: list[str], settings: Settings) -> None:
    """As `pull`, telling every step as a line of JSON; each model's last line says what came of it."""
    teller = ProgressReporter(sys.stdout.buffer)
    try:
        with _ended_by_sigterm():
            for name in names:
                teller.begin(name)
                ensure([name], settings.models_dir, settings.models_mirror, teller.step)
                teller.end("done")
    except ConfigError as fault:
        teller.end("failed", str(fault))
        raise typer.Exit(2) from None
    except (KeyboardInterrupt, SystemExit):
        teller.end("cancelled")
        raise


def _row(model: Model, state: store.State, *, default: bool) -> dict[str, object]:
    """A model in the words of `GET /api/models`."""
    facts = {"name": model.name, "role": model.role, "engine": model.engine, "description": model.description}
    return facts | {"licence": model.licence, "bytes": model.bytes, "state": state, "default": default}


@contextmanager
def _shown(out: Console) -> Iterator[Callable[[DownloadStep], None]]:
    """Show steps as bars on a terminal, as a line every tenth of a file where there is none."""
    if not out.is_terminal:
        yield ProgressLines(out).show
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=out) as progress:
        yield ProgressBars(out, progress).show


class ProgressBars:
    """A bar for each file."""

    def __init__(self, out: Console, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[tuple[str, str], TaskID] = {}
        self._troubles = Troubles(out)

    def show(self, step: DownloadStep) -> None:
        """Move the bar of the step's file."""
        if step.trouble:
            self._troubles.say(step)
            return
        name = (step.model, step.file)
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(f"{step.model} {step.file}", total=step.total)
        self._progress.update(self._bars[name], completed=step.done)


class ProgressLines:
    """A line when a big file has come another tenth, and when a small one is here."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._tenths: dict[tuple[str, str], int] = {}
        self._troubles = Troubles(out)

    def show(self, step: DownloadStep) -> None:
        """Say it, if there is something new to say."""
        if step.trouble:
            self._troubles.say(step)
            return
        name, tenths = (step.model, step.file), 10 * step.done // step.total
        worth_a_line = step.total >= BIG or tenths == 10
        if worth_a_line and tenths != self._tenths.get(name):
            self._tenths[name] = tenths
            _say(self._out, f"{step.model} {step.file}: {10 * tenths} % of {_megabytes(step.total)}")


class Troubles:
    """What was in the way: each thing is said once."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._said: set[tuple[str, str]] = set()

    def say(self, step: DownloadStep) -> None:
        """Say it, unless it was said."""
        if (step.source, step.trouble) not in self._said:
            self._said.add((step.source, step.trouble))
            _say(self._out, ": ".join(filter(None, (step.model, step.source, step.trouble))), "yellow")


def _hashing(name: str, show: Callable[[DownloadStep], None]) -> Callable[[ModelFile, int], None]:
    return lambda file, done: show(DownloadStep(name, file.name, done, file.bytes, "this machine"))


def _say(out: Console, sentence: str, style: str = "") -> None:
    out.print(clean(sentence, lines=True), style=style, markup=False, highlight=False, soft_wrap=True)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end us as Ctrl-C does: pip is ended too, and its folder cleared away.

    While a loop runs, its tasks are cancelled: an exception raised here would come up in whatever the loop is calling,
    and aiohttp's parser takes any for a broken line, which we would then mend.
    """

    def end(number: int, frame: FrameType | None) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise SystemExit(128 + number) from None
        for task in asyncio.all_tasks(loop):
            loop.call_soon_threadsafe(task.cancel)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except asyncio.CancelledError:
        raise SystemExit(128 + signal.SIGTERM) from None
    finally:
        signal.signal(signal.SIGTERM, before)
