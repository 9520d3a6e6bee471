"""`dunoe tokens`: a text's token ids or their number, without loading the model."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from dunoe.cli.terminal import ConfigFile, settings_from
from dunoe.errors import BadRequest, Text
from dunoe.weights.tokenizer import Tokenizer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def tokens(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="GGUF 파일 · a GGUF file")],
    ids: Annotated[bool, typer.Option("--ids", help="번호를 보여 줌 · show the ids")] = False,
    special: Annotated[
        bool,
        typer.Option(
            "--special", help="특수 토큰을 해석하고 앞뒤에 붙임 · parse and add special tokens"
        ),
    ] = False,
    jsonl: Annotated[
        bool,
        typer.Option("--jsonl", help="한 줄에 JSON 문자열 하나 · one JSON string a line"),
    ] = False,
    config: ConfigFile = None,
) -> None:
    """표준 입력의 토큰을 셉니다 · count the tokens of what stands on stdin"""
    tokenizer = Tokenizer.of(file, settings_from(config).home / "cache" / "tokens")
    for text in _lines() if jsonl else [sys.stdin.buffer.read().decode("utf-8", "replace")]:
        found = tokenizer.encode(text, add_special=special, parse_special=special)
        sys.stdout.write(" ".join(map(str, found)) + "\n" if ids else f"{len(found)}\n")


def _lines() -> Iterator[str]:
    for number, line in enumerate(sys.stdin.buffer, 1):
        if not line.strip():
            continue
        try:
            text = json.loads(line)
        except ValueError as exc:
            raise _no_string(number) from exc
        if not isinstance(text, str):
            raise _no_string(number)
        yield text.encode("utf-8", "replace").decode("utf-8")  # half a surrogate is no letter


def _no_string(number: int) -> BadRequest:
    return BadRequest(
        Text(f"{number}번째 줄이 JSON 문자열이 아닙니다", f"line {number} is no JSON string"),
        Text(
            '한 줄에 "글"처럼 따옴표로 싼 문자열 하나를 쓰세요.',
            'write one string a line, in quotes: "text".',
        ),
    )
