"""Settings: `dunoe.toml` and the environment, read once, here and nowhere else, into one frozen object.

The tables below are the reference: the example file, `dunoe config show` and the CLI follow these fields.
"""

import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from dunoe.environment import add_environment, home_folder, in_vain, language
from dunoe.errors import Language, Misconfigured, Text
from dunoe.toml_file import Refused, TomlFile

Role = Literal["brain", "search", "coder", "router"]
ROLES: tuple[Role, ...] = ("brain", "search", "coder", "router")
RESERVED = (*ROLES, "default")  # names that mean another model, so none may be called so
LLAMA = "llama.cpp"  # the name of the embedded engine, reserved
_PART = re.compile(r"-\d{5}-of-\d{5}$")

_UNITS = {"": 1, "B": 1, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_UNITS |= {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def read_size(value: object) -> object:
    """Bytes from `"16GiB"`, `"500 MB"` or a plain integer; anything else is left for the type check to refuse."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", value)
    if found is None or found[2].upper() not in _UNITS:
        raise Refused(
            Text('크기는 "16GiB"나 "500MB"처럼 씁니다', 'a size looks like "16GiB" or "500MB"')
        )
    return int(float(found[1]) * _UNITS[found[2].upper()])


def read_url(value: str) -> str:
    """An HTTP address without the slash at its end; raises `Refused` for anything else."""
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", value):
        raise Refused(
            Text(
                "http:// 또는 https://로 시작하는 주소여야 합니다",
                "must begin with http:// or https://",
            )
        )
    return value.rstrip("/")


def read_database(value: str) -> str:
    """The same URL; raises `Refused` for a database that we do not speak."""
    if not re.match(r"(sqlite|postgres(ql)?)(\+\w+)?://", value):
        raise Refused(
            Text(
                "sqlite:/// 또는 postgresql://로 시작해야 합니다",
                "must begin with sqlite:/// or postgresql://",
            )
        )
    return value


Size = Annotated[int, BeforeValidator(read_size), Field(ge=0)]
Network = IPv4Network | IPv6Network


def read_network(value: object) -> object:
    """The same value; raises `Refused` unless it is one address or some, like `"192.168.0.0/24"`."""
    try:
        ip_network(str(value))
    except ValueError as exc:
        raise Refused(
            Text(
                '네트워크 주소여야 합니다 (예: "192.168.0.0/24")',
                'must be a network, such as "192.168.0.0/24"',
            )
        ) from exc
    return value


Networks = tuple[Annotated[Network, BeforeValidator(read_network)], ...]


class _Table(BaseModel):
    """One table of the file. Unknown keys are refused, so a typo is an error and not a default."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
    parallel: int | None = Field(None, ge=1, le=4096, description="slots: answers at once")
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
    url: Annotated[str, AfterValidator(read_url)]
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
    allow: Networks = Field((), description="client addresses; empty: every address")
    trusted_proxies: Networks = Field((), description="whose X-Forwarded-For we believe")
    ping_s: float = Field(
        15, gt=0, description="a comment this often while a stream has nothing to say"
    )
    stop_s: float = Field(10, ge=0, description="running answers may finish this long after a stop")
    log_requests: bool = True


class TimeoutSettings(_Table):
    """How long we wait, in seconds, for an engine and for a caller; each limit has its own error."""

    connect_s: float = Field(5, gt=0)
    load_s: float = Field(300, gt=0)
    first_token_s: float = Field(300, gt=0)
    between_tokens_s: float = Field(60, gt=0)
    total_s: float = Field(1800, gt=0)
    body_s: float = Field(60, gt=0, description="a request must have arrived after this long")
    reader_s: float = Field(
        120, gt=0, description="a caller who reads nothing of a stream for this long is cut off"
    )


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


class HubSettings(_Table):
    """Where `hf:` sources come from; HF_ENDPOINT and HF_TOKEN say the same."""

    url: Annotated[str, AfterValidator(read_url)] = "https://huggingface.co"
    token: str | None = Field(None, description="for gated models, or env:NAME")


class StoreSettings(_Table):
    """Where keys, usage and the catalogue are kept."""

    url: Annotated[str, AfterValidator(read_database)] | None = Field(
        None, description="a database URL; default: one SQLite file in the home"
    )


class Told(_Table):
    """What the file and the environment may say."""

    language: Language = "ko"
    server: ServerSettings = ServerSettings()
    card: CardSettings = CardSettings()
    queue: QueueSettings = QueueSettings()
    timeouts: TimeoutSettings = TimeoutSettings()
    models: dict[str, ModelSettings] = {}
    engines: dict[str, EngineSettings] = {}
    roles: dict[Role, str] = {}
    store: StoreSettings = StoreSettings()
    hub: HubSettings = HubSettings()
    qdrant: QdrantSettings = QdrantSettings()
    embedding_model: str | None = Field(
        None, description="the model of an embedding request that names none"
    )


class Settings(Told):
    """Everything dunoe was told. `home` is absolute; so is every path.

    source: the file. unset: variables that an `env:NAME` names and nobody set, by the key that names them.
    doubts: variables that are set in vain, and why.
    """

    home: Path = Path()
    source: Path | None = None
    unset: dict[str, str] = {}
    doubts: dict[str, Text] = {}

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


def spoken() -> Language:
    """The language of the terminal, for what must be said before any settings are read."""
    return language(os.environ)


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
    home = home_folder(env)
    source = path or next(
        (p for p in (Path("dunoe.toml"), home / "dunoe.toml") if p.is_file()), None
    )
    file = TomlFile(source)
    add_environment(file, env)
    if host is not None:
        file.add(("server", "host"), host, "--host", wins=True)
    if port is not None:
        file.add(("server", "port"), port, "--port", wins=True)
    told = file.checked(Told)
    said = {name: getattr(told, name) for name in told.model_fields_set}
    settings = Settings(**said, home=home, source=source)
    folder = source.absolute().parent if source is not None else Path.cwd()
    return _Check(file, folder, env).settled(settings)


class _Check:
    """What the types cannot say: names that must exist, files that must be there."""

    def __init__(self, file: TomlFile, folder: Path, env: Mapping[str, str]) -> None:
        self.file, self.folder, self.env = file, folder, env
        self.unset: dict[str, str] = {}
        self.doubts = in_vain(env)

    def settled(self, settings: Settings) -> Settings:
        """The same settings with absolute paths and secrets filled in; raise `Misconfigured`."""
        if LLAMA in settings.engines:
            raise self.file.wrong(
                ("engines", LLAMA),
                Text(
                    f"'{LLAMA}'은(는) 내장 엔진의 이름입니다",
                    f"'{LLAMA}' is the embedded engine's name",
                ),
                Text("다른 이름을 쓰세요.", "choose another name."),
            )
        models = {name: self.model(name, one, settings) for name, one in settings.models.items()}
        engines = {name: self.engine(name, one) for name, one in settings.engines.items()}
        token = self.secret("hub.token", settings.hub.token)
        hub = settings.hub.model_copy(update={"token": token})
        self.names(settings)
        return settings.model_copy(
            update={
                "models": models,
                "engines": engines,
                "hub": hub,
                "unset": self.unset,
                "doubts": self.doubts,
            }
        )

    def model(self, name: str, model: ModelSettings, settings: Settings) -> ModelSettings:
        at = ("models", name)
        if (model.file is None) == (model.engine is None):
            raise self.file.wrong(
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
            raise self.file.wrong(
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
        whole: dict[str, object] = {
            key: self.path((*at, key), path) for key, path in paths.items() if path is not None
        }
        whole["adapters"] = tuple(
            one.model_copy(update={"file": self.path((*at, "adapters"), one.file)})
            for one in model.adapters
        )
        return model.model_copy(update=whole)

    def path(self, at: tuple[str, ...], path: Path) -> Path:
        whole = self.folder / path.expanduser()
        if whole.is_file():
            return whole
        raise self.file.wrong(
            at,
            Text(f"파일이 없습니다: {whole}", f"no such file: {whole}"),
            Text(
                "경로를 고치거나 `dunoe models pull`로 받으세요 (상대 경로는 설정 파일 기준).",
                "correct the path or fetch it with `dunoe models pull` (relative to the settings file).",
            ),
        )

    def engine(self, name: str, engine: EngineSettings) -> EngineSettings:
        at = f"engines.{name}"
        return engine.model_copy(
            update={
                "auth_header": self.secret(f"{at}.auth_header", engine.auth_header),
                "api_key": self.secret(f"{at}.api_key", engine.api_key),
            }
        )

    def secret(self, at: str, value: str | None) -> str | None:
        """`env:NAME` is that variable; one that is not set is no secret at all."""
        if value is None:
            return None
        if value.startswith("env:"):
            name = value.removeprefix("env:")
            value = self.env.get(name, "")
            if not value.strip():
                self.unset[at] = name
        value = value.strip()
        if not value.isprintable():  # no header may hold it, so every request would fail
            raise self.file.wrong(
                tuple(at.split(".")),
                Text(f"'{at}'에 제어 문자가 있습니다", f"'{at}' holds control characters"),
                Text("값을 한 줄로 다시 쓰세요.", "write its value anew, on one line."),
            )
        return value or None

    def names(self, settings: Settings) -> None:
        """Every name means one model, and every name that is used means one at all."""
        known: set[str] = set()
        for name, model in settings.models.items():
            self.new_name(("models", name), name, known)
            for alias in model.aliases:
                self.new_name(("models", name, "aliases"), alias, known)
        wanted: list[tuple[tuple[str, ...], str]]
        wanted = [(("roles", str(role)), name) for role, name in settings.roles.items()]
        wanted += [
            (at, name)
            for at, name in (
                (("server", "default"), settings.server.default),
                (("embedding_model",), settings.embedding_model),
            )
            if name is not None and name not in ROLES
        ]
        files = settings.models_folder.glob("*.gguf")
        pulled = {_PART.sub("", file.stem) for file in files}  # a model in parts has one name
        discovers = any(engine.discover for engine in settings.engines.values())
        for at, name in wanted:
            if name not in known and name not in pulled and not discovers:
                refused = self.unknown(at, name, known)
                if at != ("embedding_model",) or at not in self.file.origins:
                    raise refused
                # EMBEDDING_MODEL may be meant for another program: nothing to die of
                self.doubts[self.file.origins[at]] = refused.message

    def new_name(self, at: tuple[str, ...], name: str, known: set[str]) -> None:
        """Add a model's name to those that are known; raise `Misconfigured` where it will not do."""
        if not name:
            raise self.file.wrong(
                at,
                Text("모델의 이름이 비어 있습니다", "an empty name is no model's name"),
                Text('["이름"]처럼 따옴표 안에 이름을 쓰세요.', 'write a name in the "quotes".'),
            )
        if name in known or name in RESERVED:
            raise self.file.wrong(
                at,
                Text(f"이름 '{name}'이(가) 겹칩니다", f"the name '{name}' is taken twice"),
                Text(
                    "모델과 별칭의 이름은 서로 다르고, 역할(brain·search·coder·router)이나 default가 아니어야 합니다.",
                    "models and aliases need names of their own: no role (brain, search, coder, router), not default.",
                ),
            )
        known.add(name)

    def unknown(self, at: tuple[str, ...], name: str, known: set[str]) -> Misconfigured:
        names = ", ".join(sorted(known)) or "-"
        return self.file.wrong(
            at,
            Text(
                f"모델 '{name}'이(가) 설정에 없습니다",
                f"there is no model '{name}' in the settings",
            ),
            Text(
                f"[models.{name}] 표를 추가하거나 다음 중에서 고르세요: {names}",
                f"add a table [models.{name}] or choose one of: {names}",
            ),
        )
