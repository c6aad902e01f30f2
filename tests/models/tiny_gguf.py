"""A GGUF file of a few kilobytes: a Llama of one layer and random weights, with bytes for tokens and a chat template.

It answers nonsense, but it is loaded, asked and quick like any other (GGUF version 3, ggml's docs/gguf.md).
"""

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

WIDTH, HEADS, HIDDEN, ALIGNED = 32, 2, 64, 32
TEMPLATE = "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\n' }}{% endfor %}assistant:"
TOKENS = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
KINDS = [2, 3, 3, *[6] * 256]  # unknown, control, control, bytes
UINT32, INT32, FLOAT32, STRING, ARRAY = 4, 5, 6, 8, 9  # gguf_metadata_value_type


def tiny_gguf(seed: int = 1) -> bytes:
    """The whole file."""
    random = np.random.default_rng(seed)
    tensors = {name: (random.normal(size=shape) / 8).astype(np.float32) for name, shape in _shapes().items()}
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(_facts())) + _metadata(_facts())
    offset = 0
    for name, weights in tensors.items():
        shape = weights.shape[::-1]  # ggml counts the fastest dimension first
        head += _string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, offset)  # 0: F32
        offset += -(-weights.nbytes // ALIGNED) * ALIGNED
    head += bytes(-len(head) % ALIGNED)
    return head + b"".join(each.tobytes() + bytes(-each.nbytes % ALIGNED) for each in tensors.values())


def _shapes() -> dict[str, tuple[int, ...]]:
    square = dict.fromkeys((f"blk.0.attn_{part}.weight" for part in ("q", "k", "v", "output")), (WIDTH, WIDTH))
    return {
        "token_embd.weight": (len(TOKENS), WIDTH),
        "output_norm.weight": (WIDTH,),
        "output.weight": (len(TOKENS), WIDTH),
        "blk.0.attn_norm.weight": (WIDTH,),
        "blk.0.ffn_norm.weight": (WIDTH,),
        "blk.0.ffn_gate.weight": (HIDDEN, WIDTH),
        "blk.0.ffn_up.weight": (HIDDEN, WIDTH),
        "blk.0.ffn_down.weight": (WIDTH, HIDDEN),
        **square,
    }


def _facts() -> dict[str, tuple[int, Any]]:
    counts = {
        "llama.block_count": 1,
        "llama.context_length": 4096,
        "llama.embedding_length": WIDTH,
        "llama.feed_forward_length": HIDDEN,
        "llama.attention.head_count": HEADS,
        "llama.rope.dimension_count": WIDTH // HEADS,
        "llama.vocab_size": len(TOKENS),
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    }
    return {
        "general.architecture": (STRING, "llama"),
        "tokenizer.ggml.model": (STRING, "llama"),
        "tokenizer.chat_template": (STRING, TEMPLATE),
        "tokenizer.ggml.tokens": (ARRAY, (STRING, TOKENS)),
        "tokenizer.ggml.scores": (ARRAY, (FLOAT32, [0.0] * len(TOKENS))),
        "tokenizer.ggml.token_type": (ARRAY, (INT32, KINDS)),
        "llama.attention.layer_norm_rms_epsilon": (FLOAT32, 1e-5),
        **{name: (UINT32, number) for name, number in counts.items()},
    }


def _metadata(facts: Mapping[str, tuple[int, Any]]) -> bytes:
    return b"".join(
        _string(name) + struct.pack("<I", kind) + _value(kind, value) for name, (kind, value) in facts.items()
    )


def _value(kind: int, value: Any) -> bytes:
    if kind == STRING:
        return _string(str(value))
    if kind == ARRAY:
        of, items = value
        return struct.pack("<IQ", of, len(items)) + b"".join(_value(of, item) for item in items)
    return struct.pack({UINT32: "<I", INT32: "<i", FLOAT32: "<f"}[kind], value)


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw
