"""Settings of calls over WebRTC. They are part of `settings.Settings`, and stand here since that file is long."""

from pydantic import field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class WebRtcSettings(BaseSettings):
    """What an operator can set of calls over WebRTC."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)  # a class's own; heirs do not read them

    # ── WebRTC ──
    webrtc_host: str = ""
    """Address of the sound of calls over WebRTC, one of this machine's; 0.0.0.0 = each of them; empty = HOST"""
    webrtc_ports: str = "17000-17999"
    """UDP ports of the sound of calls over WebRTC, first-last; one for each call and address"""
    webrtc_advertised_host: str = ""
    """Address that callers over WebRTC reach WEBRTC_HOST by, where a router translates addresses; empty = itself"""

    @field_validator("webrtc_ports")
    @classmethod
    def _webrtc_port_range(cls, value: str) -> str:
        first, _, last = value.partition("-")
        if not (first.isdigit() and last.isdigit() and 1024 <= int(first) <= int(last) <= 65535):
            raise ValueError("first-last from 1024 to 65535, e.g. 17000-17999")
        return value

    @property
    def webrtc_port_range(self) -> range:
        """The ports of `WEBRTC_PORTS`."""
        first, _, last = self.webrtc_ports.partition("-")
        return range(int(first), int(last) + 1)
