"""What stands in `examples/` runs."""

import subprocess
import sys
import wave
from pathlib import Path

from lineside.agents.agent import load_agent
from lineside.loadtest.recordings import OWN
from tests.project.test_product import SCRIPTED, serving

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_agent_file_loads() -> None:
    """It has all that a first agent needs."""
    agent = load_agent(EXAMPLES / "agent.toml")
    assert agent.greeting
    assert agent.facts
    assert agent.examples


def test_the_python_client_asks_a_spoken_question_and_saves_the_answer(tmp_path: Path) -> None:
    """It prints what was understood and answered, and ends by itself."""
    said, plain = tmp_path / "answer.wav", tmp_path / "plain.toml"
    plain.write_text('name = "Test"\nprompt = "You answer."\n')  # answers by the model alone
    chosen = SCRIPTED | {"WORKERS": "1", "DATA_DIR": str(tmp_path), "AGENT_FILE": str(plain)}
    with serving(**chosen, FALLBACK_TTS_ENGINES="none") as (_, url):
        told = subprocess.run(
            [sys.executable, str(EXAMPLES / "client.py"), url, str(OWN / "saturday.wav"), str(said)],
            capture_output=True,
            text=True,
            check=True,
            timeout=180,
        )
    assert "caller: scripted words" in told.stdout
    assert "agent: This is a scripted answer." in told.stdout
    with wave.open(str(said)) as sound:
        assert sound.getnframes() > sound.getframerate()


def test_the_python_client_is_short() -> None:
    """Forty lines of code: the protocol needs no library."""
    lines = (EXAMPLES / "client.py").read_text("utf-8").partition('"""\n\n')[2].splitlines()
    assert len([line for line in lines if line.strip()]) <= 42
