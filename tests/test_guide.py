"""The guides say what is true: the pasted help is current, links lead somewhere, settings in them load."""

import re
from pathlib import Path

import pytest

from docs.cli_help import PAGE, page
from dunoe.settings_check import load

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "README.en.md",
    *sorted((ROOT / "docs" / "guide").rglob("*.md")),
]


def test_the_pasted_help_is_what_the_commands_say() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `make docs`"


@pytest.mark.parametrize("guide", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(guide: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", guide.read_text("utf-8"))
    assert [link for link in links if not (guide.parent / link).exists()] == []


@pytest.mark.parametrize("guide", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_piece_of_settings_is_taken(guide: Path, tmp_path: Path) -> None:
    for number, text in enumerate(re.findall(r"```toml\n(.*?)```", guide.read_text("utf-8"), re.S)):
        for name in re.findall(r'"(\S+\.gguf)"', text):
            (tmp_path / name).touch()
        config = tmp_path / f"{number}.toml"
        config.write_text(text, "utf-8")
        load(config, environ={"DUNOE_HOME": str(tmp_path)})


@pytest.mark.parametrize("name", [p.name for p in sorted((ROOT / "docs/guide/ko").glob("*.md"))])
def test_every_guide_stands_in_both_languages(name: str) -> None:
    korean, english = (ROOT / "docs" / "guide" / tongue / name for tongue in ("ko", "en"))
    assert english.exists()
    code = re.compile(r"^```.*?^```", re.S | re.M)
    counts = [len(code.findall(page.read_text("utf-8"))) for page in (korean, english)]
    assert counts[0] == counts[1]
