"""From the file and the environment to settings that hold together: names that exist, files that are there."""

import re
from collections.abc import Mapping
from os.path import abspath, realpath
from pathlib import Path

from dunoe.environment import add_environment, home_folder, in_vain
from dunoe.errors import Misconfigured, Text
from dunoe.settings import (
    LLAMA,
    RESERVED,
    ROLES,
    EngineSettings,
    ModelSettings,
    Settings,
    Told,
    surroundings,
)
from dunoe.toml_file import TomlFile

WHOLE = ("f32", "f16", "bf16")  # values of kv_type that are not quantised
_PART = re.compile(r"-\d{5}-of-\d{5}$")


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
    env = surroundings() if environ is None else environ
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
        token = self.secret(("hub", "token"), settings.hub.token)
        hub = settings.hub.model_copy(update={"token": token})
        self.names(settings)
        folders = self.folders(settings)
        library = settings.library.model_copy(update={"folders": folders})
        return settings.model_copy(
            update={
                "models": models,
                "engines": engines,
                "hub": hub,
                "library": library,
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
        self.cache(at, model)
        paths = {"file": model.file, "template": model.template, "projector": model.projector}
        whole: dict[str, object] = {
            key: self.path((*at, key), path) for key, path in paths.items() if path is not None
        }
        whole["adapters"] = tuple(
            one.model_copy(update={"file": self.path((*at, "adapters"), one.file)})
            for one in model.adapters
        )
        return model.model_copy(update=whole)

    def cache(self, at: tuple[str, ...], model: ModelSettings) -> None:
        """llama.cpp loads no model so, and would say it at the first request."""
        if model.flash_attention == "off" and model.kv_type not in WHOLE:
            raise self.file.wrong(
                (*at, "flash_attention"),
                Text(
                    f"kv_type '{model.kv_type}'에는 플래시 어텐션이 필요합니다",
                    f"kv_type '{model.kv_type}' needs flash attention",
                ),
                Text(
                    'flash_attention을 "auto"로 하거나 kv_type을 "f16"으로 하세요.',
                    'set flash_attention to "auto", or kv_type to "f16".',
                ),
            )

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

    def folders(self, settings: Settings) -> tuple[Path, ...]:
        places = tuple(self.place(one) for one in settings.library.folders)
        own = [realpath(one) for one in settings.own]
        for place in places:
            if any(Path(realpath(place)).is_relative_to(one) for one in own):
                raise self.file.wrong(
                    ("library", "folders"),
                    Text(
                        f"dunoe 자신의 데이터는 라이브러리가 될 수 없습니다: {place}",
                        f"dunoe's own data cannot be a library: {place}",
                    ),
                    Text(
                        "문서가 있는 다른 폴더를 쓰세요.",
                        "name another folder, one with documents.",
                    ),
                )
        return places

    def place(self, folder: Path) -> Path:
        whole = self.folder / folder.expanduser()
        return Path(abspath(whole))  # noqa: PTH100 - a link keeps the name that the person gave it

    def engine(self, name: str, engine: EngineSettings) -> EngineSettings:
        at = ("engines", name)
        return engine.model_copy(
            update={
                "auth_header": self.secret((*at, "auth_header"), engine.auth_header),
                "api_key": self.secret((*at, "api_key"), engine.api_key),
            }
        )

    def secret(self, at: tuple[str, ...], value: str | None) -> str | None:
        """`env:NAME` is that variable; one that is not set is no secret at all."""
        if value is None:
            return None
        if value.startswith("env:"):
            name = value.removeprefix("env:")
            value = self.env.get(name, "")
            if not value.strip():
                self.unset[".".join(at)] = name
        value = value.strip()
        if not (value.isprintable() and value.isascii()):  # no header may hold it
            key = ".".join(at)
            raise self.file.wrong(
                at,
                Text(
                    f"'{key}'에 한글이나 줄바꿈 등 쓸 수 없는 글자가 있습니다",
                    f"'{key}' holds line breaks or letters that are not ASCII",
                ),
                Text(
                    "받은 키를 그대로, 영문·숫자·기호로 한 줄에 쓰세요.",
                    "write the key as you got it: ASCII letters, on one line.",
                ),
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
                (("library", "embedding"), settings.library.embedding),
                (("library", "reranking"), settings.library.reranking),
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
