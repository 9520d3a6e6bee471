"""Text recall of the office parsers against second, independent readers of the same files.

    python -m bench.office                        every file below $DUNOE_SHARED/data/office
    python -m bench.office FOLDER --all           of another folder, with a line for each file

Recall: the share of the second reader's 4-grams and of its single letters that are in our text too, counted as often
as they occur there; letters and digits only, so that markup and line ends do not count. Numbers of pages that stand
alone in boxes are left out of HWP on purpose: what is missing is told apart into letters and digits. The second reader
is, for HWPX, every `hp:t` of its XML; for HWP 5, what both hwp-hwpx-parser and unhwp found; for PDF, pdfminer; for
DOCX, python-docx.
"""

import argparse
import logging
import os
import re
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import docx
import unhwp
from hwp_hwpx_parser import Reader
from lxml import etree
from pdfminer.high_level import extract_text

from dunoe.library.parsing.clean import is_garbage
from dunoe.library.parsing.parse import parse
from dunoe.library.unreadable import Unreadable

OFFICE = Path(os.environ.get("DUNOE_SHARED", "../shared")) / "data" / "office"
GRAM = 4
FLOOR = 0.98


def grams(text: str) -> Counter[str]:
    """The 4-grams of the letters of a text, with how often each occurs, and the single letters."""
    letters = re.sub(r"[\W_]+", "", text)
    found = Counter(letters[at : at + GRAM] for at in range(len(letters) - GRAM + 1))
    return found + Counter(letters)


def by_piece(text: str) -> Counter[str]:
    """The same of each paragraph and cell alone: in what order they stand may differ."""
    return sum(map(grams, re.split(r"[\n|]", text)), Counter())


def of_hwpx(path: Path) -> Counter[str]:
    """Every `t` of every section and master page, tracked deletions left out."""
    found = []
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if re.fullmatch(r"Contents/(section|masterpage)\d+\.xml", name):
                for one in etree.fromstring(archive.read(name)).iter("{*}p"):
                    found.append("".join(_own_letters(one)))
    return by_piece("\n".join(found))


def _own_letters(paragraph: etree._Element) -> Iterator[str]:
    is_gone = False
    for one in paragraph.iterfind("{*}run/{*}t"):
        yield "" if is_gone else one.text or ""
        for sign in one:
            name = etree.QName(sign).localname
            is_gone = name == "deleteBegin" or (is_gone and name != "deleteEnd")
            yield "" if is_gone else sign.tail or ""


def of_hwp(path: Path) -> Counter[str]:
    """What two other readers agree on."""
    with Reader(path) as reader:
        first = reader.extract_text_with_notes()
    texts = [first.text, *(note.text for note in [*first.footnotes, *first.endnotes])]
    return by_piece("\n".join(texts)) & by_piece(unhwp.parse(path).text)


def of_pdf(path: Path) -> Counter[str]:
    """pdfminer's text."""
    return by_piece(extract_text(path))


def of_docx(path: Path) -> Counter[str]:
    """python-docx: paragraphs and cells."""
    document = docx.Document(str(path))
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return by_piece("\n".join([*(one.text for one in document.paragraphs), *cells]))


SECOND: dict[str, Callable[[Path], Counter[str]]] = {
    ".hwpx": of_hwpx, ".hwp": of_hwp, ".pdf": of_pdf, ".docx": of_docx,
}  # fmt: skip


@dataclass
class Line:
    """The figures of one kind of file."""

    files: int = 0
    texts: int = 0
    found: Counter[int] = field(default_factory=Counter)  # by length of gram
    wanted: Counter[int] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)  # single ones: "digits" and "letters"
    garbage: int = 0
    seconds: float = 0
    refused: Counter[str] = field(default_factory=Counter)
    low: list[str] = field(default_factory=list)

    def recall(self, length: int = GRAM) -> float:
        """Over all files."""
        return self.found[length] / self.wanted[length] if self.wanted[length] else 1.0


def measure(folder: Path) -> Iterator[tuple[Path, Line]]:
    """The figures of each file that has a second reader."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SECOND:
            yield path, _measured(path)


def _measured(path: Path) -> Line:
    line, text = Line(files=1), ""
    data = path.read_bytes()
    begin = time.perf_counter()
    try:
        text = parse(data, path.name).text
    except Unreadable as problem:
        line.refused[problem.code or ""] += 1
    line.seconds = time.perf_counter() - begin
    line.texts = int(bool(text))
    if text or line.refused["empty"]:
        wanted = SECOND[path.suffix.lower()](path)
        line.wanted = _by_length(wanted)
        line.found = _by_length(grams(text) & wanted)
        for letter, number in (wanted - grams(text)).items():
            if len(letter) == 1:
                line.missing["digits" if letter.isdigit() else "letters"] += number
    line.garbage = sum(1 for letter in text if letter not in "\t\n" and is_garbage(letter))
    worst = min(line.recall(), line.recall(1))
    if worst < FLOOR:
        line.low.append(f"{worst:.3f} {path.name}")
    return line


def _by_length(found: Counter[str]) -> Counter[int]:
    lengths: Counter[int] = Counter()
    for gram, number in found.items():
        lengths[len(gram)] += number
    return lengths


def added(total: Line, line: Line) -> None:
    """Add one file's figures to those of its kind."""
    for name, value in vars(line).items():
        setattr(total, name, getattr(total, name) + value)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.office", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=OFFICE)
    parser.add_argument("--all", action="store_true", help="a line for each file")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")  # those of the second readers
    kinds: dict[str, Line] = {}
    for path, line in measure(given.folder):
        added(kinds.setdefault(path.suffix.lower()[1:], Line()), line)
        if given.all:
            print(
                f"{line.recall():.3f} {line.recall(1):.3f} of {line.wanted[1]:7} {dict(line.refused)} {path}"
            )
    print(
        "| kind | files | with text | refused | 4-gram recall | letter recall "
        "| letters, digits missing | garbage | ms a file |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for kind, line in kinds.items():
        refused = ", ".join(f"{number} {code}" for code, number in line.refused.items())
        milliseconds = 1000 * line.seconds / line.files
        print(
            f"| {kind} | {line.files} | {line.texts} | {refused} | {line.recall():.4f} | {line.recall(1):.4f} "
            f"| {line.missing['letters']}, {line.missing['digits']} | {line.garbage} | {milliseconds:.1f} |"
        )
    for line in kinds.values():
        for low in line.low:
            print(f"below {FLOOR}: {low}")


if __name__ == "__main__":
    main()
