"""What every index can do, the embedded one and the one on a server."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from math import log
from pathlib import Path

import pytest
from qdrant_client import QdrantClient

from dunoe.errors import EngineFailed, Unavailable
from dunoe.library.index.edge import EdgeIndex
from dunoe.library.index.point import ANY, Filter, Index, Sparse
from dunoe.library.index.remote import RemoteCollections, RemoteIndex, connect
from tests.library.index.points import DIMENSIONS, ask, name, payload, point

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local")
SERVER = os.environ.get("DUNOE_TEST_QDRANT", "")  # a real server's address, when there is one
EAST, NORTH, UP = [1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 1.0, 0]

Opener = Callable[[int | None], Index]


@pytest.fixture(
    params=[
        "edge",
        "local",
        pytest.param("server", marks=pytest.mark.skipif(not SERVER, reason="no server is named")),
    ]
)
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same collection again and again."""
    if request.param == "edge":
        yield lambda dimensions: EdgeIndex(tmp_path / "index", dimensions, spare_bytes=0)
    elif request.param == "local":
        client = QdrantClient(path=str(tmp_path / "index"), force_disable_check_same_thread=True)
        yield lambda dimensions: RemoteIndex(client, "test", dimensions)
        client.close()
    else:
        server = connect(SERVER, 6333, os.environ.get("DUNOE_TEST_QDRANT_KEY"))
        server.drop("test")
        yield lambda dimensions: server.open("test", dimensions)
        server.drop("test")
        server.close()


@pytest.fixture
def index(opener: Opener) -> Iterator[Index]:
    opened = opener(DIMENSIONS)
    yield opened
    opened.close()


def ids(*words: str) -> list[str]:
    return [name(word) for word in words]


def lexical(index: Index, *terms: int, wanted: Filter = ANY) -> list[str]:
    return [found.id for found in index.lexical(ask(*terms), wanted, 10)]


def nearest(index: Index, vector: list[float], wanted: Filter = ANY) -> list[str]:
    return [found.id for found in index.nearest(vector, wanted, 10)]


def test_what_is_put_is_found_by_its_words_and_by_its_meaning(index: Index) -> None:
    index.put([point("a", {7: 1.0}, EAST), point("b", {8: 1.0}, NORTH)])
    assert lexical(index, 7) == ids("a")
    assert nearest(index, NORTH) == ids("b", "a")
    assert index.count() == 2


def test_an_empty_index_finds_nothing(index: Index) -> None:
    assert lexical(index, 7) == nearest(index, EAST) == index.matching(ANY, 10) == []
    assert index.count() == 0


def test_a_point_that_is_put_again_is_another(index: Index) -> None:
    index.put([point("a", {7: 1.0}, EAST)])
    index.put([point("a", {8: 1.0}, NORTH)])
    assert (index.count(), lexical(index, 7), lexical(index, 8)) == (1, [], ids("a"))
    assert index.nearest(NORTH, ANY, 1)[0].score == pytest.approx(1.0, abs=1e-3)  # 16-bit floats


def test_removed_points_are_gone_and_removing_them_again_is_fine(index: Index) -> None:
    index.put([point("a", {7: 1.0}, EAST), point("b", {7: 1.0}, EAST)])
    index.remove(ids("a", "never-there"))
    index.remove(ids("a"))
    index.remove([])
    assert lexical(index, 7) == nearest(index, EAST) == ids("b")


def test_rare_words_weigh_more(index: Index) -> None:
    index.put([point(f"common{n}", {1: 1.0}) for n in range(8)])
    index.put([point("rare", {2: 1.0})])
    found = index.lexical(ask(1, 2), ANY, 10)
    assert found[0].id == name("rare")
    # ln((N - n + .5) / (n + .5) + 1), with N = 9 passages, n of them with the word
    assert found[0].score == pytest.approx(log(8.5 / 1.5 + 1), rel=1e-4)
    assert found[1].score == pytest.approx(log(1.5 / 8.5 + 1), rel=1e-4)


def test_ceilings_tell_what_each_word_could_bring(index: Index) -> None:
    index.put([point("a", {1: 2.0, 2: 1.0}), point("b", {1: 1.0}), point("c", {3: 1.0})])
    query = Sparse([1, 2, 99], [1.0, 0.5, 1.0])
    common, rare = (index.lexical(ask(term), ANY, 1)[0].score for term in (1, 2))
    assert index.ceilings(query) == pytest.approx([common, 0.5 * rare, 0])


def test_term_numbers_use_all_32_bits(index: Index) -> None:
    index.put([point("a", {2**32 - 1: 1.0, 0: 1.0})])
    assert lexical(index, 2**32 - 1) == ids("a")


def test_a_question_without_words_finds_nothing_lexically(index: Index) -> None:
    index.put([point("a")])
    assert lexical(index) == []


def test_a_point_without_a_vector_is_found_by_words_only(index: Index) -> None:
    index.put([point("a", {7: 1.0}, None), point("b", {8: 1.0}, EAST)])
    assert nearest(index, EAST) == ids("b")
    assert lexical(index, 7) == ids("a")


def test_missing_tells_which_are_not_there(index: Index) -> None:
    index.put([point("a"), point("c")])
    assert index.missing(ids("a", "b", "c", "d")) == ids("b", "d")
    assert index.missing([]) == []


TWO = {
    "documents": (payload("yes"), payload("no"), Filter(documents=(name("yes"),))),
    "under": (
        payload(under=("/lib", "/lib/a")),
        payload("no", under=("/lib", "/lib/b")),
        Filter(under=("/lib/a",)),
    ),
    "names": (payload(name="보고서.HWP"), payload("no"), Filter(names=("보고서.hwp",))),
    "kinds": (payload(kind="pdf"), payload("no"), Filter(kinds=("pdf", "hwp"))),
    "types": (payload(type="회의록"), payload("no", type="메모"), Filter(types=("회의록",))),
    "statuses": (payload(status="done"), payload("no"), Filter(statuses=("done",))),
    "projects": (payload(project="두뇌"), payload("no"), Filter(projects=("두뇌",))),
    "tags": (payload(tags=("x", "y")), payload("no", tags=("z",)), Filter(tags=("y",))),
    "labels": (payload(labels=("중요",)), payload("no"), Filter(labels=("중요", "급함"))),
    "since": (payload(date=20), payload("no", date=19), Filter(since=20)),
    "until": (payload(date=20), payload("no", date=21), Filter(until=20)),
    "a date where there is none": (payload(date=0), payload("no"), Filter(until=20)),
    "two fields": (
        payload(kind="pdf", tags=("x",)),
        payload("no", kind="pdf", tags=("y",)),
        Filter(kinds=("pdf",), tags=("x",)),
    ),
}


@pytest.mark.parametrize("field", TWO)
def test_a_filter_holds_for_words_and_for_meaning(index: Index, field: str) -> None:
    passes, fails, wanted = TWO[field]
    index.put([point("yes", {7: 1.0}, EAST, passes), point("no", {7: 1.0}, EAST, fails)])
    assert lexical(index, 7, wanted=wanted) == ids("yes")
    assert nearest(index, EAST, wanted) == ids("yes")
    assert index.matching(wanted, 10) == ids("yes")


def test_a_filter_that_no_document_passes_finds_nothing(index: Index) -> None:
    index.put([point("a", {7: 1.0}, EAST)])
    none = Filter(documents=())
    assert lexical(index, 7, wanted=none) == nearest(index, EAST, none) == []
    assert index.matching(none, 10) == []


def test_a_filter_of_thousands_of_documents_works(index: Index) -> None:
    index.put([point("a", {7: 1.0}, EAST, payload("d77"))])
    many = Filter(documents=tuple(name(f"d{n}") for n in range(3_000)))
    assert lexical(index, 7, wanted=many) == ids("a")


def test_a_relabelled_document_is_found_by_its_new_labels_only(index: Index) -> None:
    index.put([point(f"p{n}", about=payload("d", labels=("old",))) for n in range(3)])
    index.put([point("other", about=payload("e", labels=("old",)))])
    index.relabel(name("d"), payload("d", labels=("new",)))
    assert sorted(index.matching(Filter(labels=("new",)), 10)) == sorted(ids("p0", "p1", "p2"))
    assert index.matching(Filter(labels=("old",)), 10) == ids("other")


def test_matching_stops_at_its_limit(index: Index) -> None:
    index.put([point(f"p{n}") for n in range(30)])
    assert len(set(index.matching(ANY, 20))) == 20


def test_it_is_all_there_when_it_is_opened_again(opener: Opener) -> None:
    first = opener(DIMENSIONS)
    first.put([point("a", {7: 1.0}, EAST)])
    first.close()
    again = opener(DIMENSIONS)
    assert (lexical(again, 7), nearest(again, EAST), again.count()) == (ids("a"), ids("a"), 1)
    again.close()


def test_without_an_embedding_model_there_are_words_only(opener: Opener) -> None:
    index = opener(None)
    index.put([point("a", {7: 1.0})])
    assert lexical(index, 7) == ids("a")
    assert nearest(index, EAST) == []
    index.close()


@pytest.mark.parametrize("then", [3, None])
def test_a_collection_of_another_model_is_not_opened(opener: Opener, then: int | None) -> None:
    opener(DIMENSIONS).close()
    with pytest.raises(Unavailable) as caught:
        opener(then)
    assert caught.value.code == "index_other_model"
    assert "dunoe library sync" in caught.value.hint.en


def test_a_vector_of_the_wrong_length_is_told(index: Index) -> None:
    if isinstance(index, RemoteIndex) and not SERVER:
        pytest.skip("the client's local mode does not look at lengths")
    with pytest.raises(Unavailable):
        index.put([point("a", dense=[1.0, 2.0])])


def test_several_threads_may_write_and_ask_at_once(index: Index) -> None:
    if isinstance(index, RemoteIndex) and not SERVER:
        pytest.skip("the client's local mode is for one thread")

    def work(number: int) -> int:
        for n in range(20):
            index.put([point(f"{number}-{n}", {number: 1.0}, EAST)])
            assert name(f"{number}-{n}") in [f.id for f in index.lexical(ask(number), ANY, 100)]
            nearest(index, UP)
        index.remove(ids(f"{number}-0"))
        return len(index.lexical(ask(number), ANY, 100))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(1, 5))) == [19] * 4
    assert index.count() == 76


def test_a_server_that_is_not_there_is_told() -> None:
    from_nowhere = connect("http://127.0.0.1:9", 6333, "a-key")
    with pytest.raises(EngineFailed, match="Qdrant") as caught:
        from_nowhere.open("x", None)
    assert caught.value.code == "index_server_failed"
    from_nowhere.close()


def test_a_collection_on_a_server_can_be_dropped(tmp_path: Path) -> None:
    client = QdrantClient(path=str(tmp_path))
    ours = RemoteCollections(client, "here")
    ours.open("one", None).put([point("a")])
    ours.drop("one")
    ours.drop("never there")
    assert ours.open("one", None).count() == 0
    ours.close()
