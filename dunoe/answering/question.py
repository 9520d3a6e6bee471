"""What can be asked, and the events of which an answer consists."""

from dataclasses import dataclass, field
from typing import Literal, Self

from dunoe.answering.citations import Citation
from dunoe.answering.masking import masked
from dunoe.answering.pack import Candidate
from dunoe.answering.source import Source
from dunoe.engines.events import Usage
from dunoe.errors import Language, Problem, Text
from dunoe.library.index.point import Filter
from dunoe.library.passage import Place

SearchMode = Literal["lexical", "semantic", "hybrid"]


@dataclass(frozen=True, slots=True)
class Question:
    """One question. top_k: sources at most. temperature: None leaves it to the model's makers.

    session: the conversation it belongs to; role: who should answer, None for the `search` role or the default.
    masks: registration and telephone numbers and keys are hidden, wherever they stand, from the model too.
    """

    text: str
    uses_documents: bool = True
    top_k: int = 5
    max_tokens: int = 500
    temperature: float | None = None
    mode: SearchMode = "hybrid"
    use_reranking: bool = False
    use_multihop: bool = False
    session: str = ""
    wanted: Filter = field(default_factory=Filter)
    role: str | None = None
    language: Language = "ko"
    masks: bool = False

    def hidden(self, text: str) -> str:
        """A text as the model and the reader of the answer may see it."""
        return masked(text) if self.masks else text


@dataclass(slots=True)
class Found:
    """The sources that the answer may cite, or, of a refusal, the nearest. The first event of every answer."""

    sources: list[Source]


@dataclass(slots=True)
class Silent:
    """No model answers, and why: what follows are the passages themselves."""

    why: Problem


@dataclass(slots=True)
class Piece:
    """Text of the answer; its markers are checked."""

    text: str


@dataclass(slots=True)
class Thought:
    """Text of the reasoning before the answer."""

    text: str


@dataclass(slots=True)
class Cited:
    """A citation that held; its marker is in a `Piece` that went before or comes at once."""

    citation: Citation


@dataclass(frozen=True, slots=True)
class Dropped:
    """What was found but not read, for want of room: a passage, or a source with what stood around it.

    passage: the one that was found.
    """

    document: str
    file: str
    passage: str
    headings: tuple[str, ...]
    place: Place

    @classmethod
    def of(cls, one: Source | Candidate) -> Self:
        """The words for it."""
        if isinstance(one, Source):
            return cls(one.document, one.file, one.best.id, one.headings, one.place)
        part = one.leaf.part
        return cls(one.document, one.file, part.id, part.headings, part.place)


@dataclass(slots=True)
class Ended:
    """The end. answer: the whole text as its pieces said it. model: None where none was asked.

    searched: the question as it was searched. dropped: found, but not read for want of room. finish: why the model
    stopped. modes: what the search really did. warnings: what a person should know of how this was made.
    """

    answer: str
    model: str | None
    searched: str
    is_refusal: bool = False
    citations: list[Citation] = field(default_factory=list)
    removed: int = 0
    dropped: list[Dropped] = field(default_factory=list)
    usage: Usage | None = None
    finish: str = "stop"
    modes: tuple[str, ...] = ()
    warnings: tuple[Text, ...] = ()


Event = Found | Silent | Piece | Thought | Cited | Ended
