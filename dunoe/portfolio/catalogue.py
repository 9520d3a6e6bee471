"""The catalogue: every name a caller may say, and the model behind it.

Names come from the settings, from the folder of pulled files, and from engines that list their own. Settings
win over files, files over engines. Roles and aliases are further names for the same models; what a file or an
engine calls by one of them is not offered, since nobody could ask for it.
"""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from threading import Lock

from dunoe.errors import NotFound, Text, Unavailable
from dunoe.portfolio.memory import OUR_CARD, budget_of, footprint
from dunoe.portfolio.model import Model
from dunoe.settings import LLAMA, RESERVED, ROLES, EngineSettings, Mode, ModelSettings, Settings
from dunoe.weights.header import BadModelFile, Header, read_header
from dunoe.weights.memory.layers import ENCODERS
from dunoe.weights.memory.measured import Measured
from dunoe.weights.shelf import Shelf

SLOTS_ELSEWHERE = 1024  # a server that queues for itself is not held back by us
POOLING_RANK = 4  # llama.cpp's number for a cross-encoder


class Catalogue:
    """Names to models. Cheap to ask; `refresh` looks at the folder again, `offer` takes an engine's list."""

    def __init__(
        self, settings: Settings, shelf: Shelf, first_model: str, *, has_card: bool = False
    ) -> None:
        """first_model: the source to pull where there is no model yet. has_card: models are loaded onto one."""
        self.settings = settings
        self.shelf = shelf
        self.first_model = first_model
        self.has_card = has_card
        self._building = Lock()  # names are built in threads, for it reads files
        self._sizes: dict[tuple[str, str], int] = {}
        self._offered: dict[str, tuple[str, ...]] = {}
        self._models: dict[str, Model] = {}
        self._aliases: dict[str, str] = {}
        self._roles: dict[str, str] = {
            role: settings.roles[role] for role in ROLES if role in settings.roles
        }
        self.refresh()

    def refresh(self) -> None:
        """Build the names anew: a file was pulled, copied or removed, or an engine told its list."""
        with self._building:
            self._refresh()

    def _refresh(self) -> None:
        self._measured = Measured(self.settings.cache_folder)  # a load may have told more
        models = {name: self._model(name, one) for name, one in self.settings.models.items()}
        aliases = {a: name for name, one in self.settings.models.items() for a in one.aliases}
        taken = {*aliases, *RESERVED}
        for pulled in self.shelf.models():
            is_model = pulled.header.kind == "model"  # an adapter or a projector runs only with one
            if pulled.name in taken or not is_model:
                continue
            one = ModelSettings(file=pulled.path, mode=mode_of(pulled.header))
            models.setdefault(pulled.name, self._model(pulled.name, one))
        for engine, names in list(self._offered.items()):
            for name in [name for name in names if name not in taken]:
                models.setdefault(name, self._model(name, ModelSettings(engine=engine, name=name)))
        self._models = models
        self._aliases = aliases

    def offer(self, engine: str, listed: Iterable[tuple[str, int]]) -> None:
        """Take in what an engine lists: its names for its models, and their sizes in bytes."""
        listed = list(listed)
        self._sizes |= {(engine, name): size for name, size in listed}
        if self.settings.engines[engine].discover:
            self._offered[engine] = tuple(name for name, _ in listed)
        self.refresh()

    def models(self) -> list[Model]:
        """Every model, the configured first."""
        return list(self._models.values())

    def roles_of(self, name: str) -> list[str]:
        """The roles that a model plays."""
        return [role for role, model in self._roles.items() if model == name]

    def names_of(self, model: Model) -> tuple[str, ...]:
        """Every name of a model: its own, its roles, its aliases."""
        return (model.name, *self.roles_of(model.name), *model.settings.aliases)

    def find(self, name: str | None, mode: Mode = "chat") -> Model:
        """The model that a caller means; None or "" means the default of that mode.

        Raises NotFound for an unknown name, Unavailable where there is no model at all.
        """
        if not self._models:
            raise self._none(mode)
        wanted = name or self._default(mode)
        if wanted is not None and (found := self._look_up(wanted)) is not None:
            return found
        raise self._unknown(name, mode)

    def has(self, name: str) -> bool:
        """True when `find` would know this name."""
        return self._look_up(name) is not None

    def _look_up(self, name: str) -> Model | None:
        if name == "default":
            name = self._default("chat") or name
        name = self._roles.get(name, name)
        found = self._models.get(self._aliases.get(name, name))
        if found is None and name.endswith(":latest"):
            return self._look_up(name.removesuffix(":latest"))
        return found

    def _default(self, mode: Mode) -> str | None:
        if mode == "chat":
            named = self.settings.server.default or self._roles.get("brain")
        else:
            named = self.settings.embedding_model if mode == "embedding" else None
        if named is not None:
            return named
        return next((m.name for m in self._models.values() if m.settings.mode == mode), None)

    def _unknown(self, name: str | None, mode: Mode) -> NotFound:
        known = ", ".join(self._models)
        if name:
            said = Text(f"모델 '{name}'이(가) 없습니다", f"model '{name}' not found")
            hint = Text(f"쓸 수 있는 모델: {known}", f"models here: {known}")
        else:
            said = Text(f"{mode} 용 모델이 없습니다", f"there is no {mode} model")
            hint = self._how_to_get(mode)
        return NotFound(said, hint, code="model_not_found", param="model")

    def _none(self, mode: Mode) -> Unavailable:
        """What a caller hears where there is no model at all."""
        return Unavailable(
            Text("이 컴퓨터에는 아직 모델이 없습니다", "there is no model on this machine yet"),
            self._how_to_get(mode),
            code="no_model",
        )

    def _how_to_get(self, mode: Mode) -> Text:
        """What brings a model of this kind."""
        if mode == "chat":
            return Text(
                f"이 컴퓨터에 맞는 모델 받기: `dunoe models pull {self.first_model}`",
                f"`dunoe models pull {self.first_model}` brings one that fits this machine.",
            )
        return Text(
            f"{mode} 모델의 GGUF를 `dunoe models pull`로 받거나, 다른 서버의 모델을 "
            f'[models.이름]에 mode = "{mode}"(으)로 적으세요.',
            f"fetch the GGUF of one with `dunoe models pull SOURCE`, or write a model of another "
            f'server as [models.NAME] with mode = "{mode}".',
        )

    def _model(self, name: str, one: ModelSettings) -> Model:
        if one.engine is None:
            return self._embedded(name, one)
        engine = self.settings.engines[one.engine]
        upstream = one.name or name
        card = _card_of(one.engine, engine)
        takes = one.footprint or self._sizes.get((one.engine, upstream), 0)
        slots = one.parallel or (1 if engine.kind == "ollama" else SLOTS_ELSEWHERE)
        return Model(name, one.engine, upstream, one, slots, takes, card)

    def _embedded(self, name: str, one: ModelSettings) -> Model:
        if one.file is not None and one.file.is_file() and "mode" not in one.model_fields_set:
            mode = _mode_in(one.file, one.file.stat().st_mtime_ns)
            one = one.model_copy(update={"mode": mode})
        takes = footprint(one, has_card=self.has_card, measured=self._measured)
        where = budget_of(one, has_card=self.has_card)
        return Model(name, LLAMA, name, one, one.parallel or 1, takes, where)


def mode_of(header: Header) -> Mode:
    """What a file is for: one that pools its tokens writes nothing, nor does an encoder that names no pooling."""
    pooling = header.number("pooling_type")
    if pooling is None:
        return "embedding" if header.architecture in ENCODERS else "chat"
    return "rerank" if pooling == POOLING_RANK else "embedding"


@lru_cache(maxsize=64)
def _mode_in(file: Path, mtime_ns: int) -> Mode:
    """What a file of the settings is for; one that cannot be read says so when it is loaded."""
    try:
        return mode_of(read_header(file))
    except BadModelFile:
        return "chat"


def _card_of(name: str, engine: EngineSettings) -> str | None:
    """Only an Ollama lets us load and unload, so only there is memory our business."""
    if engine.kind != "ollama":
        return None
    return OUR_CARD if engine.is_on_our_card else name
