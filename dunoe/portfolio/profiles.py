"""Profiles: which models sit where on a machine of one kind, as data in `profiles/*.toml`."""

from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

from pydantic import Field

from dunoe.errors import NotFound, Text
from dunoe.portfolio.entries import Entry, Seating, Table, entries, entry
from dunoe.settings import KvType, Size
from dunoe.toml_file import TomlFile

_HELP = Text(
    "함께 오는 프로필처럼 쓰세요: docs/design/portfolio.md",
    "write it like the profiles we ship: docs/design/portfolio.md",
)


class Seat(Table):
    """One role and the model that plays it, which may play others `also`.

    context: tokens that the role is meant to have; the model may be trained on fewer (`Entry.context`).
    where: on the card, or beside it in memory. alternatives: ids of models that could sit here instead.
    """

    role: Seating
    also: tuple[Seating, ...] = ()
    model: str
    context: int = Field(gt=0)
    parallel: int = Field(1, gt=0)
    kv_type: KvType = "f16"
    where: Literal["card", "ram"] = "card"
    alternatives: tuple[str, ...] = ()

    @property
    def roles(self) -> tuple[Seating, ...]:
        """All that it plays."""
        return (self.role, *self.also)

    @property
    def entry(self) -> Entry:
        """The facts of its model."""
        return entry(self.model)


class Profile(Table):
    """Models for one kind of machine. vram: bytes of its card; None where there is none.

    is_offered: `dunoe init` may propose it. corrections: what was believed of these models and is not so.
    """

    name: str
    title: Text
    about: Text
    vram: Size | None = None
    is_offered: bool = True
    seats: tuple[Seat, ...] = Field(alias="seat", min_length=1)
    corrections: tuple[Text, ...] = Field((), alias="correction")


@cache
def profiles() -> tuple[Profile, ...]:
    """The profiles we ship, by name."""
    with as_file(files("dunoe.portfolio").joinpath("profiles")) as folder:
        return tuple(_read(path) for path in sorted(folder.glob("*.toml")))


def profile(name: str) -> Profile:
    """One of ours by its name, or a person's own by the path of its file (`./mine.toml`).

    Raises NotFound for an unknown name, Misconfigured with line and key for what is wrong in a file.
    """
    if name.endswith(".toml") and Path(name).is_file():
        return _read(Path(name))
    found = next((one for one in profiles() if one.name == name), None)
    if found is None:
        names = ", ".join(one.name for one in profiles())
        raise NotFound(
            Text(f"'{name}' 프로필이 없습니다", f"there is no profile '{name}'"),
            Text(
                f"있는 프로필: {names}. 직접 쓴 파일은 경로로 적습니다: ./mine.toml",
                f"known: {names}; a file of your own by its path: ./mine.toml",
            ),
        )
    return found


def _read(path: Path) -> Profile:
    file = TomlFile(path, _HELP)
    read = file.checked(Profile)
    for number, seat in enumerate(read.seats):
        for id in (seat.model, *seat.alternatives):
            if id not in entries():
                at = ("seat", number, "model" if id == seat.model else "alternatives")
                known = ", ".join(entries())
                raise file.wrong(
                    at,
                    Text(f"'{id}' 모델을 모릅니다", f"there is no model '{id}' in the portfolio"),
                    Text(f"아는 모델: {known}", f"known: {known}"),
                )
    return read
