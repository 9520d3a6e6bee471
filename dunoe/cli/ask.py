"""`dunoe ask`: a question to the documents, its answer as it comes, and the sources behind its numbers."""

import sys
from contextlib import aclosing
from typing import Annotated

import orjson
import typer

from dunoe.cli import filters
from dunoe.cli.client import Json, refusal
from dunoe.cli.library import ready
from dunoe.cli.reach import Reached, reach
from dunoe.cli.search import complain_softly, where
from dunoe.cli.terminal import (
    AsJson,
    ConfigFile,
    harmless,
    language,
    print_json,
    say,
    settings_from,
)
from dunoe.errors import BadRequest, EngineFailed, Text, Unavailable

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"


@app.command()
def ask(  # noqa: PLR0913 - one parameter an option: this is how typer reads a command line
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="질문 · the question")],
    session: Annotated[
        str | None,
        typer.Option(metavar="ID", help="이어 가는 대화, 아무 이름 · a conversation to go on with"),
    ] = None,
    has_documents: Annotated[
        bool,
        typer.Option("--documents/--no-documents", help="문서에서 찾아 답하기 · answer from them"),
    ] = True,
    top_k: Annotated[
        int,
        typer.Option("--top-k", "-k", min=1, max=50, help="조각을 몇 개까지 · passages at most"),
    ] = 5,
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
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """문서에 묻습니다; 답에는 출처가 붙습니다 · ask the documents; the answer says its sources"""
    settings = settings_from(config)
    if not question.strip():
        raise BadRequest(
            Text("질문을 입력하세요", "ask something"),
            Text('`dunoe ask "질문"`처럼 쓰세요.', 'write `dunoe ask "a question"`.'),
        )
    body: Json = {
        "question": question,
        "context_enabled": has_documents,
        "top_k": top_k,
        "filters": {
            "folder": folder, "file_path": path, "kinds": kind, "tags": tag, "labels": label, "projects": project,
            "types": type_, "statuses": status, "since": since, "until": until,
        },
        "session_id": session,
        "language": language(),
    }  # fmt: skip

    async def work(reached: Reached) -> Json:
        if has_documents:
            await ready(reached, is_quiet=as_json)
        if as_json:
            answer = await reached.client.json("POST", "/api/ask", body)
            _raise_if_silent(answer["ollama_feedback"], answer["sources"])
            return answer
        return await _Answer().heard(reached, body)

    found = reach(settings, work, Text("(멈췄습니다)", "(stopped)"))
    if as_json:
        print_json(found)


def _raise_if_silent(feedback: Json | None, sources: list[Json]) -> None:
    """Raise what keeps the model from answering where no passage can stand in for it."""
    if feedback is not None and not sources:
        raise Unavailable(feedback["message"], feedback["detail"])


class _Answer:
    """One answer on its way to the terminal."""

    def __init__(self) -> None:
        self._is_thinking = self._is_midline = False
        self._sources: list[Json] = []
        self._done: Json = {}

    async def heard(self, reached: Reached, body: Json) -> Json:
        """Print it to its end. Cancelled, the server stops writing."""
        try:
            async with aclosing(reached.client.lines("/api/ask/stream", body)) as lines:
                async for line in lines:
                    if line.startswith(b"data:"):
                        self._take(line.removeprefix(b"data:").strip())
        finally:
            self._turn(is_thinking=False)
            if self._is_midline:
                self._write("\n")
        if not self._done:
            raise EngineFailed(
                Text("답이 중간에 끊겼습니다", "the answer broke off"),
                Text("다시 물어보세요.", "ask again."),
            )
        self._close()
        return self._done

    def _take(self, data: bytes) -> None:
        event = orjson.loads(data)
        match event["type"]:
            case "sources":
                self._sources = event["content"]
            case "ollama_feedback":
                _raise_if_silent(event["content"], self._sources)
            case "chunk":
                self._turn(is_thinking=False)
                self._write(harmless(event["content"]))
            case "thought" if sys.stdout.isatty():
                self._turn(is_thinking=True)
                self._write(harmless(event["content"]))
            case "done":
                self._done = event
            case "error":
                raise refusal(orjson.dumps({"error": event["content"]}), 200)

    def _turn(self, *, is_thinking: bool) -> None:
        if is_thinking != self._is_thinking:
            self._is_thinking = is_thinking
            self._write(_DIM if is_thinking else f"{_PLAIN}\n")

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
        self._is_midline = not text.endswith("\n") if text else self._is_midline

    def _close(self) -> None:
        """The sources: those that the answer cites, or all of them where it cites none.

        What `error` says was said before: at the end of the quotes, or by a warning.
        """
        for warning in self._done["warnings"]:
            complain_softly(warning)
        cited = {one["number"] for one in self._done["citations"]}
        shown = [one for one in self._sources if one["number"] in cited] or self._sources
        if not shown:
            return
        is_near = self._done["is_refusal"]
        say(
            Text("\n가까운 문서", "\nNearest documents") if is_near else Text("\n출처", "\nSources")
        )
        for one in shown:
            line = f"[{one['number']}] {where(one)}"
            say(Text(line, line))
