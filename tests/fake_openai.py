"""The OpenAI protocol as vLLM and llama-server speak it, with scripted content."""

import json
from typing import Any

from tests.fake_wire import Answer, Json, Seen, Turn

ASKS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/rerank", "/infill")
TYPES = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}


class OpenAI:
    """models: their ids."""

    def __init__(self, models: list[str] | None = None) -> None:
        self.models = models or ["tiny"]

    def asks(self, seen: Seen) -> bool:
        """Everything but the list of models."""
        return seen.path in ASKS

    def refuse(self, status: int, text: str) -> Answer:
        """`{"error": {...}}`."""
        return Answer(status, _error(status, text))

    def answer(self, seen: Seen, turn: Turn) -> Answer:
        """What the route says."""
        if seen.path == "/v1/models":
            listed = [
                {"id": m, "object": "model", "created": 1, "owned_by": "x"} for m in self.models
            ]
            return Answer(body={"object": "list", "data": listed})
        if seen.path == "/health":
            return Answer(body={"status": "ok"})
        if not self.asks(seen):
            return self.refuse(404, "Not Found")
        body = seen.body
        if body.get("model", self.models[0]) not in self.models:
            return self.refuse(404, f"The model `{body['model']}` does not exist.")
        if seen.path == "/v1/embeddings":
            return _vectors(body)
        if seen.path == "/v1/rerank":
            return _ranks(body)
        return _Writing(body, turn, is_chat=seen.path == "/v1/chat/completions").answer()


def _error(status: int, text: str) -> Json:
    kind = TYPES.get(status, "server_error")
    return {"error": {"message": text, "type": kind, "param": None, "code": status}}


def _inputs(body: Json) -> list[Any]:  # Any: JSON, text or token ids
    found = body.get("input", [])
    return (
        found if isinstance(found, list) and not (found and isinstance(found[0], int)) else [found]
    )


def _vectors(body: Json) -> Answer:
    size = min(int(body.get("dimensions") or 4), 4096)
    data = [
        {"object": "embedding", "index": i, "embedding": [float(len(text))] + [0.0] * (size - 1)}
        for i, text in enumerate(_inputs(body))
    ]
    usage = {"prompt_tokens": len(data), "total_tokens": len(data)}
    return Answer(body={"object": "list", "model": body["model"], "data": data, "usage": usage})


def _ranks(body: Json) -> Answer:
    scored = [
        {"index": i, "relevance_score": 1.0 if body["query"] in text else 0.0}
        for i, text in enumerate(body["documents"])
    ]
    scored.sort(key=lambda one: -one["relevance_score"])
    usage = {"prompt_tokens": len(scored), "total_tokens": len(scored)}
    return Answer(body={"model": body["model"], "results": scored, "usage": usage})


class _Writing:
    """One chat or text completion."""

    def __init__(self, body: Json, turn: Turn, *, is_chat: bool) -> None:
        self.body, self.turn, self.is_chat = body, turn, is_chat
        self.n = int(body.get("n") or 1)
        self.text, self.finish = turn.text, turn.finish
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        if limit and limit < len(self.text):
            self.text, self.finish = self.text[:limit], "length"
        if turn.calls:
            self.finish = "tool_calls"

    def answer(self) -> Answer:
        """A stream or one object."""
        error = _event(_error(self.turn.status, self.turn.error))
        if self.body.get("stream"):
            return Answer(
                pieces=[_event(piece) for piece in self.chunks()],
                end=b"".join(map(_event, self.last())) + b"data: [DONE]\n\n",
                error=error,
                garbage=b"data: {not json\n\n",
                type="text/event-stream",
            )
        choices = [self.whole(index) for index in range(self.n)]
        return Answer(body=self.envelope() | {"choices": choices, "usage": self.usage()})

    def envelope(self) -> Json:
        kind = "chat.completion" if self.is_chat else "text_completion"
        if self.is_chat and self.body.get("stream"):
            kind += ".chunk"
        return {
            "id": "cmpl-1",
            "object": kind,
            "created": 1,
            "model": self.body.get("model", "tiny"),
        }

    def usage(self) -> Json:
        prompt = self.turn.prompt_tokens
        if prompt is None:
            prompt = len(json.dumps(self.body.get("messages", self.body.get("prompt"))).split())
        written = (len(self.text) + len(self.turn.thinking)) * self.n
        return {
            "prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written,
            "prompt_tokens_details": {"cached_tokens": 0},
        }  # fmt: skip

    def whole(self, index: int) -> Json:
        choice: Json = {
            "index": index,
            "finish_reason": self.finish,
            "logprobs": self.odds(self.text),
        }
        if not self.is_chat:
            return choice | {"text": "".join(self.text)}
        message: Json = {"role": "assistant", "content": "".join(self.text)}
        if self.turn.thinking:
            message["reasoning_content"] = "".join(self.turn.thinking)
        if self.turn.calls:
            message |= {
                "content": None,
                "tool_calls": [_call(i, c) for i, c in enumerate(self.turn.calls)],
            }
        return choice | {"message": message}

    def odds(self, tokens: list[str]) -> Json | None:
        """Log probabilities in the form of either route."""
        asked = self.body.get("logprobs")
        if asked in (None, False):
            return None
        if not self.is_chat:
            odds = [-0.5] * len(tokens)
            return {
                "tokens": tokens,
                "token_logprobs": odds,
                "top_logprobs": None,
                "text_offset": [],
            }
        top = int(self.body.get("top_logprobs") or 0)
        return {"content": [_odd(t) | {"top_logprobs": [_odd(t)] * min(top, 1)} for t in tokens]}

    def chunks(self) -> list[Json]:
        """Role, thoughts, words and calls."""
        found = []
        for index in range(self.n):
            if self.is_chat:
                found.append(self.chunk(index, {"role": "assistant", "content": ""}))
            found += [self.chunk(index, {"reasoning_content": text}) for text in self.turn.thinking]
            for text in [] if self.turn.calls else self.text:
                found.append(self.chunk(index, {"content": text}, odds=self.odds([text])))
            for number, call in enumerate(self.turn.calls):
                found += [
                    self.chunk(index, {"tool_calls": [part]}) for part in _parts(number, call)
                ]
        return found

    def last(self) -> list[Json]:
        """Why each choice ended, and usage where it was wanted."""
        found = [self.chunk(index, {}, finish=self.finish) for index in range(self.n)]
        if (self.body.get("stream_options") or {}).get("include_usage"):
            found.append(self.envelope() | {"choices": [], "usage": self.usage()})
        return found

    def chunk(
        self, index: int, delta: Json, finish: str | None = None, odds: Json | None = None
    ) -> Json:
        choice: Json = {"index": index, "finish_reason": finish, "logprobs": odds}
        choice |= {"delta": delta} if self.is_chat else {"text": delta.get("content", "")}
        return self.envelope() | {"choices": [choice]}


def _odd(token: str) -> Json:
    return {"token": token, "logprob": -0.5, "bytes": list(token.encode())}


def _call(number: int, call: Json) -> Json:
    arguments = json.dumps(call["arguments"], ensure_ascii=False)
    function = {"name": call["name"], "arguments": arguments}
    return {"index": number, "id": f"call_{number}", "type": "function", "function": function}


def _parts(number: int, call: Json) -> list[Json]:
    """A call as it streams: its name first, then its arguments in two halves."""
    whole = _call(number, call)
    text = whole["function"]["arguments"]
    first = whole | {"function": whole["function"] | {"arguments": ""}}
    halves = (text[: len(text) // 2], text[len(text) // 2 :])
    return [first, *({"index": number, "function": {"arguments": half}} for half in halves)]


def _event(piece: Json) -> bytes:
    return b"data: " + json.dumps(piece, ensure_ascii=False).encode() + b"\n\n"
