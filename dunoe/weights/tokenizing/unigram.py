"""Unigram (`t5`: XLM-R, e5, bge-m3): letters made uniform by the file's own map, then the likeliest tokens.

Scores are 24-bit fractions added in 53 bits: sums are exact, so a word's best tokens do not depend on what stands
before it.
"""

from array import array
from collections.abc import Iterable
from functools import cached_property
from itertools import compress, groupby
from math import inf

from dunoe.weights.tokenizing.charsmap import Uniform
from dunoe.weights.tokenizing.seams import ByParts
from dunoe.weights.tokenizing.special import NORMAL, UNUSED, USER_DEFINED, numbers_of
from dunoe.weights.tokenizing.vocabulary import Vocabulary, broken, lengths_of
from dunoe.weights.tokenizing.words import SPACE, words_of

PENALTY = 10.0  # what an unknown letter costs more than the worst token


class Unigram:
    """A vocabulary of the `t5` kind. moving: what `Charsmap.moving` says of its map."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        junctions: list[tuple[str, str]] | None,
        pairs: str,
        moving: str | None,
    ) -> None:
        types, texts = vocabulary.types, vocabulary.tokens
        self.vocabulary = vocabulary
        self.flags, self.by_text = vocabulary.flags, vocabulary.by_text
        self.unknown = vocabulary.ids["unknown"]
        self.worths = vocabulary.scores[:]  # by id; what is never found is worth -inf
        for special in vocabulary.specials:
            if not special.is_control:
                self.worths[special.id] = 0.0
        findable = (NORMAL, USER_DEFINED, UNUSED)
        for number in numbers_of(types, {*range(256)}.difference(findable)):
            self.worths[number] = -inf
        self.lengths = lengths_of(texts)
        kept = [texts[number] for number in numbers_of(types, {USER_DEFINED})]
        self.uniform = Uniform(vocabulary.charsmap, kept, moving)
        self.words = words_of(junctions)
        self.parts = ByParts(pairs, self.ids_of)

    @cached_property
    def unknown_worth(self) -> float:
        """What a letter is worth that no token has."""
        normal = self.vocabulary.types.translate(bytes(kind == NORMAL for kind in range(256)))
        worst = min(compress(self.vocabulary.scores, normal), default=0.0)
        return array("f", [min(worst, 0.0) - PENALTY])[0]

    def pieces(self, text: str, after_special: bool) -> list[str]:
        """The pieces that have ids of their own."""
        whole = self.uniform.text(text)
        if self.flags["one_space"]:
            return self.words("".join([SPACE + word for word in whole.split(" ") if word]))
        if self.flags["space_prefix"]:
            bare = whole.lstrip(" ")
            whole = whole[: len(whole) - len(bare)] + (" " + bare if bare else "")
        return self.words(whole.replace(" ", SPACE))

    def ids(self, pieces: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """The ids of each piece."""
        return self.parts.ids(list(pieces))

    def ids_of(self, piece: str) -> tuple[int, ...]:
        """The likeliest tokens of one piece."""
        count, lengths = len(piece), self.lengths
        number_of, worths = self.by_text.get, self.worths
        best: list[tuple[float, int, int | None]] = [(-inf, 0, self.unknown)] * (count + 1)
        best[0] = (0.0, 0, self.unknown)
        for start in range(count):
            so_far = best[start][0]
            for length in lengths:
                end = start + length
                if end > count:
                    break
                number = number_of(piece[start:end])
                if number is not None and so_far + worths[number] > best[end][0]:
                    best[end] = (so_far + worths[number], start, number)
            single = number_of(piece[start])
            is_known = single is not None and worths[single] > -inf
            if not is_known and so_far + self.unknown_worth > best[start + 1][0]:
                best[start + 1] = (so_far + self.unknown_worth, start, self.unknown)
        ids = []
        end = count
        while end > 0:
            _, start, number = best[end]
            if number is None:
                raise broken("모르는 글자의 토큰이 없습니다", "it has no token for unknown letters")
            ids.append(number)
            end = start
        return tuple(reversed(ids))

    def joined(self, ids: list[int]) -> list[int]:
        """Unknown letters in a row are one token."""
        if self.unknown not in ids:
            return ids
        out: list[int] = []
        for number, run in groupby(ids):
            out += [number] if number == self.unknown else run
        return out
