"""The OpenAI routes: decode, take a slot, answer."""

import time

from pydantic import Field

from dunoe.engines.request import Counting, Json
from dunoe.errors import BadRequest, Text
from dunoe.portfolio.model import Model
from dunoe.server.body import Body
from dunoe.server.context import fitted_documents, fitted_texts
from dunoe.server.endpoint import Asked, Route
from dunoe.server.openai_chat import ChatBody, ChatReply, Message, decode_chat
from dunoe.server.openai_text import CompletionBody, CompletionReply, decode_completion
from dunoe.server.openai_vectors import (
    EmbeddingBody,
    RerankBody,
    decode_embedding,
    decode_rerank,
    embeddings_json,
    rerank_json,
)
from dunoe.server.responses_reply import ResponsesReply
from dunoe.server.responses_request import ResponsesBody
from dunoe.server.responses_request import decode as decode_response
from dunoe.server.speaking import choose, count, counted, slot, speak


class TokenizeBody(Body):
    """POST /v1/tokenize: text, or a chat that goes through the model's template first."""

    model: str | None = None
    content: str | None = None
    messages: list[Message] | None = None
    tools: list[Json] | None = Field(None, description="counted with the messages")


async def chat(asked: Asked) -> None:
    """POST /v1/chat/completions."""
    body: ChatBody = asked.body
    model = await choose(asked, body.model, "chat")
    reply = ChatReply(asked.call.id, body.model or model.name, body)
    await speak(asked, model, [decode_chat(body, asked.raw)], reply)


async def complete(asked: Asked) -> None:
    """POST /v1/completions."""
    body: CompletionBody = asked.body
    model = await choose(asked, body.model, "chat")
    reply = CompletionReply(asked.call.id, body.model or model.name, body)
    await speak(asked, model, decode_completion(body, asked.raw), reply)


async def respond(asked: Asked) -> None:
    """POST /v1/responses."""
    body: ResponsesBody = asked.body
    model = await choose(asked, body.model, "chat")
    ask = decode_response(body)
    wished = {"auto": "oldest", "disabled": "off"}.get(body.truncation or "", "")
    await speak(asked, model, [ask], ResponsesReply(body, body.model or model.name), wished)


async def embed(asked: Asked) -> None:
    """POST /v1/embeddings."""
    body: EmbeddingBody = asked.body
    model = await choose(asked, body.model, "embedding")
    wanted = decode_embedding(body)
    dropped = await fitted_texts(asked, model, wanted)
    async with slot(asked, model) as engine:
        made = await engine.embed(model, wanted)
    counted(asked, made.prompt_tokens)
    told = embeddings_json(body, body.model or model.name, made)
    await asked.wire.json(told | ({"dropped": dropped} if dropped else {}))


async def rerank(asked: Asked) -> None:
    """POST /v1/rerank."""
    body: RerankBody = asked.body
    model = await choose(asked, body.model, "rerank")
    request = decode_rerank(body)
    fits, dropped = await fitted_documents(asked, model, request)
    async with slot(asked, model) as engine:
        ranked = await engine.rerank(model, fits)
    counted(asked, ranked.prompt_tokens)
    told = rerank_json(body, body.model or model.name, request, ranked)
    await asked.wire.json(told | ({"dropped": dropped} if dropped else {}))


async def tokenize(asked: Asked) -> None:
    """POST /v1/tokenize."""
    body: TokenizeBody = asked.body
    if body.content is None and not body.messages:
        raise BadRequest(
            Text("content나 messages가 필요합니다", "content or messages is needed"),
            Text('{"content": "글"}로 보내세요.', 'send {"content": "text"}.'),
            param="content",
        )
    model = await choose(asked, body.model, "chat" if body.content is None else None)
    counting = Counting(body.content, asked.raw.get("messages") or [], body.tools or [])
    found = await count(asked, model, counting)
    await asked.wire.json({"count": found.count, "tokens": found.tokens})


async def models(asked: Asked) -> None:
    """GET /v1/models."""
    await asked.brain.look_again()
    mine = asked.brain.models_for(asked.call.key)
    found = [_model_json(model.name, model) for model in mine]
    found += [
        _model_json(role, model)
        for model in mine
        for role in asked.brain.catalogue.roles_of(model.name)
    ]
    await asked.wire.json({"object": "list", "data": found})


async def one_model(asked: Asked) -> None:
    """GET /v1/models/{name}."""
    name = asked.scope["path_params"]["name"]
    await asked.wire.json(_model_json(name, await choose(asked, name)))


def _model_json(name: str, model: Model) -> Json:
    found: Json = {
        "id": name,
        "object": "model",
        "created": _STARTED,
        "owned_by": model.engine,
        "mode": model.settings.mode,
    }
    if name != model.name:
        found["root"] = model.name
    return found


_STARTED = int(time.time())

ROUTES = [
    Route("POST", "/v1/chat/completions", chat, "openai", "infer", "대화 · chat", ChatBody),
    Route("POST", "/v1/completions", complete, "openai", "infer", "이어쓰기, 채우기 · completion", CompletionBody),
    Route("POST", "/v1/responses", respond, "openai", "infer", "응답 · responses", ResponsesBody),
    Route("POST", "/v1/embeddings", embed, "openai", "infer", "임베딩 · embeddings", EmbeddingBody),
    Route("POST", "/v1/rerank", rerank, "openai", "infer", "재정렬 · rerank", RerankBody),
    Route("POST", "/v1/tokenize", tokenize, "openai", "infer", "토큰 수 · tokens", TokenizeBody),
    Route("GET", "/v1/models", models, "openai", "infer", "모델 목록 · models"),
    Route("GET", "/v1/models/{name:path}", one_model, "openai", "infer", "모델 하나 · one model"),
]  # fmt: skip
