"""Ollama's requests, decoded.

Fields that we do not know are accepted. A field of the wrong type is a ValidationError that names it.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, FiniteFloat

from dunoe.engines.request import Embedding, Generation, Json
from dunoe.errors import BadRequest, Text
from dunoe.server.body import Body
from dunoe.server.ollama_messages import Message, canonical, content_of
from dunoe.server.refusals import unsupported

# Set when a model is loaded, and gone from llama.cpp: ours are the model's own settings, the same for everybody.
_NOT_OURS = frozenset(
    {"numa", "num_ctx", "num_batch", "num_gpu", "main_gpu", "low_vram", "f16_kv", "logits_all"}
    | {"vocab_only", "use_mmap", "use_mlock", "embedding_only", "num_thread", "num_keep"}
    | {"draft_num_predict", "tfs_z", "penalize_newline"}
)
_THINK: dict[bool | str | None, bool | str | None] = {
    "max": "high",
    "true": True,
    "false": False,
    "": None,
}
OWN_WORDS = {  # and what to do where they are not read
    "template": Text(
        "raw와 완성된 프롬프트를 보내거나 Ollama 엔진의 모델을 쓰세요.",
        "send raw and the finished prompt, or use a model of an Ollama engine.",
    ),
    "context": Text(
        "/api/chat에 지난 대화를 messages로 보내거나 Ollama 엔진의 모델을 쓰세요.",
        "send the past to /api/chat as messages, or use a model of an Ollama engine.",
    ),
}
_UNITS_S = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "": 1.0,
}
_DURATION = re.compile(r"(\d{1,12}(?:\.\d{0,12})?)(ns|us|µs|ms|s|m|h|)")


@dataclass(frozen=True, slots=True)
class Preload:
    """An empty chat or prompt: bring the model in."""


@dataclass(frozen=True, slots=True)
class Unload:
    """An empty chat or prompt with `keep_alive: 0`: let the model go."""


class _Options(Body):
    num_predict: int | None = None
    temperature: FiniteFloat | None = None
    top_k: int | None = None
    top_p: FiniteFloat | None = None
    min_p: FiniteFloat | None = None
    typical_p: FiniteFloat | None = None
    seed: int | None = None
    repeat_last_n: int | None = None
    repeat_penalty: FiniteFloat | None = None
    presence_penalty: FiniteFloat | None = None
    frequency_penalty: FiniteFloat | None = None
    stop: list[str] | str | None = None

    def sampling(self) -> Json:
        """Under the names that Generation.options has."""
        given = {**(self.model_extra or {}), **{name: getattr(self, name) for name in _NAMES}}
        found = {
            name: value
            for name, value in given.items()
            if value is not None and name not in _NOT_OURS
        }
        tokens = found.pop("num_predict", -1)
        if tokens > 0:  # 0 and below: until the model ends, as Ollama has it
            found["max_tokens"] = tokens
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        found.pop("stop", None)
        if stops := [one for one in stops if one]:  # an empty one would end the answer at once
            found["stop"] = stops
        return found


_NAMES = tuple(_Options.model_fields)


class _Request(Body):
    model: str | None = None
    keep_alive: FiniteFloat | str | None = None
    options: _Options | None = None

    def keep_alive_s(self) -> float | None:
        if isinstance(self.keep_alive, str):
            return _seconds(self.keep_alive)
        return self.keep_alive

    def loading(self) -> Preload | Unload:
        return Unload() if self.keep_alive_s() == 0 else Preload()


class _Writing(_Request):
    stream: bool | None = None
    format: str | dict[str, Any] | None = None  # Any: JSON
    think: bool | Literal["low", "medium", "high", "max", "true", "false", ""] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)

    def shared(self) -> Json:
        """What chat and generate have in common, as fields of Generation."""
        return {
            "stream": self.stream is not False,
            "options": self.options.sampling() if self.options else {},
            "format": _format(self.format),
            "logprobs": (self.top_logprobs or 0) if self.logprobs else None,
            "think": _THINK.get(self.think, self.think),
        }


class _ToolFunction(Body):
    name: str


class _Tool(Body):
    type: str = "function"
    function: _ToolFunction


class ChatBody(_Writing):
    """POST /api/chat."""

    messages: list[Message] | None = None
    tools: list[_Tool] | None = None


class GenerateBody(_Writing):
    """POST /api/generate."""

    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    template: str | None = None
    context: list[int] | None = None
    raw: bool | None = None
    images: list[str] | None = None


class EmbedBody(_Request):
    """POST /api/embed."""

    input: str | list[str] | None = None
    truncate: bool | None = None
    dimensions: int | None = Field(None, ge=0)


class EmbeddingsBody(_Request):
    """POST /api/embeddings. Ollama's has no `truncate`; who writes it means it."""

    prompt: str | None = None
    truncate: bool | None = None


def decode_chat(body: ChatBody) -> Generation | Preload | Unload:
    """/api/chat."""
    loading = body.loading()
    if not body.messages:
        return loading
    tools = [_tool(tool) for tool in body.tools or []]
    return Generation("chat", messages=canonical(body.messages), tools=tools, **body.shared())


def decode_generate(body: GenerateBody) -> Generation | Preload | Unload:
    """/api/generate: a chat of one turn, a text to go on with (`raw`), or a gap to fill (`suffix`)."""
    loading = body.loading()
    _check_template(body)
    prompt = body.prompt or ""
    if body.images and (body.suffix or body.raw):
        hint = Text("suffix와 raw 없이 보내세요.", "send them without suffix and raw.")
        raise unsupported("images", "images", hint)
    if body.suffix:
        return Generation("infill", prompt=prompt, suffix=body.suffix, **body.shared())
    if not prompt:
        return loading
    if body.raw:
        return Generation("complete", prompt=prompt, **body.shared())
    system = [{"role": "system", "content": body.system}] if body.system else []
    user = {"role": "user", "content": content_of(prompt, body.images, "images")}
    words = {name: getattr(body, name) for name in ("prompt", "system", *OWN_WORDS)}
    turn = {name: value for name, value in words.items() if value}
    return Generation("chat", messages=[*system, user], turn=turn, **body.shared())


def refuse_own_words(body: GenerateBody) -> None:
    """Raise NotSupported for what only an Ollama behind us can read: its templates, its tokens of the past."""
    if name := next((name for name in OWN_WORDS if getattr(body, name)), None):
        raise unsupported(name, name, OWN_WORDS[name])


def decode_embed(body: EmbedBody) -> Embedding:
    """/api/embed. No `input` is no texts: answered with no vectors."""
    body.keep_alive_s()
    given = body.input or []
    return Embedding(
        inputs=[given] if isinstance(given, str) else list(given),
        dimensions=body.dimensions or None,
        truncate=body.truncate is not False,
    )


def decode_embeddings(body: EmbeddingsBody) -> Embedding:
    """/api/embeddings, the old form: one text, and its vector as long as the model made it."""
    body.keep_alive_s()
    return Embedding(
        inputs=[body.prompt] if body.prompt else [],
        truncate=body.truncate is not False,
        is_normalised=False,
    )


def _tool(tool: _Tool) -> Json:
    function = {"name": tool.function.name, **(tool.function.model_extra or {})}
    return {"type": "function", "function": function}


def _format(wanted: str | Json | None) -> Json | None:
    if isinstance(wanted, dict):
        if not wanted:
            return {"type": "json_object"}
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": wanted}}
    if not wanted:
        return None
    if wanted == "json":
        return {"type": "json_object"}
    raise BadRequest(
        Text(f"format '{wanted}'을(를) 알 수 없습니다", f"unknown format '{wanted}'"),
        Text('"json"이나 JSON 스키마를 쓰세요.', 'use "json" or a JSON schema.'),
        param="format",
    )


def _check_template(body: GenerateBody) -> None:
    if body.raw and (body.template or body.system or body.context):
        raise BadRequest(
            Text(
                "raw는 template, system, context와 함께 쓸 수 없습니다",
                "raw mode does not support template, system, or context",
            ),
            Text("프롬프트에 모두 적으세요.", "write it all into the prompt."),
            param="raw",
        )
    if body.suffix:
        refuse_own_words(body)


def _seconds(text: str) -> float | None:
    """A Go duration such as `1h30m`; a number alone is seconds; empty is unsaid."""
    text = text.strip()
    if not text:
        return None
    sign, digits = (-1.0, text[1:]) if text[0] == "-" else (1.0, text.removeprefix("+"))
    pieces = _DURATION.findall(digits)
    if "".join(number + unit for number, unit in pieces) != digits or not pieces:
        raise BadRequest(
            Text(
                f"keep_alive '{text[:40]}'은(는) 시간이 아닙니다",
                f"keep_alive '{text[:40]}' is no duration",
            ),
            Text('300, "5m", "1h30m", -1처럼 쓰세요.', 'write 300, "5m", "1h30m" or -1.'),
            param="keep_alive",
        )
    return sign * sum(float(number) * _UNITS_S[unit] for number, unit in pieces)
