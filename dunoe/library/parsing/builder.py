"""Making a `Parsed` block by block, so that the blocks cover its text without a gap."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

from dunoe.errors import Text
from dunoe.library import unreadable
from dunoe.library.parsing import tables
from dunoe.library.parsing.clean import clean
from dunoe.library.passage import Block, BlockKind, Parsed, Place

NOWHERE = Place()
NO_ROWS: Mapping[int, Place] = {}
CUT_OFF = "파일이 중간에서 끊겨 그 뒤는 읽지 못했습니다"
GARBAGE_OF_A_BLOCK = 0.3  # share of it: above, the block is left out
GARBAGE_OF_A_FILE = 0.1  # above, the file is refused
GARBAGE_NOTICED = 8  # letters; a few odd signs prove nothing


class Builder:
    """`add` washes what a parser found and ends it with an empty line; `exact` keeps every character.

    kind: as `Parsed.kind`. what: the name of the kind in an error.
    """

    def __init__(self, kind: str, what: Text) -> None:
        self.kind = kind
        self.what = what
        self.warnings: list[str] = []
        self._pieces: list[str] = []
        self._blocks: list[Block] = []
        self._length = 0
        self._seen = 0
        self._lost = 0

    def exact(self, text: str, block: Block) -> None:
        """Append the text as it is, as a block like this one; its start and end are set here."""
        if not text:
            return
        end = self._length + len(text)
        self._pieces.append(text)
        self._blocks.append(replace(block, start=self._length, end=end))
        self._length = end

    def add(
        self,
        text: str,
        kind: BlockKind = "paragraph",
        level: int = 0,
        place: Place = NOWHERE,
        rows: Mapping[int, Place] = NO_ROWS,
    ) -> None:
        """Append a block; nothing where nothing is left of the text. rows: by line, from 0, where it stands."""
        self._seen += len(text)
        text, lost = clean(text)
        self._lost += lost
        text = "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")
        text = text if kind == "code" else text.strip()
        if not text.strip() or lost > GARBAGE_OF_A_BLOCK * (len(text) + lost) + 1:
            return
        title = " ".join(text.split()) if level else ""
        text = f"{text}\n\n"
        self.exact(text, Block(0, 0, kind, level, title, place, _rows(text, rows)))

    def table(self, rows: Sequence[Sequence[str]], place: Place = NOWHERE) -> None:
        """Append a table, the long one in several blocks that each repeat the first row."""
        for piece in tables.pieces(rows):
            self.add(piece.markdown, "table", place=place)

    def parsed(self, title: str = "", date: str = "") -> Parsed:
        """What was built. Raises Unreadable where there was nothing, or next to nothing but garbage."""
        if self._lost > GARBAGE_NOTICED and self._lost > GARBAGE_OF_A_FILE * self._seen:
            raise unreadable.garbled(self.what)
        if not self._blocks:
            raise unreadable.empty(self.what)
        if self._lost > GARBAGE_NOTICED:
            self.warnings.append(f"알아볼 수 없는 글자 {self._lost}개를 뺐습니다")
        return Parsed(
            kind=self.kind,
            text="".join(self._pieces),
            blocks=tuple(self._blocks),
            title=" ".join(clean(title)[0].split()),
            date=date,
            warnings=tuple(self.warnings),
        )


def _rows(text: str, places: Mapping[int, Place]) -> tuple[tuple[int, Place], ...]:
    """Where these lines begin, and their places."""
    begins = [0, *accumulate(len(line) + 1 for line in text.split("\n"))] if places else []
    return tuple((begins[line], place) for line, place in places.items())
