"""The guide that ships with dunoe answers what a new user asks first, and says nothing that is not so."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from docs.cli_help import commands
from dunoe.answering.refusal import is_relevant
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

    def embedder(self) -> None:
        """There is none."""

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
        ("폴더를 어떻게 더해?", "문서-폴더.md"),
        ("폴더 추가하는 법", "문서-폴더.md"),
        ("내 문서를 어떻게 넣어?", "문서-폴더.md"),
        ("문서 폴더를 빼고 싶어", "문서-폴더.md"),
        ("PDF도 돼?", "문서-폴더.md"),
        ("엑셀이랑 워드 파일도 되나요?", "문서-폴더.md"),
        ("읽지 못한 파일은 어디서 봐?", "문서-폴더.md"),
        ("파일을 수정하면 바로 반영돼?", "문서-폴더.md"),
        ("태그는 어떻게 달아?", "문서-폴더.md"),
        ("특정 파일은 제외하고 싶어", "문서-폴더.md"),
        ("모델은 어떻게 받아?", "모델.md"),
        ("모델 다운로드", "모델.md"),
        ("모델 삭제하려면", "모델.md"),
        ("그래픽 카드가 없어도 돼?", "모델.md|문제-해결.md"),
        ("허깅페이스 모델 쓰는 법", "모델.md"),
        ("올라마 모델을 쓸 수 있어?", "모델.md|연결하기.md"),
        ("GPU 메모리가 부족해", "문제-해결.md|모델.md"),
        ("포트를 바꾸고 싶어", "설정-파일.md"),
        ("포트 번호 변경", "설정-파일.md"),
        ("영어로 바꾸려면?", "설정-파일.md"),
        ("설정을 확인하고 싶어", "설정-파일.md"),
        ("키 만들기", "키와-보안.md"),
        ("API 키는 어떻게 발급해?", "키와-보안.md"),
        ("다른 컴퓨터에서 접속하려면?", "키와-보안.md"),
        ("내 문서가 인터넷으로 나가?", "시작하기.md|키와-보안.md"),
        ("비밀번호를 정할 수 있어?", "키와-보안.md"),
        ("폰에서도 쓸 수 있어?", "키와-보안.md|연결하기.md"),
        ("처음에 뭐부터 해야 해?", "시작하기.md"),
        ("두뇌가 뭐야?", "시작하기.md"),
        ("백업은 어떻게 해?", "시작하기.md"),
        ("설치하는 방법", "시작하기.md"),
        ("답변이 너무 느려", "문제-해결.md"),
        ("오류가 났어", "문제-해결.md"),
        ("검색이 안 돼", "문제-해결.md"),
        ("문서를 못 찾아", "문제-해결.md|인용과-거절.md"),
        ("특정 단어를 빼고 검색하려면", "검색과-질문.md"),
        ("날짜로 검색을 좁히고 싶어", "검색과-질문.md"),
        ("질문은 어떻게 해?", "검색과-질문.md"),
        ("출처는 어떻게 확인해?", "인용과-거절.md"),
        ("환각은 없어?", "인용과-거절.md"),
        ("파이썬에서 쓰려면?", "연결하기.md"),
        ("how do I add a folder?", "document-folders.md"),
        ("how do I remove a folder", "document-folders.md"),
        ("how to change the port", "settings-file.md"),
        ("create an API key", "keys-and-security.md"),
        ("download a model", "models.md"),
        ("which model should I choose?", "models.md"),
        ("does it read PDF files?", "document-folders.md"),
        ("it is too slow", "troubleshooting.md"),
        ("use it from another computer", "keys-and-security.md"),
        ("how do I ask a question?", "searching-and-asking.md"),
        ("how do I search for an exact phrase?", "searching-and-asking.md"),
        ("what is dunoe?", "getting-started.md"),
        ("how do I back up my data?", "getting-started.md"),
        ("is my data sent to the internet?", "getting-started.md|keys-and-security.md"),
        ("out of memory", "troubleshooting.md|models.md"),
        (
            "why does it say not found in my documents?",
            "citations-and-refusals.md|troubleshooting.md",
        ),
        ("how do I change the language?", "settings-file.md"),
        ("use it with Python", "connecting-clients.md"),
        ("delete a model", "models.md"),
        ("how do I label a document", "document-folders.md"),
    ],
)
async def test_the_first_question_finds_the_right_page(
    search: Search, question: str, file: str
) -> None:
    found = await search.find(Wish(question, top_k=3))
    assert found.hits[0].document.name in file.split("|")
    assert is_relevant(found.features), "the guide answers it, and it would be refused"


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
