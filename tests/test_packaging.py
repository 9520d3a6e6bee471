"""What is installed is pinned, hashed, licensed and explained."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PART_OF = {"pydantic-core": "pydantic", "yarl": "aiohttp"}  # named in the public interface of
OURS = {"dunoe", "tests", "bench", "docs"}
LOCKS = sorted(ROOT.glob("requirements*.lock"))


def pins(lock: Path) -> dict[str, str]:
    """Each package of a lock with the text of its entry."""
    entries = re.split(r"^(?=[\w.-]+==)", lock.read_text("utf-8"), flags=re.MULTILINE)
    return {entry.partition("==")[0]: entry for entry in entries[1:]}


def named(requirements: list[str]) -> set[str]:
    """The packages of a list of requirements, without extras and versions."""
    return {re.split(r"[\[>=<~! ]", one)[0] for one in requirements}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.name))
def test_a_lock_pins_by_hash_and_names_no_address(lock: Path) -> None:
    assert [name for name, entry in pins(lock).items() if "--hash=sha256:" not in entry] == []
    assert re.findall(r"://|^-|file:", lock.read_text("utf-8"), re.MULTILINE) == []


def test_the_tests_run_with_the_very_versions_that_dunoe_ships() -> None:
    ships, tested = pins(ROOT / "requirements.lock"), pins(ROOT / "requirements-test.lock")
    version = re.compile(r"==(\S+)")
    differ = {n for n in ships if version.findall(ships[n]) != version.findall(tested.get(n, ""))}
    assert differ == set()


def test_every_direct_dependency_is_locked_and_explained() -> None:
    groups = PROJECT["dependency-groups"]
    direct = named(PROJECT["project"]["dependencies"])
    locked = pins(ROOT / "requirements.lock").keys()
    assert direct - locked == set()
    tools = named(groups["test"]) | named(groups["lint"]) | named(groups["build"])
    assert (direct | tools) - pins(ROOT / "requirements-test.lock").keys() == set()
    told = PAGE.partition("## Every package")[0]
    assert {name for name in direct | tools if not re.search(rf"\b{name}\b", told)} == set()


def imported(folder: Path) -> set[str]:
    """The packages that the code of a folder imports, none of Python's own and none of ours."""
    trees = [ast.parse(file.read_text("utf-8")) for file in folder.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    modules = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - OURS
    packages = packages_distributions()
    found = {packages[module][0].lower().replace("_", "-") for module in modules}
    return {PART_OF.get(package, package) for package in found}


def test_what_is_imported_is_asked_for_by_name() -> None:
    direct = named(PROJECT["project"]["dependencies"])
    assert imported(ROOT / "dunoe") - direct == set()
    groups = PROJECT["dependency-groups"]
    assert imported(ROOT / "tests") - direct - named(groups["test"]) == set()


def test_every_package_that_is_installed_has_its_licence_on_the_page() -> None:
    tables = PAGE.partition("## Every package")[2]
    listed = set(re.findall(r"^\| ([\w.-]+) \| \S", tables, re.MULTILINE)) - {"package"}
    elsewhere = re.compile(r"== '(win32|emscripten)'")
    locked = pins(ROOT / "requirements-test.lock").items()
    assert listed == {n for n, entry in locked if not elsewhere.search(entry.partition("\\")[0])}


def test_a_wheel_holds_every_file_of_the_page_and_of_the_guide(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / "dunoe", tree / "dunoe", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    (tree / "README.md").touch()
    build = f"from setuptools.build_meta import build_wheel; build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=tree, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    folders = "dunoe/server/page", "dunoe/guide"
    wanted = {f"{folder}/{file.name}" for folder in folders for file in (ROOT / folder).iterdir()}
    assert wanted - set(zipfile.ZipFile(wheel).namelist()) == set()
