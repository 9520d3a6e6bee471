"""The one internal stream: small events, handed on in batches.

A batch is what arrived in one read of the network: nothing waits for a fuller batch, and a burst costs one
write. An answer that breaks off raises a Problem from the stream; one that ends has said `Finished` once for
each choice, and `Usage`.
"""

from dataclasses import dataclass
from typing import Literal

from dunoe.engines.request import Json

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(slots=True)
class Said:
    """A piece of the answer. logprobs: OpenAI chat form, one entry a token of this piece."""

    text: str
    index: int = 0
    logprobs: list[Json] | None = None


@dataclass(slots=True)
class Thought:
    """A piece of the reasoning that comes before the answer."""

    text: str
    index: int = 0


@dataclass(slots=True)
class Called:
    """A piece of a tool call; id and name come with the first piece of call number `call`."""

    call: int
    id: str = ""
    name: str = ""
    arguments: str = ""
    index: int = 0


@dataclass(slots=True)
class Finished:
    """Why choice `index` ended; stop: the stop text that ended it, where the engine says so."""

    reason: FinishReason
    index: int = 0
    stop: str | None = None


@dataclass(slots=True)
class Usage:
    """Counts by the engine itself, of the whole prompt (cached part included); seconds where it tells them."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    prefill_s: float = 0.0
    decode_s: float = 0.0


@dataclass(slots=True)
class Reading:
    """The engine reads the prompt. prompt_tokens: all of it; told before the first piece, by engines that can."""

    prompt_tokens: int


@dataclass(slots=True)
class Extra:
    """Fields of the engine's reply that we do not model (`timings`, `system_fingerprint`, ...)."""

    fields: Json


Event = Said | Thought | Called | Finished | Usage | Reading | Extra
