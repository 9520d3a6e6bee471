"""Where a model may be fetched from: a model hub, a web address, or a file of this machine."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from yarl import URL

from dunoe.errors import BadRequest, NotFound, Text
from dunoe.settings import is_loopback
from dunoe.weights.naming import PART_LIMIT, SUFFIX, model_of, part_of, parts_of

HUB = "https://huggingface.co"
_HINT = Text(
    "hf:소유자/저장소/파일.gguf, https://…/파일.gguf 또는 이 컴퓨터의 파일 경로를 쓰세요.",
    "write hf:owner/repo/file.gguf, https://…/file.gguf, or the path of a file on this machine.",
)


@dataclass(frozen=True)
class Source:
    """A model to fetch. label: what is recorded and said of it, without secrets; places: one per part."""

    label: str
    model: str
    places: tuple[URL | Path, ...]


def is_source(text: str) -> bool:
    """True for what `read_source` is for: an address or a file; a plain name belongs to an Ollama's library."""
    text = text.strip()
    is_path = text.startswith(("/", "./", "../", "~")) or text.lower().endswith(SUFFIX)
    return is_path or text.startswith("hf:") or "://" in text


def read_source(text: str, hub: str = HUB) -> Source:
    """What the words of a person mean; raises `BadRequest`, or `NotFound` for a file that is not there.

    `hf:owner/repo/folder/file.gguf`, with `@revision` at the end when it is not `main`; an https address (http on the
    loopback only); a path. One part of a model in parts stands for all of them.
    """
    text = text.strip()
    if text.startswith("hf:"):
        return _of_hub(text, hub)
    if "://" in text:
        return _of_web(text, hub)
    return _of_disk(text)


def address(text: str) -> URL:
    """A web address exactly as written, since signatures count every letter; quoted where it must be."""
    return URL(text, encoded=re.fullmatch(r"[!-~]+", text) is not None)


def _of_hub(text: str, hub: str) -> Source:
    found = re.fullmatch(
        r"hf:(?P<repo>\w[\w.-]*/\w[\w.-]*)/(?P<path>[^@?#]+?)(?:@(?P<revision>[\w./-]+))?", text
    )
    if found is None or ".." in found["path"].split("/"):
        raise BadRequest(
            Text(f"모델 주소가 아닙니다: {text[:200]!r}", f"not a model's address: {text[:200]!r}"),
            Text(
                "hf:소유자/저장소/파일.gguf 처럼 쓰세요 (다른 판은 끝에 @이름).",
                "write hf:owner/repo/file.gguf (another revision: @name at the end).",
            ),
        )
    folder, _, file = found["path"].rpartition("/")
    revision = quote(found["revision"] or "main", safe="")
    stem = f"{hub.rstrip('/')}/{found['repo']}/resolve/{revision}/"
    stem += quote(folder + "/" if folder else "")
    model, files = _files(file, text)
    label = f"hf:{found['repo']}/{folder + '/' if folder else ''}{files[0]}"
    label += f"@{found['revision']}" if found["revision"] else ""
    return Source(label, model, tuple(URL(stem + quote(f), encoded=True) for f in files))


def _of_web(text: str, hub: str) -> Source:
    try:
        url = address(text)
        is_local = is_loopback(url.host or "")
    except ValueError as exc:
        raise _no_source(text) from exc
    if not url.host or not (url.scheme == "https" or (url.scheme == "http" and is_local)):
        raise BadRequest(
            Text(f"https 주소가 아닙니다: {text[:200]!r}", f"not an https address: {text[:200]!r}"),
            Text(
                "https://로 시작하는 주소를 쓰세요 (http는 이 컴퓨터의 주소만 됩니다).",
                "write an address that begins with https:// (http is for this machine only).",
            ),
        )
    if url.origin() == URL(hub).origin():  # people copy the address of the page that shows the file
        url = URL(re.sub(r"^((?:[^/]*/){5})blob/", r"\1resolve/", str(url)), encoded=True)
    folder, _, file = url.raw_path.rpartition("/")
    model, files = _files(unquote(file), _without_secrets(url))
    places = [url.with_path(f"{folder}/{quote(f)}", encoded=True, keep_query=True) for f in files]
    return Source(_without_secrets(places[0]), model, tuple(places))


def _without_secrets(url: URL) -> str:
    return str(url.with_user(None).with_query(None).with_fragment(None))


def _of_disk(text: str) -> Source:
    path = Path(text).expanduser().absolute()
    model, files = _files(path.name, text)
    places = tuple(path.with_name(file) for file in files)
    for place in places:
        if not place.is_file():
            raise NotFound(Text(f"파일이 없습니다: {place}", f"no such file: {place}"), _HINT)
    return Source(str(places[0]), model, places)


def _files(file: str, label: str) -> tuple[str, tuple[str, ...]]:
    """The model's name and its files, from the name of one of them."""
    stem = file.removesuffix(SUFFIX)
    number, count = part_of(stem)
    if not stem or stem == file or "/" in file or not 1 <= number <= count <= PART_LIMIT:
        raise _no_source(label)
    return model_of(stem), tuple(part.name for part in parts_of(Path(file)))


def _no_source(text: str) -> BadRequest:
    return BadRequest(
        Text(
            f"GGUF 파일의 주소가 아닙니다: {text[:200]!r}",
            f"no address of a GGUF file: {text[:200]!r}",
        ),
        _HINT,
    )
