"""SignalWire's cXML streams: Twilio's messages, and `codec` may be linear at 16 or 24 kHz, low byte first."""

from lineside.transports.media_streams.dialect import Encoding, StreamStarted
from lineside.transports.media_streams.twilio import TwilioDialect

LINEAR = ("l16", "audio/l16", "audio/x-l16", "audio/x-raw")


class SignalWireDialect(TwilioDialect):
    """One call's messages. What is sent is in the codec of what comes."""

    line = "signalwire"

    def _started(self, message: bytes | str) -> StreamStarted:
        begun = super()._started(message)
        self.encoding, self.rate = begun.encoding, begun.rate
        return begun

    def _encoding(self, name: str) -> Encoding:
        # "L16@16000h" in the verb; with or without the rate in the message
        return "l16" if name.lower().partition("@")[0].partition(";")[0] in LINEAR else super()._encoding(name)
