"""Settings of the SIP port. They are part of `settings.Settings`, and stand here since that file is long."""

import base64
import binascii
from typing import Literal

from pydantic import Field, field_validator
from pydantic.config import JsonDict
from pydantic_settings import BaseSettings, SettingsConfigDict

from lineside.engine_options import Names, Url

SECRET: JsonDict = {"secret": True}
CODECS = ("G722", "PCMA", "PCMU")
KEY_BYTES = range(24, 65)  # of a webhook's secret (Standard Webhooks, "Signature scheme")


def webhook_key(secret: str) -> bytes:
    """The key in `whsec_…`; empty: it is none."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        return b""
    return key if secret.startswith("whsec_") and len(key) in KEY_BYTES else b""


class SipSettings(BaseSettings):
    """What an operator can set of calls over SIP."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)  # a class's own; heirs do not read them

    # ── SIP ──
    sip: bool = False
    """Answer calls over SIP; also: lineside serve --sip"""
    sip_host: str = "127.0.0.1"
    """Address of the SIP port and of the calls' sound; one of this machine's private addresses, never a public one"""
    sip_port: int = Field(5060, ge=0, le=65535)
    """UDP and TCP port of SIP"""
    sip_transports: Names = ("udp", "tcp")
    """Transports of SIP_PORT, comma-separated: udp, tcp"""
    sip_rtp_ports: str = "16000-16999"
    """UDP ports of the calls' sound, first-last; two for each call"""
    sip_advertised_host: str = ""
    """Address that others reach this machine by, where a router translates addresses; empty = SIP_HOST"""
    sip_trusted: Names = ("127.0.0.0/8", "::1")
    """Addresses or CIDR blocks of PBXs and trunks that may call without a password, comma-separated"""
    sip_allowed: Names = ()
    """Addresses or CIDR blocks of telephones that may register and call with a password of SIP_USERS"""
    sip_users: Names = Field((), json_schema_extra=SECRET)
    """Telephones that may register and call, comma-separated: name:password"""
    sip_accounts: Names = Field((), json_schema_extra=SECRET)
    """Accounts to register at PBXs or trunks, comma-separated: sip:user:password@host:port;transport=udp"""
    sip_codecs: Names = CODECS
    """Codecs of calls over SIP, the best first: G722, PCMA, PCMU"""
    sip_tls_port: int = Field(5061, ge=0, le=65535)
    """Port of SIP over TLS; used where SIP_TLS_CERTIFICATE is set"""
    sip_tls_certificate: str = ""
    """PEM file of the certificate chain of SIP over TLS; empty = no TLS port"""
    sip_tls_key: str = ""
    """PEM file of the private key of SIP over TLS; empty = it stands in SIP_TLS_CERTIFICATE"""
    sip_tls_ca: str = ""
    """PEM file of the authorities whose certificates count for trunks over TLS; empty = those of the system"""
    sip_srtp: Literal["off", "offered", "required"] = "offered"
    """Encrypted sound over TLS: offered = where the other side wants it; required = no call without"""

    # ── calls over SIP, led by a program ──
    realtime_webhook_url: Url = Field("", json_schema_extra=SECRET)
    """Address that is told of each call over SIP (realtime.call.incoming) and may take it; empty = our agent answers"""
    realtime_webhook_secret: str = Field("", json_schema_extra=SECRET)
    """Secret that requests to REALTIME_WEBHOOK_URL are signed with: whsec_ and 24 to 64 bytes in base64"""
    realtime_accept_s: float = Field(10, ge=1, le=120)
    """Seconds that a call over SIP rings until a program has accepted it"""
    realtime_unaccepted: Literal["reject", "agent"] = "reject"
    """What follows where no program does: reject = the caller hears 480, not available; agent = our agent answers"""

    @field_validator("realtime_webhook_secret")
    @classmethod
    def _whole_secret(cls, value: str) -> str:
        if value and not webhook_key(value):
            raise ValueError(
                "is whsec_ and 24 to 64 bytes in base64; make one with: echo whsec_$(openssl rand -base64 32)"
            )
        return value

    @field_validator("sip_codecs")
    @classmethod
    def _known_codecs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        codecs = tuple(name.upper() for name in value)
        if not codecs or set(codecs) - set(CODECS):
            raise ValueError(f"allowed are {', '.join(CODECS)}")
        return codecs

    @field_validator("sip_transports")
    @classmethod
    def _known_transports(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or set(value) - {"udp", "tcp"}:
            raise ValueError("allowed are udp and tcp")
        return value

    @field_validator("sip_users")
    @classmethod
    def _whole_users(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not name or not password for name, _, password in (user.partition(":") for user in value)):
            raise ValueError("each is name:password, e.g. anna:9f2cKq81")
        return value

    @field_validator("sip_rtp_ports")
    @classmethod
    def _port_range(cls, value: str) -> str:
        first, _, last = value.partition("-")
        if not (first.isdigit() and last.isdigit() and 1024 <= int(first) < int(last) <= 65535):
            raise ValueError("first-last from 1024 to 65535, e.g. 16000-16999")
        return value

    @property
    def rtp_ports(self) -> tuple[int, int]:
        """First and last of `SIP_RTP_PORTS`."""
        first, _, last = self.sip_rtp_ports.partition("-")
        return int(first), int(last)
