"""Looking after the server: is it alive, is it ready, what does it count; and the first page."""

import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.resources import files

import anyio
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from dunoe.engines.request import Embedding, Generation, Reranking
from dunoe.errors import Language, NotFound, Problem, Text
from dunoe.portfolio.model import Model
from dunoe.residency.tenant import Resident
from dunoe.server.brain import Brain
from dunoe.server.endpoint import Asked, Route, language_of
from dunoe.settings import is_loopback
from dunoe.store.keys import SCOPES
from dunoe.version import VERSION

log = logging.getLogger("dunoe.server")

READY_AGAIN_S = 5.0  # a stranger's question is answered from the look before, if it is no older
READY_LIMIT_S = 10.0  # one token within this, or the engine hangs
_PAGE = files("dunoe.server").joinpath("page")
_MEDIA = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_CSP = (b"content-security-policy", _POLICY.encode())  # no request to any other host


async def alive(asked: Asked) -> None:
    """GET /healthz: the process answers."""
    await asked.wire.json({"status": "ok", "version": VERSION})


async def ready(asked: Asked) -> None:
    """GET /readyz: the database takes a row, engines answer, and every loaded model writes a token.

    Strangers may ask as often as they like and get a look that is some seconds old.
    """
    brain, is_ours = asked.brain, is_loopback(asked.call.address)
    async with brain.readiness.looking:
        if is_ours or time.monotonic() - brain.readiness.at > READY_AGAIN_S:
            brain.readiness.said = await _look(brain, language_of(brain, asked.call))
            brain.readiness.at = time.monotonic()
        said = dict(brain.readiness.said)
    is_ready = all(word == "ok" for word in said.values())
    if not brain.catalogue.models():
        said["models"] = Text("모델이 없습니다", "there is no model").in_(
            language_of(brain, asked.call)
        )
    answer: dict[str, object] = {"status": "ok" if is_ready else "not ready"}
    if is_ours:  # names and addresses are nobody else's business
        answer["checks"] = said
    await asked.wire.json(answer, 200 if is_ready else 503)


async def _look(brain: Brain, language: Language) -> dict[str, str]:
    said: dict[str, str] = {}

    async def run(name: str, check: Callable[[], Awaitable[None]]) -> None:
        try:
            with anyio.fail_after(READY_LIMIT_S):
                await check()
            said[name] = "ok"
        except Problem as problem:
            log.warning("not ready: %s: %s", name, problem)
            said[name] = problem.message.in_(language)
        except TimeoutError:
            said[name] = Text("시간 안에 답이 없습니다", "no answer in time").in_(language)

    async with anyio.create_task_group() as group:
        for name, check in _checks(brain).items():
            group.start_soon(run, name, check)
    return said


def _checks(brain: Brain) -> dict[str, Callable[[], Awaitable[None]]]:
    """What must work: the database, every engine, every model that is loaded."""
    found: dict[str, Callable[[], Awaitable[None]]] = {"database": brain.store.check_writes}
    found |= {f"engine {name}": engine.ping for name, engine in brain.engines.items()}
    for one in brain.runner.view():
        if one.state == "ready" and one.model.card is not None:
            found[f"model {one.name}"] = partial(_works, brain, one)
    return found


async def _works(brain: Brain, one: Resident) -> None:
    if one.waiting or one.in_flight >= one.model.slots:  # busy with others is not broken
        await brain.engines[one.model.engine].show(one.model)
    else:
        await one_token(brain, one.model)


async def one_token(brain: Brain, model: Model) -> None:
    """The least that shows a model works: one token, one vector, one score."""
    async with brain.runner.lease(model) as lease:
        match model.settings.mode:
            case "embedding":
                await lease.engine.embed(model, Embedding(["1"]))
            case "rerank":
                await lease.engine.rerank(model, Reranking("1", ["1"]))
            case "chat":
                ask = Generation("complete", prompt="1", options={"max_tokens": 1})
                async for _ in lease.engine.generate(model, ask):
                    continue


async def metrics(asked: Asked) -> None:
    """GET /metrics: Prometheus text. It names every model, so a key that is bound to some needs `admin` for it."""
    key = asked.call.key
    if key is not None and key.models:
        asked.brain.door.check_scope(key, "admin")
    found = generate_latest(asked.brain.books.meters.registry)
    await asked.wire.whole(found, CONTENT_TYPE_LATEST)


async def brain_state(asked: Asked) -> None:
    """GET /api/brain: what the page shows: models, who is loaded, how full the card is."""
    brain = asked.brain
    await brain.look_again()
    residents = {one.name: one for one in brain.runner.view()}
    models = []
    for model in brain.models_for(asked.call.key):
        here = residents.get(model.name)
        models.append(
            {
                "name": model.name,
                "engine": model.engine,
                "mode": model.settings.mode,
                "roles": brain.catalogue.roles_of(model.name),
                "slots": model.slots,
                "footprint": model.footprint,
                "card": model.card,
                "state": here.state if here is not None else "absent",
                "in_flight": here.in_flight if here is not None else 0,
                "waiting": here.waiting if here is not None else 0,
            }
        )
    cards = {
        name: {
            "budget": budget,
            "taken": sum(
                one.footprint
                for one in residents.values()
                if one.model.card == name and one.state != "absent"
            ),
        }
        for name, budget in brain.budgets.items()
    }
    await asked.wire.json(
        {
            "version": VERSION,
            "up_s": round(time.monotonic() - brain.opened_at, 1),
            "needs_key": not brain.ring.is_empty,
            "models": models,
            "cards": cards,
            "first_model": brain.catalogue.first_model,
        }
    )


async def key(asked: Asked) -> None:
    """GET /api/key: who is asking, and what they may do. is_local: the key is that of this server's own home."""
    held = asked.call.key
    await asked.wire.json(
        {
            "name": None if held is None else held.name,
            "is_local": held is asked.brain.door.local.key,
            "scopes": [one for one in SCOPES if one != "admin"] if held is None else held.scopes,
        }
    )


async def front(asked: Asked) -> None:
    """GET /: the page for browsers, Ollama's greeting for tools."""
    if "text/html" in asked.call.header(b"accept"):
        await _file(asked, "index.html")
    else:
        await asked.wire.whole(b"Ollama is running", "text/plain; charset=utf-8")


async def page_file(asked: Asked) -> None:
    """GET /page/…: the files that the page is made of."""
    await _file(asked, asked.scope["path_params"]["name"])


async def _file(asked: Asked, name: str) -> None:
    found = _PAGE.joinpath(name)
    ending = name.rpartition(".")[2]
    if "/" in name or ending not in _MEDIA or not found.is_file():
        raise NotFound(
            Text(f"'{name}' 파일이 없습니다", f"there is no file '{name}'"),
            Text("/ 에서 시작하세요.", "start at /."),
        )
    await asked.wire.whole(
        found.read_bytes(), _MEDIA[ending], more=[_CSP, (b"cache-control", b"no-cache")]
    )


ROUTES = [
    Route("GET", "/", front, "ollama", None, "첫 페이지 · the page"),
    Route("GET", "/page/{name}", page_file, "openai", None, "페이지 파일 · files of the page"),
    Route("GET", "/healthz", alive, "openai", None, "살아 있음 · alive"),
    Route("GET", "/readyz", ready, "openai", None, "준비됨 · ready"),
    Route("GET", "/metrics", metrics, "openai", "infer", "지표 · Prometheus metrics"),
    Route("GET", "/api/brain", brain_state, "openai", "infer", "상태 · models and the card"),
    Route("GET", "/api/key", key, "openai", "infer", "내 권한 · whose key this is"),
]  # fmt: skip
