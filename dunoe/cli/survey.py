"""A survey of the settings: what is fine, and what a person should look at before it hurts."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import anyio
from anyio import to_thread
from rich.filesize import decimal

from dunoe import machine
from dunoe.engines import build
from dunoe.engines.engine import Engine
from dunoe.errors import BadRequest, NotFound, Problem, Text
from dunoe.machine import Machine
from dunoe.portfolio.memory import budget_of, budgets, footprint, has_card, load_of
from dunoe.portfolio.model import Model
from dunoe.portfolio.policy import policy_for
from dunoe.settings import EngineSettings, ModelSettings, Settings, is_loopback
from dunoe.store.store import open_store
from dunoe.weights.header import BadModelFile, read_whole
from dunoe.weights.memory.footprint import check_cache
from dunoe.weights.memory.measured import Measured
from dunoe.weights.naming import parts_of
from dunoe.weights.shelf import Shelf

_PING_S = 5.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. what: its key in the settings."""

    what: str
    is_fine: bool
    why: Text


async def survey(settings: Settings) -> list[Finding]:
    """Every model, engine and open door; engines are asked whether they answer."""
    here = machine.look()
    found = [_model(name, one, settings, here) for name, one in settings.models.items()]
    found += _pulled(settings, here)
    found += await _engines(settings)
    found += [
        Finding(
            at,
            False,
            Text(
                f"환경 변수 {name}이(가) 설정되지 않아 비밀 없이 접속합니다",
                f"the environment variable {name} is not set, so no secret is sent",
            ),
        )
        for at, name in settings.unset.items()
    ]
    found += [Finding(name, False, why) for name, why in settings.doubts.items()]
    if not is_loopback(settings.server.host):
        found.append(await to_thread.run_sync(_open_door, settings))
    if not found:
        found.append(
            Finding(
                "models",
                False,
                Text("모델이 없습니다: `dunoe models pull`", "no models: `dunoe models pull`"),
            )
        )
    return found + _home(settings)


def _home(settings: Settings) -> list[Finding]:
    """Nothing, unless a server could not write where it keeps everything, and would not start."""
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    if os.access(folder, os.W_OK | os.X_OK):
        return []
    why = Text(
        f"{folder}에 쓸 수 없어 서버가 시작하지 않습니다: 권한을 고치거나 DUNOE_HOME으로 다른 곳을 고르세요",
        f"cannot write to {folder}, so no server will start: mend its permissions, or name another in DUNOE_HOME",
    )
    return [Finding("home", False, why)]


def _model(name: str, one: ModelSettings, settings: Settings, here: Machine) -> Finding:
    what = f"models.{name}"
    if one.file is None:
        said = f"{one.engine}: {one.name or name}"
        return Finding(what, True, Text(said, said))
    return _file(what, one, settings, here)


def _file(what: str, one: ModelSettings, settings: Settings, here: Machine) -> Finding:
    """A model of ours: can it be read, does it fit?"""
    assert one.file is not None
    on_card = has_card(settings, here)
    try:
        header, *_ = [read_whole(part) for part in parts_of(one.file)]
        check_cache(header, load_of(one, has_card=on_card))
    except (BadModelFile, BadRequest) as problem:
        return Finding(what, False, problem.message)
    measured = Measured(settings.cache_folder)
    size = footprint(one, has_card=on_card, measured=measured)
    budget = budgets(settings, here)[budget_of(one, has_card=on_card)]
    if size > budget:
        return Finding(
            what,
            False,
            Text(
                f"메모리보다 큽니다 ({decimal(size)} > {decimal(budget)})",
                f"larger than the memory for models ({decimal(size)} > {decimal(budget)})",
            ),
        )
    trained, asked = header.context_length, one.context
    if trained is not None and asked is not None and asked > trained:
        return Finding(
            what,
            False,
            Text(
                f"context {asked}이(가) 모델이 배운 {trained}보다 깁니다",
                f"context {asked} is longer than the {trained} it was trained for",
            ),
        )
    said = f"{header.architecture}, {header.quantisation}, {decimal(size)}"
    note = policy_for(what, one.file.name).note or Text("", "")  # what its makers would tell
    return Finding(what, True, Text(*(f"{said}. {told}" if told else said for told in note)))


def _pulled(settings: Settings, here: Machine) -> list[Finding]:
    """Every pulled file that is not a model of the settings anyway."""
    owners = {alias: name for name, one in settings.models.items() for alias in one.aliases}
    owners |= {name: name for name in settings.models}
    shelf, found = Shelf(settings.models_folder), []
    for pulled in shelf.models():
        owner = owners.get(pulled.name)
        if owner is None:
            found.append(_file(str(pulled.path), ModelSettings(file=pulled.path), settings, here))
        elif pulled.path != settings.models[owner].file:
            found.append(_hidden(pulled.path, owner))
    return found + [
        Finding(str(shelf.folder / name), False, problem.message)
        for name, problem in shelf.broken().items()
    ]


def _hidden(path: Path, owner: str) -> Finding:
    """A pulled model that nobody can ask for, since the settings call another one so."""
    return Finding(
        str(path),
        False,
        Text(
            f"이 이름은 설정의 [models.{owner}]을 가리켜, 받은 파일은 쓰이지 않습니다. 파일 이름을 바꾸세요",
            f"its name means [models.{owner}] of the settings, so the file is not used: rename it",
        ),
    )


async def _engines(settings: Settings) -> list[Finding]:
    engines = build.engines(settings)
    found: dict[str, Finding] = {}

    async def ask(name: str, engine: Engine) -> None:
        found[name] = await _engine(name, engine, settings.engines[name])

    try:
        async with anyio.create_task_group() as group:
            for name in settings.engines:
                group.start_soon(ask, name, engines[name])
    finally:
        for engine in engines.values():
            await engine.aclose()
    return [found[name] for name in settings.engines]


async def _engine(name: str, engine: Engine, one: EngineSettings) -> Finding:
    what = f"engines.{name}"
    try:
        with anyio.fail_after(_PING_S):
            await engine.ping()
            count = len(await engine.listed())
            is_llama = one.kind != "llama" or await _has_props(name, engine)
    except Problem as problem:
        return Finding(what, False, problem.message)
    except TimeoutError:
        return Finding(what, False, Text("시간 안에 답이 없습니다", "no answer in time"))
    if not is_llama:
        return Finding(
            what,
            False,
            Text(
                '답하지만 llama-server가 아닙니다. kind = "openai"로 적으세요',
                'answers, but is no llama-server: write kind = "openai"',
            ),
        )
    if one.kind == "ollama" and one.vram is None and not one.is_on_our_card:
        return Finding(
            what,
            False,
            Text(
                f'답합니다, 모델 {count}개. 그 서버의 메모리를 모르니 vram = "16GiB"처럼 적으세요',
                f'answers, {count} models; its memory is unknown: write vram = "16GiB" or what it has',
            ),
        )
    return Finding(what, True, Text(f"답합니다, 모델 {count}개", f"answers, {count} models"))


async def _has_props(name: str, engine: Engine) -> bool:
    """True for a llama-server: others with OpenAI's dialect have no /props, /tokenize or /infill."""
    try:
        await engine.show(Model(name, name, name, ModelSettings(), 1))
    except NotFound:
        return False
    return True


def _open_door(settings: Settings) -> Finding:
    host = settings.server.host
    try:
        with open_store(settings.database_url) as store:
            count = sum(key.is_live(datetime.now(UTC)) for key in store.keys.list())
    except Problem as problem:
        return Finding("store.url", False, problem.message)
    if count:
        said = Text(
            f"{host}: 다른 컴퓨터에도 열립니다, 유효한 키 {count}개",
            f"{host}: open to other machines, {count} valid keys",
        )
        return Finding("server.host", True, said)
    return Finding(
        "server.host",
        False,
        Text(
            f"{host}: 다른 컴퓨터에도 열립니다. 키가 없으면 시작하지 않습니다 (`dunoe keys add NAME`)",
            f"{host}: open to other machines; without a key it will not start (`dunoe keys add NAME`)",
        ),
    )
