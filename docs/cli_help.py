"""Write guide/cli.md: what `--help` says of every command, so that the page never tells another story."""

from collections.abc import Iterator
from pathlib import Path

from typer.testing import CliRunner

from dunoe.cli import config, eval, keys, library, models
from dunoe.cli.commands import COMMANDS, app

PAGE = Path(__file__).parent / "guide" / "cli.md"
GROUPS = {
    "library": library.app,
    "models": models.app,
    "keys": keys.app,
    "eval": eval.app,
    "config": config.app,
}
HEAD = """# 명령줄 · the command line

이 글은 `make docs`가 `--help`에서 만듭니다. 모든 명령은 `--config`를 받습니다. 오류는 두 줄(무엇이 문제인지, 무엇을
하면 되는지)과 종료 코드로 알립니다: 0 성공, 1 실패, 2 설정이나 명령이 틀림, 130 Ctrl-C.

Made from `--help` by `make docs`. Every command takes `--config`. An error is two lines (what is wrong, what to do) and
an exit code: 0 done, 1 failed, 2 wrong settings or command, 130 Ctrl-C.
"""


def commands() -> Iterator[list[str]]:
    """Every command line that has a help of its own."""
    yield []
    for name in COMMANDS:
        yield [name]
        group = GROUPS.get(name)
        for command in group.registered_commands if group else []:
            assert command.callback is not None
            yield [name, command.name or command.callback.__name__]


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for words in commands():
        said = CliRunner().invoke(app, [*words, "--help"], prog_name="dunoe", terminal_width=100)
        assert said.exit_code == 0, said.output
        help_text = "\n".join(line.rstrip() for line in said.output.strip().split("\n"))
        parts.append(f"## {' '.join(['dunoe', *words])}\n\n```text\n{help_text}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
