"""Terms into weights: BM25 as an inner product, with the rarity of a term left to the index.

score = sum over the question's terms of  ask(term) * idf(term) * weigh(term)

`weigh` saturates how often a term stands in a passage. Plain BM25 divides by the average length of the collection,
which changes with every document; here the average is a constant. That is simpler, and on the three retrieval sets
not worse (nDCG@10 +.006, +.004, +.000 against the set's own average). The constants are the middle of a flat
region, see docs/log.md, and not the best of one set.
"""

from collections import Counter
from collections.abc import Sequence

from dunoe.library import terms
from dunoe.library.index.point import Sparse

K1 = 0.9  # how soon a repeated term stops counting
B = 0.8  # how much of a passage's length counts
LENGTH = 160  # terms of a passage for which K1 holds
TITLE = 2  # as often as in the text
HEADING = 1
# Of a question. A word has its pairs beside it; a name has none, so it counts for both.
WORD, PAIR, NAME, PART = 1.0, 0.8, 2.0, 0.5
# They say what kind of answer is wanted, or point at something, not about what. Nothing changes on the three sets
# without them, but "무엇" is a rare word in a manual, and a question of two words would be half about it.
_KOREAN = "무엇 뭐 뭣 무어 어떻게 어떻 왜 언제 어디 누구 얼마 며칠 몇 어느 이것 이거 그것 그거 저것 저 우리"
ASKING = frozenset(terms.word(form) for form in _KOREAN.split()) | frozenset(
    terms.read(
        "how what why when where who which is are was were do does did can could should would a an the of to in it "
        "its this that these i you my your me we for on with and or be there"
    ).names
)

# A particle that stands alone has lost its word; Kiwi would take it for a noun.
PARTICLES = frozenset(["는", "가", "을", "를", "의", "에", "와", "로", "으로", "에서", "에게"])


def weigh(title: str, headings: Sequence[str], text: str) -> Sparse:
    """A passage's side of the product: how much it speaks of each of its terms."""
    counts: Counter[int] = Counter()
    length = 0
    for field, times in ((title, TITLE), ("\n".join(headings), HEADING), (text, 1)):
        read = terms.read(field)
        for kind in read:
            length += len(kind)
            for term in kind:
                counts[term] += times
    slowness = K1 * (1 - B + B * length / LENGTH)
    return Sparse(list(counts), [n * (K1 + 1) / (n + slowness) for n in counts.values()])


def ask(text: str) -> Sparse:
    """A question's side of the product: how much each of its terms matters. A repeated term matters once."""
    read = terms.read(" ".join(piece for piece in text.split() if piece not in PARTICLES))
    weights = dict.fromkeys(read.parts, PART)
    weights |= dict.fromkeys(read.pairs, PAIR)
    weights |= dict.fromkeys(read.words, WORD)
    weights |= dict.fromkeys(read.names, NAME)
    if about := {term: one for term, one in weights.items() if term not in ASKING}:
        weights = about
    return Sparse(list(weights), list(weights.values()))
