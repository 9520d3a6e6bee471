"""`dunoe ask`: streamed answers with their sources, with a model and without one."""

import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from tests.cli.conftest import Said
from tests.fake_engine import FakeEngine
from tests.fake_openai import OpenAI
from tests.fake_wire import Turn
from tests.program import environment
from tests.served import PATIENCE_S, served

QUESTION = "사과는 무슨 색이야?"


def write(folder: Path) -> None:
    """A document that answers the question."""
    (folder / "notes").mkdir()
    text = "# 과일\n\n사과는 빨간 색이다. 사과의 색은 빨강이다.\n"
    (folder / "notes" / "과일.md").write_text(text, "utf-8")


@asynccontextmanager
async def behind(tmp_path: Path, *script: Turn) -> AsyncIterator[FakeEngine]:
    """A server with a document and a scripted model, and settings by which the command finds it."""
    write(tmp_path)
    async with FakeEngine("openai", script, face=OpenAI(["하나"])) as fake:
        config = (
            f'[engines.box]\nkind = "openai"\nurl = "{fake.url}"\n[models."하나"]\nengine = "box"\n'
            '[library]\nfolders = ["notes"]\nwatch = false\n'
        )
        async with served(tmp_path, config) as server:
            await server.brain.library.sync()
            (tmp_path / "dunoe.toml").write_text(f"[server]\nport = {server.port}\n")
            yield fake


@pytest.mark.anyio
async def test_an_answer_comes_with_the_sources_it_cites(
    tmp_path: Path, told: Callable[..., Said]
) -> None:
    turn = Turn(thinking=["음…"], text=["사과는 빨간", " 색이다 [1]."])
    async with behind(tmp_path, turn) as fake:
        done = await anyio.to_thread.run_sync(lambda: told("ask", QUESTION))
        prompt = (await fake.came("/v1/chat/completions")).body["messages"][-1]["content"]
    assert (done.code, done.err) == (0, "임베딩 모델이 없어 낱말로만 찾았습니다\n")
    assert done.out == "사과는 빨간 색이다 [1].\n\n출처\n[1] notes/과일.md > 과일  1\u20133행\n"
    assert "사과의 색은 빨강이다." in prompt


@pytest.mark.anyio
async def test_no_documents_means_the_model_alone(
    tmp_path: Path, told: Callable[..., Said]
) -> None:
    async with behind(tmp_path, Turn(text=["안녕"])) as fake:
        done = await anyio.to_thread.run_sync(lambda: told("ask", "안녕?", "--no-documents"))
        prompt = (await fake.came("/v1/chat/completions")).body["messages"][-1]["content"]
    assert (done.code, done.out, done.err) == (0, "안녕\n", "")
    assert "과일" not in prompt


@pytest.mark.anyio
async def test_a_session_goes_on(tmp_path: Path, told: Callable[..., Said]) -> None:
    script = Turn(text=["첫째 [1]"]), Turn(text=["사과 색"]), Turn(text=["둘째"])
    async with behind(tmp_path, *script) as fake:
        words = "--session", "색깔", "--json"
        first = await anyio.to_thread.run_sync(lambda: told("ask", QUESTION, *words))
        second = await anyio.to_thread.run_sync(lambda: told("ask", "그 색은 빨강이야?", *words))
        body = (await fake.came("/v1/chat/completions", 3)).body
    assert json.loads(first.out)["session_id"] == "색깔"
    assert json.loads(second.out)["question_searched"] == "사과 색"
    assert QUESTION in [one["content"] for one in body["messages"]]


@pytest.mark.anyio
async def test_ctrl_c_stops_the_model(tmp_path: Path, home: Path) -> None:
    async with behind(tmp_path, Turn(text=["사과", "는"], fault="hang", at=2)) as fake:
        process = subprocess.Popen(  # noqa: ASYNC220 - it starts at once
            [sys.executable, "-m", "dunoe.cli.main", "ask", QUESTION],
            env=environment(home, {"LANG": "ko_KR.UTF-8"}), cwd=tmp_path,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        seen = await fake.came("/v1/chat/completions")
        assert process.stdout is not None
        assert await anyio.to_thread.run_sync(process.stdout.read, 1) == "사"
        process.send_signal(signal.SIGINT)
        with anyio.fail_after(PATIENCE_S):
            await seen.left.wait()
        _, err = await anyio.to_thread.run_sync(process.communicate)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "(멈췄습니다)"
    assert "Traceback" not in err


@pytest.mark.anyio
async def test_an_answer_that_breaks_off_is_no_success(
    tmp_path: Path, told: Callable[..., Said]
) -> None:
    async with behind(tmp_path, Turn(text=["사과", "는"], fault="closed", at=2)):
        done = await anyio.to_thread.run_sync(lambda: told("ask", QUESTION))
    assert done.code == 1
    assert done.out.startswith("사")
    assert done.err.splitlines()[-2].startswith("오류: ")


def test_without_server_and_model_passages_are_quoted(
    typed: Callable[..., Said], tmp_path: Path
) -> None:
    write(tmp_path)
    (tmp_path / "dunoe.toml").write_text('[server]\nport = 9\n[library]\nfolders = ["notes"]\n')
    done = typed("ask", QUESTION)
    assert done.code == 0
    assert "사과의 색은 빨강이다." in done.out
    assert "dunoe models pull" in done.out
    assert "dunoe models pull" not in done.err  # said once
    assert "[1] notes/과일.md > 과일  1\u20133행\n" in done.out
    said = json.loads(typed("ask", QUESTION, "--json").out)
    assert said["sources"][0]["file"] == "notes/과일.md"
    assert said["model_used"] is None


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_without_model_and_documents_nothing_answers(
    typed: Callable[..., Said], tmp_path: Path, more: list[str]
) -> None:
    (tmp_path / "dunoe.toml").write_text("[server]\nport = 9\n")
    done = typed("ask", "안녕", "--no-documents", *more)
    assert (done.code, done.out) == (1, "")
    assert [line[:4] for line in done.err.splitlines()] == ["오류: ", "  해결"]
    assert "dunoe models pull" in done.err


@pytest.mark.anyio
async def test_an_engine_that_is_down_is_said_once(
    tmp_path: Path, told: Callable[..., Said]
) -> None:
    async with behind(tmp_path, Turn(fault="closed")):
        done = await anyio.to_thread.run_sync(lambda: told("ask", QUESTION))
    assert done.code == 0
    assert "사과의 색은 빨강이다." in done.out
    assert done.err == "임베딩 모델이 없어 낱말로만 찾았습니다\n"


@pytest.mark.parametrize(
    ("words", "files"),
    [
        (["--kind", "text"], {"notes/plan.txt"}),
        (["--path", "*.md"], {"notes/과일.md"}),
        (["--folder", "notes", "--top-k", "1"], {"notes/과일.md"}),
        (
            ["--tag", "먹을것", "--project", "농장", "--type", "글", "--status", "끝"],
            {"notes/과일.md"},
        ),
        (["--since", "2024-01-01", "--until", "2024-12-31"], {"notes/과일.md"}),
        (["--label", "없음"], set()),
    ],
)
def test_filters_choose_what_may_answer(
    typed: Callable[..., Said], tmp_path: Path, words: list[str], files: set[str]
) -> None:
    (tmp_path / "notes").mkdir()
    head = "---\ntags: [먹을것]\nproject: 농장\ntype: 글\nstatus: 끝\ndate: 2024-05-06\n---\n"
    text = "# 과일\n\n사과는 빨간 색이다. 사과의 색은 빨강이다.\n"
    (tmp_path / "notes" / "과일.md").write_text(head + text, "utf-8")
    (tmp_path / "notes" / "plan.txt").write_text("사과는 무슨 색이어도 좋다.\n", "utf-8")
    (tmp_path / "dunoe.toml").write_text('[server]\nport = 9\n[library]\nfolders = ["notes"]\n')
    done = typed("ask", QUESTION, "--json", *words)
    assert done.code == 0, done.err
    assert {one["file"] for one in json.loads(done.out)["sources"]} == files


def test_a_refusal_names_the_nearest_documents(typed: Callable[..., Said], tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "dunoe.toml").write_text('[server]\nport = 9\n[library]\nfolders = ["notes"]\n')
    done = typed("ask", "사과 주스를 만드는 회사의 전화번호와 주소와 대표자 이름은?")
    assert done.code == 0
    assert "\n\n가까운 문서\n[1] notes/과일.md > 과일  1\u20133행\n" in done.out


def test_a_question_that_is_none_is_refused(typed: Callable[..., Said]) -> None:
    done = typed("ask", "  ")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 2)
