"""What can be asked of a model, the same for every engine and every dialect.

Dialects are decoded into these; engines translate them into what their server speaks.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True)
class Generation:
    """Something to write.

    task: `chat` reads `messages`; `complete` continues `prompt` as it stands, without a template; `infill`
        writes what belongs between `prompt` and `suffix`.
    messages: OpenAI chat messages: role, content (text or parts: text, image_url with a data URI),
        tool_calls, tool_call_id, name, reasoning_content.
    prompt: text or token ids.
    options: sampling under llama-server's names, which hold OpenAI's: temperature, top_p, top_k, min_p,
        seed, stop (list), max_tokens, frequency_penalty, presence_penalty, repeat_penalty, repeat_last_n,
        logit_bias, ... Fields that we do not model stand here too and travel untouched.
    format: None, {"type": "json_object"} or {"type": "json_schema", "json_schema": {"schema": ...}}.
    logprobs: None for none, else how many alternatives a token (0: the chosen one alone).
    think: None leaves it to the model; False, True, or "low" | "medium" | "high".
    turn: a chat of one turn as /api/generate was asked (prompt, system, template, context), for an Ollama;
        `messages` says the same to others, less template and context.
    """

    task: Literal["chat", "complete", "infill"]
    messages: list[Json] = field(default_factory=list)
    prompt: str | list[int] = ""
    suffix: str = ""
    stream: bool = False
    options: Json = field(default_factory=dict)
    tools: list[Json] = field(default_factory=list)
    tool_choice: str | Json | None = None
    format: Json | None = None
    logprobs: int | None = None
    n: int = 1
    think: bool | str | None = None
    turn: Json | None = None


def has_media(message: Json) -> bool:
    """Whether a picture or a sound is part of it."""
    content = message.get("content")
    return isinstance(content, list) and any(part.get("type") in _MEDIA for part in content)


_MEDIA = ("image_url", "input_audio", "input_video")


@dataclass(frozen=True, slots=True)
class Embedding:
    """Texts (or token ids) to turn into vectors.

    truncate: cut what is too long instead of refusing it. is_normalised: unit length wanted.
    """

    inputs: list[str | list[int]]
    dimensions: int | None = None
    truncate: bool = False
    is_normalised: bool = True


@dataclass(frozen=True, slots=True)
class Embedded:
    """vectors: one a text, in order; prompt_tokens: counted by the engine."""

    vectors: list[list[float]]
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class Reranking:
    """Documents to order by how well they answer the query."""

    query: str
    documents: list[str]


@dataclass(frozen=True, slots=True)
class Reranked:
    """scores: one a document, in the order they were given; higher is better."""

    scores: list[float]
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class Counting:
    """Text, or a chat that goes through the model's template first, to turn into tokens."""

    content: str | None = None
    messages: list[Json] = field(default_factory=list)
    tools: list[Json] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Counted:
    """count is exact for that model; tokens is None where the engine tells no ids."""

    count: int
    tokens: list[int] | None
