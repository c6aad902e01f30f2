"""Responses to requests (RFC 3261, section 8.2.6). Pure."""

from lineside.sip.message import Header, SipRequest, SipResponse

REASONS = {
    100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 202: "Accepted", 400: "Bad Request",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
    408: "Request Timeout", 415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension",
    422: "Session Interval Too Small", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist",
    482: "Loop Detected", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here",
    489: "Bad Event", 491: "Request Pending", 500: "Server Internal Error", 501: "Not Implemented",
    503: "Service Unavailable", 505: "Version Not Supported", 603: "Decline",
}  # fmt: skip
METHODS = ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "PRACK", "NOTIFY", "REFER", "REGISTER")
ALLOW: Header = ("Allow", ", ".join(METHODS))
EXTENSIONS = ("timer", "100rel")  # that a request may require


def response_to(
    request: SipRequest, status: int, more: tuple[Header, ...] = (), body: bytes = b"", tag: str = "", reason: str = ""
) -> SipResponse:
    """A response with what has to go back; `tag` is put on a To that has none."""
    headers: list[Header] = [("Via", value) for value in request.all("Via")]
    if status > 100 and status < 300:
        headers += (("Record-Route", value) for value in request.all("Record-Route"))
    to = request.get("To")
    headers += [
        ("From", request.get("From")),
        ("To", f"{to};tag={tag}" if tag and not request.to_tag else to),
        ("Call-ID", request.call_id),
        ("CSeq", request.get("CSeq")),
        *more,
    ]
    return SipResponse(status=status, reason=reason or REASONS.get(status, ""), headers=tuple(headers), body=body)
