"""Whatever is wrong: two lines on stderr, an exit code, and no traceback."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Said
from tests.program import environment

MODEL = "[models.a]\nfile = 'dunoe.toml'\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[server]\nporrt = 11435", 2, "'server.porrt': 모르는 설정입니다"),
        ("[card]\nvram = '99999999999TiB'", 2, "9007199254740992 이하여야 합니다"),
        ("[card]\nvram = 9999999999999999999999", 2, "9007199254740992 이하여야 합니다"),
        ("[models.a]\n\ncontext = 'many'", 3, "정수여야 합니다"),
        ("[models.a]\nfile = 'missing.gguf'", 2, "파일이 없습니다"),
        (f"{MODEL}[models.a]\nfile = 'b.gguf'", 3, "같은 이름이 두 번"),
        (f"{MODEL}[models.b]\nfile = 'dunoe.toml'\naliases = ['a']", 5, "이름 'a'이(가) 겹칩니다"),
        (f"{MODEL}[roles]\nbrian = 'a'", 4, "'roles.brian'"),
        (f"{MODEL}[roles]\nbrain = 'b'", 4, "모델 'b'이(가) 설정에 없습니다"),
    ],
)
def test_a_server_with_wrong_settings_does_not_start(
    told: Callable[..., Said], tmp_path: Path, text: str, line: int, said: str
) -> None:
    config = tmp_path / "dunoe.toml"
    config.write_text(text, "utf-8")
    done = told("serve", "--config", config)
    assert (done.code, done.out) == (2, "")
    wrong, cure = done.err.splitlines()
    assert wrong.startswith(f"오류: {config}:{line}: ")
    assert said in wrong
    assert re.match(r"  해결: \S", cure)


def test_a_bad_environment_name_refuses_in_english_where_english_is_spoken(
    told: Callable[..., Said],
) -> None:
    done = told("config", "check", QDRANT_PORT="six", LANG="en_US.UTF-8")
    assert done.code == 2
    assert done.err == (
        "error: QDRANT_PORT: 'qdrant.port': must be a whole number, without quotes\n"
        "  try: dunoe.example.toml explains every setting.\n"
    )


def test_a_missing_settings_file_is_refused(typed: Callable[..., Said]) -> None:
    done = typed("config", "show", "--config", "nowhere.toml")
    assert done.code == 2
    assert done.err.startswith("오류: 설정 파일을 읽을 수 없습니다: nowhere.toml")
    assert done.err.count("\n") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sreve",), "'sreve'(이)라는 명령이 없습니다"),
        (("keys", "ad"), "'ad'(이)라는 명령이 없습니다. 혹시 'add'?"),
        (("serve", "--prot", "1"), "--prot 옵션이 없습니다. 비슷한 것: --host, --port"),
        (("serve", "--qqq"), "--qqq 옵션이 없습니다"),
        (("serve", "--port", "eleven"), "--port에는 정수를 써야 합니다"),
        (("serve", "--port"), "--port 뒤에 값이 필요합니다"),
        (("keys", "add"), "NAME이(가) 빠졌습니다"),
        (("keys", "add", "a", "--rpm", "0"), "--rpm은(는) 1 이상이어야 합니다"),
        (("keys", "add", "a", "--scope", "all"), "'all'은(는) 'infer', 'library', 'admin' 중"),
        (("search", "x", "--top-k", "0"), "오류: --top-k / -k은(는) 1 이상이어야 합니다"),
        (("search", "x", "-k", "many"), "오류: --top-k / -k에는 정수를 써야 합니다"),
        (("search", "-소유권"), "`dunoe search -- -소유권`"),
        (("search", "-zebra"), "`dunoe search -- -zebra`"),
        (("version", "x"), "남는 말이 있습니다: x"),
        (("models", "list", "--json=1"), "--json에는 값을 붙이지 않습니다"),
    ],
)
def test_a_mistyped_command_is_two_lines_and_2(
    typed: Callable[..., Said], words: tuple[str, ...], said: str
) -> None:
    done = typed(*words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert [line[:4] for line in done.err.splitlines()] == ["오류: ", "  해결"]


def test_the_settings_language_wins_over_the_locale(
    typed: Callable[..., Said], tmp_path: Path
) -> None:
    (tmp_path / "dunoe.toml").write_text('language = "en"')
    assert typed("keys", "revoke", "x").err.startswith("error: there is no key 'x'\n  try: ")


def test_an_option_out_of_range_answers_for_itself(typed: Callable[..., Said]) -> None:
    done = typed("serve", "--port", "70000")
    assert done.code == 2
    assert done.err.startswith("오류: --port: 'server.port': 65535 이하여야 합니다\n")


def test_nothing_typed_shows_the_commands(typed: Callable[..., Said]) -> None:
    done = typed()
    assert done.code == 0
    for command in ("serve", "chat", "models", "keys", "config", "version"):
        assert re.search(rf"^  {command} +\S.* · \S", done.out, re.MULTILINE)


@pytest.mark.parametrize("room", ["models", "keys", "config"])
def test_a_room_without_an_order_shows_its_commands(typed: Callable[..., Said], room: str) -> None:
    done = typed(room)
    assert (done.code, done.err) == (0, "")
    assert done.out == typed(room, "--help").out


def test_text_from_elsewhere_cannot_steer_the_terminal(typed: Callable[..., Said]) -> None:
    assert "\x1b" not in typed("keys", "revoke", "\x1b[2Jx").err
    assert "\x1b" not in typed("--\x1b[31m").err


@pytest.mark.parametrize(
    "words",
    [
        ("fit", "{}.gguf"),
        ("tokens", "{}.gguf"),
        ("fit", "--profile", "{}.toml"),
        ("init", "-c", "{}.toml"),
        ("models", "pull", "./{}.gguf"),
    ],
)
def test_a_name_that_no_disk_takes_is_refused(
    typed: Callable[..., Said], words: tuple[str, ...]
) -> None:
    done = typed(*(word.format("가" * 300) for word in words))
    assert done.code == 1 and done.out == ""
    assert "이름이 너무 깁니다" in done.err
    assert [line[:4] for line in done.err.splitlines()] == ["오류: ", "  해결"]


AS_ANYONE = (
    "setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-dac_override,-dac_read_search",
)  # fmt: skip


def as_anyone(home: Path, *words: str) -> Said:
    """Run a command line as one who may not do everything: root gives that up."""
    before = AS_ANYONE if os.geteuid() == 0 else ()
    done = subprocess.run(
        [*before, sys.executable, "-m", "dunoe.cli.main", *words],
        env=environment(home, {"LANG": "ko_KR.UTF-8"}),
        cwd=home.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody may enter."""
    folder = tmp_path / "closed"
    folder.mkdir(0o000)
    yield folder
    folder.chmod(0o700)


@pytest.mark.parametrize(
    "words",
    [
        ("fit", "{}/x.gguf"),
        ("tokens", "{}/x.gguf"),
        ("fit", "--profile", "{}/x.toml"),
        ("init", "-c", "{}/x.toml", "--vram", "0", "--no-download"),
        ("config", "show", "-c", "{}/x.toml"),
        ("config", "check"),  # its home lies there
        ("serve", "--port", "0"),
        ("models", "list"),
        ("models", "pull", "{}/x.gguf"),
    ],
)
def test_what_one_may_not_enter_is_two_lines_and_no_traceback(
    closed: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    home = closed if "{}" not in " ".join(words) else tmp_path / "home"
    done = as_anyone(home, *(one.format(closed) for one in words))

    assert done.code in (1, 2)
    assert [line[:4] for line in done.err.splitlines()] == ["오류: ", "  해결"]
    assert "권한이 없습니다" in done.err and "이미 있습니다" not in done.err
    assert str(closed) in done.err and "디스크를 비우" not in done.err


def test_a_check_says_that_a_server_could_not_write_to_its_home(home: Path) -> None:
    """It was content, and `serve` refused."""
    home.mkdir(0o500)
    checked, served = as_anyone(home, "config", "check"), as_anyone(home, "serve", "--port", "0")
    assert (checked.code, served.code) == (1, 2)
    assert f"확인 필요  home: {home}에 쓸 수 없어" in checked.out


def test_ctrl_c_while_our_code_is_being_read_is_no_traceback(
    told: Callable[..., Said], tmp_path: Path
) -> None:
    """The first fifth of a second was imports that nobody minded."""
    (tmp_path / "typer.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    done = told("version")
    assert (done.code, done.out, done.err) == (130, "", "")
