"""Settings of calls that lineside makes. They are part of `settings.Settings`, whose file is long."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lineside.engine_options import Names
from lineside.telephone_numbers import why_refused


class OutboundSettings(BaseSettings):
    """What an operator can set of calls that lineside makes. None is made before OUTBOUND_ALLOWED names a number."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)  # a class's own; heirs do not read them

    # ── calling out ──
    outbound_line: str = ""
    """Line that calls out: sip, asterisk, twilio, signalwire, telnyx, plivo or vonage; empty = the only one that can"""
    outbound_allowed: Names = ()
    """Numbers that may be called, comma-separated; +1415* = all that begin so; empty = nobody is called"""
    outbound_caller_id: str = ""
    """Number that those see who are called, one of yours that they can call back; empty = the line's own"""
    outbound_hours: Names = ("mon-sun 8:00-21:00",)
    """When calls are made, in the time zone of who is called, comma-separated: mon-fri 9:00-20:00, sat 10:00-16:00"""
    outbound_timezone: str = ""
    """Time zone of those who are called, e.g. Europe/London, where a request names none"""
    outbound_consent: bool = True
    """Refuse requests that name no record of the consent to be called by a machine"""
    outbound_per_minute: int = Field(10, ge=1, le=10_000)
    """Most calls that are begun within a minute"""
    outbound_at_once: int = Field(5, ge=1, le=10_000)
    """Most calls of ours at once; they count in MAX_CONCURRENT_CALLS too"""
    outbound_attempts_a_day: int = Field(3, ge=1, le=100)
    """Most calls to one number within a day"""
    outbound_ring_s: float = Field(30, ge=15, le=120)
    """Seconds that a call of ours rings"""
    sip_trunk: str = ""
    """PBX or trunk that numbers are dialled through without an account: sip:host:port;transport=udp"""
    telnyx_connection_id: str = ""
    """Telnyx: ID of the Call Control application that calls out"""

    @field_validator("outbound_timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise ValueError("no such time zone; write one such as Europe/London") from None
        return value

    @field_validator("outbound_caller_id")
    @classmethod
    def _is_number(cls, value: str) -> str:
        if value and (why := why_refused(value)):
            raise ValueError(why)
        return value
