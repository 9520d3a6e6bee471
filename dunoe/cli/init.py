"""`dunoe init`: looks at the machine, proposes models that fit it, brings them, and writes the first settings."""

import asyncio
import errno
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.filesize import decimal

from dunoe import machine
from dunoe.cli.fit import ProfileName, Ram, Vram, card_of, ram_of, show
from dunoe.cli.pull import bring
from dunoe.cli.terminal import AsJson, Yes, confirm, console, print_json, said, say, settings_from
from dunoe.errors import BadRequest, Misconfigured, Problem, Text
from dunoe.foreign import reason
from dunoe.portfolio.plan import told
from dunoe.portfolio.profiles import profile
from dunoe.portfolio.proposal import (
    Proposal,
    Wanted,
    arrived,
    awaited,
    fitting,
    made_for,
    propose,
    settings_text,
)
from dunoe.settings import Settings
from dunoe.settings_check import load
from dunoe.weights.shelf import Shelf

app = typer.Typer(rich_markup_mode=None, add_completion=False)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ROOM = Text(
    "디스크를 비우거나 --config로 다른 곳을 고르세요. 있던 파일은 그대로입니다.",
    "make room, or choose another place with --config; what was there is as it was.",
)
_ELSEWHERE = Text(
    "쓸 수 있는 다른 곳을 --config로 고르세요. 있던 파일은 그대로입니다.",
    "choose a place that you may write to with --config; what was there is as it was.",
)


@app.command()
def init(  # noqa: PLR0913 - one parameter an option: this is how typer reads a command line
    name: ProfileName = None,
    vram: Vram = None,
    ram: Ram = None,
    download: Annotated[
        bool | None,
        typer.Option(
            "--download/--no-download", help="모델을 받을지 (기본: 물어봄) · bring the models"
        ),
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
    config: Annotated[
        Path, typer.Option("--config", "-c", metavar="FILE", help="쓸 설정 파일 · file to write")
    ] = Path("dunoe.toml"),
) -> None:
    """이 컴퓨터에 맞는 모델과 설정을 제안하고 씁니다 · propose models that fit, write the settings"""
    begun = _begun(config)
    settings = settings_from(None if begun is None else config)
    here = machine.look()
    card = card_of(settings, vram)
    chosen = profile(name) if name is not None else fitting(card.size)
    proposal = propose(here, chosen, card, ram_of(ram))
    wanted = proposal.models if begun is None else awaited(begun, proposal)
    if begun is not None and not wanted:
        raise _other(config, made_for(begun), chosen.name)
    if not as_json:
        _introduce(settings, proposal)
    files = _files(settings)
    missing = [one for one in wanted if one.name not in files]
    if download is None:  # a program that reads JSON is asked nothing, and gets nothing unasked
        download = True if yes else False if as_json else None
    fetches = _may(missing, settings, download)
    if begun is None:  # before gigabytes are fetched for it
        _write(config, settings_text(proposal, files, settings.models_folder))
    failed = _download(settings, missing) if fetches else {}
    is_written = begun is None
    if fetches or begun is not None:
        files = _files(settings)
        is_written |= _fill_in(config, proposal, files)
    if as_json:
        written = str(config) if is_written else None
        print_json({"written": written} | _json(proposal, files, failed))
    else:
        missing = [one for one in wanted if one.name not in files]
        _farewell(config, missing, is_written=is_written)
    if failed:
        raise typer.Exit(1)


def _introduce(settings: Settings, proposal: Proposal) -> None:
    here = proposal.machine
    none = said(Text("카드 없음", "no card"))
    cards = ", ".join(f"{one.name} {one.vram_bytes / 2**30:.1f} GiB" for one in here.cards) or none
    ram, free = here.ram_bytes / 2**30, decimal(_disk_free(settings))
    say(
        Text(
            f"이 컴퓨터: {cards} · RAM {ram:.1f} GiB · 디스크 여유 {free}",
            f"this machine: {cards} · RAM {ram:.1f} GiB · {free} free on disk",
        )
    )
    show(proposal.plan, proposal.profile)
    for wanted, taken in proposal.instead:
        say(
            Text(
                f"· {wanted}은(는) 여기에 들어가지 않아 {taken}을(를) 고릅니다",
                f"· {wanted} does not fit here: {taken} takes its seat",
            )
        )
    if left_out := ", ".join(proposal.left_out):
        say(Text(f"· 설정에서 뺍니다: {left_out}", f"· left out of the settings: {left_out}"))


def _may(missing: list[Wanted], settings: Settings, download: bool | None) -> bool:
    """Whether to fetch them now: as it was asked for, else as the person answers."""
    if download is False or not missing:
        return False
    size, free = sum(one.entry.size_bytes for one in missing), _disk_free(settings)
    for one in missing:
        _note(Text(*[f"  {one.entry.source} ({decimal(one.entry.size_bytes)})"] * 2))
    if size > free:
        _note(
            Text(
                f"받을 것이 {decimal(size)}인데 디스크 여유는 {decimal(free)}뿐이라 받지 않습니다.",
                f"{decimal(size)} to fetch and only {decimal(free)} free on disk: nothing is fetched.",
            )
        )
        return False
    if download is None and not sys.stdin.isatty():
        raise BadRequest(
            Text(
                f"받을지 물어볼 터미널이 없습니다 ({decimal(size)})",
                f"nobody is there to ask whether to fetch {decimal(size)}",
            ),
            Text(
                "받지 않으려면 --no-download, 받으려면 --yes를 붙이세요.",
                "add --no-download to fetch nothing, or --yes to fetch it all.",
            ),
        )
    question = Text(f"지금 받을까요? ({decimal(size)})", f"fetch them now? ({decimal(size)})")
    return download or confirm(question, yes=False)


def _note(text: Text) -> None:
    """News of the work, beside the result."""
    console(stderr=True).print(said(text), soft_wrap=True)


def _download(settings: Settings, missing: list[Wanted]) -> dict[str, Problem]:
    """Bring them one after another; one that cannot be had does not keep the others away."""
    failed: dict[str, Problem] = {}
    for one in missing:
        _note(Text(*[one.entry.source] * 2))
        try:
            asyncio.run(bring(settings, one.entry.source, None, one.entry.sha256))
        except Problem as problem:
            failed[one.name] = problem
            _note(
                Text(
                    f"  받지 못했습니다: {problem.message.ko}. {problem.hint.ko}",
                    f"  not fetched: {problem.message.en}. {problem.hint.en}",
                )
            )
    return failed


def _begun(config: Path) -> str | None:
    """What stands there already: perhaps the settings of an `init` whose downloads were cut short."""
    try:
        return config.read_text("utf-8")
    except FileNotFoundError as exc:
        if config.is_symlink():
            raise _exists(config) from exc
        return None
    except UnicodeDecodeError as exc:
        raise _exists(config) from exc


def _write(config: Path, text: str) -> None:
    """The first settings, whole or not at all."""
    with _beside(config, text) as new:
        if config.exists() or config.is_symlink():  # made while we asked
            raise _exists(config)
        new.replace(config)


def _fill_in(config: Path, proposal: Proposal, files: dict[str, Path]) -> bool:
    """Put the models that have come into the settings as they stand now: a person may have worked on them.

    True where that changed them.
    """
    text = config.read_text("utf-8")
    if (filled := arrived(text, proposal, files)) == text:
        return False
    whole = config.resolve()
    with _beside(whole, filled) as new:
        shutil.copymode(whole, new)
        new.replace(whole)
    return True


@contextmanager
def _beside(config: Path, text: str) -> Iterator[Path]:
    """A file with that text, read as the server will, to take the place of `config`; what is left of it goes."""
    new = config.with_name(f".{config.name}.new")
    try:
        new.write_text(text, "utf-8")
        load(new)
        yield new
    except Misconfigured as problem:  # it names the file beside, which nobody has seen
        line = re.compile(rf"{re.escape(str(new))}:\d+|{re.escape(new.name)}")
        message = Text(*(line.sub(lambda _: str(config), one) for one in problem.message))
        raise Misconfigured(message, problem.hint) from problem
    except OSError as exc:
        raise Misconfigured(
            Text(
                f"'{config}'에 쓸 수 없습니다: {reason(exc).ko}",
                f"cannot write '{config}': {reason(exc).en}",
            ),
            _ROOM if exc.errno in _FULL else _ELSEWHERE,
        ) from exc
    finally:
        with suppress(OSError):
            new.unlink()


def _farewell(config: Path, missing: list[Wanted], *, is_written: bool) -> None:
    if is_written:
        say(Text(f"'{config}'을(를) 썼습니다.", f"wrote '{config}'."))
    else:
        say(Text(f"'{config}'은(는) 그대로입니다.", f"'{config}' is as it was."))
    if missing:
        say(
            Text(
                "아직 없는 모델은 그 안에 주석으로 있습니다. 같은 명령을 다시 하면 이어서 받습니다.",
                "Models that are not here yet stand in it as comments; the same command fetches them.",
            )
        )
    say(Text(f"다음: dunoe serve --config {config}", f"next: dunoe serve --config {config}"))


def _json(
    proposal: Proposal, files: dict[str, Path], failed: dict[str, Problem]
) -> dict[str, Any]:  # Any: JSON
    here = proposal.machine
    return {
        "machine": {
            "ram": here.ram_bytes,
            "cards": [{"name": one.name, "vram": one.vram_bytes} for one in here.cards],
        },
        "profile": proposal.profile.name,
        "plan": told(proposal.plan),
        "left_out": proposal.left_out,
        "models": [
            {
                "name": one.name,
                "source": one.entry.source,
                "size": one.entry.size_bytes,
                "roles": one.roles,
                "file": str(files[one.name]) if one.name in files else None,
                "problem": said(failed[one.name].message) if one.name in failed else None,
            }
            for one in proposal.models
        ],
    }


def _files(settings: Settings) -> dict[str, Path]:
    """The models that are here; looking reads every header."""
    return {one.name: one.path for one in Shelf(settings.models_folder).models()}


def _disk_free(settings: Settings) -> int:
    """Of the disk where models will lie; its folder may not be there yet."""
    folder = settings.models_folder
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _other(config: Path, there: str | None, asked: str) -> BadRequest:
    """What stands there is not what was asked for, or has nothing left to be done."""
    if there is None or there == asked:
        return _exists(config)
    return BadRequest(
        Text(
            f"'{config}'이(가) 이미 있습니다: '{there}'의 것이고 '{asked}'이(가) 아닙니다",
            f"'{config}' is there already: it was made for '{there}', and this would be '{asked}'",
        ),
        Text(
            f"'{there}' 프로필로 이어서 받거나, --config로 다른 이름에 쓰세요.",
            f"go on with the profile '{there}', or write to another name with --config.",
        ),
    )


def _exists(config: Path) -> BadRequest:
    return BadRequest(
        Text(f"'{config}'이(가) 이미 있습니다", f"'{config}' is there already"),
        Text(
            "지우거나 옮긴 뒤 다시 하거나, --config로 다른 이름에 쓰세요.",
            "move it away, or write to another name with --config.",
        ),
    )
