"""The command line: `lineside COMMAND`. Only the module of the command that is run is imported."""

import sys
from importlib import import_module, metadata
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

# Command → its module's function or group, and what `lineside --help` says of it; in the order of an operator's day.
COMMANDS = {
    "serve": ("lineside.cli.serve:serve", "Start the gateway and its engines, and answer calls until Ctrl-C."),
    "doctor": ("lineside.cli.doctor:doctor", "Check this machine and a whole call; say how to fix each fault."),
    "check": ("lineside.cli.check:check", "Check an agent's file; every mistake with its line."),
    "rehearse": ("lineside.cli.rehearse:rehearse", "Try an agent with scripted callers; compare what came of it."),
    "talk": ("lineside.cli.talk:talk", "Call lineside with WAV files; print what was heard, said, and the latencies."),
    "call": ("lineside.cli.call:call", "Have a running lineside call somebody; say what became of it."),
    "drain": ("lineside.cli.drain:drain", "Refuse new calls, and wait for those that are up to end."),
    "calls": ("lineside.cli.calls:app", "List, show and delete kept calls."),
    "mcp": ("lineside.cli.mcp:mcp", "List the tools of an agent's MCP servers, and what to pin of them."),
    "engines": (
        "lineside.cli.engines:app",
        "List the engines; check that they answer; deploy models over several machines.",
    ),
    "models": ("lineside.cli.models:app", "Download, check, load and unload models."),
    "knowledge": ("lineside.cli.knowledge:app", "Read the agent's documents; ask what it knows of a question."),
    "webhooks": ("lineside.cli.webhooks:webhooks", "Show how webhooks of a running lineside fare; send a test."),
    "settings": ("lineside.cli.settings:settings", "Show every setting and its source."),
    "host": ("lineside.cli.host:app", "Run the host agent, which starts and stops services of this machine."),
    "loadtest": ("lineside.cli.loadtest:loadtest", "Call lineside with many callers at once and measure."),
    "plan": ("lineside.cli.plan:plan", "Say which machines so many calls need, and what they cost."),
    "replay": ("lineside.cli.replay:replay", "Re-run a kept call with other engines or settings, and compare."),
}


class LazyCommands(TyperGroup):
    """The commands by name and one line each; a command's module is imported when the command is run."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        for name, (_, about) in COMMANDS.items():
            self.add_command(TyperCommand(name, help=about))

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of `COMMANDS`."""
        return list(COMMANDS)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command itself."""
        name, command, rest = super().resolve_command(ctx, args)
        if name in COMMANDS:
            command = load_command(name)
            _hide_types_of_flags(command, ctx)
        return name, command, rest

    def get_params(self, ctx: Any) -> Any:
        """The options before the command."""
        return _without_types(super().get_params(ctx))


def load_command(name: str) -> Any:
    """Import a command's module; answers the command as typer runs it."""
    module, _, attribute = COMMANDS[name][0].partition(":")
    found = getattr(import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False)
        single.command(name)(found)
        found = single
    command = typer.main.get_command(found)
    command.name = name
    return command


def _hide_types_of_flags(command: Any, parent: Any) -> None:
    """Help says `--json`, not `--json <bool>`: nothing may follow a flag."""
    context = typer.Context(command, parent=parent)
    _without_types(command.get_params(context))
    for each in getattr(command, "commands", {}).values():
        _hide_types_of_flags(each, context)


def _without_types(params: list[Any]) -> list[Any]:
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
    return params


app = typer.Typer(
    cls=LazyCommands,
    add_completion=False,
    no_args_is_help=True,
    help="Self-hosted real-time voice agent.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"lineside {metadata.version('lineside')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Self-hosted real-time voice agent."""


def main() -> None:
    """The entry point: an error of ours is a sentence, not a traceback."""
    from lineside.errors import ConfigError, LinesideError, leaves
    from lineside.logging_setup import log_to_stderr
    from lineside.private_files import make_files_private
    from lineside.processes.numpy_threads import use_one_numpy_thread

    make_files_private()
    use_one_numpy_thread()
    log_to_stderr()
    faults: list[BaseException] = []
    try:
        app()
    except* LinesideError as group:  # also one that ended a group of tasks
        faults = list(leaves(group))
    if faults:
        from lineside.cli.output import say

        for fault in faults:
            say(f"lineside: {fault}", "bold red", error=True)
        sys.exit(2 if isinstance(faults[0], ConfigError) else 1)
