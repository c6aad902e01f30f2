"""Writes the pages that come from the code: settings, metrics, the command line, and the list of decisions.

python scripts/reference.py          writes the pages
python scripts/reference.py --check  fails if a page is not what the code says
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from agent_reference import tables
from prometheus_client.metrics import MetricWrapperBase

from lineside import settings as settings_module
from lineside import sip_settings, telephone_settings, webhook_settings, webrtc_settings
from lineside.cli.main import COMMANDS, load_command
from lineside.engine_options import declared_options
from lineside.engine_options import title as options_title
from lineside.observability.meters import NAMES
from lineside.observability.metrics import GatewayMetrics
from lineside.settings import DATA, ordered_fields, variable

DOCS = Path(__file__).parents[1] / "docs"
MADE = "<!-- Written by scripts/reference.py from the code; a test keeps the two alike. -->\n"

SETTINGS_HEAD = f"""# Settings

{MADE}
Settings come from the environment and from `.env` in the folder where lineside starts; the environment wins. They are
read once: restart to apply a change. `lineside settings` shows the value of each and its source. A wrong value, or an
unknown name in `.env`, stops the start with a sentence that says how to correct it.

Lists are comma-separated. Booleans are `true` or `false`. An empty value means the default.
"""

METRICS_HEAD = f"""# Metrics

{MADE}
`GET /metrics` answers in the Prometheus text format, summed over all workers; where `API_KEYS` is set, it needs a key.
Dashboards, recording rules and alerts are in [monitoring/](../../monitoring/README.md); `./run.sh --monitoring` starts
Prometheus with them.

Times are in seconds, sizes in bytes. Counters carry the suffix `_total`, histograms `_bucket`, `_sum` and `_count`.
Every label is bounded: beyond {NAMES} values, further ones count as `other`. No label holds what a caller sent. Series
whose labels are known beforehand are initialised to 0, so that `rate()` sees the first event.

The stages of `lineside_stage_seconds` are `endpoint` (end of speech to end of turn), `asr` (transcription), `llm_first`
(to the first token), `llm`, `tts_first` (to the first audio of the first sentence), `tts` and `e2e` (end of speech to
first audio). `engine` is empty for stages of lineside's own. GPU metrics exist only where a GPU was found.
"""

CLI_HEAD = f"""# Command line

{MADE}
`lineside COMMAND --help` prints the same. The exit code is 0 on success, 1 when a check or a call failed, 2 when a
setting or an argument is wrong.
"""

AGENT_HEAD = f"""# The agent's file

{MADE}
An agent is one TOML file; `AGENT_FILE` names it, `lineside check FILE` proves it, with the line of each mistake.
Unknown fields are refused. [Write your agent](../tutorials/your-agent.md) and
[Give an agent a job](../how-to/agent-tools.md) tell how the parts work together. Tables such as `[hours]` stand behind
the plain fields, as TOML wants it.
"""

DECISIONS_HEAD = f"""# Decisions

{MADE}
A choice that will be questioned gets a record: **Context** (what we saw, with figures), **Decision**, **Alternatives**,
**Consequences** (what it costs). A record carries its date and status and is not rewritten afterwards; a newer record
supersedes or amends it, and both say so.

"""


def settings_page() -> str:
    """Every setting with its type, default and meaning, in the groups of settings.py."""
    source = "".join(
        Path(one.__file__).read_text("utf-8")
        for one in (settings_module, sip_settings, telephone_settings, webrtc_settings, webhook_settings)
    )
    titles = {m[2]: m[1] for m in re.finditer(r"# ── (.*) ──\n    (\w+):", source)}  # first setting → its group's title
    lines, told = [SETTINGS_HEAD], set[str]()
    for field, info in ordered_fields().items():
        if field in titles:
            lines.append(_group(titles[field]))
        lines.append(_setting(variable(field, info), info))
    for options in declared_options():
        new = {name: i for f, i in options.model_fields.items() if (name := variable(f, i)) not in told}
        if new and options.__module__.startswith("lineside."):
            lines.append(_group(options_title(options)))
            lines += [_setting(name, info) for name, info in new.items()]
            told |= set(new)
    return "".join(lines)


def _group(title: str) -> str:
    return f"\n## {title[0].upper()}{title[1:]}\n\n| name | default | values | meaning |\n| --- | --- | --- | --- |\n"


def _setting(name: str, info: Any) -> str:
    default = info.default
    text = ",".join(default) if isinstance(default, tuple) else str("" if default is None else default)
    text = text.lower() if isinstance(default, bool) else text
    own = isinstance(default, Path) and default.is_relative_to(DATA)  # comes with the package, wherever that lies
    shown = f"lineside's own `{default.name}`" if own else f"`{text}`" if text else "empty"
    about = (info.description or "").replace("|", "\\|").replace("<", "&lt;")
    extra = info.json_schema_extra
    secret = " Secret: masked wherever settings are shown." if isinstance(extra, dict) and extra.get("secret") else ""
    return f'| <a id="{name.lower()}"></a>`{name}` | {shown} | {_values(info)} | {about}.{secret} |\n'


def _values(info: Any) -> str:
    """What a setting may be, in a few words."""
    kind = info.annotation
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    limits = {name: getattr(m, name) for m in info.metadata for name in ("ge", "gt", "le") if hasattr(m, name)}
    if kind in (int, float):
        least = f"{limits['ge']:,}" if "ge" in limits else f"over {limits['gt']:,}" if "gt" in limits else ""
        most = f"{limits['le']:,}" if "le" in limits else ""
        return f"{least} to {most}" if least and most else least or ("whole number" if kind is int else "number")
    if kind is bool:
        return "`true`, `false`"
    if kind is Path:
        return "path"
    return "list" if get_origin(kind) is tuple else "text"


def metrics_page() -> str:
    """Every metric of the gateway, as its exposition describes it."""
    lines = [METRICS_HEAD, "\n| name | type | labels | meaning |\n| --- | --- | --- | --- |\n"]
    metrics = GatewayMetrics()
    parts = (metrics, metrics.turns, metrics.audio, metrics.engines, metrics.records, metrics.process)
    for meter in (meter for part in parts for meter in vars(part).values() if isinstance(meter, MetricWrapperBase)):
        labels = ", ".join(f"`{name}`" for name in meter._labelnames) or "none"
        name = f"{meter._name}_total" if meter._type == "counter" else meter._name
        lines.append(f"| `{name}` | {meter._type} | {labels} | {meter._documentation} |\n")
    return "".join(lines)


def cli_page() -> str:
    """Every command with its arguments and options."""
    commands = (line for name in COMMANDS for line in _commands(load_command(name), f"lineside {name}"))
    return "".join([CLI_HEAD, *commands])


def _commands(command: Any, name: str) -> Iterator[str]:
    if hasattr(command, "commands"):
        yield f"\n## {name}\n\n{_sentence(command.help)}\n"
        if command.invoke_without_command:
            yield from _options(command)
        for below in command.commands.values():
            yield from _commands(below, f"{name} {below.name}")
        return
    level = "###" if name.count(" ") > 1 else "##"
    yield f"\n{level} {name}\n\n{_sentence(command.help)}\n"
    arguments = [_argument(p) for p in command.params if p.param_type_name == "argument"]
    yield f"\n```text\n{' '.join([name, '[OPTIONS]', *arguments])}\n```\n"
    yield from _options(command)


def _options(command: Any) -> Iterator[str]:
    rows = [
        _row(parameter)
        for parameter in command.params
        if parameter.name != "help" and not getattr(parameter, "hidden", False)
    ]
    if rows:
        yield "\n| option | default | meaning |\n| --- | --- | --- |\n"
        yield from rows


def _row(parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    if parameter.param_type_name == "argument":
        names = f"`{_argument(parameter)}`"
    default = parameter.default
    shown = "" if default in (None, "", (), False, 0) or callable(default) else f"`{default}`"
    variable_name = f" Environment: `{parameter.envvar}`." if getattr(parameter, "envvar", None) else ""
    return f"| {names} | {shown} | {_sentence(getattr(parameter, 'help', ''))}{variable_name} |\n"


def _argument(parameter: Any) -> str:
    name = f"{(parameter.metavar or parameter.name).upper()}{'...' if parameter.nargs == -1 else ''}"
    return name if parameter.required else f"[{name}]"


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


def decisions_page() -> str:
    """The list of the decision records."""
    rows = [DECISIONS_HEAD, "| number | decision |\n| --- | --- |\n"]
    for record in sorted((DOCS / "decisions").glob("0*.md")):
        number, _, title = record.read_text("utf-8").splitlines()[0].lstrip("# ").partition(". ")
        rows.append(f"| {number} | [{title}]({record.name}) |\n")
    return "".join(rows)


def agent_page() -> str:
    """Every field of an agent's file."""
    return "".join([AGENT_HEAD, *tables()])


PAGES = {
    "reference/agent.md": agent_page,
    "reference/settings.md": settings_page,
    "reference/metrics.md": metrics_page,
    "reference/cli.md": cli_page,
    "decisions/index.md": decisions_page,
}

if __name__ == "__main__":
    for page, write in PAGES.items():
        if "--check" not in sys.argv:
            (DOCS / page).write_text(write(), "utf-8")
        elif (DOCS / page).read_text("utf-8") != write():
            sys.exit(f"docs/{page} is out of date: run .venv/bin/python scripts/reference.py")
