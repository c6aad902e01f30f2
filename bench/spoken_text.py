"""What a sentence costs on its way to the voice: door, pieces, words. Run: python -m bench.spoken_text."""

import time
from collections.abc import Callable

from lineside.text.normalize import spoken
from lineside.text.sentences import Sentences
from lineside.text.speakable import Speakable

ROUNDS = 1000
ORDINARY = (
    "Hello, how can I help you today?",
    "I'm sorry to hear that, let me check it for you.",
    "You can cancel with thirty days' notice, and there is no fee for it.",
    "Our office is at 12 Harbour Street, near the station.",
    "The Family plan has 200 megabits and costs 35 dollars a month.",
    "We are open Monday to Friday from nine to six.",
    "Please unplug the router for thirty seconds and plug it in again.",
    "Your bill of $49.99 comes on March 3rd, and you can pay by card.",
)


def speakable(sentence: str) -> None:
    """Through the door, in tokens of four characters."""
    speakable = Speakable()
    for at in range(0, len(sentence), 4):
        speakable.feed(sentence[at : at + 4])
    speakable.end()


def pieces(sentence: str) -> None:
    """Cut into pieces, from tokens of four characters."""
    sentences = Sentences()
    for at in range(0, len(sentence), 4):
        sentences.feed(sentence[at : at + 4])
    sentences.end()


def microseconds(work: Callable[[str], object]) -> float:
    """Processor time of one sentence, on average."""
    for sentence in ORDINARY:
        work(sentence)
    began = time.process_time()
    for _ in range(ROUNDS):
        for sentence in ORDINARY:
            work(sentence)
    return (time.process_time() - began) / ROUNDS / len(ORDINARY) * 1e6


if __name__ == "__main__":
    for name, work in (("the door", speakable), ("the cut into pieces", pieces), ("the words", spoken)):
        print(f"{name}: {microseconds(work):.0f} us a sentence")
