"""The exact token ids of a text for one GGUF file, without loading the model.

A text is cut into special tokens and what stands between them, that into pieces whose ids depend on nothing
around them; each piece's ids are found once and remembered. What llama.cpp's `/tokenize` says is the truth.
"""

from collections.abc import Iterable
from functools import cached_property
from itertools import chain
from pathlib import Path
from re import fullmatch
from typing import Protocol
from weakref import WeakValueDictionary

from dunoe.errors import BadRequest, Text
from dunoe.weights.header import Header
from dunoe.weights.tokenizing.cache import Parts, kept, parts_of, remembered
from dunoe.weights.tokenizing.merging import Bpe, Spm
from dunoe.weights.tokenizing.seams import LETTERS
from dunoe.weights.tokenizing.special import BYTE, CONTROL, UNKNOWN, USER_DEFINED, Finder
from dunoe.weights.tokenizing.unigram import Unigram
from dunoe.weights.tokenizing.vocabulary import vocabulary_of
from dunoe.weights.tokenizing.wordpiece import WordPiece
from dunoe.weights.tokenizing.words import SPACE

REMEMBERED = 2**21  # letters of pieces whose ids are kept, all together


class Kind(Protocol):
    """One of the four kinds of vocabulary."""

    def pieces(self, text: str, after_special: bool) -> list[str]:
        """The pieces of a text that have ids of their own."""

    def ids(self, pieces: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """The ids of each piece."""


class Tokenizer:
    """Texts to ids and back, as llama.cpp does it for the same file. Threads may share one."""

    def __init__(self, parts: Parts) -> None:
        self.vocabulary = vocabulary = parts.vocabulary
        self.kind = _kind(parts)
        users = [special for special in vocabulary.specials if not special.is_control]
        self._finders = Finder(users), Finder(vocabulary.specials)
        self._known: dict[str, tuple[int, ...]] = {}
        self._letters = 0

    @classmethod
    def of(cls, source: Path | Header, cache_folder: Path | None = None) -> "Tokenizer":
        """The tokenizer of a GGUF file, or of a header read with its arrays.

        cache_folder: where what was read is kept for the next time; None: nowhere.
        Raise `BadVocabulary` or `NotSupported`.
        """
        if isinstance(source, Path):
            return cls(kept(source, cache_folder))
        return cls(parts_of(vocabulary_of(source)))

    def encode(
        self, text: str, *, add_special: bool = False, parse_special: bool = False
    ) -> list[int]:
        """The ids of a text.

        add_special: with the tokens that the file wants at the beginning and at the end.
        parse_special: control tokens in the text are themselves; else they are letters.
        """
        out: list[int] = []
        for ids in self._encoded(text, parse_special):
            out += ids
        return self._with_ends(out) if add_special else out

    def count(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> int:
        """How many ids `encode` gives."""
        return len(self.encode(text, add_special=add_special, parse_special=parse_special))

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, special tokens spelled out; bytes that are no letter become U+FFFD."""
        try:
            return b"".join([self._bytes[number] for number in ids]).decode("utf-8", "replace")
        except IndexError as exc:
            raise BadRequest(
                Text("어휘에 없는 토큰 번호입니다", "there is no token of that number"),
                Text(
                    f"0에서 {len(self._bytes) - 1:,} 사이의 번호를 쓰세요.",
                    f"use numbers from 0 to {len(self._bytes) - 1:,}.",
                ),
            ) from exc

    def _encoded(self, text: str, parse_special: bool) -> Iterable[list[int]]:
        try:
            text.encode()
        except UnicodeEncodeError:  # half a surrogate is no letter
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        after_special = True
        for part in self._finders[parse_special].parted(text):
            if isinstance(part, int):
                yield [part]
            else:
                yield self._ids(self.kind.pieces(part, after_special))
            after_special = isinstance(part, int)

    def _ids(self, pieces: list[str]) -> list[int]:
        known = self._known
        new = set(pieces).difference(known)
        if new:
            self._letters += sum(map(len, new))
            if (
                self._letters > REMEMBERED
            ):  # a new dictionary: another thread may be reading the old one
                self._letters = sum(map(len, new))
                kept = set(pieces).intersection(known)
                self._known = known = {piece: known[piece] for piece in kept}
            known.update(self.kind.ids(new))
        ids = list(chain.from_iterable(map(known.__getitem__, pieces)))
        return self.kind.joined(ids) if isinstance(self.kind, Unigram) else ids

    def _with_ends(self, ids: list[int]) -> list[int]:
        special, flags = self.vocabulary.ids, self.vocabulary.flags
        is_wordpiece = self.vocabulary.family == "wordpiece"
        first = special["bos"] if is_wordpiece or flags["bos"] else None
        last = special["seperator"] if is_wordpiece else special["eos"] if flags["eos"] else None
        before = [] if first is None else [first]
        return [*before, *ids, *([] if last is None else [last])]

    @cached_property
    def _bytes(self) -> list[bytes]:
        vocabulary = self.vocabulary
        spells_bytes = vocabulary.family == "bpe" and not vocabulary.pre.spaced
        table = {ord(letter): byte for byte, letter in enumerate(LETTERS)}
        shown = {special.id for special in vocabulary.specials}
        out = []
        for number, text in enumerate(vocabulary.tokens):
            kind = vocabulary.types[number]
            if number in shown or kind in (CONTROL, USER_DEFINED, UNKNOWN):
                out.append(text.encode())
            elif kind == BYTE and fullmatch("<0x[0-9A-F]{2}>", text):
                out.append(bytes([int(text[3:5], 16)]))
            elif spells_bytes:
                out.append(
                    b"".join(
                        [bytes([table[ord(c)]]) if ord(c) in table else c.encode() for c in text]
                    )
                )
            else:
                out.append(text.replace(SPACE, " ").encode())
        return out


class Tokenizers:
    """The tokenizers in use, one for each vocabulary: files that say the same share it.

    cache_folder: as `Tokenizer.of` takes it.
    """

    def __init__(self, cache_folder: Path | None) -> None:
        self._folder = cache_folder
        self._used: WeakValueDictionary[str, Tokenizer] = WeakValueDictionary()

    def of(self, path: Path) -> Tokenizer:
        """The tokenizer of a GGUF file; raise as `Tokenizer.of` does."""
        found = self._used.get(remembered(path, self._folder) or "")
        if found is None:
            parts = kept(path, self._folder)
            found = self._used.setdefault(parts.digest, Tokenizer(parts))
        return found


def _kind(parts: Parts) -> Kind:
    vocabulary, junctions, pairs = parts.vocabulary, parts.junctions, parts.pairs
    if vocabulary.family == "wordpiece":
        return WordPiece(vocabulary)
    if parts.merges is not None:
        return Bpe(vocabulary, parts.merges, junctions, pairs)
    if vocabulary.family == "spm":
        return Spm(vocabulary, junctions, pairs)
    return Unigram(vocabulary, junctions, pairs, parts.moving)
