"""What a worker made of a file, as it travels from the worker to us."""

from dataclasses import dataclass

from dunoe.library.index.point import Sparse
from dunoe.library.passage import Parsed, Passage

# Of everything that makes passages out of a file: raise it, and each file is read anew at the next sync.
VERSION = "11"


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that was read. sparse: of each passage, in their order.

    digest: SHA-256 of its bytes. size, mtime_ns: of the file just before it was read; 0 of bytes that are no file.
    parsed: without its text and blocks; the texts of the passages, joined, are the text.
    """

    digest: str
    size: int
    mtime_ns: int
    parsed: Parsed
    passages: tuple[Passage, ...]
    sparse: tuple[Sparse, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a file was not read. message, hint: in Korean and in English."""

    code: str
    message: tuple[str, str]
    hint: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """One of both. is_spent: the worker has no memory left and wants to be ended."""

    taken: Taken | None = None
    refused: Refused | None = None
    is_spent: bool = False
