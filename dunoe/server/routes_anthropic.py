"""The Anthropic routes."""

from dunoe.server.anthropic_reply import MessagesReply, count_body
from dunoe.server.anthropic_request import CountBody, MessagesBody, decode_count, decode_messages
from dunoe.server.endpoint import Asked, Route
from dunoe.server.speaking import choose, count, speak


async def messages(asked: Asked) -> None:
    """POST /v1/messages."""
    body: MessagesBody = asked.body
    model = await choose(asked, body.model, "chat")
    await speak(asked, model, [decode_messages(body)], MessagesReply(body.model or model.name))


async def count_tokens(asked: Asked) -> None:
    """POST /v1/messages/count_tokens."""
    body: CountBody = asked.body
    model = await choose(asked, body.model, "chat")
    found = await count(asked, model, decode_count(body))
    await asked.wire.json(count_body(found.count))


ROUTES = [
    Route("POST", "/v1/messages", messages, "anthropic", "infer", "대화 · messages", MessagesBody),
    Route(
        "POST",
        "/v1/messages/count_tokens",
        count_tokens,
        "anthropic",
        "infer",
        "토큰 수 · tokens",
        CountBody,
    ),
]
