"""A zip of XML, opened with care: what it unpacks to is limited, and its XML brings nothing from outside."""

import io
import posixpath
import zipfile
import zlib
from typing import Any

from lxml import etree

from dunoe.errors import Text
from dunoe.library import unreadable

Element = Any  # lxml carries no types
BYTES_IN_ALL = 128 << 20
RATIO = 200  # a large member that packs better than this was made to hurt
SMALL = 16 << 20


class Archive:
    """The members of a zip file. what: names the file in errors.

    Every read counts towards `BYTES_IN_ALL`; zipfile never unpacks more than a member says it holds.
    """

    def __init__(self, data: bytes, what: Text) -> None:
        self.what = what
        self._left = BYTES_IN_ALL
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as exc:
            raise unreadable.broken(what) from exc
        self._by_name = {info.filename: info for info in self._zip.infolist()}

    @property
    def names(self) -> list[str]:
        """Its members, in the order of the file."""
        return list(self._by_name)

    def claim(self, name: str) -> None:
        """Count a member as read, for somebody else who is about to read it."""
        info = self._by_name[name]
        self._left -= info.file_size
        if self._left < 0 or info.file_size > max(SMALL, RATIO * info.compress_size):
            raise unreadable.too_big(self.what)

    def read(self, name: str) -> bytes | None:
        """A member's bytes; None where there is no such member."""
        info = self._by_name.get(name)
        if info is None:
            return None
        if info.flag_bits & 1:
            raise unreadable.encrypted(self.what)
        self.claim(name)
        try:
            return self._zip.read(info)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as exc:
            raise unreadable.broken(self.what) from exc
        except (NotImplementedError, RuntimeError) as exc:
            raise unreadable.broken(self.what) from exc

    def xml(self, name: str) -> Element | None:
        """A member's root element; None where there is no such member."""
        data = self.read(name)
        if data is None:
            return None
        try:
            root = etree.fromstring(data, _parser())
        except (etree.XMLSyntaxError, ValueError) as exc:
            raise unreadable.broken(self.what) from exc
        return root

    def related(self, part: str) -> dict[str, tuple[str, str]]:
        """What an Office part points at: id -> (last word of the type, member)."""
        folder, _, file = part.rpartition("/")
        root = self.xml(f"{folder}/_rels/{file}.rels".lstrip("/"))
        found: dict[str, tuple[str, str]] = {}
        for one in children(root, "Relationship"):
            target = posixpath.normpath(posixpath.join("/", folder, one.get("Target", "")))
            kind = one.get("Type", "").rpartition("/")[2]
            found[one.get("Id", "")] = (kind, target.lstrip("/"))
        return found


def _parser() -> Any:  # lxml carries no types
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip


def local(element: Element) -> str:
    """An element's name without its namespace; "" of what is no element."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def children(element: Element | None, *names: str) -> list[Element]:
    """Its children of these names, in order."""
    return [] if element is None else [one for one in element if local(one) in names]


def child(element: Element | None, name: str) -> Element | None:
    """Its first child of this name."""
    return next(iter(children(element, name)), None)


def descendants(element: Element | None, *names: str) -> list[Element]:
    """All below it of these names, in the document's order."""
    return [] if element is None else [one for one in element.iter() if local(one) in names]


def value(element: Element, name: str, default: str = "") -> str:
    """An attribute by its name without namespace."""
    for key, found in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return str(found)
    return default


def number(text: str | None, default: int = 0) -> int:
    """A whole number out of an attribute; the default where it is none."""
    return (
        int(text) if text and text.lstrip("-").isascii() and text.lstrip("-").isdigit() else default
    )
