"""OpenAI's embeddings and Jina's rerank. Pure: JSON in, JSON out."""

import base64
import struct
from typing import Literal

from pydantic import Field

from dunoe.engines.request import Embedded, Embedding, Json, Reranked, Reranking
from dunoe.errors import BadRequest, Text
from dunoe.server.body import Body
from dunoe.server.openai import texts


class EmbeddingBody(Body):
    """POST /v1/embeddings."""

    model: str | None = None
    input: str | list[str] | list[int] | list[list[int]]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = Field(None, ge=1)
    truncate_prompt_tokens: int | None = Field(None, description="-1: cut what is too long (vLLM)")


class RerankBody(Body):
    """POST /v1/rerank, Jina's form."""

    model: str | None = None
    query: str
    documents: list[str | Json] = Field(min_length=1)
    top_n: int | None = Field(None, ge=1)
    return_documents: bool | None = None


def decode_embedding(body: EmbeddingBody) -> Embedding:
    """The request behind an embedding body."""
    is_cut = body.truncate_prompt_tokens == -1
    return Embedding(texts(body.input), dimensions=body.dimensions, truncate=is_cut)


def decode_rerank(body: RerankBody) -> Reranking:
    """The request behind a rerank body; documents may come bare or as {"text": …}."""
    found = [item if isinstance(item, str) else item.get("text") for item in body.documents]
    texts_only = [item for item in found if isinstance(item, str)]
    if len(texts_only) < len(found):
        raise BadRequest(
            Text("documents에 text가 없는 항목이 있습니다", "a document has no text"),
            Text('문자열 또는 {"text": …}로 보내세요.', 'send strings or {"text": …}.'),
            param="documents",
        )
    return Reranking(body.query, texts_only)


def embeddings_json(body: EmbeddingBody, model: str, made: Embedded) -> Json:
    """The reply to an embedding request; base64 is little-endian float32, as the Python client expects."""
    return {
        "object": "list",
        "model": model,
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": _base64(vector) if body.encoding_format == "base64" else vector,
            }
            for index, vector in enumerate(made.vectors)
        ],
        "usage": {"prompt_tokens": made.prompt_tokens, "total_tokens": made.prompt_tokens},
    }


def _base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def rerank_json(body: RerankBody, model: str, asked: Reranking, ranked: Reranked) -> Json:
    """The reply to a rerank request, best first."""
    order = sorted(range(len(ranked.scores)), key=lambda i: ranked.scores[i], reverse=True)
    results: list[Json] = []
    for index in order[: body.top_n]:
        result: Json = {"index": index, "relevance_score": ranked.scores[index]}
        if body.return_documents:
            result["document"] = {"text": asked.documents[index]}
        results.append(result)
    return {
        "model": model,
        "object": "list",
        "usage": {"prompt_tokens": ranked.prompt_tokens, "total_tokens": ranked.prompt_tokens},
        "results": results,
    }
