"""The pages say what the code does."""

import subprocess
import sys
from pathlib import Path

from lineside.settings import Settings

ROOT = Path(__file__).parents[1]


def test_the_protocol_page_is_what_the_schema_says() -> None:
    """Change schema.py and this fails until scripts/protocol.py has written the page anew."""
    done = subprocess.run(
        [sys.executable, "scripts/protocol.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_setting_stands_in_the_example_with_its_default() -> None:
    """`.env.example` names each setting once, commented out, with the value it has anyway."""
    example = (ROOT / ".env.example").read_text()
    lines = [line.lstrip("# ").split("=", 1) for line in example.splitlines() if "=" in line and line.startswith("#")]
    written = {name: value.split("  #")[0].strip() for name, value in lines if name.isupper()}
    for name, field in Settings.model_fields.items():
        alias = {"models_dir": "LINESIDE_MODELS", "models_mirror": "LINESIDE_MIRROR"}.get(name, name.upper())
        assert alias in written, f"{alias} is missing in .env.example"
        default = field.default
        shown = "" if default in ((), "") else str(default).lower() if isinstance(default, bool) else str(default)
        assert written.pop(alias) == shown, alias
    assert not written, f"not settings of lineside: {written}"
