"""Write the licence tables of dependencies.md from the locks and from what the packages say of themselves."""

import re
from importlib.metadata import metadata
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE / "dependencies.md"


def pinned(lock: Path) -> list[str]:
    """The packages of a lock that a Linux or macOS machine installs."""
    lines = re.findall(r"^([\w.-]+)==(.*)$", lock.read_text("utf-8"), re.MULTILINE)
    elsewhere = re.compile("== '(win32|emscripten)'")
    return list(dict.fromkeys(name for name, rest in lines if not elsewhere.search(rest)))


def licence(package: str) -> str:
    """What an installed package says its licence is."""
    said = metadata(package)
    if "License-Expression" in said:
        return said["License-Expression"]
    classifiers = said.get_all("Classifier") or []
    named = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License ::")]
    return ", ".join(named) or said["License"].partition("\n")[0]


def table(packages: list[str]) -> str:
    """A Markdown table of packages and licences."""
    rows = [f"| {package} | {licence(package)} |" for package in packages]
    return "\n".join(["| package | licence |", "|---|---|", *rows])


def main() -> None:
    """Fill the two marked places of the page."""
    runs = pinned(HERE.parent / "requirements.lock")
    tests = [p for p in pinned(HERE.parent / "requirements-test.lock") if p not in runs]
    page = PAGE.read_text("utf-8")
    for mark, packages in (("runs", runs), ("tests", tests)):
        begin, end = f"<!-- licences: {mark} -->\n", f"\n<!-- end: {mark} -->"
        before, _, rest = page.partition(begin)
        page = before + begin + table(packages) + end + rest.partition(end)[2]
    PAGE.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
