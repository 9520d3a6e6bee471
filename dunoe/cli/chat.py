"""`dunoe chat`: talk with a model of the running server, in a terminal or through a pipe."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import aclosing, suppress
from importlib import import_module
from pathlib import Path
from typing import Annotated, TextIO

import typer

from dunoe.cli.client import Client
from dunoe.cli.conversation import Conversation
from dunoe.cli.terminal import ConfigFile, complain, harmless, one_line, say, settings_from
from dunoe.errors import NotFound, Problem, Text

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"
_HELP = Text(
    """\
/model [이름]    모델 목록을 보거나 바꿉니다
/system [지시]   모델에게 주는 지시를 보거나 바꿉니다
/clear           지금까지의 대화를 잊습니다
/save 파일       대화를 Markdown으로 저장합니다
/exit            나갑니다 (Ctrl-D도 됩니다)
Ctrl-C           답을 멈춥니다""",
    """\
/model [NAME]    show the models, or change to one
/system [TEXT]   show or change what the model is told to be
/clear           forget the conversation so far
/save FILE       save the conversation as Markdown
/exit            leave (Ctrl-D does, too)
Ctrl-C           stop an answer""",
)


@app.command()
def chat(
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="NAME", help="모델 또는 역할 · model or role"),
    ] = None,
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="모델에게 주는 지시 · system prompt")
    ] = None,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="다른 서버 · another server")
    ] = None,
    key: Annotated[str | None, typer.Option(metavar="KEY", help="그 서버의 키 · its key")] = None,
    config: ConfigFile = None,
) -> None:
    """모델과 대화합니다 · talk with a model

    파이프로 넣으면 한 줄이 질문 하나입니다 · in a pipe, every line is a question
    """
    client = Client(settings_from(config), url, key)
    with asyncio.Runner() as runner:
        runner.run(client.__aenter__())
        try:
            talk = Talk(runner, client, Conversation(model, system))
            if sys.stdin.isatty():
                talk.with_a_person()
            else:
                talk.with_a_pipe(sys.stdin)
        finally:
            runner.run(client.__aexit__(None, None, None))


class Talk:
    """One terminal, one conversation. `runner` turns Ctrl-C into the end of what runs in it."""

    def __init__(self, runner: asyncio.Runner, client: Client, conversation: Conversation) -> None:
        self.runner, self.client, self.conversation = runner, client, conversation
        self.is_dim = self.is_midline = False
        self.commands: dict[str, Callable[[str], None]] = {
            "/model": self.model,
            "/system": self.system,
            "/clear": self.clear,
            "/save": self.save,
            "/help": self.help,
        }

    def with_a_person(self) -> None:
        """Ask and answer until /exit or Ctrl-D."""
        with suppress(ImportError):
            import_module("readline")  # gives `input` history and editing, where Python has it
        self.names()  # is a server there, and does it let us in?
        say(Text("/help를 쓰면 명령이 보입니다.", "/help shows the commands."))
        while (line := self.line()) not in (None, "/exit", "/quit", "/bye"):
            try:
                self.obey(line or "")
            except Problem as problem:
                complain(problem)
            except KeyboardInterrupt:
                say(Text("(멈췄습니다)", "(stopped)"))

    def obey(self, line: str) -> None:
        """Do what one line says: an order, or a question."""
        word, _, rest = line.partition(" ")
        if word in self.commands:
            self.commands[word](rest.strip())
        elif word.startswith("/") and "/" not in word[1:]:
            self.help("")  # a path may begin a question; a mistyped order should not
        elif line:
            self.answer(line)

    def line(self) -> str | None:
        """What the person wrote; None at the end, "" when they thought better of it."""
        try:
            return input(f"{one_line(self.conversation.model or '')}> ").strip()
        except EOFError:
            sys.stdout.write("\n")
            return None
        except KeyboardInterrupt:
            sys.stdout.write("\n")
            return ""

    def with_a_pipe(self, questions: TextIO) -> None:
        """One question a line, each answer on lines of its own; the first Problem ends it."""
        while line := questions.readline():
            if question := line.strip():
                self.answer(question)

    def answer(self, question: str) -> None:
        """Print the answer as it comes; Ctrl-C closes the connection, which stops the server's work."""
        try:
            self.runner.run(self._answer(question))
        finally:
            self._write("", dim=False)
            if self.is_midline:
                self._write("\n", dim=False)

    async def _answer(self, question: str) -> None:
        async with aclosing(self.conversation.ask(self.client, question)) as pieces:
            async for piece in pieces:
                is_thought = piece.kind == "reasoning"
                if sys.stdout.isatty() or not is_thought:
                    self._write(harmless(piece.text), dim=is_thought)

    def _write(self, text: str, *, dim: bool) -> None:
        if dim != self.is_dim:
            self.is_dim = dim
            text = (_DIM if dim else f"{_PLAIN}\n") + text
        sys.stdout.write(text)
        sys.stdout.flush()
        self.is_midline = not text.endswith("\n") if text else self.is_midline

    # what a person may order

    def names(self) -> list[str]:
        """The chat models and roles of the server."""
        found = self.runner.run(self.client.json("GET", "/v1/models"))
        return [one["id"] for one in found["data"] if one.get("mode", "chat") == "chat"]

    def model(self, name: str) -> None:
        """Show the models, or change to one."""
        names = self.names()
        if not name:
            for one in names:
                mark = "*" if one == self.conversation.model else " "
                say(Text(*[f"{mark} {one_line(one)}"] * 2))
            return
        if name not in names:
            known = ", ".join(names) or "-"
            raise NotFound(
                Text(f"모델 '{name}'이(가) 없습니다", f"there is no model '{name}'"),
                Text(f"쓸 수 있는 모델: {known}", f"models here: {known}"),
            )
        self.conversation.model = name

    def system(self, text: str) -> None:
        """Show or change the system prompt."""
        if text:
            self.conversation.system = text
        else:
            say(Text(*[self.conversation.system or "-"] * 2))

    def clear(self, _: str) -> None:
        """Forget everything but the system prompt."""
        self.conversation.turns.clear()

    def save(self, path: str) -> None:
        """Save the conversation."""
        self.conversation.save(Path(path or "chat.md"))

    def help(self, _: str) -> None:
        """Show the commands."""
        say(_HELP)
