"""What a caller's offer may be (RFC 8866, 8829), before anything is made of it. Pure."""

LARGEST = 64 * 1024  # bytes; a browser's is three
DROPPED = ("a=candidate:", "a=end-of-candidates")  # see `lineside.transports.webrtc`


class BadOffer(Exception):
    """An offer that no call can be made of; the text says what was wrong and what to do."""


def checked_offer(sdp: str) -> str:
    """The offer, without the addresses that it names. Raises `BadOffer`."""
    if len(sdp.encode(errors="surrogatepass")) > LARGEST:
        raise BadOffer(f"The SDP offer has more than {LARGEST} bytes.")
    lines = [line.rstrip() for line in sdp.splitlines() if line.strip()]
    if not lines or lines[0] != "v=0":
        raise BadOffer("The body is no SDP offer: it has to begin with 'v=0'. Send what createOffer() gave.")
    media = [line[2:].split(" ", 1)[0] for line in lines if line.startswith("m=")]
    if media.count("audio") != 1:
        raise BadOffer(
            f"The offer has {media.count('audio')} audio sections and needs one: add one microphone's track."
        )
    if others := sorted(set(media) - {"audio", "application"}):
        raise BadOffer(f"The offer has {others[0][:32]!r}: only audio and a data channel are taken.")
    if media.count("application") > 1:
        raise BadOffer("The offer has several sections for data channels: one is taken.")
    if not any(line.lower().startswith("a=rtpmap:") and " opus/48000" in line.lower() for line in lines):
        raise BadOffer("The offer has no Opus (a=rtpmap:… opus/48000/2), the only codec that is taken.")
    for wanted in ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:"):
        if not any(line.startswith(wanted) for line in lines):
            raise BadOffer(f"The offer has no '{wanted}': calls are encrypted, with ICE and DTLS.")
    return "\r\n".join(line for line in lines if not line.startswith(DROPPED)) + "\r\n"
