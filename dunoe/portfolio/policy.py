"""How a family of models wants to be asked, as data: `policies.toml`."""

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from dunoe.portfolio.model import Model


@dataclass(frozen=True, slots=True)
class Policy:
    """takes_system: it may be given a system prompt; False: everything goes into the first question.

    temperature, top_p: what its makers advise; None where they advise nothing. thinking: tokens it may think with
    before an answer, on top of the answer's own.
    """

    pattern: str = ""
    takes_system: bool = True
    temperature: float | None = None
    top_p: float | None = None
    thinking: int = 0


def policy_of(model: Model) -> Policy:
    """The policy of a model, by its name, the engine's name for it, or its file."""
    file = model.settings.file
    names = (model.name, model.upstream, file.name if file is not None else "")
    for policy in _policies():
        if any(re.search(policy.pattern, name, re.IGNORECASE) for name in names):
            return policy
    return Policy()


@lru_cache(maxsize=1)
def _policies() -> list[Policy]:
    text = files("dunoe.portfolio").joinpath("policies.toml").read_text("utf-8")
    return [Policy(**one) for one in tomllib.loads(text)["policy"]]
