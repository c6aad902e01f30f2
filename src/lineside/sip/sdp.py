"""Session descriptions (RFC 4566) as far as telephones need them. Pure."""

import re
from ipaddress import ip_address

from msgspec import Struct

from lineside.sip.numbers import whole_number

LARGEST = 16 * 1024  # bytes
MOST_LINES, MOST_MEDIA, MOST_FORMATS = 400, 16, 64
MEDIA = re.compile(r"([A-Za-z]+) (\d{1,5})(?:/\d{1,5})? ([A-Za-z0-9/]+)((?: \S{1,40})+)")
CONNECTION = re.compile(r"IN (IP4|IP6) (\S+)")
RTPMAP = re.compile(r"(\d{1,3}) +([A-Za-z0-9._+-]+)/(\d{1,6})(?:/(\d{1,2}))?")


class BadSdp(ValueError):
    """No session description that can be used."""


class SdpMedia(Struct, frozen=True):
    """One m-line with what belongs to it."""

    kind: str  # "audio", "video" …
    port: int
    profile: str  # "RTP/AVP"
    formats: tuple[str, ...]
    host: str  # of its own c-line, or the session's
    attributes: tuple[tuple[str, str], ...]

    def attribute(self, name: str) -> str | None:
        """The first of a name; empty for one without a value."""
        return next((value for key, value in self.attributes if key == name), None)

    def encodings(self) -> dict[int, tuple[str, int]]:
        """Payload type → name in capitals and clock, in the order of the m-line, as a=rtpmap says."""
        mapped: dict[int, tuple[str, int]] = {}
        for key, value in self.attributes:
            if key == "rtpmap" and (found := RTPMAP.fullmatch(value)):
                mapped[int(found[1])] = found[2].upper(), int(found[3])
        numbers = (whole_number(text) for text in self.formats)
        return {number: mapped.get(number, ("", 0)) for number in numbers if number is not None and number < 128}


class SessionDescription(Struct, frozen=True):
    """A description, as both sides exchange it."""

    media: tuple[SdpMedia, ...]
    direction: str = "sendrecv"  # of the session; a medium may say otherwise

    def direction_of(self, media: SdpMedia) -> str:
        """Of a medium, from its sender's side; `inactive` where its address is 0.0.0.0, the hold of RFC 2543."""
        found = next((key for key, _ in media.attributes if key in DIRECTIONS), self.direction)
        return "inactive" if media.host in ("0.0.0.0", "::") and found != "recvonly" else found  # noqa: S104


DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")


def parse_sdp(data: bytes) -> SessionDescription:
    """Read a description. Raises `BadSdp`."""
    if len(data) > LARGEST:
        raise BadSdp("too long")
    lines = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = [line.rstrip() for line in lines if line.strip()]
    if len(lines) > MOST_LINES or not lines or not lines[0].startswith("v=0"):
        raise BadSdp("no description of version 0")
    session: list[tuple[str, str]] = []
    sections: list[tuple[str, list[tuple[str, str]]]] = []
    host = ""
    hosts: list[str] = []
    for line in lines[1:]:
        kind, equals, value = line.partition("=")
        if not equals or len(kind) != 1:
            raise BadSdp("a line is malformed")
        if kind == "m":
            sections.append((value, []))
            hosts.append(host)
        elif kind == "c":
            if sections:
                hosts[-1] = _host(value)
            else:
                host = _host(value)
        elif kind == "a":
            name, _, given = value.partition(":")
            (sections[-1][1] if sections else session).append((name.strip().lower(), given.strip()))
    if len(sections) > MOST_MEDIA:
        raise BadSdp("too many media")
    media = tuple(_media(line, at, attributes) for (line, attributes), at in zip(sections, hosts, strict=True))
    direction = next((name for name, _ in session if name in DIRECTIONS), "sendrecv")
    return SessionDescription(media, direction)


def _media(line: str, host: str, attributes: list[tuple[str, str]]) -> SdpMedia:
    found = MEDIA.fullmatch(line)
    if found is None or int(found[2]) > 65535:
        raise BadSdp("an m-line is malformed")
    formats = tuple(found[4].split())
    if len(formats) > MOST_FORMATS:
        raise BadSdp("too many formats")
    if not host and int(found[2]):
        raise BadSdp("no c-line")
    return SdpMedia(found[1].lower(), int(found[2]), found[3].upper(), formats, host, tuple(attributes))


def _host(value: str) -> str:
    """The address of a c-line; a name stays a name, which is not looked up."""
    found = CONNECTION.fullmatch(value.split("/", maxsplit=1)[0].strip())
    if found is None:
        raise BadSdp("a c-line is malformed")
    try:
        return str(ip_address(found[2]))
    except ValueError:
        raise BadSdp("a c-line names no address") from None


def build_sdp(session: tuple[int, int], host: str, media: list[tuple[str, int, str, list[str], list[str]]]) -> bytes:
    """A description.

    Args:
        session: its number, and its version.
        host: our address.
        media: kind, port, profile, formats and attributes of each m-line.
    """
    family = "IP6" if ":" in host else "IP4"
    lines = ["v=0", f"o=- {session[0]} {session[1]} IN {family} {host}", "s=-", f"c=IN {family} {host}", "t=0 0"]
    for kind, port, profile, formats, attributes in media:
        lines.append(f"m={kind} {port} {profile} {' '.join(formats)}")
        lines += (f"a={attribute}" for attribute in attributes)
    return ("\r\n".join(lines) + "\r\n").encode()
