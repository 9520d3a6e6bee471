"""EPUB: the chapters in the order they are read; a chapter without a heading gets its name from the contents."""

import posixpath
from urllib.parse import unquote

from dunoe.library import unreadable
from dunoe.library.parsing import flow, html
from dunoe.library.parsing.archive import Archive, Element, child, descendants, local, value
from dunoe.library.parsing.builder import Builder
from dunoe.library.parsing.flow import Paragraph
from dunoe.library.parsing.kinds import NAMES
from dunoe.library.passage import Parsed

WHAT = NAMES["epub"]
FONTS_ONLY = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")


def parse(data: bytes, name: str) -> Parsed:
    """Read an EPUB book."""
    archive = Archive(data, WHAT)
    ciphers = descendants(archive.xml("META-INF/encryption.xml"), "EncryptionMethod")
    if any(value(cipher, "Algorithm") not in FONTS_ONLY for cipher in ciphers):
        raise unreadable.locked(WHAT)
    places = descendants(archive.xml("META-INF/container.xml"), "rootfile")
    package_name = value(places[0], "full-path") if places else ""
    package = archive.xml(package_name)
    if package is None:
        raise unreadable.broken(WHAT)
    builder = Builder("epub", WHAT)
    items = {value(item, "id"): item for item in descendants(child(package, "manifest"), "item")}
    names = chapter_names(archive, package_name, list(items.values()))
    for reference in descendants(child(package, "spine"), "itemref"):
        item = items.get(value(reference, "idref"))
        if item is not None and value(item, "media-type") in PAGES and not _is_contents(item):
            _chapter(builder, archive, _member(package_name, value(item, "href")), names)
    about = child(package, "metadata")
    title, date = (next(iter(descendants(about, one)), None) for one in ("title", "date"))
    return builder.parsed(
        "" if title is None else title.text or "", "" if date is None else date.text or ""
    )


def _chapter(builder: Builder, archive: Archive, member: str, names: dict[str, str]) -> None:
    page = archive.read(member)
    if page is None:
        builder.warnings.append(f"'{member}'이(가) 책 안에 없습니다")
        return
    items = html.body(html.tree(html.decode(page)))
    has_heading = any(isinstance(item, Paragraph) and item.level for item in items)
    if items and not has_heading and member in names:
        builder.add(names[member], "heading", 1)
    flow.write(builder, items)


def chapter_names(archive: Archive, package: str, items: list[Element]) -> dict[str, str]:
    """Member -> its name in the table of contents, new form (a page with `nav`) or old (NCX)."""
    names: dict[str, str] = {}
    for item in items:
        member = _member(package, value(item, "href"))
        if _is_contents(item):
            page = archive.read(member)
            for link in descendants(html.tree(html.decode(page or b"")), "a"):
                names.setdefault(_member(member, link.get("href", "")), " ".join(link.itertext()))
        elif value(item, "media-type") == "application/x-dtbncx+xml":
            for point in descendants(archive.xml(member), "navPoint"):
                content, label = child(point, "content"), child(point, "navLabel")
                if content is not None and label is not None:
                    names.setdefault(
                        _member(member, value(content, "src")), "".join(label.itertext())
                    )
    return names


def _is_contents(item: Element) -> bool:
    return local(item) == "item" and "nav" in value(item, "properties").split()


def _member(beside: str, link: str) -> str:
    """The member that a link leads to, from where it stands."""
    target = unquote(link.partition("#")[0])
    return posixpath.normpath(posixpath.join(posixpath.dirname(beside), target))
