"""Calls over WebRTC: a browser's or a program's peer connection, by aiortc, where the extra `webrtc` is installed.

Nothing of aiortc is imported before the first of them. The caller calls us: what their offer says of their addresses is
not read, so that nobody can have this machine send to a place that they name; they show themselves by a check that
knows the password of our answer (RFC 8445, section 7.3).
"""

from importlib.util import find_spec


def can_webrtc() -> bool:
    """Whether the packages are there."""
    return all(find_spec(name) is not None for name in ("aiortc", "aioice", "av"))
