"""What answering needs of a library: passages found for a question, and what stands around them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dunoe.answering.pack import Candidate
from dunoe.answering.question import Question
from dunoe.answering.refusal import Evidence
from dunoe.errors import Text


@dataclass(frozen=True, slots=True)
class Finding:
    """What a search brought.

    candidates: best first, each with its section and what stands around it. evidence: how sure the search is of the
    first. is_empty: there is nothing in the library at all. modes: what the search really did.
    """

    candidates: Sequence[Candidate]
    evidence: Evidence
    is_empty: bool = False
    modes: tuple[str, ...] = ()
    warnings: tuple[Text, ...] = ()


class Reader(Protocol):
    """A library, as answering reads it."""

    async def find(self, question: Question, texts: Sequence[str]) -> Finding:
        """The passages for a question; texts: what to search, the question itself or what it was made into."""
