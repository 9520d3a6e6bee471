"""The environment names that we know, and which settings they are."""

import re
from collections.abc import Mapping
from pathlib import Path

from dunoe.errors import Language, Text
from dunoe.toml_file import TomlFile


def language(env: Mapping[str, str]) -> Language:
    """The language of a terminal: Korean, unless its locale names another."""
    locale = next((env[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if env.get(name)), "")
    return "ko" if re.match(r"ko\b|ko_|C\b|POSIX|$", locale) else "en"


def home_folder(env: Mapping[str, str]) -> Path:
    """The folder of everything that must survive: DUNOE_HOME, else below the XDG data folder."""
    if named := env.get("DUNOE_HOME"):
        return Path(named).expanduser().absolute()
    data = env.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share").absolute() / "dunoe"


def add_environment(file: TomlFile, env: Mapping[str, str]) -> None:
    """Lay the owner's environment names over the file, where the file says nothing of its own."""
    if url := env.get("OLLAMA_BASE_URL"):
        _add_ollama(file, url, env)
    for name, at in (
        ("DATABASE_URL", ("store", "url")),
        ("QDRANT_HOST", ("qdrant", "host")),
        ("QDRANT_PORT", ("qdrant", "port")),
        ("QDRANT_API_KEY", ("qdrant", "api_key")),
        ("EMBEDDING_MODEL", ("embedding_model",)),
        ("HF_ENDPOINT", ("hub", "url")),
        ("HF_TOKEN", ("hub", "token")),
    ):
        if value := env.get(name):
            is_number = name == "QDRANT_PORT" and value.isdecimal()
            file.add(at, int(value) if is_number else value, name)


def in_vain(env: Mapping[str, str]) -> dict[str, Text]:
    """Names that are set and change nothing, and why."""
    if env.get("OLLAMA_BASE_URL"):
        return {}
    why = Text(
        "OLLAMA_BASE_URL이 설정되지 않아 쓰이지 않습니다", "ignored: OLLAMA_BASE_URL is not set"
    )
    names = ("OLLAMA_MODEL", "OLLAMA_MODEL_LIGHT", "OLLAMA_AUTH_HEADER")
    return {name: why for name in names if env.get(name)}


def _add_ollama(file: TomlFile, url: str, env: Mapping[str, str]) -> None:
    at = ("engines", "ollama")
    file.add((*at, "kind"), "ollama", "OLLAMA_BASE_URL")
    file.add((*at, "url"), url, "OLLAMA_BASE_URL")
    file.add((*at, "discover"), True, "OLLAMA_BASE_URL")
    if env.get("OLLAMA_AUTH_HEADER"):
        file.add((*at, "auth_header"), "env:OLLAMA_AUTH_HEADER", "OLLAMA_AUTH_HEADER")
    for name, role in (("OLLAMA_MODEL", "brain"), ("OLLAMA_MODEL_LIGHT", "router")):
        if model := env.get(name):
            file.add(("models", model), {"engine": "ollama", "name": model}, name)
            file.add(("roles", role), model, name)
    if model := env.get("OLLAMA_MODEL"):
        file.add(("server", "default"), model, "OLLAMA_MODEL")
