"""MeloTTS behind `POST /convert/tts`, the route of the API containers that were published for it.

A request is `{"text", "speed", "language", "speaker_id"}`; the answer is a 16-bit WAV. Only English is loaded. One
sentence is spoken at a time, for the model has every core to itself. Standard library alone, besides MeloTTS itself
(github.com/myshell-ai/MeloTTS, melo/api.py) and what comes with it.
"""

import argparse
import io
import json
import signal
import sys
import threading
import wave
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LONGEST = 64 * 1024  # bytes of a request; a sentence has some hundred
MOST_THROWN_AWAY = 1 << 20  # bytes of a request that is too long; the rest is not read, and the connection reset
WAITING = 8  # requests at once, the one that is spoken among them; one more is refused with 503
PATIENCE = 30.0  # seconds that a request waits for its turn; then it is refused with 503
SLOW_PEER = 30.0  # seconds without a byte; then the connection is closed
DESCRIPTION = {
    "openapi": "3.1.0",
    "info": {"title": "MeloTTS", "version": "1"},
    "paths": {"/convert/tts": {"post": {}}},
}


class Voice:
    """The model. It is asked by one thread at a time."""

    def __init__(self):
        from melo.api import TTS

        self._tts = TTS(language="EN", device="auto")
        self._speakers = self._tts.hps.data.spk2id
        self.rate = int(self._tts.hps.data.sampling_rate)
        self.names = sorted(self._speakers.keys())

    def say(self, text, speaker, speed):
        """16-bit samples, little-endian."""
        import numpy

        # quiet: it prints what it says otherwise, and what is said is the caller's
        sound = self._tts.tts_to_file(text, self._speakers[speaker], speed=speed, quiet=True)
        return (numpy.clip(sound, -1.0, 1.0) * 32767).astype("<i2").tobytes()


def as_wav(samples, rate):
    """A WAV file of one channel."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(rate)
        wav.writeframes(samples)
    return file.getvalue()


def wrong(ask, names):
    """What is wrong with a request, as a sentence; nothing if it can be spoken."""
    if not isinstance(ask, dict):
        return "the body is no JSON object"
    if not isinstance(ask.get("text"), str) or not ask["text"].strip():
        return "text must be words to speak"
    if ask.get("language", "EN") != "EN":
        return "language must be EN: nothing else is loaded"
    if ask.get("speaker_id", names[0]) not in names:
        return f"speaker_id must be one of {', '.join(names)}"
    speed = ask.get("speed", 1.0)
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not 0.25 <= speed <= 4.0:
        return "speed must be a number from 0.25 to 4"
    return ""


class Server(ThreadingHTTPServer):
    """A thread for each connection; one that breaks off is no fault of ours, and nothing to write down."""

    daemon_threads = True  # SIGTERM does not wait for sentences

    def handle_error(self, request, address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, address)


def handler_for(voice):
    """What answers requests with this voice."""
    seats, turn = threading.BoundedSemaphore(WAITING), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = SLOW_PEER

        def do_GET(self):
            if self.path in ("/health", "/openapi.json"):
                self._json(200, DESCRIPTION if self.path == "/openapi.json" else {"status": "ok"})
            else:
                self._json(404, {"detail": "there is POST /convert/tts, /health and /openapi.json"})

        def do_POST(self):
            length = self.headers.get("Content-Length", "")
            if self.path != "/convert/tts" or not length.isdecimal() or int(length) > LONGEST:
                # Read first: closed on bytes that nobody read, the connection is reset, and the answer lost with it.
                self.rfile.read(min(int(length), MOST_THROWN_AWAY) if length.isdecimal() else 0)
                self.close_connection = True
                known = self.path == "/convert/tts"
                self._json(413 if known else 404, {"detail": f"POST /convert/tts, of at most {LONGEST} bytes"})
                return
            try:
                ask = json.loads(self.rfile.read(int(length)))
            except ValueError:
                ask = None
            if why := wrong(ask, voice.names):
                self._json(422, {"detail": why})
            elif not seats.acquire(blocking=False):
                self._json(503, {"detail": f"{WAITING} requests are here already"})
            else:
                try:
                    self._speak(ask)
                finally:
                    seats.release()

        def _speak(self, ask):
            if not turn.acquire(timeout=PATIENCE):
                self._json(503, {"detail": f"the sentences before took more than {PATIENCE:g} s"})
                return
            try:
                samples = voice.say(ask["text"], ask.get("speaker_id", voice.names[0]), ask.get("speed", 1.0))
            except Exception as fault:  # its message may quote the text, which is the caller's
                self._json(500, {"detail": f"MeloTTS failed: {type(fault).__name__}"})
                return
            finally:
                turn.release()
            self._send(200, "audio/wav", as_wav(samples, voice.rate))

        def _json(self, status, value):
            self._send(status, "application/json", json.dumps(value).encode())

        def _send(self, status, kind, body):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *told):
            """Nothing: a line for every sentence helps nobody."""

    return Handler


def main():
    """Serve until SIGTERM; `--say` speaks one sentence to stdout instead."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="0.0.0.0")  # noqa: S104 - in a container, on a network of its own
    parser.add_argument("--port", type=int, default=8888)
    parser.add_argument("--say", help="speak this, write the WAV to stdout, and end")
    told = parser.parse_args()
    voice = Voice()
    if told.say:
        sys.stdout.buffer.write(as_wav(voice.say(told.say, voice.names[0], 1.0), voice.rate))
        return
    server = Server((told.host, told.port), handler_for(voice))
    # shutdown() waits for serve_forever(), which this very thread is in
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"MeloTTS speaks at port {server.server_address[1]}: {', '.join(voice.names)}", file=sys.stderr, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
