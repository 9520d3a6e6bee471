"""Which documents may answer: the options that `dunoe search` and `dunoe ask` share."""

from typing import Annotated

import typer

Many = list[str] | None
Folder = Annotated[Many, typer.Option("--folder", metavar="FOLDER", help="이 폴더에서 · in it")]
Glob = Annotated[
    Many, typer.Option("--path", metavar="GLOB", help="경로, 예: '**/*.md' · path or glob")
]
Kind = Annotated[
    Many,
    typer.Option("--kind", metavar="KIND", help="종류: markdown, pdf, hwp, … · of this kind"),
]
Tag = Annotated[Many, typer.Option("--tag", metavar="TAG", help="태그 · with this tag")]
Label = Annotated[Many, typer.Option("--label", metavar="LABEL", help="라벨 · with this label")]
Project = Annotated[Many, typer.Option("--project", metavar="NAME", help="프로젝트 · of it")]
Type = Annotated[Many, typer.Option("--type", metavar="TYPE", help="머리말의 type · of this type")]
Status = Annotated[
    Many, typer.Option("--status", metavar="STATUS", help="머리말의 status · with this status")
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="YYYY-MM-DD", help="이날부터 · from this day on"),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="YYYY-MM-DD", help="이날까지 · up to this day")
]
