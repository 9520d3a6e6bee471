"""`dunoe tokens`: how many tokens a text has for a model, or which, from its file alone."""

import json
import sys
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from dunoe.cli.terminal import AsJson, ConfigFile, settings_from
from dunoe.errors import BadRequest, NotFound, Text
from dunoe.portfolio.catalogue import Catalogue
from dunoe.settings import Settings
from dunoe.weights.shelf import Shelf
from dunoe.weights.tokenizing.tokenizer import Tokenizer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def tokens(  # noqa: PLR0913 - one parameter an option: this is how typer reads a command line
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="GGUF 파일이나 모델의 이름 · a GGUF file, or a model"),
    ],
    ids: Annotated[
        bool,
        typer.Option("--ids", help="개수 대신 토큰 번호를 · token ids instead of their number"),
    ] = False,
    special: Annotated[
        bool,
        typer.Option(
            "--special", help="글 속의 특수 토큰을 토큰으로 · read special tokens in the text"
        ),
    ] = False,
    ends: Annotated[
        bool,
        typer.Option(
            "--ends", help="모델이 붙이는 시작·끝 토큰까지 · with the tokens a model adds"
        ),
    ] = False,
    jsonl: Annotated[
        bool,
        typer.Option(
            "--jsonl", help="한 줄에 JSON 문자열 하나, 빈 줄 없이 · a JSON string on every line"
        ),
    ] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """표준 입력의 글을 모델의 토큰으로 셉니다, 모델을 올리지 않고 · count the tokens of stdin, exactly"""
    settings = settings_from(config)
    tokenizer = Tokenizer.of(_file(settings, file), settings.cache_folder)
    for text in _strings(sys.stdin.buffer) if jsonl else [_text(sys.stdin.buffer.read())]:
        found = tokenizer.encode(text, add_special=ends, parse_special=special)
        if as_json:
            line = json.dumps({"count": len(found)} | ({"ids": found} if ids else {}))
        else:
            line = " ".join(map(str, found)) if ids else str(len(found))
        sys.stdout.write(line + "\n")


def _file(settings: Settings, name: str) -> Path:
    """The file itself, or that of a model of the settings or the folder."""
    path = Path(name)
    if path.exists():
        return path
    catalogue = Catalogue(settings, Shelf(settings.models_folder), "")
    if catalogue.has(name) and (file := catalogue.find(name).settings.file) is not None:
        return file
    raise NotFound(
        Text(f"'{name}' 파일도 모델도 없습니다", f"there is neither a file nor a model '{name}'"),
        Text(
            "GGUF 파일의 경로나, 파일로 있는 모델의 이름을 쓰세요 (`dunoe models list`).",
            "write the path of a GGUF file, or the name of a model that is one (`dunoe models list`).",
        ),
    )


def _text(data: bytes) -> str:
    data = data.removeprefix(BOM_UTF8)  # of the file, not of its text; json takes its own away
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise BadRequest(
            Text(
                f"입력이 UTF-8이 아닙니다 ({exc.start}번째 바이트)",
                f"stdin is not UTF-8 (byte {exc.start})",
            ),
            Text("UTF-8로 바꿔 넣으세요: iconv -t utf-8", "convert it first: iconv -t utf-8"),
        ) from exc


def _strings(lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        try:
            text = json.loads(line)
        except (ValueError, RecursionError):
            text = None
        if not isinstance(text, str) or any("\ud800" <= letter <= "\udfff" for letter in text):
            raise BadRequest(
                Text(
                    f"{number}번째 줄이 JSON 문자열이 아닙니다", f"line {number} is no JSON string"
                ),
                Text('한 줄에 "글" 하나씩 넣으세요.', 'write one "text" on each line.'),
            )
        yield text
