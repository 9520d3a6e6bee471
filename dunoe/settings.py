"""Settings: everything that `dunoe.toml` and the environment may say, as one frozen object.

The tables below are the reference: the example file, `dunoe config show` and the CLI follow these fields.
`settings_check.load` fills them, once; nobody else looks at the environment.
"""

import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from dunoe.environment import language
from dunoe.errors import Language, Text
from dunoe.toml_file import Refused

Role = Literal["brain", "search", "coder", "router"]
Mode = Literal["chat", "embedding", "rerank"]
KvType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"]
ROLES: tuple[Role, ...] = ("brain", "search", "coder", "router")
RESERVED = (*ROLES, "default")  # names that mean another model, so none may be called so
LLAMA = "llama.cpp"  # the name of the embedded engine, reserved
# What else lies in a home, beside models, cache and database. A test compares them with what is made there.
_KEPT = ("library", "library.lock", "local.key", "server.url", "judged.jsonl", "dunoe.toml")

LARGEST = 2**53  # bytes; more is a slip, and no number that JSON is sure to carry
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
    size = float(found[1]) * _UNITS[found[2].upper()]
    return int(min(size, LARGEST + 1))  # which the type check refuses; endless is no integer at all


def read_url(value: str) -> str:
    """An HTTP address without the slash at its end; raises `Refused` for anything else."""
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", value):
        raise Refused(
            Text(
                "http:// 또는 https://로 시작하는 주소여야 합니다",
                "must begin with http:// or https://",
            )
        )
    if (wrong := _wrong_in(value)) is not None:
        raise Refused(wrong)
    return value.rstrip("/")


def _wrong_in(url: str) -> Text | None:
    """What no connection could be made with, or what would be lost on the way."""
    if "?" in url or "#" in url:
        return Text(
            "주소에 ?나 #을 쓸 수 없습니다", "holds a ? or #, which no address of a server does"
        )
    try:
        split = urlsplit(url)
        host = split.hostname or ""
        host.encode("idna")  # as it is looked up: labels of 1 to 63 letters
    except ValueError:
        host = ""
    if not host.isprintable() or not host:
        return Text("서버 이름이 맞지 않습니다", "names no server that could be looked up")
    try:
        is_port = split.port != 0
    except ValueError:
        is_port = False
    return None if is_port else Text("포트는 1~65535여야 합니다", "needs a port from 1 to 65535")


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


Size = Annotated[int, BeforeValidator(read_size), Field(ge=0, le=LARGEST)]
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
    mode: Mode = "chat"
    context: int | None = Field(None, ge=16, le=2**24, description="tokens per slot")
    parallel: int | None = Field(None, ge=1, le=4096, description="slots: answers at once")
    footprint: Size | None = Field(
        None, description="memory when loaded; default: by its header, then measured"
    )
    kv_type: KvType = "f16"
    gpu_layers: int = Field(-1, ge=-1, le=9999, description="layers on the card; -1: all that fit")
    flash_attention: Literal["auto", "on", "off"] = "auto"
    adapters: tuple[Adapter, ...] = ()
    pooling: Literal["mean", "cls", "last", "rank"] | None = None
    query_prefix: str | None = Field(
        None, description="before a question that is embedded; default: what the model is known for"
    )
    passage_prefix: str | None = Field(None, description="before a passage that is embedded")
    template: Path | None = Field(None, description="a chat template instead of the file's own")
    projector: Path | None = Field(None, description="mmproj GGUF, for pictures")
    threads: int | None = Field(None, ge=1, le=4096)


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
    truncate: Literal["off", "oldest", "middle"] = Field(
        "off", description="what is done with a prompt that is too long: refused, or cut and marked"
    )


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


class LibrarySettings(_Table):
    """The folders whose files can be asked about, and how they are read."""

    folders: tuple[Path, ...] = Field((), description="relative to this config")
    include: tuple[str, ...] = Field((), description="only these files, as lines of a .gitignore")
    exclude: tuple[str, ...] = Field((), description="not these files, as lines of a .gitignore")
    file_limit: Size = Field(64 * 2**20, description="larger files are not read")
    workers: int | None = Field(None, ge=1, le=256, description="default: one per processor core")
    watch: bool = Field(True, description="read saved files at once while the server runs")
    sample: bool = Field(True, description="with no folder at all, read dunoe's own guide")
    embedding: str | None = Field(None, description="a model; default: embedding_model")
    reranking: str | None = Field(None, description="a model; default: no reranking")
    reading_tokens: int | None = Field(
        None, ge=256, description="of sources in one prompt; default: 12000 with a card, else 3000"
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
    library: LibrarySettings = LibrarySettings()
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

    @property
    def cache_folder(self) -> Path:
        """Where is kept what was found out of model files: vocabularies, and what a load took."""
        return self.home / "cache"

    @property
    def own(self) -> tuple[Path, ...]:
        """What is ours and no document. Of the home by name, for a person's own folders may lie beside it."""
        kind, _, database = self.database_url.partition(":///")
        ends = ("", "-wal", "-shm", "-journal") if kind.startswith("sqlite") and database else ()
        kept = (self.home / name for name in _KEPT)
        files = (Path(f"{database}{end}") for end in ends)
        source = () if self.source is None else (self.source,)  # it may name keys
        return (self.models_folder, self.cache_folder, *kept, *files, *source)


def is_loopback(host: str) -> bool:
    """True for an address that only this machine can reach."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def surroundings() -> Mapping[str, str]:
    """The environment of this process."""
    return os.environ


def spoken() -> Language:
    """The language of the terminal, for what must be said before any settings are read."""
    return language(surroundings())
