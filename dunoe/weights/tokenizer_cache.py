"""What was read from a file's vocabulary, kept so that the next time takes milliseconds.

One file for each model file, named by a digest of what the model file is (place, size, time). Tables lie in it as
they are used: nothing is built. A file of another version or a damaged one is made again.
"""

import hashlib
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

import orjson

from dunoe.weights.header import Header, read_header
from dunoe.weights.tokenizer_merging import Merges, junctions_of
from dunoe.weights.tokenizer_splits import Pre
from dunoe.weights.tokenizer_vocabulary import Special, Vocabulary, vocabulary_of
from dunoe.weights.tokenizer_words import SEVERAL

VERSION = b"dunoe tokens 1\n"
_PLACES = 8  # bytes of the length and of the checksum that follow the version


@dataclass(frozen=True)
class Parts:
    """All that a tokenizer is made of.

    junctions: where tokens reach over the beginning of a word; None: nearly everywhere.
    """

    vocabulary: Vocabulary
    merges: Merges | None
    junctions: list[tuple[str, str]] | None


def parts_of(header: Header) -> Parts:
    """The parts from a header that was read with its arrays."""
    vocabulary = vocabulary_of(header)
    merges = Merges.of(vocabulary) if vocabulary.family == "bpe" else None
    junctions: list[tuple[str, str]] = []
    if merges is not None and vocabulary.pre.spaced:
        junctions = merges.junctions([*vocabulary.tokens, *merges.phantoms].__getitem__)
    elif merges is None:
        junctions = junctions_of(vocabulary.tokens)
    return Parts(vocabulary, merges, junctions if len(junctions) <= SEVERAL else None)


def kept(path: Path, folder: Path | None) -> Parts:
    """The parts of a model file: from the folder when they lie there, else read and put there."""
    if folder is None:
        return parts_of(read_header(path, arrays=True))
    place = folder / f"{_digest(path)}.tokens"
    with suppress(OSError, ValueError, KeyError, TypeError, IndexError):
        return _unpacked(place.read_bytes())
    parts = parts_of(read_header(path, arrays=True))
    with suppress(OSError):  # a full disk only means that it is read again
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder, suffix=".new", delete=False) as file:
            file.write(_packed(parts))
        Path(file.name).replace(place)
    return parts


def _digest(path: Path) -> str:
    try:
        stat, where = path.stat(), path.resolve()
    except OSError:
        return "unknown"  # reading the header says why
    named = f"{where}\n{stat.st_size}\n{stat.st_mtime_ns}\n{stat.st_ino}"
    return hashlib.sha256(VERSION + named.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _packed(parts: Parts) -> bytes:
    vocabulary, merges = parts.vocabulary, parts.merges
    head = {
        "family": vocabulary.family,
        "pre": asdict(vocabulary.pre),
        "tokens": vocabulary.tokens,
        "types": vocabulary.types.hex(),
        "scores": vocabulary.scores if any(vocabulary.scores) else [],
        "charsmap": vocabulary.charsmap.hex(),
        "specials": [asdict(special) for special in vocabulary.specials],
        "ids": vocabulary.ids,
        "flags": vocabulary.flags,
        "junctions": parts.junctions,
        "phantoms": None if merges is None else merges.phantoms,
        "merges": 0 if merges is None else len(merges.keys),
    }
    body = orjson.dumps(head)
    tables = b"" if merges is None else merges.tables
    check = zlib.crc32(tables, zlib.crc32(body))
    return (
        VERSION
        + len(body).to_bytes(_PLACES, "little")
        + check.to_bytes(_PLACES, "little")
        + body
        + tables
    )


def _unpacked(data: bytes) -> Parts:
    """The parts again; raise `ValueError` where they are not whole."""
    start = len(VERSION) + 2 * _PLACES
    size = int.from_bytes(data[len(VERSION) : len(VERSION) + _PLACES], "little")
    check = int.from_bytes(data[len(VERSION) + _PLACES : start], "little")
    if data[: len(VERSION)] != VERSION or zlib.crc32(memoryview(data)[start:]) != check:
        raise ValueError("not whole")
    head = orjson.loads(memoryview(data)[start : start + size])
    tokens: list[str] = head["tokens"]
    merges = None
    if head["phantoms"] is not None:
        merges = Merges.lying_in(memoryview(data)[start + size :], head["merges"], head["phantoms"])
    vocabulary = Vocabulary(
        family=head["family"],
        pre=Pre(**head["pre"]),
        tokens=tokens,
        types=bytes.fromhex(head["types"]),
        scores=tuple(head["scores"]) or (0.0,) * len(tokens),
        merges=(),
        charsmap=bytes.fromhex(head["charsmap"]),
        specials=[Special(**special) for special in head["specials"]],
        ids=head["ids"],
        flags=head["flags"],
        by_text=dict(zip(tokens, range(len(tokens)), strict=True)),
    )
    junctions = head["junctions"]
    if junctions is not None:
        junctions = [(before, after) for before, after in junctions]
    return Parts(vocabulary, merges, junctions)
