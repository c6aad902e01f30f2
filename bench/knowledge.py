"""How long it takes to find a passage among many.

    .venv/bin/python bench/knowledge.py [passages]

Passages are sentences of made-up words in the proportions of English (Zipf); questions are five words of them, without
the hundred commonest, which questions are not searched for either. Times are of the processor: what else the machine
does is not in them.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `lineside` does; read when numpy is loaded

import sys
import time

import numpy as np

from lineside.agents.knowledge.index import Passage, build_index
from lineside.agents.knowledge.knowledge import Knowledge
from lineside.agents.knowledge.sentence_encoder import WIDTH

QUESTIONS = 500
COMMONEST = 100
SEED = 7


def main(many: int) -> None:
    random = np.random.default_rng(SEED)
    words = [f"w{number}" for number in range(20_000)]

    def sentence(length: int, commonest: int = 0) -> str:
        ranks = random.zipf(1.3, 20 * length)
        return " ".join(words[rank % len(words)] for rank in ranks[ranks > commonest][:length])

    passages = [Passage(sentence(4), sentence(60)) for _ in range(many)]
    began = time.perf_counter()
    index = build_index(passages)
    built = time.perf_counter() - began
    meanings = random.standard_normal((many, WIDTH)).astype(np.float32)
    meanings /= np.linalg.norm(meanings, axis=1, keepdims=True)
    for title, knowledge, meaning in (
        ("words alone", Knowledge(index), None),
        ("words and meaning", Knowledge(index, meanings, range(many)), meanings[0]),
    ):
        took = []
        for _ in range(QUESTIONS):
            question = sentence(5, COMMONEST)
            began = time.thread_time()
            knowledge.answer(question, meaning=meaning)
            took.append((time.thread_time() - began) * 1000)
        p50, p99 = np.percentile(took, (50, 99))
        print(f"{many} passages, {title}: p50 {p50:.1f} ms, p99 {p99:.1f} ms; index built in {built:.1f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
