"""Who opens an AudioHook session: an API key and an HTTP message signature (developer.genesys.cloud, "Security").

The signature is that of draft-ietf-httpbis-message-signatures-11, HMAC-SHA256, over the components it names.
"""

import base64
import binascii
import hmac
import re
from collections import OrderedDict
from collections.abc import Mapping

from lineside.errors import ConfigError
from lineside.gateway.carriers.account import same

ORGANIZATION = "Audiohook-Organization-Id"
NEEDED = {
    "@request-target",
    "@authority",
    "audiohook-organization-id",
    "audiohook-session-id",
    "audiohook-correlation-id",
    "x-api-key",
}
OLDEST = 10.0  # seconds since it was signed
AHEAD = 3.0  # seconds that their clock may be before ours
SHORTEST_NONCE = 22  # characters
NONCES = 100_000  # remembered; more in ten seconds than calls that can come
INPUT = re.compile(r'([a-z0-9_.*-]+)=(\(((?:"[a-z@-]+" ?)+)\)((?:;[a-z]+=(?:"[^"\\]*"|\d{1,15}))+))')
PARAMETER = re.compile(r';([a-z]+)=(?:"([^"]*)"|(\d+))')


class AudioHookSignatures:
    """Checks each connection; a signature is good once."""

    def __init__(self, api_key: str, client_secret: str) -> None:
        """Raises `ConfigError`."""
        if not api_key:
            raise ConfigError("GENESYS_API_KEY is empty: set the API key that the Audio Connector integration sends")
        try:
            self._secret = base64.b64decode(client_secret, validate=True)
        except binascii.Error:
            raise ConfigError("GENESYS_CLIENT_SECRET is not base64; copy it from the integration") from None
        self._key = api_key
        self._seen = OrderedDict[str, float]()

    def is_genuine(self, headers: Mapping[str, str], authority: str, target: str, now: float) -> bool:
        """Whether a request is signed with our secret, now, and for the first time.

        Args:
            headers: of the request, found whatever their case.
            authority: host, with a port that is not the scheme's, as they know it.
            target: path and query, as they know them.
            now: seconds since 1970.
        """
        found = INPUT.fullmatch(headers.get("Signature-Input", "").strip())
        if found is None or not same(headers.get("X-API-KEY", ""), self._key):
            return False
        label, signed, names = found[1], found[2], found[3].replace('"', "").split()
        given = {name: text or number for name, text, number in PARAMETER.findall(found[4])}
        known = given.get("keyid") == self._key and given.get("alg", "hmac-sha256") == "hmac-sha256"
        if not (known and set(names) >= NEEDED):
            return False
        values = {"@request-target": target, "@authority": authority.lower()}
        lines = [f'"{name}": {values.get(name, headers.get(name, "").strip())}' for name in names]
        base = "\n".join([*lines, f'"@signature-params": {signed}'])
        wanted = base64.b64encode(hmac.digest(self._secret, base.encode(), "sha256")).decode()
        if not same(headers.get("Signature", "").strip(), f"{label}=:{wanted}:"):
            return False
        return self._is_fresh(given, now)

    def _is_fresh(self, given: dict[str, str], now: float) -> bool:
        created, nonce = float(given.get("created", 0)), given.get("nonce", "")
        if not -AHEAD <= now - created <= OLDEST or len(nonce) < SHORTEST_NONCE or nonce in self._seen:
            return False
        if "expires" in given and float(given["expires"]) < now:
            return False
        self._seen[nonce] = now + OLDEST + AHEAD
        while self._seen and (next(iter(self._seen.values())) < now or len(self._seen) > NONCES):
            self._seen.popitem(last=False)
        return True
