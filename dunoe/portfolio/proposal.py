"""A first `dunoe.toml` for a machine: the models of a profile with the contexts that the card gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from dunoe.errors import BadRequest, Text
from dunoe.machine import Machine
from dunoe.portfolio.entries import Entry
from dunoe.portfolio.memory import Memory
from dunoe.portfolio.plan import Placed, Plan, candidates, plan
from dunoe.portfolio.profiles import Profile, Seat, profiles

_MADE = "# 두뇌 설정, `dunoe init`이 만듦 · made by `dunoe init`: "
_NOT_HERE = "# 아직 없음 · not here yet: dunoe models pull "
NEARLY = 0.9  # of the card that a profile is for: drivers keep some of it, and say less than is on the box
CHATTING = ("brain", "search", "coder", "router")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One model of a profile, and where it comes to sit."""

    entry: Entry
    placed: Placed
    roles: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is called here once it is pulled."""
        return self.entry.file.removesuffix(".gguf")


def fitting(vram: int) -> Profile:
    """The profile that we would propose for a card of that many bytes; 0: there is none."""
    offered = [one for one in profiles() if one.is_offered]
    without = next(one for one in offered if not one.vram)
    small_enough = [one for one in offered if one.vram and one.vram * NEARLY <= vram]
    return max(small_enough, key=lambda one: one.vram or 0, default=without)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a machine is offered. models: those that fit, in the order of their seats.

    instead: what the profile wanted, and the alternative that sits there since it fits. left_out: titles.
    """

    machine: Machine
    profile: Profile
    plan: Plan
    models: tuple[Wanted, ...]
    instead: tuple[tuple[str, str], ...]

    @property
    def left_out(self) -> list[str]:
        """Models of the profile that this machine cannot hold."""
        return [one.candidate.name for one in self.plan.seats if one.place == "nowhere"]


def propose(machine: Machine, profile: Profile, card: Memory, ram: Memory) -> Proposal:
    """The profile, laid out on that card and in RAM; a model that does not fit makes room for an alternative."""
    seats = tuple(_fitting_seat(profile, seat, card, ram) for seat in profile.seats)
    instead = [
        (one.entry.title, seat.entry.title)
        for one, seat in zip(profile.seats, seats, strict=True)
        if one.model != seat.model
    ]
    profile = profile.model_copy(update={"seats": seats})
    planned = plan(candidates(profile), card, ram)
    models = [
        Wanted(seat.entry, placed, seat.roles)
        for seat, placed in zip(seats, planned.seats, strict=True)
        if placed.place != "nowhere"
    ]
    if not models:
        raise _nothing_fits(profile, ram)
    return Proposal(machine, profile, planned, tuple(models), tuple(instead))


def _nothing_fits(profile: Profile, ram: Memory) -> BadRequest:
    room = f"{ram.room / 2**30:.1f} GiB"
    return BadRequest(
        Text(
            f"'{profile.name}'의 모델은 하나도 이 메모리에 들어가지 않습니다",
            f"no model of '{profile.name}' fits this memory",
        ),
        Text(
            f"RAM에서 모델의 몫은 {room}입니다. 다른 --profile이나 다른 서버의 모델([engines])을 쓰세요.",
            f"of RAM models may take {room}: take another --profile, or a server's models in [engines].",
        ),
    )


def _fitting_seat(profile: Profile, seat: Seat, card: Memory, ram: Memory) -> Seat:
    """The seat with the first of its models that fits at all; as it was where none does."""
    for model in (seat.model, *seat.alternatives):
        tried = seat.model_copy(update={"model": model})
        (alone,) = candidates(profile.model_copy(update={"seats": (tried,)}))
        if plan([alone], card, ram).seats[0].place != "nowhere":
            return tried
    return seat


def settings_text(proposal: Proposal, files: Mapping[str, Path], folder: Path) -> str:
    """The text of the settings. files: where the models that are here lie, by `Wanted.name`.

    What is not here yet stands there as a comment, with the command that brings it to `folder`.
    """
    profile, machine, models = proposal.profile, proposal.machine, proposal.models
    cards = ", ".join(f"{card.name} {card.vram_bytes / 2**30:.1f} GiB" for card in machine.cards)
    lines = [
        f"{_MADE}{profile.name}, {profile.title.ko}",
        f"# 컴퓨터 · machine: {cards or '카드 없음 (no card)'}, RAM {machine.ram_bytes / 2**30:.1f} GiB",
        "# 모든 설정의 설명 · every setting is explained in: dunoe.example.toml",
    ]
    is_used = any(not one.placed.is_in_ram for one in models)
    if is_used and not machine.cards:  # told, and not to be seen
        size, room = (_sized(size) for size in (proposal.plan.vram, proposal.plan.room))
        lines += ["", f"# {size} 가운데 모델의 몫 · of {size}, what models may take", "[card]"]
        lines.append(f"vram = {_quoted(room)}")
    for model in models:
        is_here = model.name in files
        file = files.get(model.name, folder / model.entry.file)
        lines += ["", *_table(model, file, is_here=is_here)]
    lines += _roles(models, files)
    return "\n".join(lines) + "\n"


def made_for(text: str) -> str | None:
    """The profile that a settings text of ours was made for."""
    first = text.partition("\n")[0]
    return first.removeprefix(_MADE).partition(",")[0] if first.startswith(_MADE) else None


def awaited(text: str, proposal: Proposal) -> list[Wanted]:
    """The models that stand in a settings text as comments, waiting for their files; none of another proposal's."""
    lines = text.split("\n")
    tables = [_header(one) for one in proposal.models]
    waiting = {line for line in lines if line.startswith(_NOT_HERE)}
    is_other = made_for(text) != proposal.profile.name or not all(
        table in lines or f"#{table}" in lines for table in tables
    )
    if is_other or not waiting <= {_pull(one) for one in proposal.models}:
        return []
    return [one for one in proposal.models if _pull(one) in waiting]


def arrived(text: str, proposal: Proposal, files: Mapping[str, Path]) -> str:
    """The text with those of its awaited models that are here now; any other line is as a person left it."""
    lines = text.split("\n")
    for model in awaited(text, proposal):
        if (file := files.get(model.name)) is None:
            continue
        at = lines.index(_pull(model))
        del lines[at]
        while lines[at : at + 1] and lines[at].startswith("#") and not lines[at].startswith("# "):
            line = lines[at].removeprefix("#")
            lines[at] = f"file = {_quoted(str(file))}" if line.startswith("file = ") else line
            at += 1
        for role in model.roles:
            said = f"{role} = {_quoted(model.name)}"
            if f"#{said}" in lines and not any(one.startswith(f"{role} =") for one in lines):
                lines[lines.index(f"#{said}")] = said
    return "\n".join(lines)


def _pull(model: Wanted) -> str:
    return f"{_NOT_HERE}{model.entry.source}"


def _header(model: Wanted) -> str:
    return f"[models.{_quoted(model.name)}]"


def _table(model: Wanted, file: Path, *, is_here: bool) -> list[str]:
    load = model.placed.candidate.load
    table = [
        _header(model),
        f"file = {_quoted(str(file))}",
        f"context = {model.placed.context}",
        *([f"parallel = {load.parallel}"] if load.parallel > 1 else []),
        *([f"kv_type = {_quoted(load.kv_type)}"] if load.kv_type != "f16" else []),
        *(["gpu_layers = 0"] if model.placed.is_in_ram else []),
        *([f"mode = {_quoted(model.entry.mode)}"] if model.entry.mode != "chat" else []),
    ]
    told = f"# {model.entry.title}, {model.entry.quantisation}, {model.entry.licence}: {', '.join(model.roles)}"
    if is_here:
        return [told, *table]
    return [told, _pull(model), *(f"#{line}" for line in table)]


def _roles(models: Sequence[Wanted], files: Mapping[str, Path]) -> list[str]:
    by_role = {role: model for model in models for role in model.roles}
    chatting = [_said(role, by_role[role], role, files) for role in CHATTING if role in by_role]
    reading = [
        _said(role, by_role[role], role, files)
        for role in ("embedding", "reranking")
        if role in by_role
    ]
    return ["", "[roles]", *chatting, "", "[library]", *reading]


def _said(key: str, model: Wanted, role: str, files: Mapping[str, Path]) -> str:
    line = f"{key} = {_quoted(model.name)}"
    return line if model.name in files else f"#{line}"


def _sized(size: int) -> str:
    """A size as the settings read it, to the byte."""
    unit, name = next(
        (unit, name)
        for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (1, "B"))
        if size % unit == 0
    )
    return f"{size // unit}{name}"


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()
