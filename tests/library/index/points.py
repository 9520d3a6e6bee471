"""Points to fill an index with."""

import uuid
from collections.abc import Mapping

from dunoe.library.index.point import Payload, Point, Sparse

SPACE = uuid.UUID("5d0f5a0e-2a0c-4c0f-8a51-0b8a8d3c1f10")
DIMENSIONS = 4


def name(of: str) -> str:
    """A UUID that is always the same for the same word."""
    return str(uuid.uuid5(SPACE, of))


def payload(document: str = "guide", **fields: object) -> Payload:
    """What filters see of a document; `document` is a word that stands for its UUID."""
    usual: Mapping[str, object] = {"under": ("/lib",), "name": f"{document}.md", "kind": "markdown"}
    return Payload(document=name(document), **{**usual, **fields})  # type: ignore[arg-type]  # fields of any type


def point(
    of: str,
    terms: dict[int, float] | None = None,
    dense: list[float] | None = None,
    about: Payload | None = None,
) -> Point:
    """One passage: its terms, its vector, its document."""
    terms = terms or {1: 1.0}
    sparse = Sparse(list(terms), list(terms.values()))
    return Point(name(of), sparse, about or payload(), dense)


def ask(*terms: int) -> Sparse:
    """A query of these terms."""
    return Sparse(list(terms), [1.0] * len(terms))
