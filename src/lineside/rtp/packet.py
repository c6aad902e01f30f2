"""One RTP packet (RFC 3550, section 5.1)."""

import struct
from typing import NamedTuple

LARGEST = 1500  # bytes; 40 ms of G.711 with its header are 332
HEADER = struct.Struct("!BBHII")
VERSION = 2


class RtpPacket(NamedTuple):
    """A packet without its padding, contributing sources and header extension."""

    payload_type: int
    marker: bool
    sequence: int  # 16 bits
    timestamp: int  # 32 bits
    ssrc: int
    payload: bytes


def parse_rtp(data: bytes) -> RtpPacket | None:
    """Read a datagram; None for what is no RTP packet of version 2, whole and with a payload that is in it."""
    size = len(data)
    if size < HEADER.size or size > LARGEST:
        return None
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    if first >> 6 != VERSION:
        return None
    begin = HEADER.size
    if first != 0x80:  # anything beside the version: rare
        begin += 4 * (first & 0x0F)
        if first & 0x10:
            if size < begin + 4:
                return None
            begin += 4 + 4 * int.from_bytes(data[begin + 2 : begin + 4], "big")
        if first & 0x20:
            padding = data[-1]
            size -= padding
            if not padding:
                return None
    if begin > size:
        return None
    return RtpPacket(second & 0x7F, second >= 0x80, sequence, timestamp, ssrc, data[begin:size])


def build_rtp(packet: RtpPacket) -> bytes:
    """The bytes of a packet."""
    second = packet.payload_type | (0x80 if packet.marker else 0)
    return HEADER.pack(0x80, second, packet.sequence, packet.timestamp, packet.ssrc) + packet.payload


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram on a port that carries both is RTCP (RFC 5761, section 4)."""
    return len(data) >= 2 and 192 <= data[1] <= 223
