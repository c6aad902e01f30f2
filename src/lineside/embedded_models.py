"""The names of the embedded language models that EMBEDDED_LLM may have; `models.catalogue` says where they are had."""

from typing import Literal

LLM_MODELS = ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b")  # of the package index
INSTRUCT_MODELS = ("qwen3-0.6b", "qwen2.5-1.5b", "qwen3-1.7b", "qwen3-4b")  # of their publisher
EmbeddedLlm = Literal[
    "auto", "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b", "qwen3-0.6b", "qwen2.5-1.5b", "qwen3-1.7b", "qwen3-4b"
]
