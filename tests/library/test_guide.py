"""The guide that ships with dunoe answers what a new user asks first, and says nothing that is not so."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from docs.cli_help import commands
from dunoe.library.index.collections import EdgeCollections
from dunoe.library.library import Library, Parts
from dunoe.library.roots import GUIDE
from dunoe.library.search import Search, Wish
from dunoe.library.workers import Workers
from dunoe.settings import Settings
from dunoe.settings_check import load
from dunoe.store.store import open_store

PAGES = sorted(GUIDE.glob("*.md"))
COMMANDS = {tuple(words) for words in commands()}
ROOMS = {(words[0],) for words in COMMANDS if len(words) == 2}


@pytest.fixture(scope="module")
async def search(
    tmp_path_factory: pytest.TempPathFactory, workers: Workers
) -> AsyncIterator[Search]:
    """A library without a folder, which reads the guide."""
    home = tmp_path_factory.mktemp("home")
    with open_store(f"sqlite:///{home / 'dunoe.db'}") as store:
        parts = Parts(store, workers, EdgeCollections(home / "library"))
        async with Library(Settings(home=home), parts) as library:
            stand = await library.sync()
            assert (stand.files_total, stand.failures) == (len(PAGES), 0)
            yield Search(store.documents, lambda: library.indexes.active, NoModels())


class NoModels:
    """Words alone."""

    async def embed_question(self, model: str, text: str) -> list[float]:
        """Never asked: the collection has no model."""
        raise NotImplementedError

    async def rerank(self, query: str, texts: object) -> None:
        """There is no reranker."""


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("question", "file"),
    [
        ("키는 어떻게 만들어?", "키와-보안.md"),
        ("문서 폴더를 추가하려면?", "문서-폴더.md"),
        ("한글 파일도 읽을 수 있어?", "문서-폴더.md"),
        ("어떤 모델을 골라야 해?", "모델.md"),
        ("임베딩 모델은 어떻게 설정해?", "모델.md"),
        ("답에 붙은 번호는 뭐야?", "인용과-거절.md"),
        ("왜 찾지 못했다고 답해?", "인용과-거절.md"),
        ("따옴표로 검색하면 어떻게 돼?", "검색과-질문.md"),
        ("오픈AI 클라이언트에서 쓰려면 base_url이 뭐야?", "연결하기.md"),
        ("서버가 켜지지 않아", "문제-해결.md"),
        ("설정 파일은 어디에 있어?", "설정-파일.md"),
        ("데이터는 어디에 저장돼?", "시작하기.md"),
        ("서버를 어떻게 끄지?", "시작하기.md"),
        ("How do I pull a model?", "models.md"),
        ("How do I make a key?", "keys-and-security.md"),
        ("How do I add a folder?", "document-folders.md"),
        ("Which file formats can it read?", "document-folders.md"),
        ("How do I exclude a word?", "searching-and-asking.md"),
        ("What does [1] mean?", "citations-and-refusals.md"),
        ("Where is the settings file?", "settings-file.md"),
        ("Why is it slow?", "troubleshooting.md"),
        ("How do I stop the server?", "getting-started.md"),
        ("Can I use Ollama clients?", "connecting-clients.md"),
    ],
)
async def test_the_first_question_finds_the_right_page(
    search: Search, question: str, file: str
) -> None:
    found = await search.find(Wish(question, top_k=3))
    assert [hit.document.name for hit in found.hits][:1] == [file]


def test_every_page_stands_in_both_languages() -> None:
    korean = [page for page in PAGES if re.search("[가-힣]", page.name)]
    assert len(korean) * 2 == len(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_every_command_of_the_guide_exists(page: Path) -> None:
    code = re.findall(r"```sh\n(.*?)```|`(dunoe [^`\n]+)`", page.read_text("utf-8"), re.S)
    for line in re.findall(r"^dunoe (.+)", "\n".join(map("".join, code)), re.M):
        words = re.findall(r"^[a-z]+(?: [a-z]+)?", line)[0].split()
        assert tuple(words) in COMMANDS or (words[0],) in COMMANDS - ROOMS, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_every_piece_of_settings_is_taken(page: Path, tmp_path: Path) -> None:
    for text in re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.S):
        for name in re.findall(r'"(\S+\.gguf)"', text):
            (tmp_path / name).touch()
        config = tmp_path / "dunoe.toml"
        config.write_text(text, "utf-8")
        load(config, environ={"DUNOE_HOME": str(tmp_path)})
