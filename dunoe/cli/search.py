"""`dunoe search`: passages that speak of a question, with the place where they stand."""

from typing import Annotated, Literal
from urllib.parse import urlencode

import typer
from rich.text import Text as Line

from dunoe.answering import source
from dunoe.cli import filters
from dunoe.cli.client import Json
from dunoe.cli.library import ready
from dunoe.cli.reach import Reached, reach
from dunoe.cli.terminal import (
    AsJson,
    ConfigFile,
    console,
    language,
    one_line,
    print_json,
    said,
    say,
    settings_from,
)
from dunoe.errors import BadRequest, Text
from dunoe.library.passage import Place

app = typer.Typer(rich_markup_mode=None, add_completion=False)

Mode = Literal["hybrid", "lexical", "semantic"]
LEGS = {
    "lexical": Text("낱말", "words"),
    "dense": Text("뜻", "meaning"),
    "rerank": Text("재정렬", "rerank"),
}
_BEGIN, _END = "«", "»"  # the server's marks around what matched


@app.command()
def search(  # noqa: PLR0913 - one parameter an option: this is how typer reads a command line
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="찾을 말 · what to look for")],
    mode: Annotated[Mode, typer.Option(help="둘 다, 낱말, 뜻 · both, words, meaning")] = "hybrid",
    top_k: Annotated[
        int, typer.Option("--top-k", "-k", min=1, max=100, help="몇 개까지 · how many")
    ] = 5,
    min_score: Annotated[
        float,
        typer.Option(min=0, max=1, metavar="0…1", help="이 점수부터 · of this score at least"),
    ] = 0.0,
    folder: filters.Folder = None,
    path: filters.Glob = None,
    kind: filters.Kind = None,
    tag: filters.Tag = None,
    label: filters.Label = None,
    project: filters.Project = None,
    type_: filters.Type = None,
    status: filters.Status = None,
    since: filters.Since = None,
    until: filters.Until = None,
    rerank: Annotated[
        bool, typer.Option("--rerank", help="재정렬 모델로 다시 줄 세우기 · use the reranker")
    ] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """문서에서 찾습니다; "구절"은 그대로, -낱말은 빼고 · find passages; "a phrase", -without"""
    wanted = {
        "q": question, "limit": top_k, "min_score": min_score, "search_mode": mode, "use_reranking": rerank,
        "folder": folder, "file_path": path, "kind": kind, "tag": tag, "label_ids": label, "project_id": project,
        "type": type_, "status": status, "since": since, "until": until,
    }  # fmt: skip
    if not question.strip():
        raise BadRequest(
            Text("찾을 말이 없습니다", "there is nothing to look for"),
            Text('`dunoe search "찾을 말"`처럼 쓰세요.', 'write `dunoe search "words"`.'),
        )

    async def work(reached: Reached) -> Json:
        await ready(reached, is_quiet=as_json)
        found = await reached.client.json("GET", asked(wanted))
        if not found["results"] and (kind or folder):
            there.update(await reached.client.json("GET", "/api/search/filters"))
        return found

    there: Json = {}
    found = reach(settings_from(config), work)
    if as_json:
        print_json(found)
    else:
        _show(found)
        _show_choices(there)


def asked(wanted: dict[str, object]) -> str:
    """The address of a search; what is None is not said."""
    said = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in wanted.items()
        if value is not None
    }
    return f"/api/search?{urlencode(said, doseq=True)}"


def place_of(found: Json) -> str:
    """Cells, page, slide or lines, as citations say it."""
    first, last = found["lines"] or (None, None)
    place = Place(
        line=first,
        line_end=last,
        page=found["page"],
        page_end=found["page_end"],
        slide=found["slide"],
        slide_end=found["slide_end"],
        cells=found["cells"],
    )
    return source.where(place, language())


def where(found: Json) -> str:
    """File, headings and place on one line."""
    path = one_line(" > ".join([found["file"], *found["heading"]]))
    return "  ".join(filter(None, (path, one_line(place_of(found)))))


def _show(found: Json) -> None:
    out = console()
    for warning in found["warnings"]:
        complain_softly(warning)
    if not found["results"]:
        say(Text("찾지 못했습니다.", "Nothing was found."))
    for number, hit in enumerate(found["results"], 1):
        head = Line.assemble(
            (f"{number}. ", "bold"), (where(hit), "bold"), (f"  {_scores(hit)}", "dim")
        )
        out.print(head, soft_wrap=True)
        out.print(Line("   ").append_text(lit(hit["highlighted_snippet"])), soft_wrap=True)


def _show_choices(there: Json) -> None:
    """What there is to choose from, where nothing was found among what was chosen."""
    if there:
        kinds, folders = ", ".join(there["file_types"]), ", ".join(there["folders"])
        say(Text(f"있는 종류: {kinds or '-'}", f"Kinds there are: {kinds or '-'}"))
        say(Text(f"있는 폴더: {folders or '-'}", f"Folders there are: {folders or '-'}"))


def lit(snippet: str) -> Line:
    """A snippet with what matched in bold; a pipe keeps the marks."""
    snippet = one_line(snippet)
    if not console().is_terminal:
        return Line(snippet)
    line = Line()
    for number, part in enumerate(snippet.replace(_END, _BEGIN).split(_BEGIN)):
        line.append(part, "bold yellow" if number % 2 else "")
    return line


def complain_softly(warning: str) -> None:
    """One line on stderr of what a person should know of a result."""
    console(stderr=True).print(Line(one_line(warning), style="dim"), soft_wrap=True)


def _scores(hit: Json) -> str:
    legs = " ".join(
        f"{said(name)} {hit['scores'][leg]:.2f}"
        for leg, name in LEGS.items()
        if hit["scores"][leg] is not None
    )
    return f"{hit['score']:.2f}" + (f" ({legs})" if legs else "")
