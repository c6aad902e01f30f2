"""OpenAI's Realtime API at `/v1/realtime`, on the call of this gateway.

Events, fields, order and errors have the shapes of OpenAI's published types (platform.openai.com/docs/api-reference,
package `openai` 3.57, `types.realtime`). A program that connects leads the call (`call.program`): its instructions and
tools rule, and nothing is said unasked. A session of the model `agent:NAME` is held by the agent of this gateway.
"""
