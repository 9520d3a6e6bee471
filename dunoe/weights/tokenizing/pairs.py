"""Neighbours merged pair by pair, the best pair first and of equal ones the leftmost, until none merges."""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import Generic, TypeVar

Symbol = TypeVar("Symbol", int, str)
Best = tuple[float, Symbol] | None  # what a pair is worth (less is better) and what it becomes

FEW = 64  # symbols; up to here looking at all of them beats a heap


def merged(symbols: list[Symbol], best: Callable[[Symbol, Symbol], Best[Symbol]]) -> list[Symbol]:
    """What is left when no two neighbours merge any more."""
    if len(symbols) > FEW:
        return _Heap(symbols, best).merged()
    never = (float("inf"), symbols[0])
    pairs = [best(left, right) or never for left, right in pairwise(symbols)]
    worths = [worth for worth, _ in pairs]
    while worths:
        worth = min(worths)
        if worth == never[0]:
            break
        at = worths.index(worth)
        symbols[at : at + 2] = [pairs[at][1]]
        del worths[at], pairs[at]
        for beside in (at - 1, at):
            if 0 <= beside < len(pairs):
                pairs[beside] = best(symbols[beside], symbols[beside + 1]) or never
                worths[beside] = pairs[beside][0]
    return symbols


class _Heap(Generic[Symbol]):
    """The same for long rows, where looking at every pair each time would take for ever."""

    symbols: list[Symbol]
    best: Callable[[Symbol, Symbol], Best[Symbol]]
    heap: list[tuple[float, int, int, Symbol, Symbol, Symbol]]

    def __init__(
        self, symbols: list[Symbol], best: Callable[[Symbol, Symbol], Best[Symbol]]
    ) -> None:
        self.symbols = symbols
        self.best = best
        count: int = len(symbols)
        self.before: list[int] = list(range(-1, count - 1))
        self.after: list[int] = [*range(1, count), -1]
        self.alive = [True] * count
        pairs = [self.pair(left, left + 1) for left in range(count - 1)]
        self.heap = [pair for pair in pairs if pair is not None]
        heapify(self.heap)

    def pair(self, left: int, right: int) -> tuple[float, int, int, Symbol, Symbol, Symbol] | None:
        first, second = self.symbols[left], self.symbols[right]
        found = self.best(first, second)
        return found and (found[0], left, right, first, second, found[1])

    def merged(self) -> list[Symbol]:
        while self.heap:
            _, left, right, first, second, both = heappop(self.heap)
            is_fresh = self.alive[left] and self.alive[right]
            if is_fresh and self.symbols[left] == first and self.symbols[right] == second:
                self.merge(left, right, both)
        return [symbol for symbol, lives in zip(self.symbols, self.alive, strict=True) if lives]

    def merge(self, left: int, right: int, both: Symbol) -> None:
        before, after = self.before[left], self.after[right]
        self.symbols[left], self.alive[right] = both, False
        self.after[left] = after
        if after >= 0:
            self.before[after] = left
        for pair in (
            self.pair(before, left) if before >= 0 else None,
            self.pair(left, after) if after >= 0 else None,
        ):
            if pair is not None:
                heappush(self.heap, pair)
