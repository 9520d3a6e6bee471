"""What a request wants of the library, in the library's words."""

from functools import partial

from anyio.to_thread import run_sync

from dunoe.errors import BadRequest, Text
from dunoe.library.index.point import Filter
from dunoe.library.parsing.kinds import NAMES
from dunoe.server.ask_request import FiltersBody, Names, day, names
from dunoe.server.brain import Brain
from dunoe.store.documents import Documents

_CODE = (
    *("py", "js", "jsx", "mjs", "ts", "tsx", "go", "rs", "java", "c", "h", "cc", "cpp", "hpp"),
    *("sql", "sh", "yaml", "yml", "toml", "json"),
)
_KINDS: dict[str, str] = {
    **{kind: kind for kind in NAMES},
    **{"md": "markdown", "txt": "text", "htm": "html"},
    **{"doc": "docx", "ppt": "pptx", "xls": "xlsx"},
    **dict.fromkeys(_CODE, "code"),
}


async def filter_of(brain: Brain, said: FiltersBody | None) -> Filter:
    """The filter; a path, a glob or a folder's name is looked up in the catalogue.

    Raises BadRequest for what is no date, no glob or no kind.
    """
    if said is None:
        return Filter()
    globs = names(said.file_path)
    documents = None
    if globs:
        documents = await run_sync(_matching, brain.store.documents, globs)
    return Filter(
        documents=documents,
        under=await run_sync(partial(_folders, brain), names(said.folder)),
        kinds=kinds_of(said.kinds),
        types=names(said.types),
        statuses=names(said.statuses),
        projects=names(said.projects),
        tags=names(said.tags),
        labels=names(said.labels),
        since=day(said.since, "since"),
        until=day(said.until, "until"),
    )


def kinds_of(said: Names) -> tuple[str, ...]:
    """Kinds of files, by their names or by a suffix; raises BadRequest for what is neither."""
    kinds = [one.lstrip(".").lower() for one in names(said)]
    if unknown := ", ".join(one for one in kinds if one not in _KINDS):
        known = ", ".join(NAMES)
        raise BadRequest(
            Text(
                f"그런 파일 종류는 없습니다: {unknown}", f"there is no such kind of file: {unknown}"
            ),
            Text(f"{known} 중에서 고르세요.", f"choose from {known}."),
            param="kind",
        )
    return tuple(_KINDS[one] for one in kinds)


def _matching(documents: Documents, globs: tuple[str, ...]) -> tuple[str, ...]:
    """Documents of a path as we show it, of an absolute path, or of a glob."""
    found = dict.fromkeys(documents.matching(globs))
    for glob in globs:
        if (one := documents.shown(glob)) is not None:
            found[one.id] = None
    return tuple(found)


def _folders(brain: Brain, said: tuple[str, ...]) -> tuple[str, ...]:
    """Folders by their whole path, or library folders by their name."""
    known = brain.library.roots.all()
    found: list[str] = []
    for name in said:
        found += [path for path in known if path.rsplit("/", 1)[-1] == name] or [name.rstrip("/")]
    return tuple(found)
