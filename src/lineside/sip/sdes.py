"""Keys of encrypted sound inside the session description (RFC 4568): only as safe as the signalling is. Pure."""

import base64
import binascii
import re
import secrets

from lineside.sip.sdp import SdpMedia

SUITE = "AES_CM_128_HMAC_SHA1_80"
KEY_BYTES = 30  # 16 of key, 14 of salt
CRYPTO = re.compile(r"(\d{1,9}) +(\S+) +inline:([A-Za-z0-9+/=]{40})(?:\|\S*)?(?: .*)?")


def new_key() -> bytes:
    """A key of ours."""
    return secrets.token_bytes(KEY_BYTES)


def read_crypto(media: SdpMedia) -> tuple[int, bytes] | None:
    """Tag and key of the first a=crypto whose suite we know."""
    for name, value in media.attributes:
        found = CRYPTO.fullmatch(value) if name == "crypto" else None
        if found is None or found[2].upper() != SUITE:
            continue
        try:
            key = base64.b64decode(found[3], validate=True)
        except binascii.Error:
            continue
        if len(key) == KEY_BYTES:
            return int(found[1]), key
    return None


def crypto_line(tag: int, key: bytes) -> str:
    """Our own a=crypto."""
    return f"crypto:{tag} {SUITE} inline:{base64.b64encode(key).decode()}"
