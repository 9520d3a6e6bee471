"""Settings: `dunoe.toml` and the environment, read once, here and nowhere else, into one frozen object.

The tables below are the reference: the example file, `dunoe config show` and the CLI follow these fields.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from dunoe.errors import Language, Misconfigured, Text

Role = Literal["brain", "search", "coder", "router"]
ROLES: tuple[Role, ...] = ("brain", "search", "coder", "router")
LLAMA = "llama.cpp"  # the name of the embedded engine, reserved

_UNITS = {"": 1, "B": 1, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_UNITS |= {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def read_size(value: object) -> object:
    """Bytes from `"16GiB"`, `"500 MB"` or a plain integer; anything else is left for the type check to refuse."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", value)
    if found is None or found[2].upper() not in _UNITS:
        raise ValueError('a size looks like "16GiB" or "500MB"')
    return int(float(found[1]) * _UNITS[found[2].upper()])


Size = Annotated[int, BeforeValidator(read_size), Field(ge=0)]
Network = IPv4Network | IPv6Network


class _Table(BaseModel):
    """One table of the file. Unknown keys are refused, so a typo is an error and not a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Adapter(_Table):
    """A LoRA adapter laid over a model."""

    file: Path
    scale: float = 1.0


class ModelSettings(_Table):
    """One model: a file of ours (`file`), or a model of another server (`engine` and `name`)."""

    file: Path | None = Field(None, description="GGUF file, relative to this config")
    engine: str | None = Field(None, description="a name under [engines]")
    name: str | None = Field(None, description="what the engine calls it")
    aliases: tuple[str, ...] = ()
    mode: Literal["chat", "embedding", "rerank"] = "chat"
    context: int | None = Field(None, ge=16, description="tokens per slot")
    parallel: int | None = Field(None, ge=1, le=256, description="slots: answers at once")
    footprint: Size | None = Field(None, description="memory when loaded; default: the file's size")
    kv_type: Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"] = "f16"
    gpu_layers: int = Field(-1, ge=-1, description="layers on the card; -1: all that fit")
    flash_attention: Literal["auto", "on", "off"] = "auto"
    adapters: tuple[Adapter, ...] = ()
    pooling: Literal["none", "mean", "cls", "last", "rank"] | None = None
    template: Path | None = Field(None, description="a chat template instead of the file's own")
    projector: Path | None = Field(None, description="mmproj GGUF, for pictures")
    threads: int | None = Field(None, ge=1)


class EngineSettings(_Table):
    """A program that runs models, reached over HTTP."""

    kind: Literal["ollama", "openai", "llama"]
    url: str = Field(pattern=r"^https?://[^\s/]+")
    auth_header: str | None = Field(None, description="the whole Authorization header, or env:NAME")
    api_key: str | None = Field(None, description="sent as a Bearer token, or env:NAME")
    discover: bool = Field(False, description="offer every model this engine lists")
    vram: Size | None = Field(None, description="memory budget of that server's own card")
    shares_card: bool | None = Field(
        None, description="its models share [card]; default: loopback only"
    )

    @property
    def is_on_our_card(self) -> bool:
        """True when loading a model there takes memory from [card]."""
        if self.shares_card is not None:
            return self.shares_card
        return (
            self.kind == "ollama"
            and self.vram is None
            and is_loopback(urlsplit(self.url).hostname or "")
        )


class ServerSettings(_Table):
    """Where we listen, whom we let in, and how much of anything we take."""

    host: str = "127.0.0.1"
    port: int = Field(11435, ge=0, le=65535)
    default: str | None = Field(None, description="the model of a request that names none")
    body_limit: Size = 32 * 2**20
    allow: tuple[Network, ...] = Field((), description="client addresses; empty: every address")
    trusted_proxies: tuple[Network, ...] = Field((), description="whose X-Forwarded-For we believe")
    ping_s: float = Field(
        15, gt=0, description="a comment this often while a stream has nothing to say"
    )
    stop_s: float = Field(10, ge=0, description="running answers may finish this long after a stop")
    log_requests: bool = True


class TimeoutSettings(_Table):
    """How long we wait for an engine, in seconds; each limit has its own error."""

    connect_s: float = Field(5, gt=0)
    load_s: float = Field(300, gt=0)
    first_token_s: float = Field(300, gt=0)
    between_tokens_s: float = Field(60, gt=0)
    total_s: float = Field(1800, gt=0)


class CardSettings(_Table):
    """The memory that loaded models share: the graphics card's, or RAM where there is none."""

    vram: Size | None = Field(None, description="default: what the machine shows")


class QueueSettings(_Table):
    """Requests that wait for a model."""

    length: int = Field(256, ge=0, description="requests that may wait, all models together")
    wait_s: float = Field(600, gt=0, description="seconds one may wait, a load included")


class QdrantSettings(_Table):
    """A Qdrant server for the library, from QDRANT_HOST, QDRANT_PORT and QDRANT_API_KEY."""

    host: str | None = None
    port: int = 6333
    api_key: str | None = None


class StoreSettings(_Table):
    """Where keys, usage and the catalogue are kept."""

    url: str | None = Field(
        None, description="a database URL; default: one SQLite file in the home"
    )


class Settings(_Table):
    """Everything dunoe was told. `home` is absolute; so is every path."""

    language: Language = "ko"
    server: ServerSettings = ServerSettings()
    card: CardSettings = CardSettings()
    queue: QueueSettings = QueueSettings()
    timeouts: TimeoutSettings = TimeoutSettings()
    models: dict[str, ModelSettings] = {}
    engines: dict[str, EngineSettings] = {}
    roles: dict[Role, str] = {}
    store: StoreSettings = StoreSettings()
    qdrant: QdrantSettings = QdrantSettings()
    embedding_model: str | None = Field(
        None, description="the model of an embedding request that names none"
    )
    home: Path = Path()
    source: Path | None = None

    @property
    def database_url(self) -> str:
        """Where the state lives, as SQLAlchemy spells it."""
        return self.store.url or f"sqlite:///{self.home / 'dunoe.db'}"

    @property
    def models_folder(self) -> Path:
        """Where pulled GGUF files lie."""
        return self.home / "models"


def is_loopback(host: str) -> bool:
    """True for an address that only this machine can reach."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def load(
    path: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    host: str | None = None,
    port: int | None = None,
) -> Settings:
    """Read one settings file and the environment; raise `Misconfigured` with file and line.

    path: None looks for `dunoe.toml` here, then in the home; without one the defaults hold.
    host, port: win over the file.
    """
    env = os.environ if environ is None else environ
    home = _home(env)
    source = path or next(
        (p for p in (Path("dunoe.toml"), home / "dunoe.toml") if p.is_file()), None
    )
    text = _read(source) if source is not None else ""
    tree = _parse(text, source)
    _add_environment(tree, env)
    for key, value in (("host", host), ("port", port)):
        if value is not None:
            tree.setdefault("server", {})[key] = value
    folder = source.resolve().parent if source is not None else Path.cwd()
    try:
        settings = Settings.model_validate(tree | {"home": home, "source": source})
    except ValidationError as exc:
        raise _refusal(exc, text, source) from exc
    return _Check(text, source, folder, env).settled(settings)


def _home(env: Mapping[str, str]) -> Path:
    if named := env.get("DUNOE_HOME"):
        return Path(named).expanduser().absolute()
    data = env.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share").absolute() / "dunoe"


def _read(source: Path) -> str:
    try:
        return source.read_text("utf-8")
    except OSError as exc:
        raise Misconfigured(
            Text(
                f"설정 파일을 읽을 수 없습니다: {source}",
                f"cannot read the settings file: {source}",
            ),
            Text(
                "경로를 확인하거나 dunoe.example.toml을 복사해 시작하세요.",
                "check the path, or start from a copy of dunoe.example.toml.",
            ),
        ) from exc
    except UnicodeDecodeError as exc:
        raise Misconfigured(
            Text(f"{source}: UTF-8 파일이 아닙니다", f"{source}: not a UTF-8 file"),
            Text("UTF-8로 다시 저장하세요.", "save it again as UTF-8."),
        ) from exc


def _parse(text: str, source: Path | None) -> dict[str, Any]:  # Any: TOML
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        found = re.search(r"line (\d+)", str(exc))
        line = int(found[1]) if found else text.count("\n") + 1
        twice = re.search(r"Cannot (?:declare|overwrite).*", str(exc))
        if twice:
            message = Text(
                f"{source}:{line}: 같은 이름이 두 번 나옵니다",
                f"{source}:{line}: the same name stands twice",
            )
            hint = Text(
                "둘 중 하나의 이름을 바꾸거나 지우세요.", "rename or remove one of the two."
            )
        else:
            message = Text(
                f"{source}:{line}: TOML 문법 오류: {exc}", f"{source}:{line}: not TOML: {exc}"
            )
            hint = Text(
                '문자열은 "따옴표"로 감싸고, 표는 [이름]으로 씁니다.',
                'write strings in "quotes" and tables as [name].',
            )
        raise Misconfigured(message, hint) from exc


def _add_environment(tree: dict[str, Any], env: Mapping[str, str]) -> None:  # Any: TOML
    """Lay the owner's environment names over the file, where the file says nothing of its own."""
    if url := env.get("OLLAMA_BASE_URL"):
        _add_ollama(tree, url, env)
    for name, table, key in (
        ("DATABASE_URL", "store", "url"),
        ("QDRANT_HOST", "qdrant", "host"),
        ("QDRANT_PORT", "qdrant", "port"),
        ("QDRANT_API_KEY", "qdrant", "api_key"),
    ):
        if value := env.get(name):
            tree.setdefault(table, {}).setdefault(key, value)
    if value := env.get("EMBEDDING_MODEL"):
        tree.setdefault("embedding_model", value)


def _add_ollama(tree: dict[str, Any], url: str, env: Mapping[str, str]) -> None:  # Any: TOML
    engine = tree.setdefault("engines", {}).setdefault("ollama", {"kind": "ollama"})
    engine.setdefault("url", url)
    engine.setdefault("discover", True)
    if env.get("OLLAMA_AUTH_HEADER"):
        engine.setdefault("auth_header", "env:OLLAMA_AUTH_HEADER")
    models, roles = tree.setdefault("models", {}), tree.setdefault("roles", {})
    for name, role in (("OLLAMA_MODEL", "brain"), ("OLLAMA_MODEL_LIGHT", "router")):
        if model := env.get(name):
            models.setdefault(model, {"engine": "ollama", "name": model})
            roles.setdefault(role, model)
    if model := env.get("OLLAMA_MODEL"):
        tree.setdefault("server", {}).setdefault("default", model)


class _Check:
    """What the types cannot say: names that must exist, files that must be there."""

    def __init__(
        self, text: str, source: Path | None, folder: Path, env: Mapping[str, str]
    ) -> None:
        self.text, self.source, self.folder, self.env = text, source, folder, env

    def settled(self, settings: Settings) -> Settings:
        """The same settings with absolute paths and secrets filled in; raise `Misconfigured`."""
        if LLAMA in settings.engines:
            raise self.wrong(
                ("engines", LLAMA),
                Text(
                    f"'{LLAMA}'은(는) 내장 엔진의 이름입니다",
                    f"'{LLAMA}' is the embedded engine's name",
                ),
                Text("다른 이름을 쓰세요.", "choose another name."),
            )
        models = {name: self.model(name, one, settings) for name, one in settings.models.items()}
        engines = {name: self.engine(name, one) for name, one in settings.engines.items()}
        self.names(settings)
        return settings.model_copy(update={"models": models, "engines": engines})

    def model(self, name: str, model: ModelSettings, settings: Settings) -> ModelSettings:
        at = ("models", name)
        if (model.file is None) == (model.engine is None):
            raise self.wrong(
                at,
                Text(
                    f"모델 '{name}'에는 file 또는 engine 중 하나만 있어야 합니다",
                    f"model '{name}' needs either a file or an engine",
                ),
                Text(
                    '내장 모델은 file = "….gguf", 다른 서버의 모델은 engine과 name을 쓰세요.',
                    'write file = "….gguf" for an embedded model, engine and name for another server\'s.',
                ),
            )
        if model.engine is not None and model.engine not in settings.engines:
            raise self.wrong(
                (*at, "engine"),
                Text(
                    f"엔진 '{model.engine}'이(가) 없습니다", f"there is no engine '{model.engine}'"
                ),
                Text(
                    f"[engines.{model.engine}] 표를 추가하거나 이름을 고치세요.",
                    f"add a table [engines.{model.engine}] or correct the name.",
                ),
            )
        paths = {"file": model.file, "template": model.template, "projector": model.projector}
        return model.model_copy(
            update={key: self.path((*at, key), p) for key, p in paths.items() if p is not None}
            | {
                "adapters": tuple(
                    a.model_copy(update={"file": self.path((*at, "adapters"), a.file)})
                    for a in model.adapters
                )
            }
        )

    def path(self, at: tuple[str, ...], path: Path) -> Path:
        whole = self.folder / path.expanduser()
        if whole.is_file():
            return whole
        raise self.wrong(
            at,
            Text(f"파일이 없습니다: {whole}", f"no such file: {whole}"),
            Text(
                "경로를 고치거나 `dunoe models pull`로 받으세요 (상대 경로는 설정 파일 기준).",
                "correct the path or fetch it with `dunoe models pull` (relative to the settings file).",
            ),
        )

    def engine(self, name: str, engine: EngineSettings) -> EngineSettings:
        return engine.model_copy(
            update={
                "url": engine.url.rstrip("/"),
                "auth_header": self.secret(engine.auth_header),
                "api_key": self.secret(engine.api_key),
            }
        )

    def secret(self, value: str | None) -> str | None:
        """`env:NAME` is that variable; one that is not set is no secret at all."""
        if value is not None and value.startswith("env:"):
            return self.env.get(value.removeprefix("env:")) or None
        return value

    def names(self, settings: Settings) -> None:
        known: dict[str, str] = {}
        for name, model in settings.models.items():
            for spelled in (name, *model.aliases):
                if spelled in known or spelled in ROLES:
                    raise self.wrong(
                        ("models", name),
                        Text(
                            f"이름 '{spelled}'이(가) 겹칩니다",
                            f"the name '{spelled}' is taken twice",
                        ),
                        Text(
                            "모델, 별칭, 역할(brain·search·coder·router)의 이름은 서로 달라야 합니다.",
                            "models, aliases and roles (brain, search, coder, router) need different names.",
                        ),
                    )
                known[spelled] = name
        wanted = [(("roles", str(role)), name) for role, name in settings.roles.items()]
        if settings.server.default is not None and settings.server.default not in ROLES:
            wanted.append((("server", "default"), settings.server.default))
        pulled = {file.stem for file in settings.models_folder.glob("*.gguf")}
        discovers = any(engine.discover for engine in settings.engines.values())
        for at, name in wanted:
            if name not in known and name not in pulled and not discovers:
                raise self.wrong(
                    at,
                    Text(
                        f"모델 '{name}'이(가) 설정에 없습니다",
                        f"there is no model '{name}' in the settings",
                    ),
                    Text(
                        f"[models.{name}] 표를 추가하거나 다음 중에서 고르세요: {', '.join(known) or '-'}",
                        f"add a table [models.{name}] or choose one of: {', '.join(known) or '-'}",
                    ),
                )

    def wrong(self, at: tuple[str, ...], message: Text, hint: Text) -> Misconfigured:
        place = _place(self.text, self.source, at)
        return Misconfigured(Text(f"{place}{message.ko}", f"{place}{message.en}"), hint)


def _place(text: str, source: Path | None, at: tuple[str | int, ...]) -> str:
    """`file:line: ` of a key, or nothing when it came from elsewhere."""
    line = _line(text, [str(step) for step in at])
    return f"{source}:{line}: " if source is not None and line else f"{'.'.join(map(str, at))}: "


def _line(text: str, at: list[str]) -> int:
    """The line of the deepest step of `at` that stands in the text; 0 when none does."""
    best, depth, table = 0, 0, list[str]()
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if header := re.match(r"\[+\s*([^\]]+?)\s*\]+", line):
            table = _steps(header[1])
            path = table
        elif key := re.match(
            r"""((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""", line
        ):
            path = table + _steps(key[1])
        else:
            continue
        if len(path) > depth and path == at[: len(path)]:
            best, depth = number, len(path)
    return best


def _steps(dotted: str) -> list[str]:
    return [a or b or c for a, b, c in re.findall(r"""([\w-]+)|"([^"]*)"|'([^']*)'""", dotted)]


_SAID: dict[str, Text] = {
    "extra_forbidden": Text("모르는 설정입니다", "unknown setting"),
    "missing": Text("꼭 필요한 설정이 없습니다", "a required setting is missing"),
}


def _refusal(exc: ValidationError, text: str, source: Path | None) -> Misconfigured:
    first = exc.errors(include_url=False)[0]
    at = tuple(step for step in first["loc"] if step not in ("function-after", "[key]"))
    key = ".".join(map(str, at))
    place = _place(text, source, at)
    said = _SAID.get(first["type"], Text(f"값이 맞지 않습니다 ({first['msg']})", first["msg"]))
    hint = Text(
        "dunoe.example.toml에 모든 설정이 설명되어 있습니다.",
        "dunoe.example.toml explains every setting.",
    )
    if first["type"] == "extra_forbidden" and (known := _known_keys(at)):
        hint = Text(f"쓸 수 있는 이름: {known}", f"known here: {known}")
    return Misconfigured(Text(f"{place}'{key}': {said.ko}", f"{place}'{key}': {said.en}"), hint)


def _known_keys(at: tuple[str | int, ...]) -> str:
    tables: dict[str, type[BaseModel]] = {
        "server": ServerSettings, "timeouts": TimeoutSettings, "card": CardSettings,
        "queue": QueueSettings, "models": ModelSettings, "engines": EngineSettings,
        "store": StoreSettings, "qdrant": QdrantSettings,
    }  # fmt: skip
    table = Settings if len(at) == 1 else tables.get(str(at[0]))
    if table is None:
        return ""
    return ", ".join(name for name in table.model_fields if name not in ("home", "source"))
