"""Settings, read once at start-up from the environment and `.env`, and handed down as arguments.

No other module reads the environment and no default stands twice. A wrong value stops the program before it answers
a call, with a sentence that says how to put it right.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

import psutil
from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from lineside.errors import ConfigError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LLM_MODELS = ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b")


class Settings(BaseSettings):
    """Everything an operator can set. The environment wins over `.env`."""

    model_config = SettingsConfigDict(env_file=".env", frozen=True, extra="ignore", env_ignore_empty=True)

    # Who may connect.
    host: str = "127.0.0.1"
    port: int = Field(3001, ge=0, le=65535)
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()  # comma-separated, as https://desk.example.com
    api_keys: Annotated[tuple[str, ...], NoDecode] = ()  # comma-separated; once set, everything asks for one

    # How many calls, how long.
    max_concurrent_calls: int = Field(100, ge=1, le=100_000)
    call_idle_timeout_s: float = Field(120, gt=0)  # a caller silent for so long is ended
    call_max_s: float = Field(3600, gt=0)

    # Whose turn it is.
    vad_silence_timeout_ms: int = Field(1000, ge=200, le=10_000)  # the longest wait for an end of turn
    vad_min_speech_ms: int = Field(500, ge=50, le=10_000)  # shorter sounds start no turn
    speculation: bool = True  # prepare the answer at a short pause, silently

    # Who answers.
    default_stt_engine: str = "faster-whisper"
    default_llm_engine: str = "embedded"
    default_tts_engine: str = "piper"
    llm_max_tokens: int = Field(150, ge=1, le=100_000)
    agent_file: Path = Path("samples/broadband.toml")

    # The embedded engine server and its models.
    embedded_url: str = ""  # empty: lineside starts one of its own
    embedded_llm: Literal["auto", "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"] = "auto"
    models_dir: Path = Field(Path("~/.cache/lineside"), validation_alias=AliasChoices("LINESIDE_MODELS", "models_dir"))
    models_mirror: str = Field("", validation_alias=AliasChoices("LINESIDE_MIRROR", "models_mirror"))

    @field_validator("allowed_origins", "api_keys", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("models_dir", mode="after")
    @classmethod
    def _at_home(cls, value: Path) -> Path:
        return value.expanduser()

    @property
    def only_this_machine(self) -> bool:
        """Whether nobody outside this machine can connect."""
        return self.host in LOOPBACK

    @property
    def llm_model(self) -> str:
        """The embedded language model: the one named, or the one this machine can run at the pace of speech."""
        if self.embedded_llm != "auto":
            return self.embedded_llm
        # Measured: on two cores the 1.5B gives 11 words a second after 0.4-0.7 s, the 0.5B 30 after 0.2 s.
        memory: int = psutil.virtual_memory().total
        roomy = (os.cpu_count() or 1) >= 8 and memory >= 8 << 30
        return LLM_MODELS[1] if roomy else LLM_MODELS[0]


def load_settings(**given: object) -> Settings:
    """Read the settings; `given` (what the command line said) wins. Raises `ConfigError` naming each wrong one."""
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as cause:
        wrong = "; ".join(f"{str(e['loc'][0]).upper()}={e['input']!r}: {e['msg']}" for e in cause.errors())
        raise ConfigError(f"wrong setting: {wrong}. Correct it in the environment or in .env.") from None


def check_exposure(settings: Settings, *, insecure: bool) -> None:
    """Refuse to stand open to the network without keys, unless that was asked for by name."""
    if settings.only_this_machine or settings.api_keys or insecure:
        return
    raise ConfigError(
        f"HOST={settings.host} lets other machines call, and API_KEYS is empty: anyone could. "
        "Set API_KEYS, or HOST=127.0.0.1, or say --insecure if that is what you want."
    )
