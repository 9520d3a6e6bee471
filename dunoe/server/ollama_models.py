"""What Ollama tells of its models: /api/tags, /api/ps and /api/show."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from dunoe.engines.request import Json
from dunoe.weights.header import Header, Skipped

NEVER = datetime(2318, 1, 1, tzinfo=UTC)  # when a model expires that stays
_ROUND = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "K"))


@dataclass(frozen=True)
class Card:
    """One model as Ollama's clients list it.

    size: bytes on disk. digest: sha256 in hex, or anything else that names this very file.
    details: as `details_of` makes them, or as another Ollama told them.
    capabilities: completion, tools, insert, vision, embedding, thinking.
    """

    name: str
    modified_at: datetime
    size: int
    digest: str
    details: Json
    capabilities: tuple[str, ...] = ("completion",)


@dataclass(frozen=True)
class Running:
    """A loaded model. size: bytes it takes in all; size_vram: the part on the card; context: tokens a slot."""

    card: Card
    size: int
    size_vram: int
    context: int


def tags(cards: Iterable[Card]) -> Json:
    """The body of /api/tags."""
    return {"models": [_listed(card) for card in cards]}


def ps(running: Iterable[Running]) -> Json:
    """The body of /api/ps. A model stays until its room is needed, so none has a time to go."""
    return {
        "models": [
            {
                "name": one.card.name,
                "model": one.card.name,
                "size": one.size,
                "digest": one.card.digest,
                "details": one.card.details,
                "expires_at": _time(NEVER),
                "size_vram": one.size_vram,
                "context_length": one.context,
            }
            for one in running
        ]
    }


def show(card: Card, header: Header, *, parameters: str = "", verbose: bool = False) -> Json:
    """The body of /api/show for a GGUF file of ours.

    header: read with its arrays for `verbose`, which tells the whole vocabulary; else they are null.
    parameters: what the settings fix, one `name value` a line.
    """
    hidden = ("general.name", "tokenizer.chat_template")
    told = {
        key: _value(value, verbose=verbose)
        for key, value in header.metadata.items()
        if key not in hidden
    }
    body: Json = {
        "modelfile": f"FROM {card.name}\n",
        "template": header.chat_template or "",
        "details": card.details,
        "model_info": {**told, "general.parameter_count": header.parameter_count},
        "tensors": [
            {"name": tensor.name, "type": tensor.type, "shape": tensor.shape}
            for tensor in header.tensors
        ],
        "capabilities": card.capabilities,
        "modified_at": _time(card.modified_at),
    }
    return body | ({"parameters": parameters} if parameters else {})


def details_of(header: Header) -> Json:
    """The `details` of a GGUF file."""
    family = header.architecture
    return {
        "parent_model": "",
        "format": "gguf",
        "family": family,
        "families": [family],
        "parameter_size": _rounded(header.parameter_count),
        "quantization_level": header.quantisation,
        "context_length": header.context_length or 0,
        "embedding_length": header.embedding_length or 0,
    }


def capabilities_of(header: Header, *, is_seeing: bool = False) -> tuple[str, ...]:
    """What a GGUF file can do, as far as its header shows it. is_seeing: a projector for pictures goes with it."""
    if header.number("pooling_type") is not None:
        return ("embedding",)
    template = header.chat_template or ""
    shown = {
        "completion": True,
        "tools": "tools" in template,
        "insert": any(
            f"tokenizer.ggml.{kind}_token_id" in header.metadata for kind in ("fim_pre", "prefix")
        ),
        "vision": is_seeing,
        "thinking": "<think>" in template or "enable_thinking" in template,
    }
    return tuple(name for name, can in shown.items() if can)


def _listed(card: Card) -> Json:
    return {
        "name": card.name,
        "model": card.name,
        "modified_at": _time(card.modified_at),
        "size": card.size,
        "digest": card.digest,
        "details": card.details,
        "capabilities": card.capabilities,
    }


def _value(value: object, *, verbose: bool) -> object:
    if isinstance(value, Skipped) or (isinstance(value, tuple) and not verbose):
        return None
    return value


def _rounded(count: int) -> str:
    """7615616512 -> 7.6B, 494032768 -> 494.03M: as Ollama rounds."""
    for size, unit in _ROUND:
        if count >= size:
            return f"{count / size:.1f}{unit}" if unit == "B" else f"{count / size:.2f}{unit}"
    return str(count)


def _time(when: datetime) -> str:
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")
