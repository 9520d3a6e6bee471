"""A command line that makes no sense: what typer says of it, in Korean too."""

import re
from collections.abc import Sequence

from typer.exceptions import TyperException

from dunoe.errors import BadRequest, Problem, Text

_KO = (  # typer's sentences; {0} is the first group
    (r"No such command '(.+?)'\. Did you mean (.+)\?", "'{0}'(이)라는 명령이 없습니다. 혹시 {1}?"),
    (r"No such command '(.+)'\.", "'{0}'(이)라는 명령이 없습니다"),
    (r"No such option: (\S+) \(Possible options: (.+)\)", "{0} 옵션이 없습니다. 비슷한 것: {1}"),
    (r"No such option: (\S+)", "{0} 옵션이 없습니다"),
    (r"Missing argument '(.+)'\.", "{0}이(가) 빠졌습니다"),
    (r"Missing option '(.+)'\.", "{0} 옵션이 빠졌습니다"),
    (r"Option '(.+)' requires an argument\.", "{0} 뒤에 값이 필요합니다"),
    (r"Option '(.+)' does not take a value\.", "{0}에는 값을 붙이지 않습니다"),
    (r"Got unexpected extra argument\(s\) \((.+)\)", "남는 말이 있습니다: {0}"),
    (r"Invalid value for '(.+)': .*a valid integer.*", "{0}에는 정수를 써야 합니다"),
    (r"Invalid value for '(.+)': .*a valid number.*", "{0}에는 숫자를 써야 합니다"),
    (r"Invalid value for '(.+)': .*greater than or equal to (\S+)", "{0}은(는) {1} 이상이어야 합니다"),
    (r"Invalid value for '(.+)': .*less than or equal to (\S+)", "{0}은(는) {1} 이하여야 합니다"),
    (r"Invalid value for '(.+?)': .*?'(.+)' is not one of (.+)\.", "{0}의 '{1}'은(는) {2} 중 하나가 아닙니다"),
    (r"Invalid value for '(.+?)': (.+)", "{0}의 값이 맞지 않습니다: {1}"),
)  # fmt: skip


def misspelt(exc: TyperException, argv: Sequence[str]) -> Problem:
    """What typer says of a wrong option, in the form of our own refusals."""
    context = getattr(exc, "ctx", None)
    path = context.command_path if context is not None else "dunoe"
    said = exc.format_message()
    hint = Text(f"`{path} --help`를 보세요.", f"see `{path} --help`.")
    short = re.fullmatch(r"No such option: (-[^-])", said)
    if short and path == "dunoe search":
        word = next(word for word in argv if word.startswith(short[1]))
        hint = Text(
            f'빼고 찾을 낱말은 `--` 뒤나 따옴표 안에 쓰세요: `{path} -- {word}`, `{path} "사과 {word}"`',
            f'a word to leave out goes behind `--` or into quotes: `{path} -- {word}`, `{path} "apple {word}"`',
        )
    problem = BadRequest(Text(_korean(said), said), hint)
    problem.exit_code = exc.exit_code  # type: ignore[misc]  # 2, as every shell tool says
    return problem


def _korean(said: str) -> str:
    for pattern, words in _KO:
        if found := re.fullmatch(pattern, said, re.DOTALL):
            return words.format(*(one.replace("' / '", " / ") for one in found.groups()))
    return f"명령을 이해하지 못했습니다: {said}"
