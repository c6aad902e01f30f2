"""Writes `.env.example` from the settings. `--check` only says whether it is up to date."""

import re
import sys
from pathlib import Path

from pydantic.fields import FieldInfo

from lineside import settings as module
from lineside import sip_settings, telephone_settings, webhook_settings, webrtc_settings
from lineside.engine_options import declared_options, title
from lineside.settings import DATA, ordered_fields, variable

EXAMPLE = Path(__file__).parents[1] / ".env.example"
HEAD = "# Copy to .env and uncomment what you want to change; the environment wins over it. These are the defaults.\n"


def example() -> str:
    """The text of `.env.example`: lineside's own settings, then the options of the engines that it brings."""
    source = "".join(
        Path(one.__file__).read_text("utf-8")
        for one in (module, sip_settings, telephone_settings, webrtc_settings, webhook_settings)
    )
    group = {m[2]: m[1] for m in re.finditer(r"# (── .* ──)\n    (\w+):", source)}  # first setting → its group's title
    lines, told = [HEAD], set[str]()
    for field, info in ordered_fields().items():
        if field in group:
            lines.append(f"\n# {group[field]}\n")
        lines.append(_line(variable(field, info), info))
    for options in declared_options():
        named = {variable(field, info): info for field, info in options.model_fields.items()}
        new = {name: info for name, info in named.items() if name not in told}
        if new and options.__module__.startswith("lineside."):
            lines.append(f"\n# ── {title(options)} ──\n")
            lines += [_line(name, info) for name, info in new.items()]
            told |= set(new)
    return "".join(lines)


def _line(name: str, info: FieldInfo) -> str:
    default = info.default
    value = ",".join(default) if isinstance(default, tuple) else "" if default is None else str(default)
    value = "" if isinstance(default, Path) and default.is_relative_to(DATA) else value
    value = value.lower() if isinstance(default, bool) else value
    about = f"  # {info.description}" if info.description else ""
    return f"# {name}={value}{about}\n"


if __name__ == "__main__":
    if "--check" not in sys.argv:
        EXAMPLE.write_text(example(), "utf-8")
    elif EXAMPLE.read_text("utf-8") != example():
        sys.exit(".env.example is out of date: run .venv/bin/python scripts/env_example.py")
