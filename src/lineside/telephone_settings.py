"""Settings of telephone lines other than SIP. They are part of `settings.Settings`, whose file is long."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic.config import JsonDict
from pydantic_settings import BaseSettings, SettingsConfigDict

from lineside.engine_options import Names, Url
from lineside.telephone_numbers import why_refused

_SECRET: JsonDict = {"secret": True}


class TelephoneSettings(BaseSettings):
    """What an operator can set of calls by carriers' media streams and by Asterisk."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)  # a class's own; heirs do not read them

    # ── telephone lines ──
    public_url: Url = ""
    """Address at which carriers reach lineside, e.g. https://voice.example.com; their signatures cover it"""
    fallback_number: str = ""
    """Number or SIP address that the carrier dials when lineside is full or gone; empty = it says so and hangs up"""
    telephone_headers: Names = ()
    """Headers and parameters of telephone calls to keep, comma-separated; X-Name-* = all that begin so"""
    mask_numbers: bool = False
    """Show and keep the last four digits only of the numbers of those who call or are called; agents know all of it"""
    transfer_to: str = ""
    """Where callers who ask for a person are transferred: a number, a SIP address, or a queue of the PBX"""
    transfer_allowed: Names = ()
    """Further targets that a call may be transferred to, comma-separated; +4420* = all that begin so"""
    transfer_how: Literal["cold", "warm"] = "cold"
    """cold = hand the caller on at once; warm = a colleague first hears a summary and presses 1, on lines that can"""
    asterisk: bool = False
    """Answer calls of Asterisk's WebSocket channel at /lines/asterisk"""
    ari_url: str = ""
    """Asterisk's REST interface (ARI), e.g. http://127.0.0.1:8088; empty with ARI_PASSWORD = Asterisk connects to us"""
    ari_user: str = "lineside"
    """User of Asterisk's REST interface, as in ari.conf"""
    ari_password: str = Field("", json_schema_extra=_SECRET)
    """Password of ARI_USER; turns calls by Stasis(), warm transfer and calling out on"""
    ari_app: str = Field("lineside", pattern="^[A-Za-z0-9_-]{1,40}$")
    """Name of the application in Stasis(); one for each lineside, since the newest connection takes all of its calls"""
    ari_media: str = Field("lineside", pattern="^[A-Za-z0-9_-]{1,40}$")
    """Name of the connection for sound in websocket_client.conf"""
    ari_context: str = Field("people", pattern="^[A-Za-z0-9_-]{1,80}$")
    """Context of the dialplan in which TRANSFER_TO is an extension: queues and telephones"""
    ari_dial: str = "Local/{to}@lineside-dial/n"
    """What Asterisk dials for a colleague or a call of ours, with {to} in place of the number, e.g. PJSIP/{to}@trunk"""
    audiosocket_host: str = "127.0.0.1"
    """Address of the AudioSocket port"""
    audiosocket_port: int = Field(0, ge=0, le=65535)
    """TCP port for Asterisk's AudioSocket, usually 9092; 0 = off"""
    freeswitch: bool = False
    """Answer calls of FreeSWITCH's mod_audio_fork at /lines/freeswitch"""
    genesys_api_key: str = ""
    """Genesys Cloud: API key of the Audio Connector integration"""
    genesys_client_secret: str = Field("", json_schema_extra=_SECRET)
    """Genesys Cloud: client secret of the integration, in base64; turns /lines/genesys on"""
    jambonz_webhook_secret: str = Field("", json_schema_extra=_SECRET)
    """jambonz: webhook secret of the account; turns /lines/jambonz on"""
    twilio_account_sid: str = ""
    """Twilio: account SID"""
    twilio_auth_token: str = Field("", json_schema_extra=_SECRET)
    """Twilio: auth token; turns /lines/twilio on"""
    telnyx_public_key: str = ""
    """Telnyx: public key of webhooks; turns /lines/telnyx on"""
    telnyx_api_key: str = Field("", json_schema_extra=_SECRET)
    """Telnyx: API key, for hanging up and transfer"""
    signalwire_space: str = ""
    """SignalWire: host of the space, e.g. example.signalwire.com"""
    signalwire_project: str = ""
    """SignalWire: project id"""
    signalwire_token: str = Field("", json_schema_extra=_SECRET)
    """SignalWire: API token"""
    signalwire_signing_key: str = Field("", json_schema_extra=_SECRET)
    """SignalWire: signing key of webhooks; turns /lines/signalwire on"""
    plivo_auth_id: str = ""
    """Plivo: auth ID"""
    plivo_auth_token: str = Field("", json_schema_extra=_SECRET)
    """Plivo: auth token; turns /lines/plivo on"""
    vonage_application_id: str = ""
    """Vonage: application ID"""
    vonage_private_key: Path | None = None
    """Vonage: file of the application's private key, for hanging up and transfer"""
    vonage_signature_secret: str = Field("", json_schema_extra=_SECRET)
    """Vonage: signature secret of webhooks; turns /lines/vonage on"""
    exotel_password: str = Field("", json_schema_extra=_SECRET)
    """Exotel: password of the Voicebot applet's address, user name lineside; turns /lines/exotel on"""

    @field_validator("ari_dial")
    @classmethod
    def _has_a_place(cls, value: str) -> str:
        if "{to}" not in value or "/" not in value:
            raise ValueError("names a channel with {to} in place of the number, e.g. PJSIP/{to}@trunk")
        return value

    @field_validator("ari_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("is an address such as http://127.0.0.1:8088")
        return value

    @field_validator("transfer_to", "fallback_number")
    @classmethod
    def _can_be_dialled(cls, value: str) -> str:
        if value and (why := why_refused(value)):
            raise ValueError(why)
        return value
