"""`dunoe eval`: how well the search finds, on a judged set or on one's own library and questions."""

from pathlib import Path
from typing import Annotated

import typer

from dunoe.cli.judged import Judged, JudgedFile, split
from dunoe.cli.judged_set import drawn, of_a_set
from dunoe.cli.library import ready
from dunoe.cli.measuring import MODES, Mode, json_of, show
from dunoe.cli.own_set import check, of_the_library
from dunoe.cli.reach import Reached, reach, to_the_end
from dunoe.cli.terminal import AsJson, ConfigFile, print_json, print_table, say, settings_from
from dunoe.errors import BadRequest, Text
from dunoe.library.evaluate import load_set

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    help="검색이 얼마나 잘 찾는지 잽니다 · measure how well the search finds",
)

EVERY_MODE = ",".join(MODES)

Corpus = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help='문서, 줄마다 {"id", "title", "text"} · documents'),
]
Queries = Annotated[
    Path | None, typer.Option(metavar="FILE", help='질문, 줄마다 {"id", "text"} · questions')
]
Qrels = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="질문, 문서, 관련도 (탭) · question, document, mark"),
]
Modes = Annotated[str, typer.Option(metavar="LIST", help="잴 방식, 쉼표로 · modes, with commas")]
Limit = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="질문 N개만 뽑아서 · draw N questions")
]


@app.command()
def retrieval(  # noqa: PLR0913 - one parameter an option: this is how typer reads a command line
    corpus: Corpus = None,
    queries: Queries = None,
    qrels: Qrels = None,
    modes: Modes = EVERY_MODE,
    limit: Limit = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """nDCG@10, MRR@10, R@k와 95 % 구간, 질문당 시간을 잽니다 · measure retrieval

    세 파일을 주지 않으면 `dunoe eval add`로 모은 질문으로 내 라이브러리를 잽니다
    · without the three files: the library, by the questions of `dunoe eval add`
    """
    settings, wanted = settings_from(config), _modes(modes)
    if corpus is not None and queries is not None and qrels is not None:
        judged = drawn(load_set(corpus, queries, qrels), limit)
        found = to_the_end(of_a_set(settings, judged, wanted, is_quiet=as_json))
    elif corpus is None and queries is None and qrels is None:
        found = of_the_library(settings, wanted, limit, is_quiet=as_json)
    else:
        raise BadRequest(
            Text("세 파일이 모두 필요합니다", "all three files are needed"),
            Text(
                "--corpus, --queries, --qrels를 함께 주거나 모두 빼세요.",
                "give --corpus, --queries and --qrels, or none of them.",
            ),
        )
    if as_json:
        print_json({**found.about, "modes": json_of(found.modes)})
        return
    show(found.modes)
    for line in found.lines:
        say(line)


@app.command()
def add(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="질문 · the question")],
    answer: Annotated[
        str, typer.Argument(metavar="FILE#HEADING", help="답이 있는 곳 · where its answer stands")
    ],
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """내 라이브러리를 잴 질문을 더합니다 · add a question to measure the library by"""
    settings = settings_from(config)
    file, heading = split(answer)
    one = Judged(question=question.strip(), file=str(file), heading=heading)
    if not one.question:
        raise BadRequest(
            Text("질문이 비었습니다", "the question is empty"),
            Text('`dunoe eval add "질문" 파일#제목`처럼 쓰세요.', "say what is asked."),
        )

    async def work(reached: Reached) -> None:
        await ready(reached, is_quiet=as_json)
        await check(reached.client, one)

    reach(settings, work)
    JudgedFile(settings.home).add(one)
    if as_json:
        print_json(one.model_dump())
    else:
        say(Text(f"더했습니다: {one.answer}", f"Added: {one.answer}"))


@app.command(name="list")
def list_(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """더한 질문을 보여 줍니다 · the questions that were added"""
    found = JudgedFile(settings_from(config).home).all()
    if as_json:
        print_json([one.model_dump() for one in found])
    elif found:
        columns = Text("번호", "number"), Text("질문", "question"), Text("답", "answer")
        rows = [[str(number), one.question, one.answer] for number, one in enumerate(found, 1)]
        print_table(columns, rows)
    else:
        say(Text("아직 질문이 없습니다.", "No questions yet."))


@app.command()
def rm(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="목록의 번호 · as listed")],
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """더한 질문을 뺍니다 · take a question out"""
    gone = JudgedFile(settings_from(config).home).remove(number)
    if as_json:
        print_json(gone.model_dump())
    else:
        say(Text(f"뺐습니다: {gone.question}", f"Taken out: {gone.question}"))


def _modes(text: str) -> list[Mode]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    found = [mode for mode in MODES if mode in names]
    unknown = [name for name in names if name not in MODES]
    if unknown or not found:
        what = ", ".join(unknown)
        raise BadRequest(
            Text(f"모르는 방식입니다: {what}", f"unknown modes: {what}")
            if unknown
            else Text("잴 방식이 없습니다", "no modes are given"),
            Text(f"쓸 수 있는 방식: {', '.join(MODES)}", f"modes: {', '.join(MODES)}"),
        )
    return found
