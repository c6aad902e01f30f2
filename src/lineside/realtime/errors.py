"""What is wrong with a client's event, in OpenAI's words: clients compare codes and beginnings of messages. Pure."""

import re

import msgspec

PLACE = re.compile(r" - at `\$(?P<path>[^`]*)`$")
FIELD = re.compile(r"(?:missing required|unknown) field `(?P<field>\w+)`")


class RealtimeError(Exception):
    """An event that cannot be carried out; the session goes on."""

    def __init__(
        self, code: str | None, message: str, param: str | None = None, kind: str = "invalid_request_error"
    ) -> None:
        """
        Args:
            code: short and fixed, for programs; None where OpenAI has none.
            message: what was wrong, and what to do.
            param: the field, as `session.audio.input.format`.
            kind: `invalid_request_error` or `server_error`.
        """
        super().__init__(message)
        self.code, self.message, self.param, self.kind = code, message, param, kind


def field_error(wrong: msgspec.ValidationError, root: str = "") -> RealtimeError:
    """What msgspec complains about, as OpenAI names it. `root`: where the value stood, such as `session`."""
    text = str(wrong)
    place = PLACE.search(text)
    path = (place["path"] if place else "").lstrip(".")
    said = PLACE.sub("", text)
    param = ".".join(filter(None, (root, path))).replace(".[", "[") or None
    if missing := FIELD.search(said):
        param = ".".join(filter(None, (param, missing["field"])))
        return RealtimeError("missing_required_parameter", f"Missing required parameter: '{param}'.", param)
    named = f"Invalid value for '{param}': {said}." if param else f"{said}."
    if any(word in said for word in ("enum", "Invalid value", "base64", "length")):
        return RealtimeError("invalid_value", named, param)
    if ">=" in said:
        return RealtimeError("integer_below_min_value", named, param)
    if "<=" in said:
        return RealtimeError("integer_above_max_value", named, param)
    return RealtimeError("invalid_type", named, param)
