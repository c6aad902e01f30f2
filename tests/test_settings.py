"""Settings: where each comes from, what stops the start, and what is never shown."""

import subprocess
import sys
from pathlib import Path

import pytest

from lineside.errors import ConfigError
from lineside.settings import Settings, complete_settings, explain, load_settings

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder without `.env`, and no setting in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in complete_settings().model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_settings_that_operators_know_keep_their_names_and_defaults() -> None:
    """The names and defaults that operators know from before."""
    known = {
        "ollama_model": "llama3.2:3b",
        "default_tts_engine": "hibari",
        "elevenlabs_api_key": "",
        "elevenlabs_voice_id": "21m00Tcm4TlvDq8ikWAM",
        "elevenlabs_model_id": "eleven_turbo_v2_5",
        "max_concurrent_calls": 100,
        "llm_max_tokens": 150,
        "vad_silence_timeout_ms": 1000,
        "vad_min_speech_ms": 500,
        "asr_pool_size": 50,
        "llm_pool_size": 50,
        "tts_pool_size": 50,
    }
    settings = load_settings()
    assert {name: getattr(settings, name) for name in known} == known


def test_each_setting_says_who_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line wins over the environment, that over `.env`, that over the default."""
    Path(".env").write_text("OLLAMA_MODEL=qwen3:4b\nLLM_MAX_TOKENS=99\nCALL_MAX_S=60\n")
    monkeypatch.setenv("LLM_MAX_TOKENS", "120")
    monkeypatch.setenv("LINESIDE_MODELS", "/models")
    rows = {row.name: (row.value, row.source) for row in explain(load_settings(call_max_s=90))}
    assert rows["OLLAMA_MODEL"] == ("qwen3:4b", ".env")
    assert rows["LLM_MAX_TOKENS"] == ("120", "environment")
    assert rows["CALL_MAX_S"] == ("90", "command line")
    assert rows["LINESIDE_MODELS"] == ("/models", "environment")
    assert rows["ASR_POOL_SIZE"] == ("50", "default")


def test_each_setting_says_what_it_is_for_and_the_first_come_first() -> None:
    """The address and the keys before the telephones, those before what engines declare; unset is empty."""
    rows = explain(load_settings())
    assert [row.name for row in rows if not row.about] == []
    assert [row.name for row in rows if row.value == "None"] == []
    names = [row.name for row in rows]
    assert names[:2] == ["HOST", "PORT"]
    assert names.index("PUBLIC_URL") < names.index("SIP") < names.index("WEBHOOK_URL") < names.index("OLLAMA_URL")


def test_secrets_are_masked_and_stay_out_of_error_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the list of settings nor a complaint shows a key."""
    monkeypatch.setenv("ELEVENLABS_API_KEY", "sk-very-secret")
    monkeypatch.setenv("API_KEYS", "one-secret,two-secret")
    rows = explain(load_settings())
    assert "secret" not in str([row.value for row in rows])
    assert {row.name for row in rows if row.secret and row.value} == {"ELEVENLABS_API_KEY", "API_KEYS"}
    with pytest.raises(ConfigError) as no:
        load_settings(host_agent_token={"no": "tell-nobody"})
    assert "HOST_AGENT_TOKEN" in str(no.value)
    assert "tell-nobody" not in str(no.value)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "threethousand", "PORT='threethousand'.*integer"),
        ("ASR_POOL_SIZE", "0", "ASR_POOL_SIZE='0'.*greater"),
        ("OLLAMA_URL", "localhost:11434", "OLLAMA_URL='localhost:11434': must be a URL that begins with http://"),
        ("MELOTTS_ACCENT", "FR", "MELOTTS_ACCENT='FR'.*EN-US"),
        ("LINESIDE_MIRROR", "ftp://x", "LINESIDE_MIRROR='ftp://x'"),
    ],
)
def test_a_wrong_value_stops_the_start(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    """It is named as the operator wrote it, with what is allowed."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=says):
        load_settings()


def test_an_unknown_name_in_the_file_stops_the_start() -> None:
    """A typing error does not pass for a default; names that compose reads from the same file do."""
    Path(".env").write_text("COMPOSE_PROFILES=rocm\nVAD_SILENCE_TIMEOUT=800\n")
    with pytest.raises(ConfigError, match=r"VAD_SILENCE_TIMEOUT, which .* did you mean VAD_SILENCE_TIMEOUT_MS\?"):
        load_settings()
    Path(".env").write_text("COMPOSE_PROFILES=rocm\nVAD_SILENCE_TIMEOUT_MS=800\n")
    assert load_settings().vad_silence_timeout_ms == 800


def test_a_list_can_be_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty value is the default; none is nobody."""
    monkeypatch.setenv("FALLBACK_TTS_ENGINES", "")
    assert load_settings().fallback_tts_engines == Settings.model_fields["fallback_tts_engines"].default
    monkeypatch.setenv("FALLBACK_TTS_ENGINES", "none")
    assert load_settings().fallback_tts_engines == ()
    monkeypatch.setenv("FALLBACK_TTS_ENGINES", "kokoro, espeak")
    assert load_settings().fallback_tts_engines == ("kokoro", "espeak")


def test_the_example_file_is_what_the_settings_say() -> None:
    """Change settings.py and this fails until scripts/env_example.py has written the file anew."""
    done = subprocess.run(
        [sys.executable, "scripts/env_example.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_example_file_can_be_used_as_it_stands() -> None:
    """Uncommented whole, it sets every setting to what it is anyway."""
    example = (ROOT / ".env.example").read_text("utf-8").splitlines()
    Path(".env").write_text("\n".join(line.removeprefix("# ") for line in example if "=" in line and "──" not in line))
    homes = {"models_dir", "data_dir"}  # "~" is this user's home here
    assert load_settings().model_dump(exclude=homes) == complete_settings()(_env_file=None).model_dump(exclude=homes)  # type: ignore[call-arg]


def test_values_are_shown_as_they_are_written() -> None:
    """What is shown can be put into `.env` as it stands."""
    shown = {row.name: row.value for row in explain(load_settings(tts_pool_size=3))}
    assert shown["ECHO_GATE"] == "true"
    assert shown["CALL_IDLE_TIMEOUT_S"] == "120"
    assert shown["SIP_TRANSPORTS"] == "udp,tcp"
    assert shown["TTS_POOL_SIZE"] == "3"
