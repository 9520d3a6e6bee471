"""The embedded index and the world: killed, opened twice, broken, no room; and tidied while it is used."""

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dunoe.errors import Unavailable
from dunoe.library.index import edge
from dunoe.library.index.collections import EdgeCollections, collections
from dunoe.library.index.edge import EdgeIndex
from dunoe.library.index.point import ANY, Filter
from dunoe.settings import QdrantSettings
from tests.library.index.points import DIMENSIONS, ask, name, payload, point

ROOT = Path(__file__).parents[3]
WRITER = """
import sys
from pathlib import Path
from dunoe.library.index.edge import EdgeIndex
from tests.library.index.points import name, point
index = EdgeIndex(Path(sys.argv[1]), 4, spare_bytes=0)
for n in range(100_000):
    index.put([point(f"{n}-{m}", {m + 1: 1.0}, [1.0, 0, 0, n]) for m in range(5)])
    if n % 3 == 2:
        index.remove([name(f"{n}-0")])
    print(n, flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


def opened(folder: Path, dimensions: int | None = DIMENSIONS) -> EdgeIndex:
    return EdgeIndex(folder, dimensions, spare_bytes=0)


@pytest.fixture
def index(folder: Path) -> Iterator[EdgeIndex]:
    index = opened(folder)
    yield index
    index.close()


@pytest.mark.parametrize("after", [0, 2, 40])
def test_what_was_acknowledged_survives_a_killed_process(folder: Path, after: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, cwd=ROOT
    ) as writer:
        assert writer.stdout is not None
        said = [int(writer.stdout.readline()) for _ in range(after + 1)]
        writer.send_signal(signal.SIGKILL)
        said += [int(line) for line in writer.stdout.read().split()]
    index = opened(folder)
    put = [name(f"{n}-{m}") for n in said for m in range(5)]
    removed = [name(f"{n}-0") for n in said if n % 3 == 2]
    assert index.missing(put) == removed
    assert len(index.lexical(ask(2), ANY, 10_000)) >= len(said)
    index.put([point("after", {9: 1.0}, [0, 1.0, 0, 0])])
    assert index.missing([name("after")]) == []
    index.close()


def test_a_process_killed_while_it_began_leaves_a_folder_that_opens(folder: Path) -> None:
    opened(folder).close()
    (folder / "current").unlink()  # the last thing that a beginning writes
    index = opened(folder)
    assert index.count() == 0
    index.close()


def test_a_second_process_is_told_that_the_index_is_in_use(index: EdgeIndex, folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from dunoe.library.index.edge import EdgeIndex\n"
        "try: EdgeIndex(Path(sys.argv[1]), 4)\n"
        "except Exception as exc: print(exc.code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout == "index_locked\n"
    with pytest.raises(Unavailable) as caught:  # nor may this process open it twice
        opened(folder)
    assert caught.value.code == "index_locked"


def test_a_refused_opening_leaves_the_folder_free(folder: Path) -> None:
    opened(folder).close()
    with pytest.raises(Unavailable):
        opened(folder, 9)
    opened(folder).close()


def test_a_folder_with_other_files_is_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.hwp").write_text("two years of work")
    with pytest.raises(Unavailable) as caught:
        opened(folder)
    assert caught.value.code == "index_foreign"
    assert [path.name for path in folder.iterdir()] == ["thesis.hwp"]


@pytest.mark.parametrize(
    "victim",
    [
        "current",
        "shard-1/edge_config.json",
        "shard-1/wal/first-index",
        "shard-1/segments/*/segment.json",
        "shard-1/segments/*/vector_storage-dense/vectors/status.dat",  # makes the library panic
    ],
)
def test_a_broken_folder_is_told_with_the_way_out(folder: Path, victim: str) -> None:
    index = opened(folder)
    index.put([point("a", dense=[1.0, 0, 0, 0])])
    index.close()
    for path in folder.glob(victim):
        path.write_bytes(b"")
    with pytest.raises(Unavailable) as caught:
        opened(folder)
    assert caught.value.code == "index_broken"
    assert "dunoe library sync" in caught.value.hint.en


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable) as caught:
        opened(tmp_path / "file" / "index")
    assert caught.value.code == "index_unwritable"


def test_a_nearly_full_disk_takes_no_more_but_still_answers(folder: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        EdgeIndex(folder / "new", DIMENSIONS, spare_bytes=2**60)
    assert caught.value.code == "disk_full"
    index = opened(folder / "old")
    index.put([point("a", {7: 1.0})])
    index.close()
    index = EdgeIndex(folder / "old", DIMENSIONS, spare_bytes=2**60)
    with pytest.raises(Unavailable) as caught:
        index.put([point("b", {7: 1.0})])
    assert caught.value.code == "disk_full"
    free, wanted = re.findall(r"([\d,]+) MiB", caught.value.message.ko)
    assert wanted == f"{2**40:,}"
    assert int(free.replace(",", "")) > 0
    assert [found.id for found in index.lexical(ask(7), ANY, 10)] == [name("a")]
    index.close()


def test_a_closed_index_says_so(folder: Path) -> None:
    index = opened(folder)
    index.close()
    index.close()  # twice is fine
    with pytest.raises(Unavailable) as caught:
        index.count()
    assert caught.value.code == "index_closed"


@pytest.fixture
def always_untidy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tidying is worth it from the first point on."""
    monkeypatch.setattr(edge, "UNARRANGED", -(2**40))


@pytest.mark.usefixtures("always_untidy")
def test_tidying_changes_nothing_that_is_found(index: EdgeIndex, folder: Path) -> None:
    index.put([point(f"{n}", {n % 7: 1.0}, [1.0, n, 0, 0]) for n in range(200)])
    index.remove([name(f"{n}") for n in range(50)])
    words, near = index.lexical(ask(3), ANY, 200), index.nearest([1.0, 99, 0, 0], ANY, 200)
    index.tidy()
    # removed passages are no longer counted in the weight of a word
    assert {found.id for found in index.lexical(ask(3), ANY, 200)} == {found.id for found in words}
    assert sorted(index.nearest([1.0, 99, 0, 0], ANY, 200)) == sorted(near)
    assert [path.name for path in folder.glob("shard-*")] == ["shard-2"]
    index.close()
    again = opened(folder)
    assert again.count() == 150
    again.close()


@pytest.mark.usefixtures("always_untidy")
def test_what_is_written_while_it_is_tidied_is_kept(
    index: EdgeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.put([point(f"{n}", {1: 1.0}, [1.0, n, 0, 0], payload(f"d{n}")) for n in range(50)])
    arrange = EdgeIndex._arrange

    def busy(self: EdgeIndex, folder: Path) -> None:
        """While the copy is arranged, another thread adds, replaces, removes and relabels."""

        def write() -> None:
            self.put([point("new", {2: 1.0}, [0, 0, 1.0, 0]), point("0", {3: 1.0}, [0, 0, 0, 1.0])])
            self.remove([name("1")])
            self.relabel(name("d2"), payload("d2", labels=("late",)))

        writer = threading.Thread(target=write)
        writer.start()
        arrange(self, folder)
        writer.join()

    monkeypatch.setattr(EdgeIndex, "_arrange", busy)
    index.tidy()
    assert index.count() == 50
    assert [found.id for found in index.lexical(ask(2), ANY, 9)] == [name("new")]
    assert index.nearest([0, 0, 0, 1.0], ANY, 1)[0].id == name("0")
    assert index.missing([name("1")]) == [name("1")]
    assert index.matching(Filter(labels=("late",)), 9) == [name("2")]


@pytest.mark.usefixtures("always_untidy")
def test_a_tidying_that_fails_leaves_the_index_as_it_was(
    index: EdgeIndex, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.put([point("a", {7: 1.0}, [1.0, 0, 0, 0])])
    program = tmp_path / "arrange.py"
    program.write_text("raise SystemExit('killed for memory')")
    monkeypatch.setattr(edge, "PROGRAM", program)
    with pytest.raises(Unavailable, match="killed for memory") as caught:
        index.tidy()
    assert caught.value.code == "index_untidy"
    assert [path.name for path in folder.glob("shard-*")] == ["shard-1"]
    index.put([point("b", {7: 1.0})])
    assert index.count() == 2


@pytest.mark.usefixtures("always_untidy")
def test_closing_breaks_a_tidying_off(
    index: EdgeIndex, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.put([point("a", {7: 1.0}, [1.0, 0, 0, 0])])
    program, sign = tmp_path / "arrange.py", tmp_path / "sign"
    program.write_text(f"import time; open({str(sign)!r}, 'w').close(); time.sleep(600)")
    monkeypatch.setattr(edge, "PROGRAM", program)
    told: list[str | None] = []

    def tidy() -> None:
        try:
            index.tidy()
        except Unavailable as problem:
            told.append(problem.code)

    tidying = threading.Thread(target=tidy)
    tidying.start()
    while not sign.exists():
        tidying.join(0.01)
    index.close()
    tidying.join()
    assert told == ["index_closed"]
    again = opened(folder)
    assert again.missing([name("a")]) == []
    again.close()


@pytest.mark.usefixtures("always_untidy")
def test_what_tidying_frees_goes_back_to_the_system(index: EdgeIndex) -> None:
    """Words that are written lie in memory; arranged they lie in files, and memory must fall."""
    empty_kib = own_kib()
    for at in range(0, 4000, 500):
        some = ({m * 7 + n: 1.0 for m in range(200)} for n in range(at, at + 500))
        index.put([point(f"{at}-{n}", terms) for n, terms in enumerate(some)])
    full_kib = own_kib()
    index.tidy()
    assert full_kib - empty_kib > 10_000
    assert own_kib() - empty_kib < (full_kib - empty_kib) / 2


def own_kib() -> int:
    """What this process holds of memory, without the files it maps."""
    lines = Path("/proc/self/status").read_text().split("\n")
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def test_little_is_not_worth_a_tidying(index: EdgeIndex, folder: Path) -> None:
    index.put([point("a", dense=[1.0, 0, 0, 0])])
    index.tidy()
    assert [path.name for path in folder.glob("shard-*")] == ["shard-1"]


def test_collections_are_folders_that_can_be_dropped(tmp_path: Path) -> None:
    ours = collections(QdrantSettings(), tmp_path)
    assert isinstance(ours, EdgeCollections)
    one = ours.open("one", None)
    one.put([point("a")])
    one.close()
    ours.drop("one")
    ours.drop("never there")
    again = ours.open("one", 4)
    assert again.count() == 0
    again.close()
    ours.close()


def test_an_index_that_nobody_asks_gives_its_memory_back(index: EdgeIndex) -> None:
    def is_mapped() -> bool:
        return "payload_index" in Path("/proc/self/maps").read_text("utf-8")

    assert not is_mapped()
    index.put([point("a", {7: 1.0})])
    assert is_mapped()
    index.rest()
    assert not is_mapped()
    assert [one.id for one in index.lexical(ask(7), ANY, 5)] == [name("a")]
    index.rest()  # there was a question
    assert is_mapped()
    index.rest()
    assert not is_mapped()
    assert index.count() == 1


def test_an_index_that_rests_is_closed_like_any_other(index: EdgeIndex, folder: Path) -> None:
    index.put([point("a", {7: 1.0})])
    index.rest()
    index.close()
    with pytest.raises(Unavailable) as caught:
        index.matching(ANY, 5)
    assert caught.value.code == "index_closed"
    again = opened(folder)
    assert again.matching(ANY, 5) == [name("a")]
    again.close()
