"""The bodies of the ask dialect, and the questions behind them."""

from datetime import date
from typing import Annotated, Literal
from unicodedata import category

from pydantic import AfterValidator, AliasChoices, ConfigDict, Field

from dunoe.answering.question import Question, SearchMode
from dunoe.errors import BadRequest, Language, Text
from dunoe.library.index.point import Filter
from dunoe.server.body import Body
from dunoe.settings import ROLES

_DAY_0 = date(1970, 1, 1).toordinal()
_MODES: dict[str, SearchMode] = {
    "semantic": "semantic",
    "keyword": "lexical",
    "lexical": "lexical",
    "hybrid": "hybrid",
}
Names = str | list[str | int] | None
_UNSEEN = ("Cc", "Cf", "Zl", "Zp", "Zs")  # joiners and marks of direction, too


def seen(said: str) -> str:
    """A text without NUL, which no database takes, and space around it; "" where a person sees nothing."""
    text = said.replace("\0", "").strip()
    return text if any(category(letter) not in _UNSEEN for letter in text) else ""


Session = Annotated[str, Field(max_length=200), AfterValidator(seen)]
Said = Annotated[  # what a person asks or looks for; whether a model can read so much is told by its context
    str, Field(max_length=32_000), AfterValidator(seen)
]


class FiltersBody(Body):
    """Which documents may answer. Each takes one value or a list; inside a list any will do.

    A name that is none is refused: ignored, it would let every document answer.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    file_path: Names = Field(None, description="a path or a glob, such as **/*.md")
    folder: Names = None
    tags: Names = Field(None, validation_alias=AliasChoices("tags", "tag"))
    labels: Names = Field(None, validation_alias=AliasChoices("labels", "label"))
    projects: Names = Field(None, validation_alias=AliasChoices("projects", "project"))
    types: Names = Field(None, validation_alias=AliasChoices("types", "type"))
    statuses: Names = Field(None, validation_alias=AliasChoices("statuses", "status"))
    kinds: Names = Field(
        None,
        description="markdown, pdf, hwp, …",
        validation_alias=AliasChoices("kinds", "kind"),
    )
    since: str | None = Field(None, description="YYYY-MM-DD")
    until: str | None = Field(None, description="YYYY-MM-DD")


class AskBody(Body):
    """POST /api/ask and /api/ask/stream."""

    question: Said = ""
    context_enabled: bool = True
    top_k: int = Field(5, ge=1, le=50)
    max_tokens: int = Field(500, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    search_mode: Literal["semantic", "hybrid", "keyword", "lexical"] | None = None
    use_reranking: bool = False
    use_multihop: bool = False
    session_id: Session | None = None
    filters: FiltersBody | None = None
    role: Literal["brain", "search", "coder", "router"] | None = None
    language: Language | None = None
    mask: bool = Field(
        False, description="hide registration numbers, telephone numbers and keys in documents"
    )


def decode(body: AskBody, wanted: Filter, language: Language) -> Question:
    """The question behind a body; raise BadRequest when there is none."""
    return Question(
        text=required(body.question),
        uses_documents=body.context_enabled,
        top_k=body.top_k,
        max_tokens=body.max_tokens,
        temperature=body.temperature,
        mode=mode_of(body.search_mode),
        use_reranking=body.use_reranking,
        use_multihop=body.use_multihop,
        session=body.session_id or "",
        wanted=wanted,
        role=body.role if body.role in ROLES else None,
        language=body.language or language,
        masks=body.mask,
    )


def required(question: str) -> str:
    """The question itself; raise BadRequest when it is empty."""
    if question:
        return question
    raise BadRequest(
        Text("질문을 입력하세요", "ask something"),
        Text('{"question": "…"}으로 보내세요.', 'send {"question": "…"}.'),
        param="question",
    )


def mode_of(said: str | None) -> SearchMode:
    """Our word for a search mode; hybrid where none is said."""
    return _MODES.get(said or "hybrid", "hybrid")


def names(said: Names) -> tuple[str, ...]:
    """One value or a list, as texts."""
    if not said:  # an empty field of a form, too
        return ()
    return (said,) if isinstance(said, str) else tuple(str(one) for one in said if one != "")


def day(said: str | None, param: str) -> int | None:
    """Days since 1970 of `YYYY-MM-DD…`; raise BadRequest for what is no date."""
    if not said:
        return None
    try:
        return date.fromisoformat(said[:10]).toordinal() - _DAY_0
    except ValueError as exc:
        raise BadRequest(
            Text(f"날짜가 아닙니다: {said}", f"not a date: {said}"),
            Text("2026-11-23처럼 쓰세요.", "write it like 2026-11-23."),
            param=param,
        ) from exc
