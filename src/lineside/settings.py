"""Settings, read once at start-up from the environment and `.env`, and handed down as arguments.

No other module reads the environment and no default stands twice: `.env.example` is made from this file and from what
engines declare (`engine_options`). A wrong value, or an unknown name in `.env`, stops the program before a call.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import psutil
from msgspec import Struct
from pydantic import AliasChoices, Field, PrivateAttr, ValidationError, create_model, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import DotEnvSettingsSource, SettingsConfigDict

from lineside.embedded_models import INSTRUCT_MODELS, LLM_MODELS, EmbeddedLlm
from lineside.engine_options import BasePath, EngineOptions, Names, Networks, Url, as_written, declared_options
from lineside.engine_options import variable as option_variable
from lineside.errors import ConfigError, without_secrets
from lineside.outbound_settings import OutboundSettings
from lineside.sip_settings import SECRET, SipSettings
from lineside.telephone_settings import TelephoneSettings
from lineside.webhook_settings import WebhookSettings
from lineside.webrtc_settings import WebRtcSettings

DATA = Path(__file__).with_name("data")  # what comes with lineside: agent, services, monitoring
Options = TypeVar("Options", bound=EngineOptions)

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Names that compose reads from the same `.env`; they are not ours, and not wrong.
OTHERS = ("COMPOSE_", "DOCKER_", "GRAFANA_", "GF_", "LINESIDE_IMAGE", "HIP_", "HSA_", "CUDA_", "NVIDIA_")


class Settings(SipSettings, TelephoneSettings, OutboundSettings, WebRtcSettings, WebhookSettings):
    """Everything an operator can set, except the options of engines. The environment wins over `.env`."""

    model_config = SettingsConfigDict(env_file=".env", frozen=True, extra="ignore", env_ignore_empty=True,
                                      use_attribute_docstrings=True)  # fmt: skip
    _sources: dict[str, str] = PrivateAttr(default_factory=dict)

    # ── access ──
    host: str = "127.0.0.1"
    """Address to listen on; 127.0.0.1 = this machine only. Another address needs API_KEYS"""
    port: int = Field(3001, ge=0, le=65535)
    """TCP port of the page, the API and calls"""
    allowed_origins: Names = ()
    """Other web origins whose pages may connect, comma-separated, e.g. https://desk.example.com"""
    base_path: BasePath = ""
    """Path below which a web server passes requests on, e.g. /voice; empty = its root"""
    trusted_proxies: Networks = ()
    """Addresses or networks of your proxies, comma-separated; only their X-Forwarded-* and Forwarded headers count"""
    api_keys: Names = Field((), json_schema_extra=SECRET)
    """API keys, comma-separated; when set, calls and the control API need one"""

    # ── limits ──
    max_concurrent_calls: int = Field(100, ge=1, le=100_000)
    """Maximum concurrent calls over all workers; further calls get 503"""
    max_calls_per_key: int = Field(0, ge=0, le=100_000)
    """Maximum concurrent calls of one of API_KEYS, over all gateways that share PostgreSQL; 0 = no limit"""
    workers: int = Field(0, ge=0, le=256)
    """Worker processes; 0 = CPU cores − 1"""
    drain_s: float = Field(0, ge=0, le=86_400)
    """Seconds that SIGTERM leaves calls to end by themselves, while new ones get 503; 0 = none"""
    call_idle_timeout_s: float = Field(120, gt=0)
    """Hang up after this many seconds without speech from either side"""
    caller_silence_s: float = Field(8, gt=0)
    """Seconds of silence before the agent's `reprompt`; after as many again, its `goodbye` and hang-up"""
    call_max_s: float = Field(3600, gt=0)
    """Maximum length of a call (s)"""
    resume_s: float = Field(5, ge=0, le=60)
    """Seconds that a call waits for its caller whose connection broke; 0 = the call ends at once"""

    # ── turn-taking ──
    vad_silence_timeout_ms: int = Field(1000, ge=200, le=10_000)
    """Maximum silence before a turn ends (ms); exceeded only if the sentence is clearly unfinished"""
    turn_profile: Literal["silence", "fast", "balanced", "patient", "digits"] = "balanced"
    """End-of-turn detection: silence = the timer alone; the others also weigh prosody, words and the caller's pace"""
    vad_min_speech_ms: int = Field(500, ge=50, le=10_000)
    """Minimum length of a sound that starts a turn (ms); 40 % of it must be voiced: 200 ms at 500"""
    turn_max_s: float = Field(27, ge=5, le=27)
    """Answer a caller who never pauses after this many seconds; STT models take 30 seconds at once"""
    echo_gate: bool = True
    """Ignore the agent's own voice when the line echoes it back"""
    speculation: bool = True
    """Prepare the reply at a short pause, silently, before the turn has ended"""
    read_ahead: bool = True
    """Prefill the embedded LLM's prompt while the caller speaks (costs about one extra transcription per turn)"""
    partials_every_ms: int = Field(0, ge=0, le=10_000)
    """Interval of interim transcripts (ms); each one transcribes the whole turn again; 0 = only at pauses"""
    filler_after_ms: int = Field(700, ge=200, le=1500)
    """Play a filler ("Let me see.") if no reply audio is ready this long after the end of turn (ms)"""

    # ── engines ──
    default_stt_engine: str = "faster-whisper"
    """Speech to text of calls that name no engine; all names: lineside engines"""
    default_llm_engine: str = "auto"
    """Language model of calls that name none; auto = Ollama if it answers at OLLAMA_URL, else embedded"""
    default_tts_engine: str = "hibari"
    """Text to speech of calls that name none; fast, quality, high = Piper voices of rising size"""
    fallback_stt_engines: Names = ()
    """STT engines to try when the chosen one fails, in order, comma-separated"""
    fallback_llm_engines: Names = ()
    """LLM engines to try when the chosen one fails, in order, comma-separated"""
    fallback_tts_engines: Names = ("espeak",)
    """TTS engines to try when the chosen one fails; engines not installed are skipped; none = no fallback"""
    llm_max_tokens: int = Field(150, ge=1, le=100_000)
    """Maximum tokens of one spoken answer"""
    asr_pool_size: int = Field(50, ge=1, le=10_000)
    """Maximum connections per STT back end; further requests wait, within their time limit"""
    llm_pool_size: int = Field(50, ge=1, le=10_000)
    """Maximum connections per LLM back end"""
    tts_pool_size: int = Field(50, ge=1, le=10_000)
    """Maximum connections per TTS back end"""

    # ── agent and records ──
    agent_file: Path = DATA / "broadband.toml"
    """TOML file of the agent: prompt, facts, greeting, examples; empty = the demonstration agent"""
    data_dir: Path = Path("~/.local/share/lineside")
    """Folder of kept calls, recordings and changes made to the agent on the page"""
    keep_calls: bool = True
    """Keep each call's transcript, latencies and decisions"""
    record_calls: bool = False
    """Record audio, unless a call's first message says otherwise"""
    records_url: str = Field("", json_schema_extra=SECRET)
    """Database of kept calls: postgresql://user:password@host/name; empty = SQLite in DATA_DIR"""
    recordings_url: str = Field("", json_schema_extra=SECRET)
    """S3-compatible store of recordings, https://KEY:SECRET@host/bucket/folder; empty = DATA_DIR keeps them"""
    records_max_mb: int = Field(20_000, ge=1, le=100_000_000)
    """Limit of recordings in DATA_DIR (MB); the oldest are deleted first"""
    retention_days: int = Field(30, ge=0, le=36_500)
    """Delete kept calls after this many days; 0 = never"""

    # ── embedded engine server and models ──
    embedded_url: Url = ""
    """Address of an engine server; empty = lineside starts its own"""
    embedded_llm: EmbeddedLlm = "auto"
    """Embedded language model; auto = the best that fits this machine and can be had (lineside models advise)"""
    models_dir: Path = Field(Path("~/.cache/lineside"), validation_alias=AliasChoices("LINESIDE_MODELS", "models_dir"))
    """Folder of model files"""
    models_mirror: Url = Field("", validation_alias=AliasChoices("LINESIDE_MIRROR", "models_mirror"))
    """Mirror of yours, asked first for model files, as MIRROR/SHA256"""

    # ── monitoring ──
    otlp_endpoint: Url = ""
    """OpenTelemetry collector that gets a trace of every call, e.g. http://127.0.0.1:4318; empty = no traces"""
    prometheus_url: Url = ""
    """Prometheus as browsers reach it, for links on the page; --monitoring sets it; empty = no link"""
    grafana_url: Url = ""
    """Grafana as browsers reach it, for links on the page; empty = no link"""

    # ── host agent ──
    host_agent_url: Url = ""
    """Address of `lineside host`, e.g. http://127.0.0.1:3003; empty = no host agent"""
    host_agent_token: str = Field("", json_schema_extra=SECRET)
    """Shared token of gateway and host agent; required when the host agent listens beyond localhost"""
    services_file: Path = DATA / "services.toml"
    """TOML file of the services that the host agent may start; empty = the file that comes with lineside"""

    @field_validator("models_dir", "data_dir", mode="after")
    @classmethod
    def _at_home(cls, value: Path) -> Path:
        return value.expanduser()

    def options(self, kind: type[Options]) -> Options:
        """What is set of the options of an engine."""
        mine, fields = dict(self), kind.model_fields.items()
        names = {field: option_variable(field, info).lower() for field, info in fields}
        return kind.model_validate({field: mine[name] for field, name in names.items() if name in mine})

    @property
    def only_this_machine(self) -> bool:
        """Whether nobody outside this machine can connect."""
        return self.host in LOOPBACK

    @property
    def llm_model(self) -> str:
        """The embedded language model: the one named, or the one this machine can run at the pace of speech."""
        if self.embedded_llm != "auto":
            return self.embedded_llm
        try:  # what `lineside models pull` chose and fetched
            chosen = (self.models_dir / "embedded-llm").read_text().strip()
        except OSError:
            chosen = ""
        return chosen if chosen in INSTRUCT_MODELS and (self.models_dir / chosen).is_dir() else self.coder_model

    @property
    def coder_model(self) -> str:
        """The embedded language model for this machine that the package index has."""
        # Measured: on two cores the 1.5B gives 11 words a second after 0.4-0.7 s, the 0.5B 30 after 0.2 s.
        memory: int = psutil.virtual_memory().total
        return LLM_MODELS[(os.cpu_count() or 1) >= 8 and memory >= 8 << 30]


class Setting(Struct, frozen=True):
    """One setting as it stands, and who set it. A secret's value is masked."""

    name: str
    value: str
    source: Literal["default", "environment", ".env", "command line"]
    secret: bool
    about: str


def complete_settings() -> type[Settings]:
    """The settings with the options of every installed engine as further fields. Raises `ConfigError`."""
    ours = {variable(field, info) for field, info in Settings.model_fields.items()}
    fields: dict[str, Any] = {}
    for options in declared_options():
        for field, info in options.model_fields.items():
            name = option_variable(field, info)
            if name in ours:
                raise ConfigError(f"{options.__module__} declares {name}, which is lineside's own: rename it there")
            fields[name.lower()] = (info.annotation, info)
    return create_model("CompleteSettings", __base__=Settings, **fields)


def load_settings(**given: object) -> Settings:
    """Read the settings; `given` (what the command line said) wins. Raises `ConfigError` naming each wrong one."""
    complete = complete_settings()
    in_file = _env_file(complete)
    _refuse_strangers(in_file, complete)
    try:
        settings = complete(**given)  # type: ignore[arg-type]
    except ValidationError as cause:
        wrong = "; ".join(_wrong(dict(error), complete) for error in cause.errors(include_context=False))
        raise ConfigError(f"wrong setting: {wrong}. Correct it in the environment or in .env.") from None
    here = {name.upper() for name, value in os.environ.items() if value}
    for field, info in complete.model_fields.items():
        name = variable(field, info)
        said = {"command line": field in given, "environment": name in here, ".env": bool(in_file.get(name))}
        settings._sources[field] = next((source for source, named in said.items() if named), "default")
    return settings


def explain(settings: Settings) -> list[Setting]:
    """Every setting with its value and who set it: lineside's own in the order of this file, then those of engines."""
    values = dict(settings)
    return [
        Setting(
            name=variable(field, info),
            value=_shown(values[field], secret=_secret(info)),
            source=settings._sources.get(field, "default"),  # type: ignore[arg-type]
            secret=_secret(info),
            about=info.description or "",
        )
        for field, info in ordered_fields(type(settings)).items()
    ]


def ordered_fields(complete: type[Settings] = Settings) -> dict[str, FieldInfo]:
    """Settings in the order in which people read them: those of this file, of telephones and webhooks, of engines."""
    parts = (TelephoneSettings, SipSettings, OutboundSettings, WebRtcSettings, WebhookSettings)
    others = [name for part in parts for name in part.model_fields]
    names = [*(name for name in Settings.model_fields if name not in others), *others, *complete.model_fields]
    return {name: complete.model_fields[name] for name in dict.fromkeys(names)}


def variable(field: str, info: FieldInfo) -> str:
    """The name of a setting in the environment."""
    alias = info.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else option_variable(field, info)


def _env_file(complete: type[Settings]) -> Mapping[str, str | None]:
    """The names and values of `.env`, in capitals; empty where there is none."""
    read = DotEnvSettingsSource(complete, case_sensitive=False).env_vars
    return {name.upper(): value for name, value in read.items()}


def _refuse_strangers(in_file: Mapping[str, str | None], complete: type[Settings]) -> None:
    known = {variable(field, info) for field, info in complete.model_fields.items()}
    for name in in_file:
        if name in known or name.startswith(OTHERS):
            continue
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else "lineside settings lists all there are."
        raise ConfigError(f".env sets {name}, which is no setting of lineside; {hint}")


def _wrong(error: dict[str, Any], complete: type[Settings]) -> str:
    """One wrong setting, by its name in the environment; a secret's value stays out of the sentence."""
    field = str(error["loc"][0])
    fields = complete.model_fields
    field = next((f for f, info in fields.items() if variable(f, info).lower() == field.lower()), field)
    info = fields.get(field)
    value = "" if info and _secret(info) else f"={error['input']!r}"
    return f"{variable(field, info) if info else field.upper()}{value}: {error['msg'].removeprefix('Value error, ')}"


def _secret(info: FieldInfo) -> bool:
    return isinstance(info.json_schema_extra, dict) and bool(info.json_schema_extra.get("secret"))


def _shown(value: object, *, secret: bool) -> str:
    if secret or value is None:
        return "********" if value else ""
    return without_secrets(as_written(value))
