"""What a GGUF file says about its tokens, read the way llama.cpp reads it: flags, special tokens, their kinds.

A vocabulary that llama.cpp refuses to load is refused here, too; nothing in it is believed before it was checked.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from hashlib import sha256
from math import isfinite
from typing import cast

import orjson

from dunoe.errors import BadRequest, NotSupported, Text
from dunoe.weights.header import Header, Value
from dunoe.weights.tokenizing.cuttings import PRES, Pre
from dunoe.weights.tokenizing.special import BYTE, NORMAL, Special, specials_of, token_id

LONGEST = (
    1024  # letters of a token that is looked for at every place of a text; real ones have up to 256
)

FAMILIES = {"gpt2": "bpe", "gemma4": "bpe", "llama": "spm", "t5": "unigram", "bert": "wordpiece"}

NO_SCORES = array("d")

# id of begin, end, unknown, separator where the file names none; None: there is none
_DEFAULTS: dict[str, dict[str, int | None]] = {
    "gpt2": {"bos": 11, "eos": 11, "unknown": None, "seperator": None},
    "gemma4": {"bos": None, "eos": None, "unknown": None, "seperator": None},
    "llama": {"bos": 1, "eos": 2, "unknown": 0, "seperator": None},
    "t5": {"bos": None, "eos": 1, "unknown": 2, "seperator": None},
    "bert": {"bos": 101, "eos": None, "unknown": 100, "seperator": 102},
}


class BadVocabulary(BadRequest):
    """The file's vocabulary contradicts itself; llama.cpp would not load it either."""


@dataclass(frozen=True)
class Vocabulary:
    """A checked vocabulary. tokens: text by id; types and scores as in the file, one for each token.

    scores: empty where they say nothing.
    """

    family: str
    pre: Pre
    tokens: list[str]
    types: bytes
    scores: "array[float]"
    merges: tuple[str, ...]
    charsmap: bytes
    specials: list[Special]
    ids: dict[str, int | None]
    flags: dict[str, bool]
    by_text: dict[str, int] = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """Of all that it says: what is made of two that have the same is the same."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        del said["by_text"]
        tables = [bytes(said.pop(name)) for name in ("types", "scores", "charsmap")]
        digest = sha256(orjson.dumps([said, *map(len, tables)]))
        for table in tables:
            digest.update(table)
        return digest.hexdigest()


def vocabulary_of(header: Header) -> Vocabulary:
    """The vocabulary of a header that was read with its arrays; raise `BadVocabulary` or `NotSupported`."""
    return _Reading(header).vocabulary()


class _Reading:
    def __init__(self, header: Header) -> None:
        self.header = header
        self.model = header.vocabulary or ""
        if self.model not in FAMILIES:
            raise NotSupported(
                Text(
                    f"이 모델의 토크나이저 '{self.model[:40]}'은(는) 아직 셀 수 없습니다",
                    f"we cannot count with this model's tokenizer '{self.model[:40]}' yet",
                ),
                _OTHER_FILE,
            )

    def vocabulary(self) -> Vocabulary:
        family, pre = FAMILIES[self.model], self.pre()
        tokens = self.tokens()
        by_text = numbered(tokens)
        if len(by_text) != len(tokens):
            raise broken("같은 토큰이 두 번 있습니다", "a token stands there twice")
        types = self.types(len(tokens))
        ids = self.ids(pre, len(tokens))
        return Vocabulary(
            family=family,
            pre=pre,
            tokens=tokens,
            types=types,
            scores=self.scores(len(tokens)) if family in ("spm", "unigram") else NO_SCORES,
            merges=self.merges() if family == "bpe" else (),
            charsmap=self.charsmap() if family == "unigram" else b"",
            specials=specials_of(self.header, tokens, types, by_text),
            ids=ids,
            flags=self.flags(family, pre, ids),
            by_text=by_text,
        )

    def pre(self) -> Pre:
        name = self.header.vocabulary_pre or "default"
        if self.model == "gemma4":
            name = "gemma4"
        if FAMILIES[self.model] != "bpe":
            name = "default"
        if name not in PRES:
            raise NotSupported(
                Text(
                    f"글을 자르는 방식 '{name[:40]}'을(를) 모릅니다",
                    f"we do not know this way of cutting text: '{name[:40]}'",
                ),
                _OTHER_FILE,
            )
        return PRES[name]

    def listed(self, key: str, kind: type) -> tuple[object, ...]:
        value: Value | None = self.header.metadata.get(f"tokenizer.ggml.{key}")
        if value is None:
            return ()
        if not isinstance(value, tuple) or (value and not isinstance(value[0], kind)):
            raise broken(f"'{key}'이(가) 목록이 아닙니다", f"'{key}' is not a list")
        return value

    def tokens(self) -> list[str]:
        tokens = self.listed("tokens", str)
        if not tokens:
            raise broken("토큰이 없습니다", "there are no tokens")
        if "" in tokens:
            return [str(token) or f"[EMPTY_{number}]" for number, token in enumerate(tokens)]
        return list(map(str, tokens))

    def types(self, count: int) -> bytes:
        said = self.listed("token_type", int)
        if not said:
            return bytes([NORMAL]) * count
        types = [kind for kind in said if isinstance(kind, int)][:count]
        if len(types) < count:
            raise broken("토큰 종류가 모자랍니다", "there are fewer token types than tokens")
        if not 0 <= min(types) <= max(types) <= BYTE:
            types = [kind if 0 <= kind <= BYTE else 0 for kind in types]
        return bytes(types)

    def scores(self, count: int) -> "array[float]":
        said = self.header.metadata.get("tokenizer.ggml.scores", ())
        if not isinstance(said, tuple) or (said and len(said) < count):
            raise broken("토큰 점수가 모자랍니다", "there are fewer scores than tokens")
        scores = array("d", [score for score in said if isinstance(score, int | float)][:count])
        if len(scores) < min(count, len(said)) or not all(map(isfinite, scores)):
            raise broken("점수가 수가 아닙니다", "a score is not a number")
        return scores or array("d", bytes(8 * count))

    def merges(self) -> tuple[str, ...]:
        if (
            "tokenizer.ggml.merges" not in self.header.metadata
            and self.header.vocabulary_pre != "kimi-k2"
        ):
            raise broken("병합 규칙이 없습니다", "there are no merges")
        return cast("tuple[str, ...]", self.listed("merges", str))  # arrays are of one type

    def charsmap(self) -> bytes:
        numbers = self.listed("precompiled_charsmap", int)
        try:
            data = bytes(int(str(number)) & 0xFF for number in numbers)
        except ValueError as exc:
            raise broken("charsmap이 깨졌습니다", "its charsmap is broken") from exc
        if data and (len(data) < 4 or int.from_bytes(data[:4], "little") + 4 >= len(data)):
            raise broken("charsmap이 깨졌습니다", "its charsmap is broken")
        return data

    def flag(self, key: str, default: bool) -> bool:
        value = self.header.metadata.get(f"tokenizer.ggml.{key}")
        return value if isinstance(value, bool) else default

    def ids(self, pre: Pre, count: int) -> dict[str, int | None]:
        found = dict(_DEFAULTS[self.model])
        if not pre.has_default_bos:
            found["bos"] = None
        for name, default in found.items():
            said = token_id(self.header, name)
            if said is not None and 0 <= said < count:
                found[name] = said
            elif default is not None and default >= count:
                found[name] = None
        return found

    def flags(self, family: str, pre: Pre, ids: dict[str, int | None]) -> dict[str, bool]:
        adds_bos = self.flag("add_bos_token", family in ("spm", "wordpiece") or pre.adds_bos)
        if pre is PRES["gemma4"]:
            adds_bos = True
        flags = {
            "bos": adds_bos,
            "eos": self.flag("add_eos_token", family == "unigram"),
            "space_prefix": self.flag("add_space_prefix", family == "spm"),
            "one_space": self.flag("remove_extra_whitespaces", False),
        }
        lowers = self.header.metadata.get("tokenizer.ggml.normalizer.lowercase")
        flags["lowercase"] = lowers if isinstance(lowers, bool) else True
        strips = self.header.metadata.get("tokenizer.ggml.normalizer.strip_accents")
        flags["strip_accents"] = strips if isinstance(strips, bool) else flags["lowercase"]
        needed = {"bos": flags["bos"] or family == "wordpiece", "eos": flags["eos"]}
        needed["seperator"] = family == "wordpiece"
        for name, is_needed in needed.items():
            if is_needed and ids[name] is None:
                raise broken(f"'{name}' 토큰이 없습니다", f"it has no '{name}' token")
        return flags


_OTHER_FILE = Text(
    "같은 모델의 다른 GGUF 파일을 쓰거나, 이 모델을 실행한 뒤 그 엔진이 센 값을 보세요.",
    "use another GGUF file of this model, or run it and read what its engine counts.",
)


def broken(ko: str, en: str) -> BadVocabulary:
    return BadVocabulary(
        Text(
            f"모델 파일의 어휘가 망가졌습니다: {ko}", f"the model file's vocabulary is broken: {en}"
        ),
        Text("파일을 지우고 다시 받으세요.", "remove it and fetch it again."),
    )


def lengths_of(tokens: Sequence[str]) -> list[int]:
    """The lengths that tokens have, in letters; raise `BadVocabulary` where looking for them would take for ever."""
    lengths = sorted(set(map(len, tokens)))
    if lengths[-1] > LONGEST:
        raise broken("토큰이 너무 깁니다", "a token is too long")
    return lengths


def numbered(tokens: Sequence[str]) -> dict[str, int]:
    """The id of each token.

    A table that once had a key that is no text keeps the keys' hashes beside them: it is made in less time (8 of 55 ms
    for 262,144 tokens), and what is not there is found missing in half the time.
    """
    by_text: dict[str | None, int] = {None: 0}
    by_text.update(zip(tokens, range(len(tokens)), strict=True))
    del by_text[None]
    return cast("dict[str, int]", by_text)  # None is gone
