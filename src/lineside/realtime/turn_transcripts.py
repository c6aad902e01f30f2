"""What a Realtime client is told of the words that its caller says: pieces, the whole, or why there is none."""

from collections.abc import Callable

from lineside.realtime.items import Item

EVENT = "conversation.item.input_audio_transcription."


class TurnTranscripts:
    """The transcripts of one session's turns. Pieces add up: what has been told is never taken back."""

    def __init__(self, emit: Callable[..., None], wanted: Callable[[], bool]) -> None:
        """`wanted`: whether the client asks for transcripts now."""
        self._emit, self._wanted = emit, wanted

    def so_far(self, item: Item, words: str) -> None:
        """The turn goes on, and its first words are certain."""
        if self._wanted():
            self._tell_piece(item, words)

    def whole(self, item: Item, text: str) -> None:
        """These are the words of the turn. A beginning that was told otherwise stays as it is: the whole counts."""
        item.waiting, item.words = False, text
        if not self._wanted():
            return
        self._tell_piece(item, text)
        item.content = [{"type": "input_audio", "transcript": text}]
        usage = {"type": "duration", "seconds": round(item.seconds, 2)}
        self._emit(f"{EVENT}completed", item_id=item.id, content_index=0, transcript=text, usage=usage)

    def failed(self, item: Item, why: str) -> None:
        """Nobody knows the words of the turn."""
        item.waiting = False
        if self._wanted():
            error = {"type": "server_error", "code": "engine_failed", "message": why}
            self._emit(f"{EVENT}failed", item_id=item.id, content_index=0, error=error)

    def _tell_piece(self, item: Item, text: str) -> None:
        if len(text) > len(item.sent_words) and text.startswith(item.sent_words):
            piece, item.sent_words = text[len(item.sent_words) :], text
            self._emit(f"{EVENT}delta", item_id=item.id, content_index=0, delta=piece)
