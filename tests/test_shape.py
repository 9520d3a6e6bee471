"""The house stands as it was planned: floors, imports, and where the world is let in."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1] / "dunoe"

FLOORS: dict[int, set[str]] = {  # the table of the house's plan; an import goes to a lower floor
    9: {"cli"},
    8: {"server", "deploy"},
    7: {"answering"},
    6: {"routing", "library", "tuning"},
    5: {"residency"},
    4: {"engines"},
    3: {"portfolio"},
    2: {"weights", "store"},
    1: {"settings", "settings_check", "machine", "version"},
    0: {"environment"},  # what settings is made from; the plan has them with it
    -1: {"toml_file"},
    -2: {"foreign"},
    -3: {"errors"},
}
FLOOR = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
SETTINGS = {
    "environment",
    "toml_file",
    "settings_check",
}  # parts of the room `settings`, which lies flat in the house

# may be imported by the one function that needs them
HEAVY = {"kiwipiepy", "torch", "xllamacpp", "alembic", "pynvml"}
HEAVY_ROOMS = {"dunoe.library.index.remote.connect"}  # brings qdrant_client: 2 s and 90 MB
NO_HOME = {"utils", "util", "helpers", "common", "core", "manager", "base", "misc"}
BROAD = {"Exception", "BaseException"}
BARE = ast.Name("BaseException")  # what `except:` means
REASONED = re.compile(r"# noqa: [A-Z]+\d+(, ?[A-Z]+\d+)* - \S|# type: ignore\[[\w, -]+\]  # \S")

FILES = sorted(HOUSE.rglob("*.py"))


def imports_upstairs(room: str, tree: ast.Module) -> Iterator[str]:
    """Imports of a room that is not on a lower floor."""
    for node, name in _imports(tree):
        top, _, rest = name.partition(".")
        other = _named(rest.partition(".")[0])
        if top == "dunoe" and other != room and FLOOR.get(other, 99) >= FLOOR[room]:
            yield f"{node.lineno}: {room} (floor {FLOOR[room]}) imports {name}"


def imports_out_of_place(tree: ast.Module) -> Iterator[str]:
    """Relative imports, and imports inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield f"{node.lineno}: relative import"
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node, name in _imports(function):
                if name.partition(".")[0] not in HEAVY and name not in HEAVY_ROOMS:
                    yield f"{node.lineno}: {name} is imported inside {function.name}"


def reads_of_the_environment(tree: ast.Module) -> Iterator[str]:
    """Every mention of the process's environment."""
    wanted = {"environ", "environb", "getenv", "getenvb"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in wanted:
            if isinstance(node.value, ast.Name) and node.value.id == "os":
                yield f"{node.lineno}: os.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (f"{node.lineno}: {a.name}" for a in node.names if a.name in wanted)


def swallowed_errors(text: str, tree: ast.Module) -> Iterator[str]:
    """Handlers that keep everything without a reason, and handlers that only pass."""
    lines = text.split("\n")
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        names = (n for n in ast.walk(node.type or BARE) if isinstance(n, ast.Name))
        is_broad = any(name.id in BROAD for name in names)
        last = node.body[-1]
        goes_on = isinstance(last, ast.Raise) and last.exc is None
        has_reason = re.search(r"# (noqa: BLE001 - )?(?!noqa)\w", lines[node.lineno - 1])
        if is_broad and not goes_on and not has_reason:
            yield f"{node.lineno}: a broad except without a reason"
        if all(isinstance(step, ast.Pass) for step in node.body):
            yield f"{node.lineno}: an except that only passes"


def unreasoned_ignores(text: str) -> Iterator[str]:
    """`noqa` and `type: ignore` that do not say why, behind them or on the line above."""
    above = ""
    for number, line in enumerate(text.split("\n"), 1):
        has_reason = REASONED.search(line) or above.lstrip().startswith("# ")
        if re.search(r"#\s*(noqa|type:\s*ignore)", line) and not has_reason:
            yield f"{number}: an ignore without a reason"
        above = line


def _imports(tree: ast.AST) -> Iterator[tuple[ast.Import | ast.ImportFrom, str]]:
    """Every import below `tree` with the dotted name of what it wants."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node, f"{node.module or ''}.{alias.name}"


def _room(path: Path) -> str:
    """The room a file lies in: `server` of server/door.py, `errors` of errors.py."""
    return _named(path.relative_to(HOUSE).parts[0].removesuffix(".py"))


def _named(room: str) -> str:
    return "settings" if room in SETTINGS else room


@pytest.fixture(params=FILES, ids=[str(f.relative_to(HOUSE)) for f in FILES])
def file(request: pytest.FixtureRequest) -> Path:
    """Each file of the house in turn."""
    path: Path = request.param
    return path


def test_a_file_keeps_the_rules_of_the_house(file: Path) -> None:
    text = file.read_text("utf-8")
    tree = ast.parse(text)
    faults = [*imports_out_of_place(tree), *swallowed_errors(text, tree), *unreasoned_ignores(text)]
    if file != HOUSE / "__init__.py":
        faults += imports_upstairs(_room(file), tree)
    if file != HOUSE / "settings.py":
        faults += reads_of_the_environment(tree)
    assert faults == []


def test_every_room_has_its_floor() -> None:
    assert {_room(file) for file in FILES} - FLOOR.keys() == {"__init__"}


def test_every_file_has_a_home() -> None:
    assert [f for f in FILES if {f.stem, *f.relative_to(HOUSE).parts[:-1]} & NO_HOME] == []


def test_nothing_happens_on_import_of_the_house() -> None:
    assert (HOUSE / "__init__.py").read_text() == ""


@pytest.mark.parametrize(
    "line",
    [
        "from dunoe.server.door import app",
        "import dunoe.cli",
        "from dunoe import server",
        "from dunoe.attic import chest",
    ],
)
def test_going_upstairs_is_seen(line: str) -> None:
    assert [*imports_upstairs("store", ast.parse(line))]


def test_going_downstairs_and_staying_in_the_room_are_fine() -> None:
    tree = ast.parse(
        "from dunoe.errors import Problem\nfrom dunoe import store\nimport dunoe.store.keys"
    )
    assert [*imports_upstairs("store", tree)] == []


def test_a_neighbour_is_not_visited() -> None:
    assert [*imports_upstairs("store", ast.parse("from dunoe.weights.header import Header"))]
    assert [*imports_upstairs("library", ast.parse("import dunoe.routing"))]


def test_relative_and_late_imports_are_seen_and_heavy_ones_forgiven() -> None:
    assert [*imports_out_of_place(ast.parse("from . import keys"))]
    assert [*imports_out_of_place(ast.parse("def f():\n    import json"))]
    assert [*imports_out_of_place(ast.parse("def f():\n    import torch.nn"))] == []


@pytest.mark.parametrize(
    "line", ["os.environ['A']", "os.getenv('A')", "from os import environ as e", "f(os.environ)"]
)
def test_a_look_at_the_environment_is_seen(line: str) -> None:
    assert [*reads_of_the_environment(ast.parse(line))]


@pytest.mark.parametrize(
    "handler",
    [
        "except:\n    log()",
        "except Exception:\n    log()",
        "except (ValueError, BaseException) as exc:  # noqa: BLE001\n    log()",
        "except ValueError:\n    pass",
    ],
)
def test_a_swallowed_error_is_seen(handler: str) -> None:
    text = f"try:\n    f()\n{handler}"
    assert [*swallowed_errors(text, ast.parse(text))]


@pytest.mark.parametrize(
    "handler",
    [
        "except Exception:  # noqa: BLE001 - outermost edge, logged\n    log()",
        "except Exception:  # outermost edge, logged\n    log.exception('')",
        "except BaseException:\n    tidy()\n    raise",
    ],
)
def test_everything_may_be_caught_at_the_edge_or_on_its_way(handler: str) -> None:
    text = f"try:\n    f()\n{handler}"
    assert [*swallowed_errors(text, ast.parse(text))] == []


@pytest.mark.parametrize(
    "line", ["x()  # noqa", "x()  # noqa: E501", "x()  # type: ignore[arg-type]"]
)
def test_an_ignore_without_a_reason_is_seen(line: str) -> None:
    assert [*unreasoned_ignores(line)]
    assert [*unreasoned_ignores("x()  # noqa: E501 - a table")] == []
    assert [*unreasoned_ignores("x()  # type: ignore[arg-type]  # its stub is wrong")] == []
    assert [*unreasoned_ignores("# It ships no types.\nimport x  # type: ignore[a]")] == []
