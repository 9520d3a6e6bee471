"""A TOML file that knows on which line each key stands, and says in our words what is wrong there."""

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar, get_args

import pydantic_core
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from dunoe.errors import Misconfigured, Text
from dunoe.foreign import reason

Table = TypeVar("Table", bound=BaseModel)

_NAME = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_HEADER = re.compile(r"\[+\s*([^\]]+?)\s*\]+")
_KEY = re.compile(rf"({_NAME}(?:\s*\.\s*{_NAME})*)\s*=")
_STEP = re.compile(r"""([\w-]+)|"([^"]*)"|'([^']*)'""")

_WHOLE = Text("따옴표 없는 정수여야 합니다", "must be a whole number, without quotes")
_NUMBER = Text("따옴표 없는 숫자여야 합니다", "must be a number, without quotes")
_QUOTED = Text('"따옴표" 안의 문자열이어야 합니다', 'must be text in "quotes"')
_LIST = Text('["목록"]이어야 합니다', 'must be a ["list"]')
_TABLE = Text(
    "표여야 합니다: [이름]으로 시작해 그 아래에 씁니다",
    "must be a table: write it below a [name] of its own",
)
_SAID: dict[
    str, Text
] = {  # pydantic's error types; {braces} are filled from the error's own context
    "extra_forbidden": Text("모르는 설정입니다", "unknown setting"),
    "missing": Text("꼭 필요한 설정이 없습니다", "a required setting is missing"),
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "finite_number": Text("유한한 숫자여야 합니다", "must be a finite number"),
    "bool_type": Text(
        "따옴표 없는 true 또는 false여야 합니다", "must be true or false, without quotes"
    ),
    "string_type": _QUOTED,
    "path_type": _QUOTED,
    "tuple_type": _LIST,
    "list_type": _LIST,
    "dict_type": _TABLE,
    "model_type": _TABLE,
    "named_tuple_type": Text(
        '두 언어로 적어야 합니다: {{ ko = "…", en = "…" }}',
        'must be in both languages: {{ ko = "…", en = "…" }}',
    ),
    "literal_error": Text("다음 중 하나여야 합니다: {expected}", "must be one of: {expected}"),
    "greater_than_equal": Text("{ge} 이상이어야 합니다", "must be {ge} or more"),
    "greater_than": Text("{gt}보다 커야 합니다", "must be more than {gt}"),
    "less_than_equal": Text("{le} 이하여야 합니다", "must be {le} or less"),
}


class Refused(ValueError):
    """Raised by a field's own validator: what its value must look like, in both languages."""

    def __init__(self, said: Text) -> None:
        super().__init__(said.en)
        self.said = said


EXAMPLE = Text(
    "dunoe.example.toml에 모든 설정이 설명되어 있습니다.",
    "dunoe.example.toml explains every setting.",
)


class TomlFile:
    """One file, read. Without a path it is an empty one.

    tree: what the file says, to be added to. origins: keys that were added from elsewhere, and from where.
    help: where a person reads what such a file may say.
    """

    def __init__(self, path: Path | None, help: Text = EXAMPLE) -> None:
        self.path, self.help = path, help
        self.text = _read(path) if path is not None else ""
        self.tree = _parsed(self.text, path)
        self.origins: dict[tuple[str, ...], str] = {}

    def add(self, at: tuple[str, ...], value: object, origin: str, *, wins: bool = False) -> None:
        """Lay one value from `origin` beside those of the file, which keeps its own unless `wins`."""
        table = self.tree
        for step in at[:-1]:
            table = table.setdefault(step, {})
            if not isinstance(table, dict):  # the type check will say so with its line
                return
        if wins or at[-1] not in table:
            table[at[-1]] = value
            self.origins[at] = origin

    def checked(self, table: type[Table]) -> Table:
        """The whole tree as a checked table; raise `Misconfigured` for the first thing that is wrong."""
        # As JSON, because pydantic is strict there ("8" is no number) and still makes paths of text.
        whole = pydantic_core.to_json(self.tree)
        try:
            return table.model_validate_json(whole, strict=True)
        except ValidationError as exc:
            errors = exc.errors(include_url=False)
            errors.sort(
                key=lambda error: error["type"] != "extra_forbidden"
            )  # a typo explains more
            raise self._refusal(errors[0], table) from exc

    def wrong(self, at: tuple[str | int, ...], message: Text, hint: Text) -> Misconfigured:
        """The error to raise about one key."""
        place = self._place(tuple(map(str, at)))
        return Misconfigured(Text(f"{place}: {message.ko}", f"{place}: {message.en}"), hint)

    def _refusal(self, error: ErrorDetails, table: type[BaseModel]) -> Misconfigured:
        at = _known_steps(self.tree, error["loc"])
        if error["type"] == "missing":
            at = error["loc"]
        said = _said(error)
        key = ".".join(map(str, at))
        hint = self.help
        if error["type"] == "extra_forbidden" and (known := _fields(table, at[:-1])):
            hint = Text(f"쓸 수 있는 이름: {known}", f"known here: {known}")
        return self.wrong(at, Text(f"'{key}': {said.ko}", f"'{key}': {said.en}"), hint)

    def _place(self, at: tuple[str, ...]) -> str:
        """`file:line` of a key, or whatever else it came from."""
        if at in self.origins:
            return self.origins[at]
        line = _line(self.text, at)
        return f"{self.path}:{line}" if line else str(self.path or ".".join(at))


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")  # Windows editors begin a file with a mark
    except OSError as exc:
        raise Misconfigured(
            Text(
                f"설정 파일을 읽을 수 없습니다: {path} ({reason(exc).ko})",
                f"cannot read the settings file: {path} ({reason(exc).en})",
            ),
            Text(
                "경로를 확인하거나 dunoe.example.toml을 복사해 시작하세요.",
                "check the path, or start from a copy of dunoe.example.toml.",
            ),
        ) from exc
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        raise Misconfigured(
            Text(f"{path}:{line}: UTF-8 파일이 아닙니다", f"{path}:{line}: not a UTF-8 file"),
            Text("UTF-8로 다시 저장하세요.", "save it again as UTF-8."),
        ) from exc


def _parsed(text: str, path: Path | None) -> dict[str, Any]:  # Any: TOML
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        found = re.search(r"line (\d+)", str(exc))
        place = f"{path}:{found[1] if found else text.count(chr(10)) + 1}"
        if re.search(r"Cannot (?:declare|overwrite|mutate)", str(exc)):
            raise Misconfigured(
                Text(
                    f"{place}: 같은 이름이 두 번 나옵니다", f"{place}: the same name stands twice"
                ),
                Text("둘 중 하나의 이름을 바꾸거나 지우세요.", "rename or remove one of the two."),
            ) from exc
        raise Misconfigured(
            Text(f"{place}: TOML 문법 오류: {exc}", f"{place}: not TOML: {exc}"),
            Text(
                '문자열과 한글·점이 든 이름은 "따옴표"로 감쌉니다: [models."이름"].',
                'put strings, and names with dots or Hangul, in "quotes": [models."qwen3.5"].',
            ),
        ) from exc


def _line(text: str, at: tuple[str, ...]) -> int:
    """The line of the deepest step of `at` that stands in the text; 0 when none does."""
    best, depth, table = 0, 0, tuple[str, ...]()
    rows: dict[tuple[str, ...], int] = {}  # which row of a [[list]] we are in
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if header := _HEADER.match(line):
            steps = _steps(header[1])
            if line.startswith("[["):
                rows[steps] = rows.get(steps, -1) + 1
            path = table = _in_rows(steps, rows)
        elif key := _KEY.match(line):
            path = table + _steps(key[1])
        else:
            continue
        if len(path) > depth and path == at[: len(path)]:
            best, depth = number, len(path)
        elif not best and path[: len(at)] == at:  # a [[list]], by its first row
            best = number
    return best


def _in_rows(steps: tuple[str, ...], rows: dict[tuple[str, ...], int]) -> tuple[str, ...]:
    """The steps of a header, with the number of the row after each [[list]] among them."""
    path = tuple[str, ...]()
    for end, step in enumerate(steps, 1):
        row = rows.get(steps[:end])
        path += (step,) if row is None else (step, str(row))
    return path


def _steps(dotted: str) -> tuple[str, ...]:
    return tuple(a or b or c for a, b, c in _STEP.findall(dotted))


def _known_steps(tree: object, loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The part of an error's location that stands in the file; pydantic adds steps of its own."""
    at = []
    for step in loc:
        try:
            tree = tree[step]  # type: ignore[index]  # a table, a list, or what cannot be entered
        except (KeyError, IndexError, TypeError):
            break
        at.append(step)
    return tuple(at)


def _said(error: ErrorDetails) -> Text:
    context = error.get("ctx", {})
    refused = context.get("error")
    if isinstance(refused, Refused):
        return refused.said
    if error["type"] == "literal_error":
        context = {"expected": str(context["expected"]).replace(" or ", ", ")}
    if (said := _SAID.get(error["type"])) is not None:
        return Text(said.ko.format(**context), said.en.format(**context))
    return Text(f"값이 맞지 않습니다 ({error['msg']})", error["msg"])


def _fields(table: object, at: tuple[str | int, ...]) -> str:
    """The names that may stand in the table at `at`."""
    for step in at:
        if isinstance(table, type) and issubclass(table, BaseModel):
            table = _named(table)[str(step)].annotation
        else:  # dict[name, table] or tuple[table, ...]
            table = next((a for a in reversed(get_args(table)) if a is not Ellipsis), None)
    if isinstance(table, type) and issubclass(table, BaseModel):
        return ", ".join(_named(table))
    return ""


def _named(table: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a table under the names that a file uses."""
    return {field.alias or name: field for name, field in table.model_fields.items()}
