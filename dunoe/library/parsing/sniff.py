"""What a file is, by what stands in it. Its name only tells kinds of text apart."""

import io
import re
import zipfile
import zlib
from pathlib import PurePath

import olefile

from dunoe.errors import Text
from dunoe.library import unreadable
from dunoe.library.parsing import code, text
from dunoe.library.parsing.kinds import Kind
from dunoe.library.unreadable import Unreadable

OFFICE = Text("오피스 문서", "office document")
OLD_OFFICE = Text("DOCX·XLSX·PPTX로 다시 저장해 주세요", "save it as DOCX, XLSX or PPTX")
OTHER = Text("PDF나 텍스트로 바꾸어 넣어 주세요", "put a PDF or a text of it in its place")
UNPACK = Text("풀어서 넣어 주세요", "unpack it into the folder")
OCR = Text("글자 인식(OCR)을 거쳐 넣어 주세요", "run OCR over it first")
IMAGE = Text("그림", "a picture")
SOUND = Text("소리나 영상", "sound or video")
PACKED = Text("압축 파일", "an archive")
PROGRAM = Text("프로그램이나 자료 파일", "a program or data file")

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
DRM = (b"SCDSA00", b"<## NASCA DRM FILE", b"\x9b DRMONE", b"FSD-C-", b"<DOCUMENT SAFER")
REFUSED: tuple[tuple[bytes, Text, Text], ...] = (
    *((magic, IMAGE, OCR) for magic in (
        b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*", b"\x00\x00\x01\x00",
        b"8BPS", b"\x00\x00\x00\x0cjP  ")),
    *((magic, SOUND, OTHER) for magic in (b"ID3", b"OggS", b"fLaC", b"\x1aE\xdf\xa3", b"FLV\x01", b"MThd")),
    *((magic, PACKED, UNPACK) for magic in (
        b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")),
    *((magic, PROGRAM, OTHER) for magic in (
        b"\x7fELF", b"MZ\x90", b"SQLite format 3\x00", b"\xca\xfe\xba\xbe", b"GGUF", b"wOFF", b"wOF2", b"PAR1")),
    (b"{\\rtf", Text("RTF 문서", "an RTF document"), OLD_OFFICE),
    (b"%!PS", Text("포스트스크립트", "PostScript"), OTHER),
)  # fmt: skip
OLD: tuple[tuple[str, Text], ...] = (
    ("WordDocument", Text("옛 워드 문서(.doc)", "an old Word document (.doc)")),
    ("Workbook", Text("옛 엑셀 문서(.xls)", "an old Excel workbook (.xls)")),
    ("Book", Text("옛 엑셀 문서(.xls)", "an old Excel workbook (.xls)")),
    ("PowerPoint Document", Text("옛 파워포인트 문서(.ppt)", "an old presentation (.ppt)")),
    ("__properties_version1.0", Text("아웃룩 메시지(.msg)", "an Outlook message (.msg)")),
)
MARKDOWN = {".md", ".markdown", ".mdx", ".mkd", ".mdown"}
HTML = {".html", ".htm", ".xhtml", ".xht"}
MAIL = {".eml", ".mht", ".mhtml"}
HTML_START = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?>.*?-->)\s*+)*+<(?:!doctype\s+html|html|head|body)\b",
    re.I | re.S,
)
NOTEBOOK = re.compile(
    rb'\s*\{\s*"(?:cells|metadata|nbformat|worksheets)"(?=.*"(?:cell_type|nbformat)"\s*:)', re.S
)
MAIL_HEADER = re.compile(
    rb"^(from|to|subject|date|received|mime-version|message-id|return-path|delivered-to"
    rb"|content-type|cc|reply-to|x-[\w-]+):", re.I | re.M,
)  # fmt: skip
UNZIPPED = (  # what a broken zip raises
    zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError,
)  # fmt: skip
BOMS = (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")


def kind_of(data: bytes, name: str) -> Kind:
    """The kind of a file. Raises Unreadable for what is encrypted, locked, or no document."""
    if data.startswith(OLE_MAGIC):
        return _in_ole(data)
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _in_zip(data)
    if data.startswith(b"HWP Document File V"):
        return _in_old_hwp(data)
    if _is_pdf(data):
        return "pdf"
    if data.startswith(DRM):
        raise unreadable.locked(Text("DRM 문서", "DRM document"))
    _refuse(data)
    return _of_text(data, PurePath(name).suffix.lower(), name)


def _in_old_hwp(data: bytes) -> Kind:
    if data.startswith(b"HWP Document File V3"):
        return "hwp3"
    old = Text("한글 2.1 이전 문서", "a document of Hangul 2.1 or older")
    raise unreadable.unsupported(old, Text("HWPX로 다시 저장해 주세요", "save it as HWPX"))


def _is_pdf(data: bytes) -> bool:
    start = data.find(b"%PDF-", 0, 1024)
    return start >= 0 and (
        not data[:start].strip(b"\xef\xbb\xbf \r\n\t") or b"%%EOF" in data[-2048:]
    )


def _in_ole(data: bytes) -> Kind:
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as ole:
            streams = {"/".join(path) for path in ole.listdir()}
    except (OSError, ValueError, IndexError, TypeError, AttributeError) as exc:
        raise unreadable.broken(OFFICE) from exc
    if "FileHeader" in streams:
        return "hwp"
    if "EncryptedPackage" in streams:
        raise unreadable.encrypted(OFFICE)
    for stream, what in OLD:
        if stream in streams:
            raise unreadable.unsupported(what, OLD_OFFICE)
    raise unreadable.unsupported(Text("복합 문서(OLE)", "this kind of OLE file"), OTHER)


def _in_zip(data: bytes) -> Kind:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            mimetype = _head(archive, "mimetype") if "mimetype" in names else b""
    except UNZIPPED as exc:
        raise unreadable.broken(OFFICE) from exc
    if mimetype == b"application/epub+zip" or (
        "META-INF/container.xml" in names and _ends(names, ".opf")
    ):
        return "epub"
    if mimetype.startswith(b"application/hwp+zip") or "Contents/content.hpf" in names:
        return "hwpx"
    for member, kind in _OOXML:
        if member in names:
            return kind
    if mimetype.startswith(b"application/vnd.oasis"):
        raise unreadable.unsupported(Text("오픈도큐먼트", "an OpenDocument"), OLD_OFFICE)
    raise unreadable.unsupported(PACKED, UNPACK)


_OOXML: tuple[tuple[str, Kind], ...] = (
    ("word/document.xml", "docx"),
    ("ppt/presentation.xml", "pptx"),
    ("xl/workbook.xml", "xlsx"),
)


def _head(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as member:
        return member.read(64).strip()


def _ends(names: set[str], suffix: str) -> bool:
    return any(name.endswith(suffix) for name in names)


def _refuse(data: bytes) -> None:
    for magic, what, hint in REFUSED:
        if data.startswith(magic):
            raise unreadable.unsupported(what, hint)
    if data[4:8] == b"ftyp":
        raise _medium(is_picture=data[8:12] in (b"heic", b"heix", b"avif", b"mif1"))
    if data.startswith(b"RIFF") and data[8:12] in (b"WEBP", b"WAVE", b"AVI "):
        raise _medium(is_picture=data[8:12] == b"WEBP")
    if b"<HWPML" in data[:1024]:
        raise unreadable.unsupported(
            Text("한글 XML 문서(.hml)", "an HWPML document"),
            Text("HWPX로 다시 저장해 주세요", "save it as HWPX"),
        )


def _medium(is_picture: bool) -> Unreadable:
    return (
        unreadable.unsupported(IMAGE, OCR) if is_picture else unreadable.unsupported(SOUND, OTHER)
    )


def _of_text(data: bytes, suffix: str, name: str) -> Kind:
    head = data[:65536]
    if _is_binary(head):
        raise unreadable.unsupported(Text("글이 아닌 파일", "a file that is no text"), OTHER)
    if suffix in MARKDOWN:
        return "markdown"
    if HTML_START.match(head) or (suffix in HTML and b"<" in head):
        return "html"
    if suffix == ".ipynb" or NOTEBOOK.match(head):
        return "ipynb"
    if code.language_of(name):
        return "code"
    return "eml" if _is_mail(head, suffix) else "text"


def _is_mail(head: bytes, suffix: str) -> bool:
    """A block of headers at the top, among them who wrote it."""
    head = head.lstrip()
    if head.startswith(b"From "):  # the line before each message of a mailbox
        head = head.partition(b"\n")[2]
    top = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0]
    found = {match.group(1).lower() for match in MAIL_HEADER.finditer(top)}
    enough = 2 if suffix in MAIL else 3
    return bool(MAIL_HEADER.match(top)) and b"from" in found and len(found) >= enough


def _is_binary(head: bytes) -> bool:
    """Bytes that no encoding of text has, UTF-16 aside."""
    if head.startswith(BOMS):
        return False
    if 0 in head:
        return not text.is_utf16(head)
    controls = len(head) - len(head.translate(None, CONTROLS))
    return controls > len(head) // 50


CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x0b\x1b\x08"))
