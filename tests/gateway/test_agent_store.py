"""A change of the agent lasts until its file is edited, and a start of the runtime loads no server."""

import subprocess
import sys
from pathlib import Path

import pytest

from lineside.agents.agent import Agent
from lineside.errors import ConfigError
from lineside.gateway.agent_store import AgentFile


def test_a_change_on_the_page_is_kept_until_the_file_itself_changes(tmp_path: Path) -> None:
    """The next start has the change; whoever edits the file afterwards gets what the file says."""
    file = tmp_path / "agent.toml"
    file.write_text('name = "Agent"\nprompt = "Be brief."\n')
    kept = AgentFile(file, tmp_path / "kept")
    changed = Agent(name="Agent", prompt="Be kind.", facts=("We open at nine.",))
    kept.write(changed)
    assert AgentFile(file, tmp_path / "kept").read() == changed
    assert "Be brief" in file.read_text()
    file.write_text('name = "Agent"\nprompt = "Be quick."\n')
    assert kept.read().prompt == "Be quick."


def test_a_change_that_cannot_be_kept_says_so_and_leaves_the_old_one(tmp_path: Path) -> None:
    """A damaged or unwritable place costs the change, never the agent."""
    file = tmp_path / "agent.toml"
    file.write_text('name = "Agent"\nprompt = "Be brief."\n')
    (tmp_path / "no-folder").write_text("")
    with pytest.raises(ConfigError, match=r"could not be kept.*DATA_DIR"):
        AgentFile(file, tmp_path / "no-folder").write(Agent(name="Agent", prompt="Be kind."))
    kept = AgentFile(file, tmp_path)
    kept.write(Agent(name="Agent", prompt="Be kind."))
    [change] = (tmp_path / "agents").iterdir()
    change.write_text("{")
    assert kept.read().prompt == "Be brief."


def test_a_worker_loads_neither_control_api_nor_host_agent() -> None:
    """A process that only holds calls loads neither server nor control API nor command line."""
    barred = (
        "lineside.api",
        "lineside.gateway.app",
        "lineside.gateway.startup",
        "lineside.host.client",
        "lineside.cli",
    )
    script = "import sys, lineside.gateway.worker; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in loaded if name.startswith(barred)] == []
