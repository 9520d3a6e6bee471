"""The native Ollama protocol, with its models' state and its own words for errors, with scripted content."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from tests.fake_wire import Answer, Json, Seen, Turn

ASKS = ("/api/chat", "/api/generate", "/api/embed", "/api/embeddings")
WHEN = "2026-08-21T00:00:00Z"
RUNNER = (
    "num_ctx",
    "num_batch",
    "num_gpu",
    "main_gpu",
    "use_mmap",
    "num_thread",
    "draft_num_predict",
)
TOO_LONG = (
    "the prompt is longer than the context length currently available. "
    "Shorten the prompt or raise the context length"
)
ABILITIES = ["completion", "tools", "insert", "thinking", "vision", "embedding"]


@dataclass
class OnDisk:
    """A model that was pulled. in_vram: the part of it that a load puts on the card."""

    size: int = 1000
    context: int = 32768
    in_vram: float = 1.0
    abilities: list[str] = field(default_factory=lambda: list(ABILITIES))


@dataclass
class Loaded:
    """A running model: what it was launched with, and until when it stays."""

    runner: Json
    keep_alive: object = "5m"
    polls_left: int | None = None  # looks at /api/ps until an unloaded one is gone


class Refused(Exception):
    """What the server says instead."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class Ollama:
    """loads: (model, launch options) of every start of a runner, so that a reload shows.

    linger: how many looks at /api/ps an unloaded model still stands there.
    """

    def __init__(self, models: dict[str, OnDisk] | None = None) -> None:
        self.models = {whole(n): m for n, m in (models or {"tiny": OnDisk()}).items()}
        self.loaded: dict[str, Loaded] = {}
        self.loads: list[tuple[str, Json]] = []
        self.version = "0.33.0"
        self.linger = 0
        self.routes = {
            ("GET", "/"): lambda *_: Answer(body="Ollama is running"),
            ("GET", "/api/version"): lambda *_: Answer(body={"version": self.version}),
            ("GET", "/api/tags"): self._tags,
            ("GET", "/api/ps"): self._ps,
            ("POST", "/api/show"): self._show,
            ("POST", "/api/pull"): self._pull,
            ("DELETE", "/api/delete"): self._delete,
            ("POST", "/api/copy"): self._copy,
            ("POST", "/api/chat"): self._write,
            ("POST", "/api/generate"): self._write,
            ("POST", "/api/embed"): self._embed,
            ("POST", "/api/embeddings"): self._embed,
        }

    def asks(self, seen: Seen) -> bool:
        """Loading and unloading is not asking."""
        asked = ("messages", "prompt", "input")
        return seen.path in ASKS and any(seen.body.get(name) for name in asked)

    def refuse(self, status: int, text: str) -> Answer:
        """`{"error": "…"}`."""
        return Answer(status, {"error": text})

    def answer(self, seen: Seen, turn: Turn) -> Answer:
        """What the route says."""
        route = self.routes.get((seen.method, seen.path))
        if route is None:
            known = any(path == seen.path for _, path in self.routes)
            return Answer(
                405 if known else 404, "405 method not allowed" if known else "404 page not found"
            )
        if seen.method == "POST" and not seen.raw:
            return self.refuse(400, "missing request body")
        try:
            return route(seen, turn)
        except Refused as exc:
            return self.refuse(exc.status, exc.text)

    # the models

    def _found(self, name: str, text: str = "model '{}' not found") -> OnDisk:
        if whole(name) not in self.models:
            raise Refused(404, text.format(name))
        return self.models[whole(name)]

    def _start(self, body: Json) -> None:
        """Have the model running as this request wants it, launching it anew where its options differ."""
        name, options = whole(body["model"]), body.get("options") or {}
        for key, value in options.items():
            if key in RUNNER and not isinstance(value, int):
                raise Refused(500, f'option "{key}" must be of type integer')
        keep_alive = body.get("keep_alive", "5m")
        if isinstance(keep_alive, str) and not re.fullmatch(r"0|(-?[\d.]+(ms|s|m|h))+", keep_alive):
            raise Refused(400, f'time: missing unit in duration "{keep_alive}"')
        context = min(options.get("num_ctx", 4096), self.models[name].context)
        runner = {key: options[key] for key in RUNNER if key in options} | {"num_ctx": context}
        runner["shift"] = body.get("shift", True)
        running = self.loaded.get(name)
        if running is None or running.runner != runner:
            self.loads.append((name, runner))
            running = self.loaded[name] = Loaded(runner)
        if "keep_alive" in body:
            running.keep_alive, running.polls_left = keep_alive, None  # even of one on its way out

    def _stop(self, name: str) -> None:
        if running := self.loaded.get(whole(name)):
            running.polls_left = self.linger
            self._sweep()

    def _sweep(self) -> None:
        self.loaded = {
            n: r for n, r in self.loaded.items() if r.polls_left is None or r.polls_left > 0
        }

    def _tags(self, seen: Seen, turn: Turn) -> Answer:
        listed = [
            {"name": n, "model": n, "modified_at": WHEN, "size": m.size, "digest": f"{i:064x}"}
            | {"details": details() | {"context_length": m.context}, "capabilities": m.abilities}
            for i, (n, m) in enumerate(self.models.items())
        ]
        return Answer(body={"models": listed})

    def _ps(self, seen: Seen, turn: Turn) -> Answer:
        running = [
            {"name": n, "model": n, "size": self.models[n].size, "digest": "0" * 64}
            | {"details": details(), "expires_at": WHEN, "context_length": r.runner["num_ctx"]}
            | {"size_vram": int(self.models[n].size * self.models[n].in_vram)}
            for n, r in self.loaded.items()
        ]
        for one in self.loaded.values():
            if one.polls_left is not None:
                one.polls_left -= 1
        self._sweep()
        return Answer(body={"models": running})

    def _show(self, seen: Seen, turn: Turn) -> Answer:
        model = self._found(seen.body["model"])
        wordy = seen.body.get("verbose")
        info: Json = {"general.architecture": "qwen2", "qwen2.context_length": model.context}
        info["tokenizer.ggml.tokens"] = ["안", "녕"] if wordy else None
        info["tokenizer.ggml.merges"] = ["안 녕"] if wordy else None
        return Answer(
            body={"modelfile": "FROM tiny", "template": "{{ .Prompt }}", "details": details()}
            | {"model_info": info, "capabilities": model.abilities, "modified_at": WHEN}
        )

    def _pull(self, seen: Seen, turn: Turn) -> Answer:
        name, digest, error = seen.body["model"], "sha256:" + "a" * 64, _line({"error": turn.error})
        pieces = [_line({"status": "pulling manifest"})]
        if name.startswith("missing"):
            pieces.append(_line({"error": "pull model manifest: file does not exist"}))
            return Answer(pieces=pieces, type="application/x-ndjson")
        part = {"status": f"pulling {'a' * 12}", "digest": digest, "total": 1000}
        pieces += [_line(part), _line(part | {"completed": 500}), _line(part | {"completed": 1000})]
        for status in ("verifying sha256 digest", "writing manifest", "removing unused layers"):
            pieces.append(_line({"status": status}))
        self.models.setdefault(whole(name), OnDisk())
        end = _line({"status": "success"})
        return Answer(pieces=pieces, end=end, error=error, type="application/x-ndjson")

    def _delete(self, seen: Seen, turn: Turn) -> Answer:
        self._found(seen.body["model"])
        del self.models[whole(seen.body["model"])]
        return Answer()

    def _copy(self, seen: Seen, turn: Turn) -> Answer:
        source = self._found(seen.body["source"], 'model "{}" not found')
        self.models[whole(seen.body["destination"])] = source
        return Answer()

    # asking them

    def _embed(self, seen: Seen, turn: Turn) -> Answer:
        body = seen.body
        self._found(body["model"], 'model "{}" not found, try pulling it first')
        self._start(body)
        if seen.path == "/api/embeddings":
            return Answer(body={"embedding": [float(len(body["prompt"])), 2.0]})
        found = body.get("input") or []
        texts = [found] if isinstance(found, str) else found
        if not all(isinstance(text, str) for text in texts):
            raise Refused(400, "invalid input type")
        words = [len(text.split()) for text in texts]
        if body.get("truncate", True) is False and max(words, default=0) > self._context(body):
            raise Refused(400, "the input length exceeds the context length")
        size = body.get("dimensions") or 2
        vectors = [[1.0] + [0.0] * (size - 1) for _ in texts]
        return Answer(
            body={
                "model": body["model"],
                "embeddings": vectors,
                "total_duration": 1,
                "load_duration": 1,
            }
            | {"prompt_eval_count": sum(words)}
        )

    def _context(self, body: Json) -> int:
        return int(self.loaded[whole(body["model"])].runner["num_ctx"])

    def _write(self, seen: Seen, turn: Turn) -> Answer:
        body, is_chat = seen.body, seen.path == "/api/chat"
        if not body.get("model"):
            raise Refused(
                400 if is_chat else 404, "model is required" if is_chat else "model '' not found"
            )
        model = self._found(body["model"])
        if not (body.get("messages") if is_chat else body.get("prompt")):
            return self._load_or_unload(body)
        for field_name, ability in (
            ("tools", "tools"),
            ("suffix", "insert"),
            ("think", "thinking"),
        ):
            if body.get(field_name) and ability not in model.abilities:
                raise Refused(400, f'"{body["model"]}" does not support {ability}')
        self._start(body)
        count = turn.prompt_tokens
        if count is None:
            texts = (
                [str(m.get("content", "")) for m in body["messages"]]
                if is_chat
                else [body["prompt"]]
            )
            count = sum(len(text.split()) for text in texts)
        if body.get("truncate", True) is False and count > self._context(body):
            raise Refused(400, TOO_LONG)
        lines = [
            _line({"model": body["model"], "created_at": WHEN} | p)
            for p in _pieces(body, turn, is_chat)
        ]
        end = {"model": body["model"], "created_at": WHEN} | _end(body, turn, is_chat, count)
        if body.get("stream", True):
            error, kind = _line({"error": turn.error}), "application/x-ndjson"
            return Answer(pieces=lines, end=_line(end), error=error, type=kind)
        return Answer(body=_together([json.loads(line) for line in lines], end))

    def _load_or_unload(self, body: Json) -> Answer:
        if body.get("keep_alive") in (0, "0"):
            self._stop(body["model"])
            reason = "unload"
        else:
            if "completion" not in self.models[whole(body["model"])].abilities:
                raise Refused(400, f'"{body["model"]}" does not support generate')
            self._start(body)
            reason = "load"
        said = {"response": "", "done": True, "done_reason": reason}
        return Answer(body={"model": body["model"], "created_at": WHEN} | said)


def whole(name: str) -> str:
    """A name with its tag."""
    return name if ":" in name else f"{name}:latest"


def details() -> Json:
    """Of every model."""
    return {
        "parent_model": "", "format": "gguf", "family": "qwen2", "families": ["qwen2"],
        "parameter_size": "1M", "quantization_level": "F16",
    }  # fmt: skip


def _line(piece: Json) -> bytes:
    return json.dumps(piece, ensure_ascii=False).encode() + b"\n"


def _said(text: str, is_chat: bool, **more: Any) -> Json:  # Any: JSON
    if is_chat:
        return {"message": {"role": "assistant", "content": text} | more, "done": False}
    return {"response": text, "done": False} | more


def _limit(body: Json) -> int | None:
    limit = (body.get("options") or {}).get("num_predict")
    return limit if limit and limit > 0 else None


def _pieces(body: Json, turn: Turn, is_chat: bool) -> list[Json]:
    found = [
        _said("", is_chat, thinking=text)
        for text in turn.thinking
        if body.get("think") is not False
    ]
    if turn.calls:
        calls = [
            {
                "id": f"call_{i}",
                "function": {"index": i, "name": c["name"], "arguments": c["arguments"]},
            }
            for i, c in enumerate(turn.calls)
        ]
        return [*found, _said("", is_chat, tool_calls=calls)]
    for text in turn.text[: _limit(body)]:
        piece = _said(text, is_chat)
        if body.get("logprobs"):
            odd = {"token": text, "logprob": -0.5, "bytes": list(text.encode())}
            piece["logprobs"] = [
                odd | {"top_logprobs": [odd] * min(body.get("top_logprobs", 0), 1)}
            ]
        found.append(piece)
    return found


def _end(body: Json, turn: Turn, is_chat: bool, count: int) -> Json:
    limit = _limit(body)
    is_cut = limit is not None and limit < len(turn.text)
    past = (
        {}
        if is_chat or body.get("raw")
        else {"context": [*(body.get("context") or []), *range(count)]}
    )
    return _said("", is_chat) | past | {
        "done": True, "done_reason": "length" if is_cut else turn.finish, "total_duration": 4_000_000_000,
        "load_duration": 500_000_000, "prompt_eval_count": count, "prompt_eval_duration": 1_500_000_000,
        "eval_count": len(turn.text[:limit]) + len(turn.thinking), "eval_duration": 2_000_000_000,
    }  # fmt: skip


def _together(pieces: list[Json], end: Json) -> Json:
    """The stream as one object."""
    message: Json = end.get("message", end)
    for piece in pieces:
        more = piece.get("message", piece)
        for key in ("content", "response", "thinking"):
            if key in more:
                message[key] = message.get(key, "") + more[key]
        if "tool_calls" in more:
            message["tool_calls"] = more["tool_calls"]
        if "logprobs" in piece:
            end["logprobs"] = end.get("logprobs", []) + piece["logprobs"]
    return end
