"""What was read from a file's vocabulary, kept so that the next time takes milliseconds.

One file for each vocabulary, named by a digest of all that it says: models of a family share it. A line for each model
file (place, size, time) remembers which one is its. Tables lie there as they are used: nothing is built. What is of
another version or damaged is made again; the oldest are removed.
"""

import hashlib
import time
import zlib
from array import array
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import orjson

from dunoe.weights.header import read_header
from dunoe.weights.tokenizing.charsmap import Charsmap
from dunoe.weights.tokenizing.cuttings import Pre
from dunoe.weights.tokenizing.merging import Merges, junctions_in, junctions_of
from dunoe.weights.tokenizing.seams import pairs_of
from dunoe.weights.tokenizing.special import Special
from dunoe.weights.tokenizing.vocabulary import Vocabulary, numbered, vocabulary_of
from dunoe.weights.tokenizing.words import SEVERAL

VERSION = b"dunoe tokens 5\n"
KEPT = 16  # vocabularies; a person has few models, and each takes 1 to 15 MB
LINES = 64  # model files whose vocabulary is remembered
WRITING_S = 60.0  # what is half written for so long was left by a process that was killed
SPOILED = (OSError, ValueError, KeyError, TypeError, IndexError)
_PLACES = 8  # bytes of the length and of the checksum that follow the version


@dataclass(frozen=True)
class Parts:
    """All that a tokenizer is made of.

    digest: of all that the vocabulary says; what is made of the same is the same.
    junctions: where tokens reach over the beginning of a word; None: nearly everywhere.
    pairs: the letters that are neighbours in a token, as `Seams` reads them.
    moving: the letters that the file's map may change; None: any.
    """

    digest: str
    vocabulary: Vocabulary
    merges: Merges | None
    junctions: list[tuple[str, str]] | None
    pairs: str
    moving: str | None


def parts_of(vocabulary: Vocabulary) -> Parts:
    """The parts, made of a vocabulary as it was read."""
    merges = Merges.of(vocabulary) if vocabulary.family == "bpe" else None
    texts = [*vocabulary.tokens, *merges.phantoms] if merges else vocabulary.tokens
    junctions: list[tuple[str, str]] = []
    if merges is not None and vocabulary.pre.spaced:
        junctions = junctions_in(vocabulary.merges)
    elif merges is None:
        junctions = junctions_of(vocabulary.tokens)
    return Parts(
        vocabulary.digest,
        replace(vocabulary, merges=()),
        merges,
        junctions if len(junctions) <= SEVERAL else None,
        pairs_of(texts, spells_bytes=merges is not None and not vocabulary.pre.spaced),
        Charsmap(vocabulary.charsmap).moving() if vocabulary.charsmap else "",
    )


def kept(path: Path, folder: Path | None) -> Parts:
    """The parts of a model file: from the folder when they lie there, else read and put there."""
    digest = remembered(path, folder)
    if folder is not None and digest is not None:
        with suppress(*SPOILED):
            return _unpacked(folder, digest)
    line = _line(path)
    vocabulary = vocabulary_of(read_header(path, arrays=True))
    if folder is None:
        return parts_of(vocabulary)
    try:
        parts = _unpacked(folder, vocabulary.digest)
    except SPOILED:
        parts = parts_of(vocabulary)
        _put(folder / f"{parts.digest}.tokens", _packed(parts))
    _put(folder / line, parts.digest.encode())
    return parts


def remembered(path: Path, folder: Path | None) -> str | None:
    """The digest of a model file's vocabulary; None where it was never read, or not as it is now."""
    if folder is None:
        return None
    with suppress(OSError, ValueError):
        return (folder / _line(path)).read_text("ascii")
    return None


def _put(place: Path, data: bytes) -> None:
    """Write a file whole or not at all; a full disk only means that it is made again."""
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        _tidy(place.parent, ".new", 0, older_s=WRITING_S)
        with NamedTemporaryFile(dir=place.parent, suffix=".new", delete=False) as file:
            written = Path(file.name)
            try:
                file.write(data)
                file.flush()
                written.replace(place)
            finally:
                written.unlink(missing_ok=True)
    _tidy(place.parent, ".tokens", KEPT)
    _tidy(place.parent, ".line", LINES)


def _tidy(folder: Path, ending: str, most: int, older_s: float = 0) -> None:
    """Remove all but the newest files of an ending, as far as they are older than that."""
    with suppress(OSError):  # another process tidies, too
        found = [(path.stat().st_mtime, path) for path in folder.glob(f"*{ending}")]
        for changed, path in sorted(found, reverse=True)[most:]:
            if time.time() - changed >= older_s:
                path.unlink(missing_ok=True)


def _line(path: Path) -> str:
    """The name of the line that remembers a model file as it is now."""
    try:
        stat, where = path.stat(), path.resolve()
    except OSError:
        return "unknown"  # reading the header says why
    named = f"{where}\n{stat.st_size}\n{stat.st_mtime_ns}\n{stat.st_ino}"
    return hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[:32] + ".line"


def _packed(parts: Parts) -> bytes:
    vocabulary, merges = parts.vocabulary, parts.merges
    tables = {
        "types": vocabulary.types,
        "charsmap": vocabulary.charsmap,
        "pairs": parts.pairs.encode("utf-32-le", "surrogatepass"),
        "scores": vocabulary.scores.tobytes(),
    } | ({} if merges is None else merges.tables())
    head = {
        "digest": parts.digest,
        "family": vocabulary.family,
        "pre": asdict(vocabulary.pre),
        "tokens": vocabulary.tokens,
        "specials": [asdict(special) for special in vocabulary.specials],
        "ids": vocabulary.ids,
        "flags": vocabulary.flags,
        "junctions": parts.junctions,
        "moving": parts.moving,
        "phantoms": None if merges is None else merges.phantoms,
        "tables": {name: len(table) for name, table in tables.items()},
    }
    body = orjson.dumps(head)
    rest = b"".join([len(body).to_bytes(_PLACES, "little"), body, *tables.values()])
    return VERSION + zlib.crc32(rest).to_bytes(_PLACES, "little") + rest


def _unpacked(folder: Path, digest: str) -> Parts:
    """The parts again; raise one of `SPOILED` where they are not whole, or of another vocabulary."""
    data = (folder / f"{digest}.tokens").read_bytes()
    start = len(VERSION) + _PLACES
    rest = memoryview(data)[start:]
    check = int.from_bytes(data[len(VERSION) : start], "little")
    if data[: len(VERSION)] != VERSION or zlib.crc32(rest) != check:
        raise ValueError("not whole")
    at = _PLACES + int.from_bytes(rest[:_PLACES], "little")
    head: dict[str, Any] = orjson.loads(rest[_PLACES:at])  # Any: JSON
    if head["digest"] != digest:
        raise ValueError("another one")
    tables: dict[str, memoryview] = {}
    for name, size in head["tables"].items():
        tables[name] = rest[at : at + size]
        at += size
    tokens: list[str] = head["tokens"]
    scores = array("d")
    scores.frombytes(tables["scores"])
    vocabulary = Vocabulary(
        family=head["family"],
        pre=Pre(**head["pre"]),
        tokens=tokens,
        types=bytes(tables["types"]),
        scores=scores,
        merges=(),
        charsmap=bytes(tables["charsmap"]),
        specials=[Special(**special) for special in head["specials"]],
        ids=head["ids"],
        flags=head["flags"],
        by_text=numbered(tokens),
    )
    return Parts(
        digest,
        vocabulary,
        None if head["phantoms"] is None else Merges.lying_in(vocabulary, tables, head["phantoms"]),
        junctions=head["junctions"],
        pairs=bytes(tables["pairs"]).decode("utf-32-le", "surrogatepass"),
        moving=head["moving"],
    )
