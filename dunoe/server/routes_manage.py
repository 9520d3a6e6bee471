"""Managing models: fetch, copy, remove, load, unload. Everything here needs an admin key."""

import hashlib
import time
from contextlib import aclosing
from dataclasses import dataclass, field

import anyio
from pydantic import Field

from dunoe.engines.ollama import OllamaEngine
from dunoe.engines.request import Json
from dunoe.errors import BadRequest, Language, NotFound, Problem, Text
from dunoe.portfolio.model import Model
from dunoe.server import problems
from dunoe.server.body import Body, NameBody
from dunoe.server.brain import Brain
from dunoe.server.endpoint import Asked, Route
from dunoe.server.jsontext import oneline
from dunoe.weights.download import fetch
from dunoe.weights.pull import Phase
from dunoe.weights.sources import is_source
from dunoe.weights.web import Wire

_EVERY_S = 0.1  # between two lines of progress


class PullBody(NameBody):
    """POST /api/pull."""

    stream: bool | None = Field(None, description="progress lines; default true")


class CopyBody(Body):
    """POST /api/copy."""

    source: str
    destination: str


async def pull(asked: Asked) -> None:
    """POST /api/pull: NDJSON progress, or one object with `stream: false`."""
    body: PullBody = asked.body
    name, is_streamed = body.named(), body.stream is not False
    if is_source(name):
        await _fetch(asked, name, is_streamed=is_streamed)
    else:
        await _pull_there(asked, name, is_streamed=is_streamed)
    await asked.brain.look_again(after_s=0)
    if is_streamed:
        await _say(asked, {"status": "success"})
        await asked.wire.end()
    else:
        await asked.wire.json({"status": "success"})


async def _pull_there(asked: Asked, name: str, *, is_streamed: bool) -> None:
    """Let an Ollama of ours pull its own model."""
    engine = next((e for e in asked.brain.engines.values() if isinstance(e, OllamaEngine)), None)
    if engine is None:
        raise BadRequest(
            Text(
                f"'{name}'을(를) 어디서 받을지 알 수 없습니다", f"where should '{name}' come from?"
            ),
            Text(
                f"예: `dunoe models pull {asked.brain.catalogue.first_model}` (또는 Ollama 엔진을 설정하세요).",
                f"say `dunoe models pull {asked.brain.catalogue.first_model}`, or set up an Ollama engine.",
            ),
            param="model",
        )
    seen = _Progress(name)
    if is_streamed:
        asked.beside.start(_repeat(asked, seen))
    try:
        async with aclosing(engine.pull(name)) as lines:
            async for line in lines:
                if is_streamed and line.get("status") != "success":
                    seen.line = line
                    await _say(asked, line)
    finally:
        seen.is_over = True


async def _fetch(asked: Asked, source: str, *, is_streamed: bool) -> None:
    """Fetch a GGUF file, telling now and then how far it is."""
    seen = _Progress(source)
    if is_streamed:
        asked.beside.start(_tell(asked, seen))
        asked.beside.start(_repeat(asked, seen))
    try:
        settings = asked.brain.settings
        wire = Wire(settings.hub.url, settings.hub.token)
        await fetch(source, settings.models_folder, progress=seen.note, wire=wire)
    finally:
        seen.is_over = True


@dataclass
class _Progress:
    """How far a pull is, as it last told."""

    source: str
    line: Json = field(default_factory=lambda: {"status": "pulling manifest"})
    is_over: bool = False

    def note(self, phase: Phase, completed: int, total: int | None) -> None:
        match phase:
            case "downloading":
                digest = _digest(self.source)
                sizes = {"total": total, "completed": completed} if total else {}
                self.line = {
                    "status": f"pulling {digest[:12]}",
                    "digest": f"sha256:{digest}",
                    **sizes,
                }
            case "verifying":
                self.line = {"status": "verifying sha256 digest"}
            case "done":
                self.line = {"status": "writing manifest"}
            case "connecting":
                self.line = {"status": "pulling manifest"}


def _digest(source: str) -> str:
    """A name of a digest's form for what is being pulled; its own is known at the end."""
    return hashlib.sha256(source.encode()).hexdigest()


async def _tell(asked: Asked, seen: _Progress) -> None:
    told: Json = {}
    while not seen.is_over:
        if seen.line != told:
            told = seen.line
            await _say(asked, told)
        await anyio.sleep(_EVERY_S)


async def _repeat(asked: Asked, seen: _Progress) -> None:
    """Say the last line again whenever nothing went out for `server.ping_s`: a proxy would cut the silence."""
    every_s = asked.brain.settings.server.ping_s
    while not seen.is_over:
        quiet_s = time.perf_counter() - asked.wire.last_write
        if quiet_s < every_s:
            await anyio.sleep(every_s - quiet_s)
        else:
            await _say(asked, seen.line)


async def _say(asked: Asked, line: Json) -> None:
    await asked.wire.stream("application/x-ndjson", _broken)
    await asked.wire.write(oneline(line) + b"\n")


def _broken(problem: Problem, language: Language) -> bytes:
    return oneline(problems.body(problem, "ollama", language)) + b"\n"


async def delete(asked: Asked) -> None:
    """DELETE /api/delete."""
    body: NameBody = asked.body
    brain, name = asked.brain, body.named()
    if not brain.catalogue.has(name):
        await brain.look_again()
    if not brain.catalogue.has(name):
        # a broken file, an adapter, half a pull: no model, but ours to remove
        await anyio.to_thread.run_sync(brain.shelf.remove, name)
        await asked.wire.whole(b"", "text/plain")
        return
    model = brain.catalogue.find(name)
    engine = brain.engines[model.engine]
    if isinstance(engine, OllamaEngine):
        await brain.runner.unload(model)
        await engine.delete(model.upstream)
    else:
        _refuse_configured(brain, model)
        await brain.runner.unload(model)
        await anyio.to_thread.run_sync(brain.shelf.remove, model.name)
    await brain.look_again(after_s=0)
    await asked.wire.whole(b"", "text/plain")


async def copy(asked: Asked) -> None:
    """POST /api/copy."""
    body: CopyBody = asked.body
    brain = asked.brain
    model = await _known(brain, body.source)
    engine = brain.engines[model.engine]
    if isinstance(engine, OllamaEngine):
        await engine.copy(model.upstream, body.destination)
    elif model.name in brain.settings.models and model.settings.file is not None:
        folder = brain.settings.models_folder  # a file of the settings lies elsewhere
        await fetch(str(model.settings.file), folder, name=body.destination)
    else:
        await anyio.to_thread.run_sync(brain.shelf.copy, model.name, body.destination)
    await brain.look_again(after_s=0)
    await asked.wire.whole(b"", "text/plain")


async def load(asked: Asked) -> None:
    """POST /api/load: bring a model in; answers when it is there."""
    body: NameBody = asked.body
    asked.call.model = model = await _known(asked.brain, body.named())
    await asked.brain.runner.preload(model)
    await asked.wire.json({"status": "success"})


async def unload(asked: Asked) -> None:
    """POST /api/unload: let a model go after the work it has; answers when its memory is free."""
    body: NameBody = asked.body
    asked.call.model = model = await _known(asked.brain, body.named())
    await asked.brain.runner.unload(model)
    await asked.wire.json({"status": "success"})


async def _known(brain: Brain, name: str) -> Model:
    if not brain.catalogue.has(name):
        await brain.look_again()
    if brain.catalogue.has(name):
        return brain.catalogue.find(name)
    raise NotFound(
        Text(f"모델 '{name}'이(가) 없습니다", f"model '{name}' not found"),
        Text("`dunoe models list`가 이름을 보여 줍니다.", "`dunoe models list` shows the names."),
        code="model_not_found",
    )


def _refuse_configured(brain: Brain, model: Model) -> None:
    if model.name in brain.settings.models:
        raise BadRequest(
            Text(
                f"'{model.name}'은(는) 설정 파일에 있는 모델이라 지울 수 없습니다",
                f"'{model.name}' stands in the settings and cannot be deleted here",
            ),
            Text(
                f"dunoe.toml에서 [models.{model.name}]을 지우고 파일을 직접 지우세요.",
                f"remove [models.{model.name}] from dunoe.toml and delete the file yourself.",
            ),
            code="model_configured",
        )


ROUTES = [
    Route("POST", "/api/pull", pull, "ollama", "admin", "모델 받기 · pull", PullBody),
    Route("DELETE", "/api/delete", delete, "ollama", "admin", "모델 지우기 · delete", NameBody),
    Route("POST", "/api/copy", copy, "ollama", "admin", "모델 복사 · copy", CopyBody),
    Route("POST", "/api/load", load, "ollama", "admin", "올리기 · load", NameBody),
    Route("POST", "/api/unload", unload, "ollama", "admin", "내리기 · unload", NameBody),
]
