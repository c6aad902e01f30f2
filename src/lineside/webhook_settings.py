"""Settings of webhooks. They are part of `settings.Settings`, and stand here since that file is long."""

from typing import get_args

from pydantic import Field, field_validator
from pydantic.config import JsonDict
from pydantic_settings import BaseSettings, SettingsConfigDict

from lineside.engine_options import Names, Url
from lineside.reasons import WebhookEvent

_SECRET: JsonDict = {"secret": True}
EVENTS: tuple[str, ...] = get_args(WebhookEvent)


class WebhookSettings(BaseSettings):
    """What an operator can set of webhooks."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)  # a class's own; heirs do not read them

    # ── webhooks ──
    webhook_url: Url = Field("", json_schema_extra=_SECRET)
    """Address that is told of calls by POST: started, ended, a person asked for, alerts; empty = nobody is"""
    webhook_secret: str = Field("", json_schema_extra=_SECRET)
    """Secret that webhooks are signed with (HMAC-SHA256); required with WEBHOOK_URL, at least 16 characters"""
    webhook_events: Names = EVENTS
    """Events of WEBHOOK_URL, comma-separated"""

    @field_validator("webhook_events", mode="after")
    @classmethod
    def _known_events(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if strange := [name for name in value if name not in EVENTS]:
            raise ValueError(f"{strange[0]!r} is no event; there are {', '.join(EVENTS)}")
        return value
