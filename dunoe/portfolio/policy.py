"""How a family of models wants to be asked, as data: `policies.toml`."""

import re
from functools import cache
from importlib.resources import as_file, files

from pydantic import Field

from dunoe.errors import Text
from dunoe.portfolio.entries import Table
from dunoe.portfolio.model import Model
from dunoe.toml_file import TomlFile


class Policy(Table):
    """One row of `policies.toml`. None: its makers advise nothing.

    takes_system: it may be given a system prompt; False: everything goes into the first question.
    thinking: tokens it may think with before an answer, on top of the answer's own.
    max_tokens: longer answers than this one lead it astray.
    note: what a person should know of its template or its habits.
    """

    pattern: str = ""
    takes_system: bool = True
    temperature: float | None = Field(None, ge=0)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=0)
    min_p: float | None = Field(None, ge=0, le=1)
    thinking: int = Field(0, ge=0)
    stop: tuple[str, ...] = ()
    max_tokens: int | None = Field(None, gt=0)
    repeat_last_n: int | None = None
    repeat_penalty: float | None = None
    note: Text | None = None

    def sampling(self) -> dict[str, float | int | list[str]]:
        """What is advised, as options of a generation."""
        fields = ("temperature", "top_p", "top_k", "min_p", "repeat_last_n", "repeat_penalty")
        advised = {name: getattr(self, name) for name in fields}
        said = {name: value for name, value in advised.items() if value is not None}
        return said | ({"stop": list(self.stop)} if self.stop else {})

    def room(self, max_tokens: int) -> int:
        """Tokens to keep free for an answer of that many: its thinking too, and no more than it can bear."""
        return min(max_tokens, self.max_tokens or max_tokens) + self.thinking


class _Policies(Table):
    """The whole of `policies.toml`."""

    policy: tuple[Policy, ...]


def policy_of(model: Model) -> Policy:
    """The policy of a model, by its name, the engine's name for it, or its file."""
    file = model.settings.file
    return policy_for(model.name, model.upstream, file.name if file is not None else "")


def policy_for(*names: str) -> Policy:
    """The first policy whose pattern any of the names has."""
    for policy in _policies():
        if any(re.search(policy.pattern, name, re.IGNORECASE) for name in names):
            return policy
    return Policy()


@cache
def _policies() -> tuple[Policy, ...]:
    with as_file(files("dunoe.portfolio").joinpath("policies.toml")) as path:
        return TomlFile(path).checked(_Policies).policy
