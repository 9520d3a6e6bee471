"""Where words stand in a document: places taken together, and the spot within a passage that was meant."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import takewhile
from typing import Any

from dunoe.library.passage import Place, Spot
from dunoe.library.query import plain
from dunoe.store.documents import PassageRow

_CELLS = re.compile(
    r"(?P<sheet>.*!)?\$?(?P<left>[A-Z]+)\$?(?P<top>\d+)(?::\$?(?P<right>[A-Z]+)\$?(?P<bottom>\d+))?",
    re.S,
)
_SIGNS = "\"'?!.,()[]{}:;「」『』“”‘’…"  # noqa: RUF001 - as they stand around words
_HEADER = re.compile(r"^\|(?: --- \|)+$", re.M)  # the line below it
_SHORTEST = 2  # letters that say something


def around(places: Sequence[Place]) -> Place:
    """From where the first of these begins to where the last one ends."""
    return Place(
        line=_first(place.line for place in places),
        line_end=_last((place.line, place.line_end) for place in places),
        page=_first(place.page for place in places),
        page_end=_last((place.page, place.page_end) for place in places),
        slide=_first(place.slide for place in places),
        slide_end=_last((place.slide, place.slide_end) for place in places),
        cells=_cells([place.cells for place in places if place.cells]),
    )


def shared(paths: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The headings that all of these stand under; what stands before the first heading does not count."""
    levels = zip(*filter(None, paths), strict=False)
    return tuple(level[0] for level in takewhile(lambda level: len(set(level)) == 1, levels))


def place_of(passage: PassageRow) -> Place:
    """Where all of a passage stands."""
    return Place(**{name: at for name, at in passage.place.items() if name != "spots"})


def spots_of(passage: PassageRow) -> tuple[Spot, ...]:
    """What a passage is made of, at least itself."""
    kept = passage.place.get("spots")
    if not kept:
        return (Spot(passage.start, passage.end, passage.headings, place_of(passage)),)
    return tuple(
        Spot(passage.start + first, passage.start + last, tuple(headings), Place(**place))
        for first, last, headings, place in kept
    )


def kept_place(place: Place, start: int, spots: Sequence[Spot]) -> dict[str, Any]:  # Any: JSON
    """What the catalogue keeps of them; `place_of` and `spots_of` read it. start: of the passage."""
    kept = _known(place)
    if spots:
        kept["spots"] = [
            [one.start - start, one.end - start, list(one.headings), _known(one.place)]
            for one in spots
        ]
    return kept


def meant(spots: Sequence[Spot], text: str, words: str) -> Spot:
    """The spot that says most of these words, the first of equally good ones. text: of all the spots.

    A word counts as far as it stands there (주차장에서 finds 주차장), the more the fewer spots have it. What a table's
    header says, each of its rows says.
    """
    if len(spots) == 1:
        return spots[0]
    begin = spots[0].start
    texts = _with_headers(text[one.start - begin : one.end - begin].casefold() for one in spots)
    worth = [0.0] * len(spots)
    for word in {word.strip(_SIGNS) for word in plain(words).split()}:
        for length in range(len(word), _shortest(word) - 1, -1):
            having = [at for at, one in enumerate(texts) if word[:length] in one]
            for at in having:
                worth[at] += length / len(word) / len(having)
            if having:
                break
    return spots[max(range(len(spots)), key=worth.__getitem__)]


def _with_headers(texts: Iterable[str]) -> list[str]:
    """Rows of tables with the header above them."""
    found, header = list[str](), ""
    for text in texts:
        if _HEADER.search(text) or not text.startswith("|"):
            header = text if text.startswith("|") else ""
            found.append(text)
        else:
            found.append(header + text)
    return found


def _shortest(word: str) -> int:
    """How many letters of a word have to stand there: Korean has a particle behind it, English an s."""
    return max(_SHORTEST, 0 if word[-1:] >= "가" else len(word) - 1)


def _known(place: Place) -> dict[str, Any]:  # Any: JSON
    return {name: at for name, at in asdict(place).items() if at is not None}


def _first(numbers: Iterable[int | None]) -> int | None:
    return next((number for number in numbers if number is not None), None)


def _last(numbers: Iterable[tuple[int | None, int | None]]) -> int | None:
    ends = [last if last is not None else first for first, last in numbers]
    return _first(reversed(ends))


def _cells(ranges: Sequence[str]) -> str | None:
    """One range for each sheet: `S!A1:C9, T!A1` of `S!A1:C5`, `S!A6:C9` and `T!A1`."""
    if len(set(ranges)) < 2:
        return ranges[0] if ranges else None
    sheets: dict[str, str] = {}
    for one in ranges:
        found = _CELLS.fullmatch(one)
        sheet = (found["sheet"] or "") if found else one
        sheets[sheet] = _both(sheets[sheet], one) if sheet in sheets else one
    return ", ".join(sheets.values())


def _both(first: str, second: str) -> str:
    """The smallest range of one sheet that holds both."""
    found = [_CELLS.fullmatch(one) for one in (first, second)]
    corners = [one for one in found if one]
    if len(corners) < 2:
        return first
    left = min((one["left"] for one in corners), key=_column)
    right = max((one["right"] or one["left"] for one in corners), key=_column)
    top = min((one["top"] for one in corners), key=int)
    bottom = max((one["bottom"] or one["top"] for one in corners), key=int)
    return f"{corners[0]['sheet'] or ''}{left}{top}:{right}{bottom}"


def _column(name: str) -> tuple[int, str]:
    return len(name), name
