"""Settings: what is refused and where, and the environment names that the owner already has."""

import itertools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_origin

import pytest
from pydantic import BaseModel

from dunoe.environment import language
from dunoe.errors import Misconfigured
from dunoe.settings import Settings, Told
from dunoe.settings_check import load


def refusal(tmp_path: Path, text: str, **environ: str) -> Misconfigured:
    """What `load` says to this file."""
    path = tmp_path / "dunoe.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(Misconfigured) as refused:
        load(path, environ=environ)
    assert refused.value.hint.ko and refused.value.hint.en
    return refused.value


@pytest.mark.parametrize(
    ("text", "line", "ko", "en"),
    [
        ("[server]\nporrt = 1", 2, "'server.porrt': 모르는", "unknown setting"),
        ("[serverr]\nport = 1", 1, "'serverr': 모르는", "unknown setting"),
        ("[models.a]\nfile = 'x'\ncontxt = 4", 3, "'models.a.contxt': 모르는", "unknown"),
        ('[models.a]\n\ncontext = "4096"', 3, "정수여야", "whole number"),
        ("[models.a]\ncontext = 4096.5", 2, "정수여야", "whole number"),
        ("[models.a]\ncontext = 8", 2, "16 이상", "16 or more"),
        ("[server]\nport = 70000", 2, "65535 이하", "65535 or less"),
        ("[server]\nport = true", 2, "정수여야", "whole number"),
        ("[server]\nping_s = 0", 2, "0보다 커야", "more than 0"),
        ('[server]\nping_s = "soon"', 2, "숫자여야", "must be a number"),
        ('[server]\nlog_requests = "yes"', 2, "true 또는 false", "true or false"),
        ("[server]\nhost = 127", 2, '"따옴표" 안의 문자열', 'text in "quotes"'),
        ('[server]\nallow = "10.0.0.0/8"', 2, '["목록"]', '["list"]'),
        ('[server]\nallow = ["10.0.0.0/8", "home"]', 2, "네트워크 주소", "a network"),
        ('[server]\nbody_limit = "big"', 2, '"16GiB"', '"16GiB"'),
        ('[card]\nvram = "16 parsecs"', 2, '"16GiB"', '"16GiB"'),
        ("models = 3", 1, "표여야", "a table"),
        ("[models]\na = 3", 2, "표여야", "a table"),
        ('[models.a]\nkv_type = "q7"', 2, "'f32', 'f16'", "'f32', 'f16'"),
        ('[models.a]\npooling = "none"', 2, "'mean', 'cls'", "one of: 'mean', 'cls'"),
        (
            "[models.a]\nfile = 'dunoe.toml'\nflash_attention = 'off'\nkv_type = 'q8_0'",
            3,
            "'q8_0'에는 플래시 어텐션",
            "'q8_0' needs flash attention",
        ),
        ('[engines.box]\nkind = "olama"\nurl = "http://x"', 2, "'ollama', 'openai'", "one of"),
        ('[engines.box]\nkind = "ollama"', 1, "'engines.box.url': 꼭 필요한", "missing"),
        ('[engines.box]\nkind = "ollama"\nurl = "box:11434"', 3, "http://", "http://"),
        ('[engines.box]\nkind = "ollama"\nurl = "http://a b c"', 3, "http://", "http://"),
        ('[engines.b]\nkind = "ollama"\nurl = "http://h:99999"', 3, "1~65535", "1 to 65535"),
        ('[engines.b]\nkind = "ollama"\nurl = "http://h:0"', 3, "1~65535", "1 to 65535"),
        ('[engines.b]\nkind = "ollama"\nurl = "http://a..b:1"', 3, "서버 이름", "names no server"),
        ('[engines.b]\nkind = "ollama"\nurl = "http://서버..집:1"', 3, "서버 이름", "no server"),
        ('[engines.b]\nkind = "ollama"\nurl = "http://[::1"', 3, "서버 이름", "names no server"),
        ('[engines.b]\nkind = "ollama"\nurl = "http://:1"', 3, "서버 이름", "names no server"),
        (f'[hub]\nurl = "http://{"a" * 64}.kr"', 2, "서버 이름", "names no server"),
        ('[engines.b]\nkind = "ollama"\nurl = "http://h/?k=1"', 3, "?나 #", "? or #"),
        ('[engines.b]\nkind = "ollama"\nurl = "http://h#f"', 3, "?나 #", "? or #"),
        (
            '[engines."a.b"]\nkind = "openai"\nurl = "http://서버.집:1"\napi_key = "한글키"',
            4,
            "'engines.a.b.api_key'에 한글",
            "not ASCII",
        ),
        ("[hub]\ntoken = 'a\u00e9'", 2, "쓸 수 없는 글자", "not ASCII"),
        ("[models.a]\ncontext = 99999999999999999999", 2, "16777216 이하", "16777216 or less"),
        ("[models.a]\ngpu_layers = 99999999999999999999", 2, "9999 이하", "9999 or less"),
        ("[models.a]\nthreads = 99999999999999999999", 2, "4096 이하", "4096 or less"),
        ('[hub]\nurl = "http://a b"', 2, "http://", "http://"),
        ('[engines."llama.cpp"]\nkind = "llama"\nurl = "http://x"', 1, "내장 엔진", "embedded"),
        ('[roles]\nchef = "a"', 2, "'roles.chef'", "must be one of"),
        ('[roles]\nbrain = "a"', 2, "모델 'a'이(가) 설정에 없습니다", "no model 'a'"),
        ('[server]\ndefault = "a"', 2, "모델 'a'이(가) 설정에 없습니다", "no model 'a'"),
        ("[models.a]\nparallel = 2", 1, "file 또는 engine", "either a file or an engine"),
        ('[models.a]\nfile = "no.gguf"', 2, "파일이 없습니다", "no such file"),
        ('[models.a]\nengine = "box"', 2, "엔진 'box'이(가) 없습니다", "no engine 'box'"),
        ('[models.a]\nfile = "f"\n[models.a]\nfile = "f"', 3, "두 번", "stands twice"),
        ("[models.brain]\nfile = 'dunoe.toml'", 1, "'brain'이(가) 겹칩니다", "taken twice"),
        (
            "[models.a]\nfile = 'dunoe.toml'\n[models.b]\nfile = 'dunoe.toml'\naliases = ['a']",
            5,
            "'a'이(가) 겹칩니다",
            "taken twice",
        ),
        ("[models.default]\nfile = 'dunoe.toml'", 1, "'default'이(가) 겹칩니다", "taken twice"),
        ("[models.a]\nfile = 'dunoe.toml'\naliases = ['default']", 3, "겹칩니다", "taken twice"),
        ("[models.'']\nfile = 'dunoe.toml'", 1, "이름이 비어", "empty name"),
        ("[models.a]\nfile = 'dunoe.toml'\naliases = ['']", 3, "이름이 비어", "empty name"),
        ("[server]\nping_s = inf", 2, "유한한 숫자", "finite"),
        ("[timeouts]\nload_s = nan", 2, "유한한 숫자", "finite"),
        ("embedding_model = 'a'", 1, "모델 'a'이(가) 설정에 없습니다", "no model 'a'"),
        ("[store]\nurl = 'mysql://a/b'", 2, "sqlite:///", "postgresql://"),
        ("[store]\nurl = 'dunoe.db'", 2, "sqlite:///", "postgresql://"),
        ("[server\nport = 1", 1, "TOML 문법", "not TOML"),
        ("home = '/elsewhere'", 1, "'home': 모르는", "unknown setting"),
    ],
)
def test_a_refusal_names_the_line_and_says_it_in_both_languages(
    tmp_path: Path, text: str, line: int, ko: str, en: str
) -> None:
    message = refusal(tmp_path, text).message
    for said in message:
        assert said.startswith(f"{tmp_path / 'dunoe.toml'}:{line}: ")
    assert ko in message.ko
    assert en in message.en


def test_an_unknown_key_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    assert "flash_attention" in refusal(tmp_path, "[models.a]\nflash = 1").hint.ko
    assert "scale" in refusal(tmp_path, "[[models.a.adapters]]\nscal = 1").hint.ko
    assert "timeouts" in refusal(tmp_path, "[timeout]").hint.ko


def test_a_file_that_is_not_there_and_one_that_is_not_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"nowhere\.toml"):
        load(tmp_path / "nowhere.toml", environ={})
    (tmp_path / "cp949.toml").write_bytes("\n# 설정".encode("cp949"))
    with pytest.raises(Misconfigured, match=r"cp949\.toml:2: not a UTF-8 file"):
        load(tmp_path / "cp949.toml", environ={})


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"QDRANT_PORT": "six"}, "QDRANT_PORT: 'qdrant.port': must be a whole number"),
        ({"OLLAMA_BASE_URL": "box"}, "OLLAMA_BASE_URL: 'engines.ollama.url': must begin with"),
        (
            {"OLLAMA_BASE_URL": "http://x", "OLLAMA_AUTH_HEADER": "한글"},
            "OLLAMA_AUTH_HEADER: 'engines.ollama.auth_header' holds",
        ),
    ],
)
def test_a_bad_environment_name_is_called_by_its_name(
    tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    assert refusal(tmp_path, "", **environ).message.en.startswith(said)


def test_a_byte_order_mark_at_the_start_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "dunoe.toml").write_text("[server]\nport = 1", "utf-8-sig")
    assert load(tmp_path / "dunoe.toml", environ={}).server.port == 1


@pytest.mark.parametrize("url", ["sqlite:////a/b.db", "postgres://a/b", "postgresql+psycopg://a/b"])
def test_databases_that_we_speak_are_taken(tmp_path: Path, url: str) -> None:
    assert loaded(tmp_path, f'[store]\nurl = "{url}"').database_url == url


def test_an_embedding_model_may_be_a_role_or_one_that_an_engine_lists(tmp_path: Path) -> None:
    assert loaded(tmp_path, 'embedding_model = "search"').embedding_model == "search"
    ollama = {"OLLAMA_BASE_URL": "http://x"}
    assert loaded(tmp_path, 'embedding_model = "bge-m3"', **ollama).embedding_model == "bge-m3"


def test_what_the_environment_says_in_vain_is_kept_with_the_reason(tmp_path: Path) -> None:
    doubts = loaded(tmp_path, OLLAMA_MODEL="a", EMBEDDING_MODEL="bge-m3").doubts
    assert set(doubts) == {"OLLAMA_MODEL", "EMBEDDING_MODEL"}
    assert "OLLAMA_BASE_URL" in doubts["OLLAMA_MODEL"].ko
    assert "bge-m3" in doubts["EMBEDDING_MODEL"].en
    ollama = {"OLLAMA_BASE_URL": "http://x", "OLLAMA_MODEL": "a", "EMBEDDING_MODEL": "bge-m3"}
    assert loaded(tmp_path, **ollama).doubts == {}


def test_options_win_over_the_file_and_answer_for_themselves(tmp_path: Path) -> None:
    path = tmp_path / "dunoe.toml"
    path.write_text('[server]\nhost = "0.0.0.0"\nport = 1')
    server = load(path, environ={}, host="::1", port=0).server
    assert (server.host, server.port) == ("::1", 0)
    with pytest.raises(Misconfigured, match=r"^--port: 'server\.port'"):
        load(path, environ={}, port=70000)


def loaded(tmp_path: Path, text: str = "", **environ: str) -> Settings:
    """The settings of this file, with nothing in the environment but what is given."""
    path = tmp_path / "dunoe.toml"
    path.write_text(text, "utf-8")
    return load(path, environ={"DUNOE_HOME": str(tmp_path / "home"), **environ})


def test_the_owners_environment_names_make_an_ollama_with_roles(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        OLLAMA_BASE_URL="http://192.168.0.100:11434/",
        OLLAMA_AUTH_HEADER="Basic c2VjcmV0",
        OLLAMA_MODEL="deepseek-r1:14b",
        OLLAMA_MODEL_LIGHT="qwen3:4b",
    )
    engine = settings.engines["ollama"]
    assert engine.kind == "ollama"
    assert engine.url == "http://192.168.0.100:11434"
    assert engine.auth_header == "Basic c2VjcmV0"
    assert engine.discover
    assert settings.models["deepseek-r1:14b"].name == "deepseek-r1:14b"
    assert settings.roles == {"brain": "deepseek-r1:14b", "router": "qwen3:4b"}
    assert settings.server.default == "deepseek-r1:14b"


def test_the_owners_environment_names_reach_database_qdrant_and_embeddings(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        DATABASE_URL="postgresql://a/b",
        QDRANT_HOST="box",
        QDRANT_PORT="7333",
        QDRANT_API_KEY="s",
        EMBEDDING_MODEL="bge-m3",
        HF_ENDPOINT="https://mirror.example",
        HF_TOKEN="hf_x",
    )
    assert (settings.hub.url, settings.hub.token) == ("https://mirror.example", "hf_x")
    assert settings.database_url == "postgresql://a/b"
    assert (settings.qdrant.host, settings.qdrant.port) == ("box", 7333)
    assert settings.qdrant.api_key == "s"
    assert settings.embedding_model == "bge-m3"


def test_the_file_wins_over_the_environment(tmp_path: Path) -> None:
    text = '[store]\nurl = "sqlite:///here.db"\n[qdrant]\nport = 1'
    settings = loaded(tmp_path, text, DATABASE_URL="postgresql://a/b", QDRANT_PORT="2")
    assert settings.database_url == "sqlite:///here.db"
    assert settings.qdrant.port == 1


def test_a_secret_is_read_from_the_variable_it_names_and_missed_when_unset(tmp_path: Path) -> None:
    text = '[engines.box]\nkind = "openai"\nurl = "http://x"\napi_key = "env:BOX_KEY"'
    settings = loaded(tmp_path, text, BOX_KEY="s3")
    assert settings.engines["box"].api_key == "s3"
    assert settings.unset == {}
    settings = loaded(tmp_path, text)
    assert settings.engines["box"].api_key is None
    assert settings.unset == {"engines.box.api_key": "BOX_KEY"}


def test_a_secret_loses_its_line_end_and_holds_no_other(tmp_path: Path) -> None:
    box = '[engines.box]\nkind = "ollama"\nurl = "http://x"\nauth_header = "env:SECRET"'
    settings = loaded(tmp_path, box, SECRET="Bearer x\n")
    assert settings.engines["box"].auth_header == "Bearer x"
    refused = refusal(tmp_path, box, SECRET="Bearer\nx")
    assert "line breaks" in refused.message.en and "Bearer" not in str(refused)


def test_relative_files_are_relative_to_the_config(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").touch()
    (tmp_path / "a.gguf").touch()
    text = '[models.a]\nfile = "m.gguf"\n[[models.a.adapters]]\nfile = "a.gguf"'
    model = loaded(tmp_path, text).models["a"]
    assert model.file == tmp_path / "m.gguf"
    assert model.adapters[0].file == tmp_path / "a.gguf"


def test_sizes_are_read_with_their_units(tmp_path: Path) -> None:
    assert loaded(tmp_path, '[card]\nvram = "16GiB"').card.vram == 16 * 2**30
    assert loaded(tmp_path, '[card]\nvram = "1.5 gb"').card.vram == 1_500_000_000
    assert loaded(tmp_path, "[card]\nvram = 7").card.vram == 7


def test_a_role_may_be_played_by_a_pulled_file(tmp_path: Path) -> None:
    (tmp_path / "home" / "models").mkdir(parents=True)
    (tmp_path / "home" / "models" / "pulled.gguf").touch()
    assert loaded(tmp_path, '[roles]\nbrain = "pulled"').roles == {"brain": "pulled"}


def test_state_is_kept_in_one_folder(tmp_path: Path) -> None:
    settings = load(environ={"XDG_DATA_HOME": str(tmp_path)})
    assert settings.home == tmp_path / "dunoe"
    assert settings.database_url == f"sqlite:///{tmp_path}/dunoe/dunoe.db"
    assert settings.models_folder == tmp_path / "dunoe" / "models"


@pytest.mark.parametrize(
    ("locale", "spoken"),
    [("ko_KR.UTF-8", "ko"), ("C.UTF-8", "ko"), ("", "ko"), ("en_US.UTF-8", "en"), ("kok", "en")],
)
def test_a_terminal_hears_korean_unless_its_locale_is_another(locale: str, spoken: str) -> None:
    assert language({"LANG": locale}) == spoken
    assert language({"LC_ALL": locale, "LANG": "ko_KR"}) == (spoken if locale else "ko")


EXAMPLE = Path(__file__).parents[1] / "dunoe.example.toml"


def uncommented() -> str:
    """The example with every key in force."""
    return re.sub(r"^#(?=\[|\w+ = )", "", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE)


def test_a_copy_of_the_example_changes_nothing() -> None:
    bare = load(EXAMPLE, environ={}).model_dump(exclude={"source"})
    assert bare == Settings(home=load(environ={}).home).model_dump(exclude={"source"})


def test_the_example_with_every_key_in_force_is_taken(tmp_path: Path) -> None:
    for name in re.findall(r'"(\S+\.(?:gguf|jinja))"', uncommented()):
        (tmp_path / name).touch()
    settings = loaded(tmp_path, uncommented(), OLLAMA_AUTH_HEADER="x", CLUSTER_KEY="y")
    assert settings.roles["brain"] == "big"
    assert settings.engines["cluster"].api_key == "y"
    default = Settings()
    assert (settings.timeouts, settings.queue) == (default.timeouts, default.queue)
    assert settings.server.model_copy(update={"default": None}) == default.server
    assert settings.language == default.language
    assert settings.library.watch == default.library.watch
    assert settings.library.file_limit == default.library.file_limit


def test_library_folders_are_relative_to_the_config_and_end_nowhere_else(tmp_path: Path) -> None:
    text = '[library]\nfolders = ["notes/../문서", "~/Documents", "/a/b/"]'
    folders = loaded(tmp_path, text).library.folders
    assert folders == (tmp_path / "문서", Path.home() / "Documents", Path("/a/b"))


def test_our_own_data_is_no_library_but_a_home_may_hold_documents(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("brain/models")
    for own in ("brain/models/x", "brain/dunoe.db", "brain/local.key", "link", "dunoe.toml"):
        refused = refusal(
            tmp_path, f'[library]\nfolders = ["notes", "{own}"]', DUNOE_HOME=f"{tmp_path}/brain"
        )
        assert str(refused).startswith(f"{tmp_path}/dunoe.toml:2: ")
        assert "own data" in refused.message.en
    text = '[library]\nfolders = ["brain", "brain/knowledge"]'
    folders = loaded(tmp_path, text, DUNOE_HOME=f"{tmp_path}/brain").library.folders
    assert folders == (tmp_path / "brain", tmp_path / "brain" / "knowledge")


def test_the_models_of_the_library_must_exist(tmp_path: Path) -> None:
    for key in ("embedding", "reranking"):
        refused = refusal(tmp_path, f'[library]\n{key} = "nobody"')
        assert "there is no model 'nobody'" in refused.message.en


def tables(model: type[BaseModel] = Told, at: str = "") -> Iterator[tuple[str, set[str]]]:
    """Every table of the file with its keys; `*` for a name that a person chooses."""
    keys = set()
    for name, field in model.model_fields.items():
        inner = [a for a in (field.annotation, *get_args(field.annotation)) if is_table(a)]
        if inner:
            star = ".*" if get_origin(field.annotation) is dict else ""
            yield from tables(inner[0], f"{at}{name}{star}.")
        elif get_origin(field.annotation) is dict:
            yield f"{at}{name}", set(get_args(get_args(field.annotation)[0]))
        else:
            keys.add(name)
    yield at.removesuffix("."), keys


def is_table(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def test_the_example_knows_every_key_of_every_table() -> None:
    tree = tomllib.loads(uncommented())
    shown: dict[str, set[str]] = {"": {k for k, v in tree.items() if not isinstance(v, dict)}}
    for name in (
        "server",
        "card",
        "queue",
        "timeouts",
        "roles",
        "library",
        "store",
        "hub",
        "qdrant",
    ):
        shown[name] = set(tree[name])
    for name in ("models", "engines"):
        shown[f"{name}.*"] = {key for one in tree[name].values() for key in one} - {"adapters"}
    shown["models.*.adapters"] = set(tree["models"]["tiny"]["adapters"][0])
    assert shown == dict(tables())


def test_every_key_of_the_example_is_explained_above_it_or_by_its_table() -> None:
    lines = EXAMPLE.read_text("utf-8").split("\n")
    for above, line in itertools.pairwise(lines):
        if re.match(r"#\w+ = ", line):
            assert above.startswith("#"), line
