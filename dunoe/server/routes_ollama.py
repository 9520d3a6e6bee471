"""The Ollama routes that infer and list; `routes_manage` has those that change what is there."""

import hashlib
import logging
import time
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import anyio

from dunoe.engines.ollama import OllamaEngine
from dunoe.engines.request import Embedded, Embedding, Generation, Json
from dunoe.errors import Forbidden, NotFound, Text, Unauthorized
from dunoe.portfolio.memory import RAM, context_of, size_of
from dunoe.portfolio.model import Model
from dunoe.server.body import NameBody
from dunoe.server.brain import Brain
from dunoe.server.context import fitted_texts
from dunoe.server.endpoint import Asked, Route
from dunoe.server.ollama_models import Card, Running, capabilities_of, details_of, ps, show, tags
from dunoe.server.ollama_reply import ChatReply, GenerateReply, embed_body, embeddings_body
from dunoe.server.ollama_request import (
    ChatBody,
    EmbedBody,
    EmbeddingsBody,
    GenerateBody,
    Preload,
    Unload,
    decode_chat,
    decode_embed,
    decode_embeddings,
    decode_generate,
    refuse_own_words,
)
from dunoe.server.speaking import check_mode, choose, counted, slot, speak
from dunoe.version import VERSION
from dunoe.weights.header import BadModelFile, Header, read_header

log = logging.getLogger("dunoe.server")

UNKNOWN: Json = {"family": "", "families": [], "format": "gguf"}  # details that nobody tells
OLLAMA_VERSION = "0.33.0"  # the API that we speak; clients turn features on by it


class ShowBody(NameBody):
    """POST /api/show."""

    verbose: bool | None = None


async def chat(asked: Asked) -> None:
    """POST /api/chat."""
    body: ChatBody = asked.body
    model = await choose(asked, body.model)
    await _speak_or_load(asked, model, decode_chat(body), ChatReply(body.model or model.name))


async def generate(asked: Asked) -> None:
    """POST /api/generate."""
    body: GenerateBody = asked.body
    model = await choose(asked, body.model)
    if not isinstance(asked.brain.engines[model.engine], OllamaEngine):
        refuse_own_words(body)
    await _speak_or_load(
        asked, model, decode_generate(body), GenerateReply(body.model or model.name)
    )


async def _speak_or_load(
    asked: Asked,
    model: Model,
    wanted: Generation | Preload | Unload,
    reply: ChatReply | GenerateReply,
) -> None:
    match wanted:
        case Generation():
            check_mode(model, "chat")
            await speak(asked, model, [wanted], reply)
        case Preload():
            async with slot(asked, model):
                await asked.wire.json(reply.loaded("load"))
        case Unload():
            _check_unload(asked)
            await asked.brain.runner.unload(model)
            await asked.wire.json(reply.loaded("unload"))


def _check_unload(asked: Asked) -> None:
    """Others use that model, so letting it go is management: raise for who may not do it."""
    try:
        asked.brain.door.check_scope(asked.call.key, "admin")
    except (Unauthorized, Forbidden) as exc:
        raise type(exc)(
            Text(
                f"빈 요청의 keep_alive 0은 모델을 내립니다: {exc.message.ko}",
                f"keep_alive 0 without a prompt unloads the model: {exc.message.en}",
            ),
            exc.hint,
            code=exc.code,
        ) from exc


async def embed(asked: Asked) -> None:
    """POST /api/embed."""
    body: EmbedBody = asked.body
    began = time.perf_counter_ns()
    model = await choose(asked, body.model, "embedding")
    made, dropped = await _embed(asked, model, decode_embed(body))
    told = embed_body(body.model or model.name, made, time.perf_counter_ns() - began)
    await asked.wire.json(told | dropped)


async def embeddings(asked: Asked) -> None:
    """POST /api/embeddings, the old form."""
    body: EmbeddingsBody = asked.body
    model = await choose(asked, body.model, "embedding")
    made, dropped = await _embed(asked, model, decode_embeddings(body))
    await asked.wire.json(embeddings_body(made) | dropped)


async def list_models(asked: Asked) -> None:
    """GET /api/tags."""
    await asked.brain.look_again()
    mine = asked.brain.models_for(asked.call.key)
    cards = [await card_of(asked.brain, model) for model in mine]
    await asked.wire.json(tags(cards))


async def list_running(asked: Asked) -> None:
    """GET /api/ps."""
    running = []
    mine = {model.name for model in asked.brain.models_for(asked.call.key)}
    for one in asked.brain.runner.view():
        if one.state in ("ready", "loading") and one.model.card is not None and one.name in mine:
            card = await card_of(asked.brain, one.model)
            on_card = one.footprint if asked.brain.machine.cards and one.model.card != RAM else 0
            context = context_of(one.model.settings)
            running.append(Running(card, one.footprint, on_card, context))
    await asked.wire.json(ps(running))


async def show_model(asked: Asked) -> None:
    """POST /api/show."""
    body: ShowBody = asked.body
    model = await choose(asked, body.named())
    file = model.settings.file
    if file is None:
        engine = asked.brain.engines[model.engine]
        if isinstance(engine, OllamaEngine):
            await asked.wire.json(await engine.show(model, verbose=bool(body.verbose)))
        else:
            await asked.wire.json(_unseen(await card_of(asked.brain, model)))
        return
    if not file.is_file():
        raise NotFound(
            Text(
                f"모델 파일이 사라졌습니다: {file.name}", f"the model's file is gone: {file.name}"
            ),
            Text("파일을 되돌리거나 다시 받으세요.", "put it back, or fetch it again."),
            code="model_not_found",
        )
    card = await card_of(asked.brain, model)
    header = await anyio.to_thread.run_sync(_header, file, bool(body.verbose))
    context = model.settings.context
    parameters = f"num_ctx {context}" if context else ""
    await asked.wire.json(show(card, header, parameters=parameters, verbose=bool(body.verbose)))


async def version(asked: Asked) -> None:
    """GET /api/version: an Ollama whose API we speak, and who we are."""
    await asked.wire.json({"version": OLLAMA_VERSION, "dunoe": VERSION})


async def _embed(asked: Asked, model: Model, wanted: Embedding) -> tuple[Embedded, Json]:
    """The vectors, and the field that tells what was cut; Ollama's own clients expect that it is cut."""
    if not wanted.inputs:
        return Embedded([], 0), {}
    dropped = await fitted_texts(asked, model, wanted)
    async with slot(asked, model) as engine:
        made = await engine.embed(model, wanted)
    counted(asked, made.prompt_tokens)
    return made, {"dropped": dropped} if dropped else {}


async def card_of(brain: Brain, model: Model) -> Card:
    """What Ollama's clients are told of a model."""
    if model.settings.file is not None:
        return await anyio.to_thread.run_sync(_file_card, brain, model, model.settings.file)
    listed = brain.listed.get((model.engine, model.upstream))
    details = (listed.details if listed is not None else None) or {}
    return Card(
        name=model.name,
        modified_at=_when(details.get("modified_at")),
        size=listed.size if listed is not None else 0,
        digest=details.get("digest") or _digest(model.engine, model.upstream),
        details=details.get("details") or UNKNOWN,
        capabilities=tuple(details.get("capabilities") or (_capability(model),)),
    )


def _file_card(brain: Brain, model: Model, file: Path) -> Card:
    try:
        header, stat = _header(file, arrays=False), file.stat()
    except (BadModelFile, OSError) as exc:  # one that is broken or gone must not hide the others
        log.warning("model %s: %s", model.name, exc)
        return Card(model.name, _when(None), 0, _digest(str(file)), UNKNOWN, (_capability(model),))
    return Card(
        name=model.name,
        modified_at=datetime.fromtimestamp(stat.st_mtime, UTC),
        size=size_of(file),
        digest=_recorded(brain, model, file)
        or _digest(str(file), f"{stat.st_size} {stat.st_mtime_ns}"),
        details=details_of(header),
        capabilities=capabilities_of(header, is_seeing=model.settings.projector is not None),
    )


def _recorded(brain: Brain, model: Model, file: Path) -> str | None:
    """The sha256 that was reckoned when the file was pulled."""
    if file.parent != brain.settings.models_folder or model.name in brain.settings.models:
        return None
    return brain.shelf.digest(model.name)


def _header(file: Path, arrays: bool) -> Header:
    if arrays:
        return read_header(file, arrays=True)
    return _brief_header(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _brief_header(file: Path, mtime_ns: int) -> Header:
    return read_header(file)


def _digest(*named: str) -> str:
    """A stable name for a file or model whose contents nobody hashed."""
    return hashlib.sha256("\0".join(named).encode()).hexdigest()


def _when(said: object) -> datetime:
    try:
        return datetime.fromisoformat(str(said))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def _capability(model: Model) -> str:
    return "embedding" if model.settings.mode == "embedding" else "completion"


def _unseen(card: Card) -> Json:
    return {
        "modelfile": f"FROM {card.name}\n",
        "template": "",
        "details": card.details,
        "model_info": {},
        "capabilities": card.capabilities,
        "modified_at": card.modified_at.isoformat(),
    }


ROUTES = [
    Route("POST", "/api/chat", chat, "ollama", "infer", "대화 · chat", ChatBody),
    Route("POST", "/api/generate", generate, "ollama", "infer", "이어쓰기 · generate", GenerateBody),
    Route("POST", "/api/embed", embed, "ollama", "infer", "임베딩 · embed", EmbedBody),
    Route("POST", "/api/embeddings", embeddings, "ollama", "infer", "임베딩(옛) · embeddings", EmbeddingsBody),
    Route("GET", "/api/tags", list_models, "ollama", "infer", "모델 목록 · models"),
    Route("GET", "/api/ps", list_running, "ollama", "infer", "올라간 모델 · loaded models"),
    Route("POST", "/api/show", show_model, "ollama", "infer", "모델 하나 · one model", ShowBody),
    Route("GET", "/api/version", version, "ollama", None, "버전 · version"),
]  # fmt: skip
