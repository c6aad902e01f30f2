"""`lineside calls`: what is kept, listed, shown and deleted at the command line."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lineside.cli.main import app
from lineside.errors import ConfigError, LinesideError
from lineside.records.archive import Archive
from tests.call.fixtures import settings
from tests.records.test_nothing_is_lost import tell


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three calls of two callers, in a folder of its own."""

    async def story() -> None:
        async with Archive(settings(data_dir=tmp_path)).opened() as archive:
            tell(archive, "one", said="My bill [bold]please", caller="+1")
            tell(archive, "two", said="When are you open?", caller="+2")
            tell(archive, "three", said="Goodbye.", caller="+2")
            await archive.settled()

    asyncio.run(story())
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def command(*words: str) -> Result:
    return CliRunner().invoke(app, ["calls", *words])


def listed(*words: str) -> set[str]:
    told = command("--json", *words)
    assert told.exit_code == 0, told.output
    return {call["id"] for call in json.loads(told.stdout)["calls"]}


def test_calls_are_listed_by_word_caller_day_and_line() -> None:
    """Each narrows the list; a day that is none is refused."""
    assert listed() == {"one", "two", "three"}
    assert listed("--search", "bill") == {"one"}
    assert listed("--caller", "+2") == {"two", "three"}
    assert listed("--line", "sip") == set()
    assert listed("--since", "2020-01-01") == {"one", "two", "three"}
    assert listed("--until", "2020-01-01") == set()
    assert len(listed("--limit", "1")) == 1
    assert "More calls" in command("--limit", "1").output
    assert isinstance(command("--since", "soon").exception, ConfigError)


def test_one_call_is_shown_whole() -> None:
    """What was said, as it was said, and where the time went; a call that is not kept is refused."""
    told = command("show", "one")
    assert told.exit_code == 0, told.output
    assert "My bill [bold]please" in told.output
    assert json.loads(command("show", "one", "--json").stdout)["turns"][0]["stages"] == {"asr_ms": 20.0}
    assert isinstance(command("show", "nobody").exception, LinesideError)
    assert command("one").output == told.output, "an id alone shows its call"
    assert isinstance(command("nobody").exception, LinesideError)


def test_calls_are_deleted_by_name_and_by_caller_after_a_question(kept: Path) -> None:
    """No is no; what is deleted is in no file any more."""
    assert CliRunner().invoke(app, ["calls", "delete", "one"], input="n\n").exit_code == 1
    assert listed() == {"one", "two", "three"}
    assert command("delete", "one", "--yes").exit_code == 0
    assert command("delete", "--caller", "+2", "--yes").exit_code == 0
    assert listed() == set()
    assert not [path for path in kept.rglob("*") if path.is_file() and b"My bill" in path.read_bytes()]
    assert isinstance(command("delete", "one", "--yes").exception, LinesideError)
    assert isinstance(command("delete").exception, ConfigError)
