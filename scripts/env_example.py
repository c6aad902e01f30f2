"""Writes `.env.example` from the settings. `--check` only says whether it is up to date."""

import re
import sys
from pathlib import Path

from lineside import settings as module
from lineside.settings import DATA, Settings, variable

EXAMPLE = Path(__file__).parents[1] / ".env.example"
HEAD = "# Copy to .env and uncomment what you want to change; the environment wins over it. These are the defaults.\n"


def example() -> str:
    """The text of `.env.example`."""
    source = Path(module.__file__).read_text("utf-8")
    group = {m[2]: m[1] for m in re.finditer(r"# (── .* ──)\n    (\w+):", source)}  # first setting → its group's title
    lines = [HEAD]
    for field, info in Settings.model_fields.items():
        if field in group:
            lines.append(f"\n# {group[field]}\n")
        default = info.default
        value = ",".join(default) if isinstance(default, tuple) else str(default)
        value = "" if isinstance(default, Path) and default.is_relative_to(DATA) else value
        value = value.lower() if isinstance(default, bool) else value
        about = f"  # {info.description}" if info.description else ""
        lines.append(f"# {variable(field, info)}={value}{about}\n")
    return "".join(lines)


if __name__ == "__main__":
    if "--check" not in sys.argv:
        EXAMPLE.write_text(example(), "utf-8")
    elif EXAMPLE.read_text("utf-8") != example():
        sys.exit(".env.example is out of date: run .venv/bin/python scripts/env_example.py")
