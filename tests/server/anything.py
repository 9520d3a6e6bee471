"""Any JSON at all, and JSON that almost looks like a request."""

from collections.abc import Iterable

from hypothesis import strategies as st

Strategy = st.SearchStrategy[object]

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
)

ANY: Strategy = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def shaped(fields: Iterable[str], words: Iterable[str]) -> Strategy:
    """Any JSON; or objects of these fields, inside one another, whose texts are often one of these words."""
    names = st.sampled_from(sorted(fields))
    leaves = st.sampled_from(sorted(words)) | st.text(max_size=4) | ANY
    inner = st.recursive(
        leaves,
        lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(names, deeper, max_size=6),
        max_leaves=12,
    )
    return ANY | st.dictionaries(names, inner, max_size=8)
