"""`dunoe fit`: what fits the card, with which context, before anything is loaded or even fetched."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, get_args

import typer
from pydantic import TypeAdapter, ValidationError
from rich.text import Text as Line

from dunoe import machine
from dunoe.cli.terminal import (
    AsJson,
    ConfigFile,
    console,
    one_line,
    print_json,
    print_table,
    said,
    say,
    settings_from,
)
from dunoe.engines import build
from dunoe.engines.ollama import OllamaEngine
from dunoe.errors import BadRequest, NotFound, Text
from dunoe.portfolio.catalogue import Catalogue, mode_of
from dunoe.portfolio.entries import known
from dunoe.portfolio.memory import (
    CONTEXT,
    Memory,
    beside,
    load_for,
    load_of,
    of_card,
    of_ram,
    our_card,
)
from dunoe.portfolio.model import Model
from dunoe.portfolio.plan import (
    Candidate,
    Place,
    Placed,
    Plan,
    candidates,
    plan,
    told,
    with_context,
)
from dunoe.portfolio.profiles import Profile, profile, profiles
from dunoe.settings import KvType, Settings, Size
from dunoe.weights.header import Header
from dunoe.weights.memory.footprint import check_cache
from dunoe.weights.memory.measured import Measured
from dunoe.weights.remote import read_remote
from dunoe.weights.remote_ollama import shown_header
from dunoe.weights.shelf import Shelf
from dunoe.weights.sources import is_source
from dunoe.weights.web import Wire

app = typer.Typer(rich_markup_mode=None, add_completion=False)

ProfileName = Annotated[
    str | None,
    typer.Option("--profile", metavar="P", help="프로필 이름이나 파일 · a profile, or its file"),
]
Vram = Annotated[
    str | None,
    typer.Option(metavar="16GiB", help="카드의 메모리; 0은 없음 · of the card; 0: none"),
]
Ram = Annotated[
    str | None,
    typer.Option(metavar="32GiB", help="RAM (기본: 이 컴퓨터) · default: this machine's"),
]
TYPES: tuple[str, ...] = get_args(KvType)
PLACES: dict[Place, Text] = {
    "stays": Text("상주", "stays"),
    "turns": Text("교대", "takes turns"),
    "ram": Text("RAM", "RAM"),
    "ram_turns": Text("RAM 교대", "takes turns in RAM"),
    "nowhere": Text("못 올림", "does not fit"),
}
_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red")
_BAR = 64  # columns


@app.command()
def fit(  # noqa: PLR0913 - one parameter an option: this is how typer reads a command line
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE|MODEL",
            help="GGUF 파일, hf:소유자/저장소/파일.gguf, 설정이나 프로필의 모델 · a file, a source, a model",
        ),
    ] = None,
    name: ProfileName = None,
    vram: Vram = None,
    ram: Ram = None,
    context: Annotated[
        int | None, typer.Option(min=16, max=2**24, help="토큰, 슬롯마다 · tokens of a slot")
    ] = None,
    parallel: Annotated[int | None, typer.Option(min=1, max=4096, help="슬롯 수 · slots")] = None,
    kv: Annotated[
        str | None,
        typer.Option(metavar="f16", help=f"KV 캐시 형식 · type of it: {' '.join(TYPES)}"),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """카드에 무엇이 어떤 context로 들어가는지 미리 셉니다 · what fits the card, before loading"""
    settings = settings_from(config)
    if kv is not None and kv not in TYPES:
        raise BadRequest(
            Text(f"KV 형식이 아닙니다: '{kv[:40]}'", f"no type of a cache: '{kv[:40]}'"),
            Text(
                f"--kv는 다음 중 하나입니다: {' '.join(TYPES)}",
                f"--kv is one of: {' '.join(TYPES)}",
            ),
        )
    wanted = profile(name) if name is not None else None
    if not models and wanted is None:
        raise _nothing_asked()
    card = card_of(settings, vram)
    if vram is None and wanted is not None and not card.size:
        card = of_card(wanted.vram or 0)  # to ask on a laptop what a card would hold
    found = asyncio.run(_candidates(settings, models or [], has_card=card.room > 0))
    found += candidates(wanted) if wanted else []
    found = [_as_asked(one, context, parallel, kv) for one in found]
    for one in found:
        check_cache(one.header, one.load)
    planned = plan(found, card, ram_of(ram))
    if as_json:
        print_json(
            told(planned)
            | {"corrections": [said(one) for one in wanted.corrections] if wanted else []}
        )
    else:
        show(planned, wanted)
        if vram is not None and ram is None and any(seat.is_in_ram for seat in planned.seats):
            say(
                Text(
                    "· RAM은 이 컴퓨터의 것입니다. 다른 컴퓨터라면 --ram 32GiB처럼 적으세요.",
                    "· the RAM is this machine's; for another one write --ram 32GiB or what it has.",
                )
            )


def show(planned: Plan, wanted: Profile | None = None) -> None:
    """The plan for a person: a table, the card as a bar, who shares it with whom, and what to know."""
    if wanted is not None:
        say(Text(f"{wanted.name} · {wanted.title.ko}", f"{wanted.name} · {wanted.title.en}"))
    columns = [
        Text("모델", "model"), Text("역할", "role"), Text("자리", "place"), Text("context", "context"),
        Text("무게", "weights"), Text("KV", "KV"), Text("계산", "compute"), Text("카드", "card"), Text("RAM", "RAM"),
        Text("혼자일 때", "alone"),
    ]  # fmt: skip
    print_table(columns, [_row(seat) for seat in planned.seats])
    if planned.room:
        _bar(planned)
        _pairs(planned)
    if any(seat.is_in_ram for seat in planned.seats):
        size, room, taken = (
            _gib(one) for one in (planned.ram.size, planned.ram.room, planned.in_ram)
        )
        say(
            Text(
                f"RAM {size} 가운데 모델의 몫 {room}, 쓰는 것 {taken}",
                f"of {size} of RAM models may take {room}, and take {taken}",
            )
        )
    for line in _remarks(planned):
        say(line)
    for line in (*_alternatives(wanted), *wanted.corrections) if wanted else ():
        say(Text(f"· {line.ko}", f"· {line.en}"))


def _alternatives(wanted: Profile) -> list[Text]:
    return [
        Text(
            f"{seat.entry.title} 자리에 앉힐 수 있는 다른 모델: {', '.join(seat.alternatives)}",
            f"instead of {seat.entry.title}: {', '.join(seat.alternatives)}",
        )
        for seat in wanted.seats
        if seat.alternatives
    ]


def _row(seat: Placed) -> list[str]:
    takes = seat.takes
    return [
        seat.candidate.name,
        " ".join(seat.candidate.roles) or "-",
        said(PLACES[seat.place]),
        f"{seat.context:,}" + ("" if seat.context == seat.wanted else f" (≠ {seat.wanted:,})"),
        _gib(takes.weights.total),
        _gib(takes.kv.total + takes.state.total),
        _gib(takes.compute.total + takes.output.total),
        _gib(takes.card) if takes.card else "-",
        _gib(takes.host) if takes.host else "-",
        f"{seat.alone:,}" if seat.alone else "-",
    ]


def _bar(planned: Plan) -> None:
    """The card from left to right: who stays, the largest of those who take turns, what is free, the reserve."""
    line, legend = Line(), list[tuple[str, str, int]]()
    staying = [seat for seat in planned.seats if seat.place == "stays"]
    parts = [(seat.candidate.name, seat.takes.card, "█") for seat in staying]
    if planned.turns:
        parts.append((said(Text("교대 자리", "turns")), planned.turns, "▒"))
    for (part, size, block), colour in zip(parts, _COLOURS * len(parts), strict=False):
        line.append(block * max(1, round(size / planned.vram * _BAR)), style=colour)
        legend.append((part, colour, size))
    held = planned.vram - planned.room
    line.append("·" * max(0, _BAR - len(line.plain) - round(held / planned.vram * _BAR)))
    line.append("░" * round(held / planned.vram * _BAR), style="dim")
    out = console()
    out.print(Line("[") + line + Line(f"] {_gib(planned.vram)}"))
    for part, colour, size in legend:
        out.print(
            Line("  ■ ", style=colour) + Line(f"{one_line(part)} {_gib(size)}"), soft_wrap=True
        )
    free = Text(f"빈 자리 {_gib(planned.free)}", f"free {_gib(planned.free)}")
    kept = Text(f"화면과 드라이버 몫 {_gib(held)}", f"the desktop's and the driver's {_gib(held)}")
    say(Text(f"  · {free.ko}, ░ {kept.ko}", f"  · {free.en}, ░ {kept.en}"))


def _pairs(planned: Plan) -> None:
    if not planned.together:
        return
    say(Text("둘이 함께 있을 때의 가장 긴 context:", "the longest context of two side by side:"))
    for pair in planned.together:
        reach = said(Text("함께 못 있음", "not together"))
        if pair.first_context:
            reach = f"{pair.first_context:,} + {pair.second_context:,}"
        print_line = f"  {pair.first} + {pair.second}: {reach}"
        say(Text(print_line, print_line))


def _remarks(planned: Plan) -> list[Text]:
    """What a person would want to be told of this plan."""
    found = [text for seat in planned.seats for text in _remarks_of(seat, planned)]
    if told := _names(planned, lambda seat: seat.basis == "told"):
        found.append(
            Text(
                f"· 설정의 footprint대로입니다: {told}",
                f"· as footprint in the settings says: {told}",
            )
        )
    if measured := _names(planned, lambda seat: seat.basis == "measured"):
        found.append(
            Text(
                f"· 지난번에 올렸을 때 잰 값입니다: {measured}",
                f"· as measured when it was last loaded: {measured}",
            )
        )
    if rough := _names(planned, lambda seat: seat.basis == "rough"):
        found.append(
            Text(
                f"· 계산 버퍼는 어림한 값입니다. 한 번 올리면 잰 값이 됩니다: {rough}",
                f"· the compute buffer is a rough figure; once loaded it is a measured one: {rough}",
            )
        )
    if names := _names(planned, lambda seat: seat.place in ("turns", "ram_turns")):
        found.append(
            Text(
                f"· 함께 있을 수 없어 하나씩 교대합니다: {names}",
                f"· cannot be there together and take turns: {names}",
            )
        )
    return found


def _remarks_of(seat: Placed, planned: Plan) -> list[Text]:
    """What of its wish a model does not get."""
    found, name = list[Text](), seat.candidate.name
    limit = seat.candidate.limit or seat.wanted
    if seat.wanted > limit:
        found.append(
            Text(
                f"· {name}: context는 {limit:,}토큰까지입니다 ({seat.wanted:,}을 원했음)",
                f"· {name}: its context ends at {limit:,} tokens ({seat.wanted:,} were wanted)",
            )
        )
    if seat.place == "nowhere":
        where = Text("RAM", "RAM") if seat.is_in_ram else Text("이 카드", "this card")
        needs, room = _gib(seat.size), _gib(planned.ram.room if seat.is_in_ram else planned.room)
        found.append(
            Text(
                f"· {name}: {where.ko}에 혼자서도 들어가지 않습니다 (필요 {needs}, 모델의 몫 {room})",
                f"· {name}: does not fit {where.en}, not even alone (needs {needs}, models may take {room})",
            )
        )
    elif seat.context < min(seat.wanted, limit):
        found.append(
            Text(
                f"· {name}: 자리가 작아 context를 {seat.context:,}로 줄였습니다",
                f"· {name}: there is room for a context of {seat.context:,}",
            )
        )
    return found


def _names(planned: Plan, of: Callable[[Placed], bool]) -> str:
    return ", ".join(seat.candidate.name for seat in planned.seats if of(seat))


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def _as_asked(
    one: Candidate, context: int | None, parallel: int | None, kv: str | None
) -> Candidate:
    """With what the command line says; what was measured was measured otherwise, then."""
    if context is None and parallel is None and kv is None:
        return one
    load = replace(one.load, parallel=parallel or one.load.parallel, kv_type=kv or one.load.kv_type)
    load = with_context(load, context or load.context)
    return replace(one, load=load, measured=None)


def card_of(settings: Settings, asked: str | None) -> Memory:
    """The card that was asked for, else the settings' or this machine's; of size 0 where there is none."""
    return our_card(settings, machine.look()) if asked is None else of_card(_size("--vram", asked))


def ram_of(asked: str | None) -> Memory:
    """The RAM that was asked for, else this machine's."""
    return of_ram(machine.look().ram_bytes if asked is None else _size("--ram", asked))


def _size(option: str, asked: str) -> int:
    try:
        return TypeAdapter[int](Size).validate_python(asked)
    except ValidationError as exc:
        raise BadRequest(
            Text(f"크기가 아닙니다: '{asked[:40]}'", f"not a size: '{asked[:40]}'"),
            Text(
                f"{option} 16GiB처럼 쓰세요, 8 PiB까지.",
                f"write it as in {option} 16GiB, up to 8 PiB.",
            ),
        ) from exc


async def _candidates(
    settings: Settings, names: Sequence[str], *, has_card: bool
) -> list[Candidate]:
    catalogue = Catalogue(settings, Shelf(settings.models_folder), "", has_card=has_card)
    return [await _candidate(settings, catalogue, name) for name in names]


async def _candidate(settings: Settings, catalogue: Catalogue, name: str) -> Candidate:
    """A file, a model of the settings or the folder, one of the portfolio, or one somewhere else."""
    is_file = await asyncio.to_thread(Path(name).is_file)
    if not is_file and catalogue.has(name):
        return await _of_settings(settings, catalogue, name)
    if not is_file and not is_source(name) and (entry := known(name)) is not None:
        load = load_for(entry.mode, min(entry.context, CONTEXT[entry.mode]))
        return Candidate(entry.title, entry.header(), load)
    if not is_file and not is_source(name):
        raise _unknown(name, catalogue)
    header = await read_remote(name, wire=Wire(settings.hub.url, settings.hub.token))
    mode = mode_of(header)
    return Candidate(Path(name).name, _loadable(header, name), load_for(mode, CONTEXT[mode]))


async def _of_settings(settings: Settings, catalogue: Catalogue, name: str) -> Candidate:
    """A model as this server loads it, and as it was measured when it did."""
    model = catalogue.find(name)
    one, header = model.settings, _loadable(await _header_of(settings, model), name)
    if one.file is None:
        context = one.context or CONTEXT[one.mode]
        load = load_for(one.mode, context, one.parallel or 1, one.kv_type)
        return Candidate(name, header, load, told=one.footprint or 0)
    measured = Measured(settings.cache_folder).get(one.file, load_of(one, has_card=True))
    load = load_of(one, has_card=catalogue.has_card)
    return Candidate(
        name,
        header,
        load,
        is_for_ram=one.gpu_layers == 0,
        measured=measured,
        beside=beside(one),
        told=one.footprint or 0,
    )


def _loadable(header: Header, name: str) -> Header:
    """The same header, of a file with something to load in it."""
    if header.tensors:
        return header
    raise BadRequest(
        Text(f"'{name}'에는 모델의 가중치가 없습니다", f"'{name}' holds no weights of a model"),
        Text(
            "어휘만 든 파일이 아닌 모델 파일을 고르세요.",
            "choose a model, not a file of its vocabulary.",
        ),
    )


async def _header_of(settings: Settings, model: Model) -> Header:
    if model.settings.file is not None:
        return await read_remote(str(model.settings.file))
    engines = build.engines(settings)
    try:
        engine = engines[model.engine]
        if not isinstance(engine, OllamaEngine):
            raise BadRequest(
                Text(
                    f"'{model.name}'은(는) 엔진 '{model.engine}'이 돌립니다. 그 메모리는 여기서 셀 수 없습니다",
                    f"'{model.name}' is run by engine '{model.engine}', whose memory cannot be reckoned here",
                ),
                Text(
                    "GGUF 파일이나 hf: 주소로 물으세요.", "ask with its GGUF file or an hf: source."
                ),
            )
        return shown_header(await engine.show(model, verbose=True), model.name)
    finally:
        for one in engines.values():
            await one.aclose()


def _unknown(name: str, catalogue: Catalogue) -> NotFound:
    names = ", ".join(
        [model.name for model in catalogue.models()] + [one.name for one in profiles()]
    )
    return NotFound(
        Text(f"'{name}' 파일도 모델도 없습니다", f"there is neither a file nor a model '{name}'"),
        Text(
            f"여기 있는 모델, hf:소유자/저장소/파일.gguf, 또는 --profile 이름으로 물으세요. 있는 이름: {names}",
            f"ask for a model that is here, an hf:owner/repo/file.gguf, or a --profile. Known: {names}",
        ),
    )


def _nothing_asked() -> BadRequest:
    names = ", ".join(one.name for one in profiles())
    return BadRequest(
        Text("무엇을 셀지 알 수 없습니다", "there is nothing to reckon"),
        Text(
            f"파일이나 모델을 적거나 --profile로 고르세요: {names}",
            f"name files or models, or choose a --profile: {names}",
        ),
    )
