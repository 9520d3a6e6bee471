"""What a request wants of the library, in the library's words."""

from functools import partial

from anyio.to_thread import run_sync

from dunoe.library.index.point import Filter
from dunoe.server.ask_request import FiltersBody, day, names
from dunoe.server.brain import Brain
from dunoe.store.documents import Documents


async def filter_of(brain: Brain, said: FiltersBody | None) -> Filter:
    """The filter; a path, a glob or a folder's name is looked up in the catalogue. Raises BadRequest for no date."""
    if said is None:
        return Filter()
    globs = names(said.file_path)
    documents = None
    if globs:
        documents = await run_sync(_matching, brain.store.documents, globs)
    return Filter(
        documents=documents,
        under=await run_sync(partial(_folders, brain), names(said.folder)),
        kinds=names(said.kinds),
        types=names(said.types),
        statuses=names(said.statuses),
        projects=names(said.projects),
        tags=names(said.tags),
        labels=names(said.labels),
        since=day(said.since, "since"),
        until=day(said.until, "until"),
    )


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
