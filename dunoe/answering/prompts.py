"""What models are told, by language and role: data files beside this one, filled in here."""

import tomllib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

from dunoe.answering import fence, guard
from dunoe.answering.source import Source, titled
from dunoe.engines.request import Json
from dunoe.errors import Language
from dunoe.portfolio.model import Model
from dunoe.portfolio.policy import policy_of


class Turn(NamedTuple):
    """One earlier question with its answer."""

    question: str
    answer: str


class Prompts:
    """The prompts of one language for one role."""

    def __init__(self, language: Language, role: str) -> None:
        self.language = language
        self._tables = _read(language)
        own = self._tables.get(role, {}) if role in ("brain", "search", "coder", "router") else {}
        self._role = {**self._tables["default"], **own}

    def cited(
        self, model: Model, turns: Sequence[Turn], sources: Sequence[Source], question: str
    ) -> list[Json]:
        """The chat for an answer from documents; what never changes stands first."""
        pieces = "\n\n".join(self._piece(source) for source in sources)
        asked = _filled(self._role["question"], documents=pieces, question=question)
        return _chat(model, self._role["system"], turns, asked)

    def _piece(self, source: Source) -> str:
        """A source with its number, where it stands, and what the model should know of it; it poses as nothing else."""
        title = titled(source.file, source.headings, source.place, self.language)
        warning = self.say("flagged") + "\n" if guard.flags_of(source) else ""
        return f"[{source.number}] {fence.one_line(title)}\n{warning}{fence.escaped(source.text.strip())}"

    def plain(self, model: Model, turns: Sequence[Turn], question: str) -> list[Json]:
        """The chat for an answer without documents."""
        return _chat(model, self._tables["plain"]["system"], turns, question)

    def rewrite(self, turns: Sequence[Turn], question: str) -> list[Json]:
        """The chat that asks for a question which stands alone."""
        said = self._tables["words"]
        told = "".join(
            f"{said['asker']}: {turn.question[:400]}\n{said['answerer']}: {turn.answer[:400]}\n"
            for turn in turns
        )
        asked = _filled(self._tables["rewrite"]["question"], turns=told, question=question)
        return [{"role": "user", "content": asked.strip()}]

    def hops(self, question: str) -> list[Json]:
        """The chat that asks what should be looked up."""
        asked = _filled(self._tables["hops"]["question"], question=question)
        return [{"role": "user", "content": asked.strip()}]

    def say(self, name: str, words: str = "") -> str:
        """One of our own sentences."""
        return _filled(self._tables["words"][name], words=words)


def _chat(model: Model, system: str, turns: Iterable[Turn], question: str) -> list[Json]:
    chat: list[Json] = []
    for turn in turns:
        chat.append({"role": "user", "content": turn.question})
        chat.append({"role": "assistant", "content": turn.answer})
    chat.append({"role": "user", "content": question.strip()})
    if policy_of(model).takes_system:
        return [{"role": "system", "content": system.strip()}, *chat]
    chat[0] = {**chat[0], "content": f"{system.strip()}\n\n{chat[0]['content']}"}
    return chat


def _filled(template: str, **values: str) -> str:
    """Each {name} replaced once; braces inside the values are letters."""
    pieces = template.split("{")
    filled = pieces[0]
    for piece in pieces[1:]:
        name, brace, rest = piece.partition("}")
        filled += values[name] + rest if brace and name in values else "{" + piece
    return filled


@lru_cache(maxsize=2)
def _read(language: Language) -> dict[str, dict[str, str]]:
    text = files("dunoe.answering").joinpath(f"prompts/{language}.toml").read_text("utf-8")
    return tomllib.loads(text)
