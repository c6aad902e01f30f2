"""The sentence encoder: its pieces are those of the reference, and sentences that mean alike point the same way."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.agents.knowledge.sentence_encoder import SentenceEncoder
from lineside.agents.knowledge.wordpiece import WordPieces
from lineside.errors import ConfigError
from lineside.models.store import locate
from lineside.settings import load_settings

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "rout", "##er", "##s", "a", "##b", "!", "中", "plan"]


def pieces(text: str, at_most: int = 128) -> list[str]:
    return [VOCABULARY[number] for number in WordPieces(VOCABULARY).numbers(text, at_most)]


def test_a_word_is_cut_into_its_longest_known_pieces() -> None:
    """Lower case and without accents; a word that cannot be cut is unknown as a whole."""
    assert pieces("Routérs!") == ["[CLS]", "rout", "##er", "##s", "!", "[SEP]"]
    assert pieces("plan xyz 中a") == ["[CLS]", "plan", "[UNK]", "中", "a", "[SEP]"]


def test_a_long_text_is_cut() -> None:
    """What is beyond is not read; the end is marked all the same."""
    assert pieces("plan " * 500, at_most=6) == ["[CLS]", "plan", "plan", "plan", "plan", "[SEP]"]
    assert pieces("a" * 101) == ["[CLS]", "[UNK]", "[SEP]"]


@given(st.text(max_size=100))
def test_any_text_can_be_cut(text: str) -> None:
    """It begins and ends as it must, within its length."""
    cut = pieces(text, 16)
    assert (cut[0], cut[-1]) == ("[CLS]", "[SEP]")
    assert len(cut) <= 16


@pytest.mark.models
def test_pieces_are_those_of_the_reference() -> None:
    """The tokenizers library is the oracle, over strange characters."""
    from tokenizers import BertWordPieceTokenizer

    vocabulary = locate("all-minilm-l6-v2", load_settings().models_dir) / "vocab.txt"
    reference = BertWordPieceTokenizer(str(vocabulary), lowercase=True)
    ours = WordPieces(vocabulary.read_text("utf-8").splitlines())
    alphabet = "abcdefgh XYZ.,!?'-_—€éüñßøİ中日ひ  12345\t\u200b\u00a0\u0301²½"
    random = np.random.default_rng(7)
    for _ in range(2000):
        text = "".join(random.choice(list(alphabet), random.integers(0, 40)))
        assert ours.numbers(text, 1000) == reference.encode(text).ids, repr(text)


@pytest.mark.models
def test_sentences_that_mean_alike_point_the_same_way() -> None:
    """The publisher's own example: three sentences and how alike they are (model card of all-MiniLM-L6-v2)."""
    encoder = SentenceEncoder(locate("all-minilm-l6-v2", load_settings().models_dir))
    vectors = encoder.encode(["That is a happy person", "That is a happy dog", "Today is a sunny day"])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alike = vectors @ vectors.T
    assert alike[0, 1] > 0.4 > alike[0, 2]
    fee, setup, dog = encoder.encode(["Is there a fee for the setup?", "What does installation cost?", "I have a dog."])
    assert fee @ setup > 0.3 > fee @ dog


@pytest.mark.models
def test_read_together_or_alone_sentences_mean_the_same() -> None:
    """Long and short ones, in any company; and none at all."""
    encoder = SentenceEncoder(locate("all-minilm-l6-v2", load_settings().models_dir))
    sentences = ["Hello.", "plan " * 200, "", "How do I set up my router at home?"]
    alone = np.concatenate([encoder.encode([sentence]) for sentence in sentences])
    assert np.allclose(encoder.encode(sentences), alone, atol=1e-5)
    assert encoder.encode([]).shape == (0, 384)


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    """Empty, cut, another model: what to do is said."""
    with pytest.raises(ConfigError, match="models pull all-minilm-l6-v2"):
        SentenceEncoder(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY))
    for content in (b"", b"\xff" * 8, struct.pack("<Q", 2) + b"{}", struct.pack("<Q", 1 << 40), _tensors()):
        (tmp_path / "model.safetensors").write_bytes(content)
        with pytest.raises(ConfigError, match="models pull all-minilm-l6-v2"):
            SentenceEncoder(tmp_path)


def _tensors() -> bytes:
    header = json.dumps({"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4)
