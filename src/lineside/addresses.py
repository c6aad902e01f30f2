"""Addresses as they may be shown: in messages, logs, the page and `lineside settings`."""

from urllib.parse import urlsplit, urlunsplit

HIDDEN = "***"


def without_secrets(url: str) -> str:
    """The address without what may be a secret in it: user and password, and the values of its query."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return HIDDEN if "@" in url or "?" in url else url
    hidden_user = f"{HIDDEN}@{host}" if "@" in parts.netloc else host
    query = "&".join(f"{name.partition('=')[0]}={HIDDEN}" for name in parts.query.split("&")) if parts.query else ""
    return urlunsplit((parts.scheme, hidden_user, parts.path, query, ""))
