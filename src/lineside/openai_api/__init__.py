"""OpenAI's audio, model and chat endpoints under `/v1`, served by the engines of this gateway.

Any program that speaks to OpenAI's servers speaks to the owner's own by changing an address. Requests, answers and
errors have the shapes of OpenAI's published types (platform.openai.com/docs/api-reference, package `openai` 3.57).
"""

from lineside.openai_api.routes import OpenAiDependencies, add_openai_routes

__all__ = ["OpenAiDependencies", "add_openai_routes"]
