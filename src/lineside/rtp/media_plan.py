"""What both sides agreed on for a call's sound: the outcome of an SDP offer and its answer, as RTP needs it."""

from typing import Literal

from msgspec import Struct

from lineside.rtp.codecs import COMFORT_NOISE, CodecName
from lineside.rtp.source_lock import Address

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]


class SrtpKeys(Struct, frozen=True):
    """Keys of an encrypted stream (RFC 4568): 16 bytes of key and 14 of salt, each way."""

    ours: bytes
    theirs: bytes


class MediaPlan(Struct, frozen=True):
    """One call's sound, from our side."""

    remote: Address
    remote_rtcp: Address
    codec: CodecName
    payload_type: int  # of the sound that we receive
    send_payload_type: int  # of the sound that we send; it may differ
    event_payload_type: int | None = None  # of keys that we receive (RFC 4733)
    send_event_payload_type: int | None = None
    packet_ms: int = 20  # of what we send
    direction: Direction = "sendrecv"  # ours: `recvonly` while the other side holds the call and plays music
    rtcp_mux: bool = False
    comfort_noise: int = COMFORT_NOISE
    keys: SrtpKeys | None = None

    @property
    def sends(self) -> bool:
        """Whether we may send sound."""
        return self.direction in ("sendrecv", "sendonly")

    @property
    def held(self) -> bool:
        """Whether the other side has put the call on hold: what still comes is music."""
        return not self.sends
