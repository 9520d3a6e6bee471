"""A line cut before each word, where no token could have reached over the cut: short pieces are met again.

In vocabularies that write spaces as `▁` a line is one piece. Tokens hold a `▁` after another letter very
seldom; where one could stand, the line is not cut. So the ids are those of the whole line.
"""

import re
from collections.abc import Iterable

from dunoe.weights.tokenizing.splits import Split

SPACE = "▁"
SEVERAL = 64  # junctions that a pattern may name; with more of them lines stay whole


def words_of(junctions: Iterable[tuple[str, str]] | None) -> Split:
    """The cutting function. junctions: what tokens have before and after a word's beginning inside them.

    None: nothing may be cut.
    """
    if junctions is None:
        return lambda line: [line] if line else []
    joined = "".join(
        f"|(?<={re.escape(before)}){SPACE}(?={re.escape(after[1:])}){SPACE}*"
        for before, after in junctions
    )
    return re.compile(f"{SPACE}*(?:[^{SPACE}]{joined})+|{SPACE}+").findall
