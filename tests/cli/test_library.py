"""`dunoe library`: with a server and without one, stopped in the middle, and watching."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.request import Request, urlopen

import pytest

from dunoe.cli import judged
from dunoe.server import local
from tests.cli.conftest import Said
from tests.program import Dunoe, environment


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A folder with a document, a broken one, and a picture."""
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "과일.md").write_text("# 과일\n\n사과는 빨갛다.\n", "utf-8")
    (folder / "깨진.pdf").write_bytes(b"%PDF-1.7\nnothing")
    (folder / "그림.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    return folder


@pytest.fixture
def alone(tmp_path: Path) -> None:
    """Settings by which no server is found."""
    (tmp_path / "dunoe.toml").write_text("[server]\nport = 9\n[library]\nsample = false\n")


@pytest.fixture
def running(home: Path, tmp_path: Path) -> Iterator[Dunoe]:
    """A server that watches nothing, and settings by which it is found."""
    with Dunoe(home, "[library]\nsample = false\nwatch = false\n") as dunoe:
        port = dunoe.url.rpartition(":")[2]
        (tmp_path / "dunoe.toml").write_text(f"[server]\nport = {port}\n")
        yield dunoe


def counts(said: Said) -> tuple[int, int, int]:
    """Documents, failures and skipped files of a library that was printed as JSON."""
    assert said.code == 0, said.err
    found = json.loads(said.out)
    return found["documents"], found["failures"], found["skipped"]


@pytest.mark.usefixtures("alone")
def test_a_folder_comes_in_is_read_and_goes_out_without_a_server(
    typed: Callable[..., Said], notes: Path
) -> None:
    assert counts(typed("library", "add", notes, "--json")) == (1, 1, 1)
    table = typed("library", "status").out
    assert str(notes) in table
    (error,) = json.loads(typed("library", "errors", "--json").out)
    assert error["path"] == str(notes / "깨진.pdf")
    shown = typed("library", "errors").out
    assert error["message"] in shown
    assert error["hint"] in shown
    (skipped,) = json.loads(typed("library", "errors", "--skipped", "--json").out)
    assert skipped["path"] == str(notes / "그림.png")
    assert skipped["message"] in typed("library", "errors", "--skipped").out
    (notes / "배.md").write_text("# 배\n\n배는 노랗다.\n", "utf-8")
    stand = json.loads(typed("library", "sync", "--json").out)
    assert (stand["files_done"], stand["failures"]) == (1, 0)
    assert typed("library", "sync").out.startswith("새로 읽은 파일이 없습니다.\n")
    assert counts(typed("library", "remove", notes, "--json")) == (0, 0, 0)
    assert (notes / "과일.md").exists()


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("", "이름이 비었습니다"),
        ("/", "컴퓨터 전체"),
        ("/tmp/..", "컴퓨터 전체"),
        ("~nobody-here/x", "그런 사용자"),
        ("/nowhere/at/all", "폴더가 없습니다"),
    ],
)
def test_no_folder_and_every_folder_are_refused_before_anything_is_added(
    typed: Callable[..., Said], notes: Path, folder: str, said: str
) -> None:
    done = typed("library", "add", "--no-sync", notes, folder)
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 2)
    assert said in done.err
    assert counts(typed("library", "status", "--json")) == (0, 0, 0)
    assert json.loads(typed("library", "status", "--json").out)["folders"] == []


@pytest.mark.usefixtures("alone")
def test_without_folders_it_says_how_to_add_one(typed: Callable[..., Said]) -> None:
    assert "dunoe library add" in typed("library", "status").out


def test_the_guide_is_said_to_be_dunoes_own_and_how_to_be_without_it(
    typed: Callable[..., Said], tmp_path: Path
) -> None:
    (tmp_path / "dunoe.toml").write_text("[server]\nport = 9\n")
    shown = typed("library", "status").out
    assert "두뇌에 딸린 사용 안내서" in shown
    assert "sample = false" in shown
    (folder,) = json.loads(typed("library", "status", "--json").out)["folders"]
    assert folder["source"] == "guide"


@pytest.mark.usefixtures("alone")
def test_several_folders_come_in_and_go_out_at_once(
    typed: Callable[..., Said], notes: Path, tmp_path: Path
) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "배.md").write_text("# 배\n\n배는 노랗다.\n", "utf-8")
    assert counts(typed("library", "add", notes, "more", "--json")) == (2, 1, 1)
    shown = typed("library", "status").out
    assert "파일 4개 = 문서 2 + 못 읽음 1 + 건너뜀 1" in shown
    assert "dunoe library errors --skipped" in shown
    assert counts(typed("library", "remove", notes, "more", "--json")) == (0, 0, 0)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("order", ["add", "remove"])
def test_a_folder_that_is_none_is_refused_in_two_lines(
    typed: Callable[..., Said], order: str
) -> None:
    done = typed("library", order, "없는폴더")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 2)
    assert "없는폴더" in done.err


@pytest.mark.usefixtures("running")
def test_with_a_server_that_server_reads_labels_and_forgets(
    typed: Callable[..., Said], notes: Path
) -> None:
    assert counts(typed("library", "add", notes, "--no-sync", "--json")) == (0, 0, 0)
    done = typed("library", "sync")
    read, total, failed, _ = done.out.splitlines()
    assert read == "파일 1개를 읽었습니다."
    assert total == "파일 3개 = 문서 1 + 못 읽음 1 + 건너뜀 1"
    assert "`dunoe library errors`" in failed
    assert "읽는 중" in done.err
    assert done.err.splitlines()[-1].startswith("읽기 끝 3/3")
    assert done.err.splitlines()[-1].endswith("못 읽음 1 · 건너뜀 1")
    labelled = typed("library", "label", "중요", notes / "과일.md", "--json")
    assert json.loads(labelled.out) == {"notes/과일.md": ["중요"]}
    found = json.loads(typed("search", "사과", "--label", "중요", "--json").out)
    assert [hit["file"] for hit in found["results"]] == ["notes/과일.md"]
    assert "과일.md" in typed("library", "unlabel", "중요", "notes/과일.md").out
    found = json.loads(typed("search", "사과", "--label", "중요", "--json").out)
    assert found["results"] == []
    done = typed("library", "label", "중요", "없는.md")
    assert (done.code, done.err.count("\n")) == (1, 2)
    done = typed("library", "watch")
    assert done.code == 1
    assert "watch = true" in done.err


def test_a_server_of_somebody_else_is_left_alone(
    typed: Callable[..., Said], notes: Path, tmp_path: Path
) -> None:
    with Dunoe(tmp_path / "theirs", "[library]\nsample = false\n") as theirs:
        port = theirs.url.rpartition(":")[2]
        (tmp_path / "dunoe.toml").write_text(f"[server]\nport = {port}\n")
        assert counts(typed("library", "add", notes, "--json"))[0] == 1
        with urlopen(Request(f"{theirs.url}/api/library", headers=theirs.admin)) as answer:
            assert json.load(answer)["folders"] == []


class _Silent(BaseHTTPRequestHandler):
    """Some other program: it says no to everything that it is asked, and remembers it."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Note it, and answer with a page."""
        self.asked.append(f"{self.command} {self.path}")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>")

    do_POST = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


def test_a_program_that_is_no_dunoe_is_left_alone(
    typed: Callable[..., Said], notes: Path, tmp_path: Path
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Silent) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        try:
            (tmp_path / "dunoe.toml").write_text(
                f"[server]\nport = {other.server_port}\n[library]\nsample = false\n"
            )
            assert counts(typed("library", "add", notes, "--json"))[0] == 1
        finally:
            other.shutdown()
            thread.join()
    assert _Silent.asked == ["GET /api/key"]


def interrupted(home: Path, tmp_path: Path, notes: Path) -> None:
    """Add a folder of many files, and press Ctrl-C when it begins to read them."""
    for number in range(200):
        (notes / f"{number}.md").write_text(f"# 글 {number}\n\n내용 {number}\n", "utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "dunoe.cli.main", "library", "add", str(notes)],
        env=environment(home, {"LANG": "ko_KR.UTF-8"}), cwd=tmp_path,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    while not (line := process.stderr.readline()).startswith("읽는 중"):
        assert line, "it ended before it read anything"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.split("\n")[-2].startswith("멈췄습니다")
    assert "dunoe library sync" in err
    assert "Traceback" not in err


@pytest.mark.usefixtures("alone")
def test_ctrl_c_stops_a_sync_and_the_next_one_goes_on(
    typed: Callable[..., Said], home: Path, tmp_path: Path, notes: Path
) -> None:
    interrupted(home, tmp_path, notes)
    assert typed("library", "sync").code == 0
    assert counts(typed("library", "status", "--json")) == (201, 1, 1)


@pytest.mark.usefixtures("running")
def test_ctrl_c_stops_the_sync_of_the_server(
    typed: Callable[..., Said], home: Path, tmp_path: Path, notes: Path
) -> None:
    interrupted(home, tmp_path, notes)
    stand = json.loads(typed("library", "status", "--json").out)["progress"]
    assert (stand["phase"], stand["files_total"]) == ("failed", 203)
    assert stand["files_done"] < 203


def told(process: subprocess.Popen[str]) -> tuple[str, str, int]:
    """The next line of a watch: what happened to which file, and its passages; blank where it counts."""
    assert process.stdout is not None
    line = json.loads(process.stdout.readline())
    return line.get("change", ""), line.get("path", ""), line["passages"]


@pytest.mark.usefixtures("alone")
def test_a_watched_folder_tells_of_a_saved_file(
    typed: Callable[..., Said], home: Path, tmp_path: Path, notes: Path
) -> None:
    assert typed("library", "add", notes, "--json").code == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "dunoe.cli.main", "library", "watch", "--json"],
        env=environment(home), cwd=tmp_path,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        assert json.loads(process.stdout.readline())["documents"] == 1
        new = notes / "새글.md"
        new.write_text("# 새 글\n\n방금 썼다.\n", "utf-8")
        assert told(process) == ("came", str(new), 1)
        assert json.loads(process.stdout.readline())["documents"] == 2
        new.write_text("# 새 글\n\n다시 썼다.\n", "utf-8")  # the counts stay as they are
        assert told(process) == ("changed", str(new), 1)
        new.rename(notes / "옮긴글.md")
        assert told(process)[:2] == ("moved", str(notes / "옮긴글.md"))
        (notes / "옮긴글.md").write_bytes(b"%PDF-1.7\nbroken")
        while (one := told(process))[0] == "changed":  # a moved file is read again, for its name
            continue
        assert one == ("failed", str(notes / "옮긴글.md"), 0)
        (notes / "과일.md").unlink()
        while (one := told(process))[0] == "":
            continue
        assert one == ("gone", str(notes / "과일.md"), 0)
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err


@pytest.mark.usefixtures("alone")
def test_a_terminal_shows_a_bar(home: Path, tmp_path: Path, notes: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "dunoe.cli.main", "library", "add", str(notes)],
        env=environment(home, {"LANG": "ko_KR.UTF-8", "TERM": "xterm", "COLUMNS": "100"}),
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    try:
        while some := os.read(ours, 4096):
            seen += some
    except OSError:  # Linux says so when the other side is gone
        assert process.wait(60) == 0
    finally:
        process.kill()
        os.close(ours)
    shown = seen.decode("utf-8", "replace")
    assert "읽는 중" in shown
    assert "━" in shown
    assert any(one in shown for one in ("과일.md", "깨진.pdf", "그림.png"))


def test_a_home_that_is_the_library_gives_its_documents_and_nothing_of_ours(
    typed: Callable[..., Said], home: Path, tmp_path: Path
) -> None:
    for folder in ("knowledge", "models", "cache"):
        (home / folder).mkdir(parents=True)
        (home / folder / "글.md").write_text("# 사과\n\n사과는 빨갛다.\n", "utf-8")
    for name in (local.URL_FILE, judged.FILE, "dunoe.toml"):
        (home / name).write_text("# 사과\n", "utf-8")
    (tmp_path / "dunoe.toml").write_text('[server]\nport = 9\n[library]\nfolders = ["home"]\n')
    assert typed("library", "sync").code == 0
    (found,) = json.loads(typed("search", "사과", "--json").out)["results"]
    assert found["file"].endswith("knowledge/글.md")
    skipped = json.loads(typed("library", "errors", "--skipped", "--json").out)
    assert {one["code"] for one in skipped} == {"own"}
    assert {one["path"] for one in skipped} >= {
        str(one)
        for one in home.iterdir()
        if one.name != "knowledge" and "dunoe.db-" not in one.name
    }


def test_a_glob_that_is_none_is_said_in_two_lines(
    typed: Callable[..., Said], tmp_path: Path
) -> None:
    (tmp_path / "dunoe.toml").write_text('[server]\nport = 9\n[library]\ninclude = ["!"]\n')
    said = typed("library", "status")
    assert said.code == 1
    assert "글로브가 아닙니다" in said.err
    assert len(said.err.splitlines()) == 2
